"""Recipes as files: what is read, and where a refusal points."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from surgeon.errors import RecipeError
from surgeon.surgery.recipe import Insert, Recipe, Remove, Replace
from surgeon.surgery.recipe_file import load_recipes, recipe_from_dict, schema_text, to_yaml

ROOT = Path(__file__).parents[2]

names = st.text("abcdefgh.:_0123e-", min_size=1, max_size=8)
modules = st.sampled_from(["gam", "lska", "my.blocks:Own"])
values = st.one_of(st.integers(), st.booleans(), st.text("ab1e-.", max_size=4), st.floats(allow_nan=False), st.none())
sets = st.dictionaries(st.text("abc", min_size=1, max_size=4), values, max_size=3)
own = st.just("my.blocks:Own")
edits = st.one_of(
    st.builds(Insert, module=modules, after=names, start=st.sampled_from(["identity", "paper"])),
    st.builds(Insert, module=own, before=names, settings=sets),
    st.builds(Insert, module=modules, edge=st.tuples(names, names)),
    st.builds(Insert, module=modules, inside=names),
    st.builds(Replace, module=own, at=names, settings=sets),
    st.builds(Remove, at=names),
)
recipes = st.builds(
    Recipe,
    edits=st.lists(edits, min_size=1, max_size=4).map(tuple),
    mode=st.sampled_from(["auto", "row", "graft"]),
    adapt=st.booleans(),
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(recipes, min_size=1, max_size=3))
def test_recipes_survive_their_file(tmp_path_factory, several):
    path = tmp_path_factory.mktemp("recipe") / "r.yaml"
    path.write_text(to_yaml(several, ["a comment: [", "another"]))
    assert load_recipes(path) == tuple(several)
    assert all(recipe_from_dict(recipe.to_dict()) == recipe for recipe in several)


def load(tmp_path, text):
    (tmp_path / "r.yaml").write_text(text)
    return load_recipes(tmp_path / "r.yaml")


def test_every_key(tmp_path):
    text = """\
surgeon_recipe: 1
mode: graft
adapt: true
edits:
  - {insert: gam, after: backbone.9, set: {rate: 8}}
  - {insert: gam, before: 22:0, start: paper}
  - {insert: gam, edge: [9, 21]}
  - {insert: gam, edge: 9->21}
  - {insert: gam, inside: SPPF}
  - {replace: lska, at: -2}
  - {insert: "my.blocks:Own", after: 1, set: {eps: 1e-3, name: "1e-3", shape: [1, 2]}}
  - remove: head.2
