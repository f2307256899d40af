"""Recipes as files."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surgeon.errors import RecipeError
from surgeon.surgery.recipe import Insert, Recipe, Remove, Replace, load_recipe, recipe_from_dict

names = st.text("abcdefgh.:_0123", min_size=1, max_size=8)
values = st.one_of(st.integers(), st.booleans(), st.text("ab", max_size=4), st.floats(allow_nan=False))
sets = st.dictionaries(st.text("abc", min_size=1, max_size=4), values, max_size=3)
edits = st.one_of(
    st.builds(Insert, module=names, after=names, settings=sets, start=st.sampled_from(["identity", "paper"])),
    st.builds(Insert, module=names, before=names, settings=sets),
    st.builds(Replace, module=names, at=names, settings=sets),
    st.builds(Remove, at=names),
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(edits, min_size=1, max_size=4))
def test_a_recipe_survives_its_file(tmp_path_factory, given_edits):
    recipe = Recipe(edits=tuple(given_edits))
    path = tmp_path_factory.mktemp("recipe") / "r.yaml"
    path.write_text(recipe.to_yaml())
    assert load_recipe(path) == recipe


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "a recipe is a mapping"),
        ("edits: []", "surgeon_recipe is None"),
        ("surgeon_recipe: 9\nedits: []", "surgeon_recipe is 9"),
        ("surgeon_recipe: 1\nedits: []", "holds no edit"),
        ("surgeon_recipe: 1\nedits: [{insert: gam}]", "needs one site"),
        ("surgeon_recipe: 1\nedits: [{insert: gam, after: 1, before: 2}]", "not both"),
        ("surgeon_recipe: 1\nedits: [{insert: gam, afer: 1}]", "unknown key 'afer'"),
        ("surgeon_recipe: 1\nedits: [{plant: gam}]", "begins with one of insert, replace, remove"),
        ("surgeon_recipe: 1\nedits: [{insert: gam, after: 1, set: [1]}]", "set is a mapping"),
        ("surgeon_recipe: 1\nedits: [{insert: gam, after: 1, start: zero}]", "identity or paper"),
        ("surgeon_recipe: 1\nedits: [{insert: {a: 1}, after: 1}]", "insert is a name"),
        ("surgeon_recipe: 1\nextra: 1\nedits: [{remove: 1}]", "unknown key 'extra'"),
        ("a: !!python/object/apply:os.system ['touch hacked']", "no YAML"),
        ("a: [", "no YAML"),
    ],
)
def test_refusals(tmp_path, monkeypatch, text, sentence):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "r.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=sentence) as caught:
        load_recipe(path)
    assert "r.yaml" in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "hacked").exists()


def test_missing_file(tmp_path):
    with pytest.raises(RecipeError, match="there is no recipe"):
        load_recipe(tmp_path / "none.yaml")


def test_plain_data():
    recipe = Recipe(edits=(Insert(module="gam", after="9", settings={"rate": 8}),))
    assert recipe_from_dict(recipe.to_dict()) == recipe
    assert "rate=8" in str(recipe.edits[0])
