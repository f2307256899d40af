"""Sites inside rows through the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("loaded")

QUICK = ("--no-latency", "--imgsz", "64", "-q", "--json", "-")


def test_the_tree_shows_what_lies_inside_rows(run: Callable[..., Any]) -> None:
    shallow, deep = run("tree", "yolov8n", "-q"), run("tree", "yolov8n", "--depth", "3", "-q")
    assert "backbone.4.m.0.cv2" not in shallow.out
    assert "backbone.4.m.0.cv2" in deep.out and "backbone.4.m.0.cv2.conv" not in deep.out
    assert "shared x57" in deep.out and "folded" in deep.out
    assert max(map(len, deep.out.splitlines())) <= 80
    data = json.loads(run("tree", "yolov8n", "--depth", "1", "--json", "-", "-q").out)
    assert {node["depth"] for node in data["modules"]} == {1}
    assert "modules" not in json.loads(run("tree", "yolov8n", "--json", "-", "-q").out)


def test_a_dry_run_lists_the_grafts(run: Callable[..., Any], folder: Path) -> None:
    words = ("insert", "--module", "gam", "--after", "backbone.*.m.*.cv2", "--dry-run", "-q")
    done = run(*words)
    assert done.code == 0 and "grafts (6; they move no row)" in done.out and "backbone.8.m.0.cv2" in done.out
    plan = json.loads(run(*words, "--json", "-").out)
    assert [graft["how"] for graft in plan["grafts"]] == ["after"] * 6
    assert plan["grafts"][0]["path"] == "model.2.m.0.cv2.surgeon_after_0"
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("words", "file"),
    [
        (("insert", "--module", "lska", "--inside", "SPPF"), "yolov8n-lska"),
        (("insert", "--module", "gam", "--after", "9", "--mode", "graft"), "yolov8n-gam"),
        (("replace", "--at", "backbone.4.m.0", "--module", "lska"), "yolov8n-lska"),
        (("remove", "--at", "backbone.4.m.0"), "yolov8n-edited"),
    ],
)
def test_files_are_written_and_open_again(run: Callable[..., Any], folder: Path, words: Any, file: str) -> None:
    done = run(*words, *QUICK)
    assert done.code == 0, done.err
    assert all(check["passed"] for check in json.loads(done.out)["checks"])
    for suffix in (".pt", ".yaml"):
        again = run("tree", f"{file}{suffix}", "--json", "-", "-q")
        assert again.code == 0, again.err
        assert len(json.loads(again.out)["layers"]) == 23, "no row was added"
    undone = run("undo", f"{file}.pt", "-q", "--json", "-")
    assert undone.code == (0 if words[0] == "insert" else undone.code), undone.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--after", "backbone.4.m.9.cv2"), "has inside: 0, 1"),
        (("--after", "backbone.4.cv1.bn"), "use backbone.4.cv1 itself"),
        (("--after", "backbone.4.m.0.cv2", "--mode", "row"), "leave --mode row out"),
        (("--inside", "Concat"), "--inside works for"),
        (("--after", "Bottleneck"), "Bottleneck[*] means all of them"),
    ],
)
def test_refusals(run: Callable[..., Any], folder: Path, words: Any, sentence: str) -> None:
    done = run("insert", "--module", "gam", *words, *QUICK)
    assert done.code == 2 and sentence in done.one_line
    assert not list(folder.iterdir())
