"""``surgeon check``: what it refuses, and what it says of a model or a figure that there is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from check_support import SMALL, cases, valid

import surgeon.workflows.gating as gating
from surgeon.errors import ModelFileError


@pytest.mark.parametrize(("words", "said"), [
    (("yolov8n.yaml",), "there is no budget: give a limit such as --max-flops 9.2G"),
    (("yolov8n.yaml", "--max-flops", "9.2GiB"), "--max-flops: '9.2GiB' is no number of FLOPs"),
    (("yolov8n.yaml", "--max-flops", "9.2"), "--max-flops: '9.2' is 9.2 FLOPs|its unit is missing"),
    (("yolov8n.yaml", "--max-latency-ratio", "1.05"), "--max-latency-ratio: a ratio needs a baseline"),
    (("yolov8n.yaml", "--max-flops", "9G", "imgsz=huge"), "--imgsz: 'huge' is no image size"),
    (("--max-flops", "9G"), "the command line is for every model: name the models"),
    (("nope.pt", "--max-flops", "9G"), "nope.pt does not exist"),
    (("yolov8n.yaml", "--max-flops-ratio", "2", "--baseline", "nope.pt"), "baseline: nope.pt does not exist"),
    (("yolov8n.yaml", "--max-flops-ratio", "2", "--baseline", "nope.json"), "there is no baseline nope.json"),
    (("yolov8n.yaml", "--max-flops", "9G", "--device", "cuda:77"), "device 'cuda:77' was asked for, but"),
    (("yolov8n.yaml", "--max-flops", "9G", "--junit", "-"), "--junit - : the report needs a file"),
    (("yolov8n.yaml", "--max-flops", "9G", "--junit", "no/x.xml"), "there is no folder no"),
    (("yolov8n.yaml", "--budget", "nope.toml"), "there is no file nope.toml"),
])  # fmt: skip
def test_refusals_are_one_sentence(run: Callable, folder: Path, words: tuple[str, ...], said: str) -> None:
    done = run("check", *words)
    assert done.code == 2
    assert any(part in done.one_line for part in said.split("|"))
    assert done.out == ""
    assert list(folder.iterdir()) == []


@pytest.mark.usefixtures("counted")
def test_a_refused_model_leaves_nothing_measured(run: Callable, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gating, "profile", lambda *_: pytest.fail("measured before everything was opened"))
    (folder / "bad.pt").write_bytes(b"junk")
    done = run("check", *SMALL, "bad.pt", "--max-flops", "9G", "--junit", "check.xml")
    assert done.code == 2
    assert "bad.pt" in done.one_line
    assert not (folder / "check.xml").exists()


@pytest.mark.usefixtures("counted")
def test_a_figure_that_there_is_not(run: Callable, folder: Path) -> None:
    """No noise, which more time would lift, but a budget that asks for nothing: refused, after the rest is told."""
    words = ("check", *SMALL, "--max-flops", "1T", "--convention", "ultralytics", "--max-params", "4M", "--force")
    done = run(*words, "--junit", "check.xml", "--json", "check.json")
    assert done.code == 2
    assert "--max-flops: there is no such figure of yolov8n.yaml: Ultralytics has no figure" in done.err
    assert list(cases(folder / "check.xml").values()) == ["error", "passed"]
    assert not valid((folder / "check.json").read_text())["passed"]
    assert "not measured" in done.out
    assert run(*words, "--max-params", "3M").code == 1  # what is over budget is said first


@pytest.mark.usefixtures("counted")
def test_a_model_that_cannot_run_is_named(run: Callable, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def tree(model: SimpleNamespace, _: object) -> None:
        if model.name == "yolov8s":
            raise ModelFileError("the network cannot run at 33x33")

    monkeypatch.setattr(gating, "tree", tree)
    done = run("check", "yolov8n.yaml", "yolov8s.yaml", "imgsz=33", "--max-params", "4M")
    assert done.code == 2
    assert done.one_line == "surgeon: yolov8s.yaml: the network cannot run at 33x33"