"""
    (recipe,) = load(tmp_path, text)
    assert recipe == Recipe(
        mode="graft",
        adapt=True,
        edits=(
            Insert(module="gam", after="backbone.9", settings={"rate": 8}),
            Insert(module="gam", before="22:0", start="paper"),
            Insert(module="gam", edge=("9", "21")),
            Insert(module="gam", edge=("9", "21")),
            Insert(module="gam", inside="SPPF"),
            Replace(module="lska", at="-2"),
            Insert(module="my.blocks:Own", after="1", settings={"eps": 0.001, "name": "1e-3", "shape": [1, 2]}),
            Remove(at="head.2"),
        ),
    )


HEAD = "surgeon_recipe: 1\n"
# text, place, part of the sentence
REFUSED = [
    ("", "line 1, column 1", "a recipe is a mapping"),
    ("- gam\n", "line 1, column 1", "a recipe is a mapping"),
    ("edits: [{remove: 1}]\n", "line 1, column 1", "begin with surgeon_recipe: 1"),
    ("surgeon_recipe: 9\nedits: [{remove: 1}]\n", "line 1, column 17", "surgeon_recipe is 9, this surgeon reads 1"),
    ("surgeon_recipe: true\nedits: [{remove: 1}]\n", "line 1, column 17", "surgeon_recipe is True"),
    (HEAD + "edits: []\n", "line 2, column 8", "holds no edit"),
    (HEAD + "edits: gam\n", "line 2, column 8", "edits is a list"),
    (HEAD + "mode: rows\nedits: [{remove: 1}]\n", "line 2, column 7", "auto, row, graft"),
    (HEAD + "adapt: 1\nedits: [{remove: 1}]\n", "line 2, column 8", "true or false"),
    (HEAD + "extra: 1\nedits: [{remove: 1}]\n", "line 2, column 1", "no key 'extra'"),
    (HEAD + "edits:\n  - insert: gam\n", "line 3, column 5", "one site"),
    (HEAD + "edits:\n  - insert: gam\n    after: 1\n    before: 2\n", "line 5, column 5", "not both after and before"),
    (HEAD + "edits:\n  - insert: gam\n    afer: 1\n", "line 4, column 5", "Did you mean after"),
    (HEAD + "edits:\n  - plant: gam\n", "line 3, column 5", "one of insert, replace, remove"),
    (HEAD + "edits:\n  - insert: gam\n    remove: 1\n", "line 3, column 5", "not two"),
    (HEAD + "edits:\n  - insert\n", "line 3, column 5", "one of insert, replace, remove"),
    (HEAD + "edits:\n  - {insert: gam, after: 1, set: [1]}\n", "line 3, column 34", "set is a mapping"),
    (HEAD + "edits:\n  - {insert: gam, after: 1, start: zero}\n", "line 3, column 36", "identity or paper"),
    (HEAD + "edits:\n  - {insert: {a: 1}, after: 1}\n", "line 3, column 14", "insert is a name"),
    (HEAD + "edits:\n  - {insert: gam, after: }\n", "line 3, column 25", "after is a name or a row number"),
    (HEAD + "edits:\n  - {insert: gam, after: 1.5}\n", "line 3, column 26", "not 1.5"),
    (HEAD + "edits:\n  - {insert: gam, after: true}\n", "line 3, column 26", "not True"),
    (HEAD + "edits:\n  - {insert: gam, edge: [9]}\n", "line 3, column 25", "two ends"),
    (HEAD + "edits:\n  - {insert: gam, edge: [9, []]}\n", "line 3, column 29", "two ends"),
    (HEAD + "edits:\n  - {insert: gam, edge: 9-21}\n", "line 3, column 25", "[9, 21] or 9->21"),
    (HEAD + "edits:\n  - {replace: lska}\n", "line 3, column 5", "replace needs at"),
    (HEAD + "edits:\n  - {remove: 1, set: {}}\n", "line 3, column 17", "no key 'set'"),
    (HEAD + "edits:\n  - {remove: 1}\n---\n" + HEAD + "edits: 1\n", "line 6, column 8", "edits is a list"),
]
BEYOND_THE_SCHEMA = [
    (HEAD + "edits:\n  - {insert: gma, after: 1}\n", "line 3, column 14", "Did you mean gam"),
    (HEAD + "edits:\n  - {insert: gam, after: 1, set: {rat: 1}}\n", "line 3, column 35", "Did you mean rate"),
    (HEAD + "edits:\n  - {insert: gam, after: 1, after: 2}\n", "line 3, column 29", "stands twice"),
    (HEAD + "edits:\n  - &a {remove: 1}\n  - *a\n", "line 4, column 5", "no aliases"),
    (HEAD + "edits:\n  - {insert: gam, after: 2001-01-01}\n", "line 3, column 26", "quote a text"),
    (HEAD + "edits:\n  - {insert: gam, after: !!int x}\n", "line 3, column 26", "is no int"),
    (HEAD + "edits:\n  - {? [a] : 1}\n", "line 3, column 8", "a key is a name"),
    ("a: !!python/object/apply:os.system ['touch hacked']\n", "line 1, column 4", "no plain value"),
    ("a: [\n", "line 2, column 1", "no YAML"),
    (HEAD + "edits:\n\t- remove: 1\n", "line 3, column 1", "no YAML"),
    (HEAD + "edits: [{remove: \x07}]\n", "line 2, column 18", "no YAML"),
]


@pytest.mark.parametrize(("text", "place", "sentence"), [*REFUSED, *BEYOND_THE_SCHEMA])
def test_refusals_name_line_and_column(tmp_path, monkeypatch, text, place, sentence):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecipeError) as caught:
        load(tmp_path, text)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'r.yaml'}, {place}: ")
    assert sentence in message and "\n" not in message
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"\xff\xfe", "no text in UTF-8"), (b"[" * 100_000, "nested too deep"), (b" " * 2**20, "larger")],
)
def test_files_that_are_no_text(tmp_path, content, sentence):
    (tmp_path / "r.yaml").write_bytes(content)
    with pytest.raises(RecipeError, match=sentence):
        load_recipes(tmp_path / "r.yaml")
    with pytest.raises(RecipeError, match="there is no recipe"):
        load_recipes(tmp_path / "none.yaml")


@pytest.fixture(scope="module")
def schema():
    found = json.loads(schema_text())
    jsonschema.Draft202012Validator.check_schema(found)
    return jsonschema.Draft202012Validator(found)


def test_the_schema_takes_our_examples(schema, tmp_path):
    page = (ROOT / "docs" / "recipes.md").read_text()
    examples = [block.partition("\n")[2] for block in page.split("```")[1::2] if block.startswith("yaml")]
    assert len(examples) >= 2
    for text in examples:
        load(tmp_path, text)
        for document in yaml.safe_load_all(text):
            schema.validate(document)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(recipes)
def test_the_schema_takes_what_is_written(schema, recipe):
    schema.validate(recipe.to_dict())


@pytest.mark.parametrize("text", [text for text, *_ in REFUSED])
def test_the_schema_refuses_what_the_parser_refuses(schema, text):
    documents = list(yaml.safe_load_all(text)) or [None]
    assert not all(schema.is_valid(document) for document in documents)
