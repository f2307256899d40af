"""recipe, undo, diff and apply --scale on the command line: from an edited file back, and on to another scale."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import torch

from surgeon.cli.apply import scaled
from surgeon.cli.main import main
from surgeon.errors import ModelFileError
from surgeon.surgery.recipe_file import load_recipes, schema_text

FAST = ("--no-latency", "--imgsz", "64", "--quiet")
INSERT = ("insert", "yolov8n.yaml", "--module", "lska", "--after", "backbone.9", *FAST, "--out", "one.pt")
REPLACE = ("replace", "one.pt", "--at", "SPPF", "--module", "lska", *FAST, "--out", "two.pt")

pytestmark = pytest.mark.usefixtures("loaded")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, loaded: None) -> Path:
    """``one.pt``, edited once, and ``two.pt``, made from it by an edit that drops tensors."""
    made = tmp_path_factory.mktemp("edited")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        for name in ("YOLO_OFFLINE", "YOLO_AUTOINSTALL", "YOLO_VERBOSE"):
            patch.setenv(name, str(name == "YOLO_OFFLINE").lower())
        for words in (INSERT, REPLACE):
            assert main(list(words)) == 0
    return made


@pytest.fixture
def edited(folder: Path, made: Path) -> Path:
    """A working directory with copies of them."""
    shutil.copytree(made, folder, dirs_exist_ok=True)
    return folder


def state(path: str) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = torch.load(path, weights_only=False)["model"].state_dict()
    return found


def narrow(text: str) -> bool:
    return all(len(line) <= 80 for line in text.splitlines())


def test_recipe_of_several_edits_replays_on_another_scale(run: Callable[..., Any], edited: Path) -> None:
    outcome = run("recipe", "two.pt")
    assert outcome.code == 0, outcome.err
    assert "2 recipes, carried out one after the other" in outcome.out
    (edited / "printed.yaml").write_text(outcome.out)
    outcome = run("recipe", "two.pt", "--out", "r.yaml")
    assert outcome.code == 0 and outcome.out == ""
    assert (edited / "r.yaml").read_text() == (edited / "printed.yaml").read_text()
    assert [str(edit) for recipe in load_recipes("r.yaml") for edit in recipe.edits] == [
        "insert lska after backbone.9, start identity",
        "replace SPPF by lska, start paper",
    ]
    assert (
        "choose another --out FILE, or replace it with --force" in run("recipe", "two.pt", "--out", "r.yaml").one_line
    )
    assert run("recipe", "two.pt", "--out", "r.yaml", "--force").code == 0

    outcome = run("apply", "r.yaml", "yolov8.yaml", "--scale", "s", *FAST, "--json", "s.json")
    assert outcome.code == 0, outcome.err
    written = json.loads((edited / "s.json").read_text())
    assert written["source"] == "yolov8s.yaml" and written["outputs"][0] == "yolov8s-lska.pt"
    assert written["edits"] == [str(edit) for recipe in load_recipes("r.yaml") for edit in recipe.edits]
    assert written["tensors"]["copied"] == 343 and written["tensors"]["dropped"] == 12
    assert [check["name"].split(":")[0] for check in written["checks"]][::7] == ["recipe 1", "recipe 2"]
    outcome = run("recipe", "yolov8s-lska.pt")
    assert outcome.out.count("surgeon_recipe: 1") == 2


def test_dry_run_of_several_recipes_shows_the_whole_way(run: Callable[..., Any], edited: Path) -> None:
    assert run("recipe", "two.pt", "--out", "r.yaml").code == 0
    outcome = run("apply", "r.yaml", "yolov8n.yaml", "--imgsz", "64", "--dry-run", "--json", "-")
    plan = json.loads(outcome.out)
    assert [row["index"] for row in plan["rows"] if row["was"] is None] == [9, 10]
    assert plan["dropped"] == ["backbone.9"] and len(plan["rows"]) == 24
    assert not (edited / "yolov8n-lska.pt").exists()


def test_recipe_without_a_record_or_a_model(run: Callable[..., Any], folder: Path) -> None:
    assert "records no edit" in run("recipe", "yolov8n.yaml").one_line
    assert "name a MODEL that surgeon has edited, or give --schema" in run("recipe").one_line
    assert run("recipe", "yolov8n.yaml", "--schema").code == 2
    outcome = run("recipe", "--schema")
    assert outcome.code == 0 and outcome.out == schema_text()
    jsonschema.Draft202012Validator.check_schema(json.loads(outcome.out))


def test_a_recipe_that_cannot_be_used_is_refused_with_its_place(run: Callable[..., Any], folder: Path) -> None:
    (folder / "r.yaml").write_text("surgeon_recipe: 1\nedits:\n  - insert: gam\n    afer: 9\n")
    outcome = run("apply", "r.yaml", "none.pt")
    assert outcome.code == 2
    assert outcome.one_line.startswith(
        "surgeon: r.yaml, line 4, column 5: insert has no key 'afer'. Did you mean after?"
    )


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("yolo11.yaml", "yolo11s.yaml"),
        ("yolov8-seg.yaml", "yolov8s-seg.yaml"),
        ("yolo11s.yaml", "yolo11s.yaml"),
        ("some/yolo11-mine.yaml", "some/yolo11s-mine.yaml"),
        ("yolov9", "yolov9s"),
    ],
)
def test_scale_chooses_the_name(model: str, name: str) -> None:
    assert scaled(model, "s") == name


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ("best.pt", "is a checkpoint, whose weights have one scale"),
        ("rtdetr-l.yaml", "does not fit rtdetr-l.yaml"),
        ("yolo11n.yaml", "is scale n by its name: leave --scale s out, or give yolo11.yaml"),
    ],
)
def test_scale_that_does_not_fit(model: str, sentence: str) -> None:
    with pytest.raises(ModelFileError, match=sentence):
        scaled(model, "s")


def test_undo_and_diff(run: Callable[..., Any], edited: Path, listing: Callable[[Path], dict[str, str]]) -> None:
    before = listing(edited)
    outcome = run("undo", "two.pt")
    assert outcome.code == 0, outcome.err
    assert "12 tensors from one.pt" in outcome.out and "equal, byte for byte (one.pt)" in outcome.out
    assert narrow(outcome.out)
    assert {name: listing(edited)[name] for name in before} == before, "what was given stays as it is"
    undone, one = state("two-undone.pt"), state("one.pt")
    assert list(undone) == list(one) and all(torch.equal(undone[name], one[name]) for name in one)

    outcome = run("undo", "two.pt", "--all", "--out", "back.pt", "--json", "-")
    data = json.loads(outcome.out)
    assert data["same_tensors"] and data["same_yaml"] and data["made_from"] == "yolov8n.yaml"
    assert len(data["undone"]) == 2 and data["tensors"]["kept"] == 343

    outcome = run("diff", "yolov8n.yaml", "back.pt", "--imgsz", "64", "--exit-code")
    assert outcome.code == 0 and "they do not differ" in outcome.out
    outcome = run("diff", "yolov8n.yaml", "two.pt", "--imgsz", "64")
    assert outcome.code == 0 and "they differ" in outcome.out and narrow(outcome.out)
    assert "B has 2 recipes that A lacks" in " ".join(outcome.out.split())
    outcome = run("diff", "one.pt", "two.pt", "--imgsz", "64", "--exit-code", "--json", "-")
    assert outcome.code == 1
    data = json.loads(outcome.out)
    assert data["differ"] and data["matched_by"] == "record" and data["yaml"] == []
    assert data["tensors"]["numbers"] == {"equal": 354, "changed": 0, "only in A": 12, "only in B": 10}
    assert data["renames"]["row10"] == "row10" and "row9" not in data["renames"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("undo", "yolov8n.yaml"), "records no edit: there is nothing to undo"),
        (("undo", "one.pt", "--steps", "2"), "records 1 edit: undo 1 to 1 of them, not 2"),
        (("undo", "one.pt", "--steps", "1", "--all"), "give --steps N or --all, not both"),
        (("undo", "one.pt", "--out", "one.pt"), "is the source itself"),
        (("undo", "one.pt", "--out", "two.pt"), "already there"),
        (("undo", "two.pt", "--source", "yolov8s.yaml"), "yolov8s.yaml is not the model that it was made from"),
        (("diff", "one.pt", "none.pt"), "none.pt does not exist"),
        (("diff", "one.pt", "two.pt", "--imgsz", "64,96"), "one size"),
    ],
)
def test_refusals(
    run: Callable[..., Any],
    edited: Path,
    listing: Callable[[Path], dict[str, str]],
    words: tuple[str, ...],
    sentence: str,
) -> None:
    before = listing(edited)
    outcome = run(*words)
    assert outcome.code == 2
    assert sentence in outcome.one_line
    assert listing(edited) == before
