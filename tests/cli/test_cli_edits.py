"""Options in their order become edits."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click
import pytest

from surgeon.cli import apply, insert, remove, replace
from surgeon.cli.command import Word, ordered_words
from surgeon.cli.edits import inserts, removals, replacements
from surgeon.surgery.recipe import Insert, Recipe, Remove, Replace


def words(command: click.Command, *args: str) -> tuple[Word, ...]:
    with command.make_context("surgeon", list(args)):
        return ordered_words()


def inserted(*args: str) -> Recipe:
    return inserts(words(insert.command, *args))


def replaced(*args: str) -> Recipe:
    return replacements(words(replace.command, *args))


def test_order_of_different_options_is_kept() -> None:
    args = ["--after", "9", "--module", "gam", "m.pt", "--set", "rate=2", "--before=Detect:0", "--module=lska"]
    assert words(insert.command, *args) == (
        Word("after", "9"),
        Word("module", "gam"),
        Word("set", "rate=2"),
        Word("before", "Detect:0"),
        Word("module", "lska"),
    )


def test_single_edit_in_either_order() -> None:
    expected = Recipe(edits=(Insert(module="gam", after="backbone.9"),))
    assert inserted("--module", "gam", "--after", "backbone.9") == expected
    assert inserted("--after", "backbone.9", "--module", "gam") == expected


def test_each_module_begins_an_edit() -> None:
    recipe = inserted(
        *("--module", "gam", "--set", "rate=2", "--after", "9", "--set", "variant=sigmoid"),
        *("--module", "lska", "--before", "Detect:*", "--start", "paper"),
        *("--module", "mhsa", "--after", "-2"),
    )
    assert recipe.edits == (
        Insert(module="gam", after="9", settings={"rate": 2, "variant": "sigmoid"}),
        Insert(module="lska", before="Detect:*", start="paper"),
        Insert(module="mhsa", after="-2"),
    )


def test_sites_lead_where_the_command_begins_with_one() -> None:
    recipe = replaced("--at", "9", "--module", "gam", "--at", "12", "--module", "lska", "--set", "k_size=7")
    assert recipe.edits == (Replace(module="gam", at="9"), Replace(module="lska", at="12", settings={"k_size": 7}))
    modules_lead = replaced("--module", "gam", "--at", "9", "--module", "lska", "--at", "12", "--set", "k_size=7")
    assert modules_lead == recipe


@pytest.mark.parametrize(
    "spelling",
    [["--edge", "9->20"], ["--edge=9 -> 20"], ["--edge", "9→20"], ["--between", "9", "20"]],
)
@pytest.mark.parametrize("first", [True, False])
def test_an_edge_in_every_spelling(spelling: list[str], first: bool) -> None:
    module = ["--module", "gam"]
    edge = Insert(module="gam", edge=("9", "20"))
    assert inserted(*(spelling + module if first else module + spelling)).edits == (edge,)
    recipe = inserted(
        "--module", "lska", "--before", "Detect:0", *module, *spelling, "--set", "rate=8", "m.pt", "batch=2"
    )
    assert recipe.edits == (Insert(module="lska", before="Detect:0"), dataclasses.replace(edge, settings={"rate": 8}))


def test_several_edges_keep_their_order() -> None:
    args = "--module gam --between SPPF Detect --module lska --edge 4->12 --module mhsa --between -2 -1"
    places = [edit.edge for edit in inserted(*args.split()).edits if isinstance(edit, Insert)]
    assert places == [("SPPF", "Detect"), ("4", "12"), ("-2", "-1")]


def test_inside_is_passed_on() -> None:
    assert inserted("--module", "gam", "--inside", "C2f").edits == (Insert(module="gam", inside="C2f"),)


@pytest.mark.parametrize(
    ("command", "args", "mode", "adapt"),
    [
        (insert.command, ["--module", "gam", "--after", "9"], "auto", False),
        (insert.command, ["--module", "gam", "--after", "9", "--mode", "graft"], "graft", False),
        (replace.command, ["--module", "gam", "--at", "9", "--adapt", "--mode", "row"], "row", True),
        (replace.command, ["--module", "gam", "--at", "9"], "auto", False),
        (remove.command, ["--at", "9", "--adapt"], "auto", True),
        (remove.command, ["--at", "9", "--mode=graft"], "graft", False),
    ],
)
def test_mode_and_adapters_reach_the_recipe(
    command: click.Command, args: list[str], mode: str, adapt: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    got: list[Recipe] = []
    monkeypatch.setattr("surgeon.cli.editing.carry_out", lambda recipe, job: got.append(recipe))
    command.main(args, standalone_mode=False)
    assert [(recipe.mode, recipe.adapt) for recipe in got] == [(mode, adapt)]


def test_a_recipes_mode_stands_unless_another_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("surgeon_recipe: 1\nmode: graft\nadapt: true\nedits:\n  - remove: 4\n")
    got: list[Recipe] = []
    monkeypatch.setattr("surgeon.cli.editing.carry_out", lambda recipe, job: got.append(recipe))
    for args in ([], ["--mode", "row"]):
        apply.command.main([str(path), *args], standalone_mode=False)
    assert [(recipe.mode, recipe.adapt) for recipe in got] == [("graft", True), ("row", True)]


def test_removals() -> None:
    assert removals(words(remove.command, "m.pt", "--at", "4", "--at", "C2f[1]")).edits == (
        Remove(at="4"),
        Remove(at="C2f[1]"),
    )


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ("", "--module NAME"),
        ("--after 9", "--module NAME"),
        ("--module gam", "has no site"),
        ("--module gam --after 9 --after 12", "two sites, --after 9 and --after 12"),
        ("--module gam --after 9 --before 12", "two sites, --after 9 and --before 12"),
        ("--module gam --module lska --after 9", "--module gam has no site"),
        ("--after 9 --after 12 --module gam", "--after 9 has no block"),
        ("--after 9 --module gam --module lska", "--module lska has no site"),
        ("--set rate=2 --module gam --after 9", "--set rate=2 stands before every --module"),
        ("--module gam --after 9 --edge 9->20", "two sites, --after 9 and --edge 9->20"),
        ("--module gam --between 9 20 --edge 9->20", "two sites, --between 9 20 and --edge 9->20"),
        ("--module gam --edge 9", "'9' is no edge: give producer and consumer, --edge '9->20'"),
        ("--module gam --edge 9->", "no edge"),
        ("--module gam --edge 4->9->20", "no edge"),
        ("--module gam --between 9", "--between"),
        ("--module gam --after 9 --set rate=2 --set rate=4", "--set rate is given twice"),
        ("--module gam --after 9 --start paper --start identity", "--start is given twice"),
        ("--module gam --after 9 --set rate", "key=value"),
        ("--module gam --after 9 --start half", "identity"),
    ],
)
def test_insert_refuses(args: str, said: str) -> None:
    with pytest.raises(click.UsageError) as refused:
        inserted(*args.split())
    assert said in refused.value.format_message()


def test_replacement_has_no_identity() -> None:
    with pytest.raises(click.UsageError, match="identity cannot hold"):
        replaced("--at", "9", "--module", "gam", "--start", "identity")
    assert replaced("--at", "9", "--module", "gam", "--start", "paper").edits == (Replace(module="gam", at="9"),)


@pytest.mark.parametrize("spelling", [["--imgsz", "480x640"], ["--imgsz=480x640"], ["imgsz=480x640"]])
@pytest.mark.parametrize("first", [True, False])
def test_ultralytics_spelling_anywhere(spelling: list[str], first: bool) -> None:
    rest = ["m.pt", "--module", "gam", "--after", "9"]
    with insert.command.make_context("surgeon", [*spelling, *rest] if first else [*rest, *spelling]) as context:
        assert context.params["imgsz"] == ((480, 640),)
        assert context.params["model"] == "m.pt"


def test_ultralytics_spelling_of_the_others() -> None:
    args = ["--module", "gam", "--after", "9", "batch=2", "device=0", "half=True"]
    with insert.command.make_context("surgeon", args) as context:
        assert (context.params["batch"], context.params["device"], context.params["half"]) == ((2,), "cuda:0", True)
    with insert.command.make_context("surgeon", [*args[:-1], "half=False"]) as context:
        assert context.params["half"] is False


def test_value_of_an_option_is_no_alias() -> None:
    recipe = inserted("--module", "pkg.mod:Block", "--after", "9", "--set", "imgsz=320", "imgsz=64")
    assert recipe.edits == (Insert(module="pkg.mod:Block", after="9", settings={"imgsz": 320}),)
