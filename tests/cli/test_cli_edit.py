"""The editing commands to their end, in this process: files, report, JSON, dry run, and what goes wrong late."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from surgeon import workflows
from surgeon.errors import CheckError, MeasurementError

pytestmark = pytest.mark.usefixtures("loaded")

FAST = ["--no-latency", "--imgsz", "64"]
GAM = ["insert", "--module", "gam", "--after", "backbone.9", *FAST]
FILES = ["yolov8n-gam.pt", "yolov8n-gam.yaml"]


def raising(error: BaseException) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_several_edits(run: Callable[..., Any], folder: Path) -> None:
    words = ["--module", "gam", "--after", "9", "--set", "rate=8", "--module", "lska", "--before", "Detect:0"]
    outcome = run("insert", "yolov8n.yaml", *words, *FAST, "--out", "both.pt")
    assert outcome.code == 0, outcome.err
    assert names(folder) == ["both.pt", "both.yaml"]
    rows = yaml.safe_load((folder / "both.yaml").read_text())
    planted = [row for row in [*rows["backbone"], *rows["head"]] if str(row[2]).startswith("surgeon.")]
    assert [row[2] for row in planted] == ["surgeon.gam", "surgeon.lska"]
    assert planted[0][3][2]["settings"]["rate"] == 8
    for said in ("both.pt, both.yaml", "insert gam after 9 (rate=8)", "355", "identity", "GAM", "LSKA", "ratio"):
        assert said in outcome.out
    assert all(len(line) <= 80 for line in outcome.out.splitlines() if not line.startswith("yolo train"))
    assert "wrote both.pt and both.yaml" in outcome.err
    assert "Traceback" not in outcome.err


def test_json_alone_on_stdout(run: Callable[..., Any], folder: Path) -> None:
    outcome = run(*GAM, "--json", "-", "--quiet")
    data = json.loads(outcome.out)
    assert (outcome.code, outcome.err) == (0, "")
    assert (data["kind"], data["outputs"], data["dry_run"]) == ("edit", FILES, False)
    assert data["tensors"]["copied"] == 355
    assert data["comparison"]["kind"] == "comparison"


def test_dry_run_writes_nothing(run: Callable[..., Any], folder: Path) -> None:
    outcome = run(*GAM, "--dry-run")
    assert outcome.code == 0, outcome.err
    assert names(folder) == []
    assert "nothing was written" in outcome.out
    assert "1,639,680" in outcome.out
    assert all(len(line) <= 80 for line in outcome.out.splitlines() if not line.startswith("yolo train"))
    data = json.loads(run(*GAM, "--dry-run", "--json", "-").out)
    assert data["kind"] == "plan"
    assert data["recipe"]["edits"] == [{"insert": "gam", "after": "backbone.9", "start": "identity"}]
    assert [row["kind"] for row in data["rows"] if "block" in row] == ["GAM"]
    assert names(folder) == []


def test_replace_remove_apply(run: Callable[..., Any], folder: Path) -> None:
    outcome = run("replace", "yolov8n.yaml", "--at", "SPPF", "--module", "lska", *FAST, "--out", "replaced.pt")
    assert outcome.code == 0, outcome.err
    assert "moved" in outcome.out
    outcome = run("remove", "yolov8n.yaml", "--at", "4", *FAST, "--out", "removed.pt")
    assert outcome.code == 0, outcome.err
    edits = [{"insert": "gam", "after": "backbone.9"}, {"remove": 4}]
    (folder / "recipe.yaml").write_text(yaml.safe_dump({"surgeon_recipe": 1, "edits": edits}))
    outcome = run("apply", "recipe.yaml", "yolov8s.yaml", *FAST, "--out", "applied.pt")
    assert outcome.code == 0, outcome.err
    assert "remove 4" in outcome.out
    assert names(folder) == sorted(
        ["recipe.yaml", *(f"{stem}.{end}" for stem in ("replaced", "removed", "applied") for end in ("pt", "yaml"))]
    )


def test_edited_file_is_edited_again(run: Callable[..., Any], folder: Path) -> None:
    assert run(*GAM).code == 0
    outcome = run("insert", "yolov8n-gam.pt", "--module", "mhsa", "--before", "Detect:2", *FAST, "--out", "twice.pt")
    assert outcome.code == 0, outcome.err
    tree = json.loads(run("tree", "twice.pt", "--imgsz", "64", "--json", "-").out)
    assert [layer["kind"] for layer in tree["layers"] if layer["planted"]] == ["GAM", "MHSA"]


def test_failed_check_writes_nothing(run: Callable[..., Any], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflows, "edit", raising(CheckError("the edit was undone, its check 'identity' failed")))
    outcome = run(*GAM)
    assert outcome.code == 1
    assert "identity" in outcome.one_line
    assert names(folder) == []


def test_interrupt_before_writing(run: Callable[..., Any], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflows, "edit", raising(KeyboardInterrupt()))
    outcome = run(*GAM)
    assert outcome.code == 130
    assert outcome.one_line == "surgeon: interrupted, nothing was written"
    assert names(folder) == []


def test_interrupt_after_writing(run: Callable[..., Any], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflows, "compare_edit", raising(KeyboardInterrupt()))
    outcome = run(*GAM)
    assert outcome.code == 130
    assert names(folder) == FILES
    assert "355" in outcome.out
    assert "interrupted before anything was measured" in " ".join(outcome.out.split())


@pytest.mark.parametrize(
    ("error", "code"), [(MeasurementError("out of memory"), 2), (RuntimeError("out of memory"), 3)]
)
def test_failed_comparison_keeps_the_files(
    run: Callable[..., Any], folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int
) -> None:
    monkeypatch.setattr(workflows, "compare_edit", raising(error))
    outcome = run(*GAM, "--quiet")
    assert outcome.code == code
    assert names(folder) == FILES
    assert "355" in outcome.out
    assert "yolov8n-gam.pt and yolov8n-gam.yaml are written" in outcome.one_line
    assert "out of memory" in outcome.one_line


def test_measuring_commands(run: Callable[..., Any], folder: Path) -> None:
    outcome = run("profile", "yolov8n.yaml", "imgsz=64x96,64", "--no-latency", "--json", "p.json", "--no-rows")
    assert outcome.code == 0, outcome.err
    assert "64x96" in outcome.out
    assert "SPPF" not in outcome.out
    assert names(folder) == ["p.json"]
    assert run("tree", "yolov8n.yaml", "imgsz=64", "--json", "p.json").code == 2
    saved = json.loads((folder / "p.json").read_text())
    assert [one["settings"]["imgsz"] for one in saved["results"]] == [[64, 96], [64, 64]]
    assert saved["results"][0]["command"] == "surgeon profile yolov8n.yaml --imgsz 64x96,64 --no-latency --by none"
    outcome = run("compare", "yolov8n.yaml", "yolov8s.yaml", "--no-latency", "imgsz=64")
    assert outcome.code == 0, outcome.err
    assert "yolov8n -> yolov8s" in outcome.out
    outcome = run("profile", "yolov8n.yaml", "imgsz=64", "--no-latency", "--json", "-")
    assert json.loads(outcome.out)["params"] == 3157200
    outcome = run("tree", "yolov8n.yaml", "imgsz=64x96")
    assert "256x2x3" in outcome.out


def test_environment(run: Callable[..., Any]) -> None:
    data = json.loads(run("env", "--json", "-").out)
    assert data["kind"] == "environment"
    assert {"torch", "ultralytics"} <= data["packages"].keys()
    outcome = run("env")
    assert data["packages"]["torch"] in outcome.out
