"""Every check of ``--checks full``, seen failing on an edit that breaks its promise, in the API and the command."""

from __future__ import annotations

import importlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

import surgeon
from surgeon.errors import CheckError, MissingDependencyError

NETWORK, SITE = "yolov8n-cls.yaml", "backbone.8"
FULL = ["sizes", "batch of one", "first batch", "undo", "reload", "fuse", "onnx nodes", "onnx"]
HERE = Path(__file__).parent


@pytest.fixture
def importable(monkeypatch):
    """The broken blocks, in this process and in those that it starts."""
    monkeypatch.syspath_prepend(str(HERE))
    monkeypatch.setenv("PYTHONPATH", str(HERE))


def refused(name, block, **options):
    with pytest.raises(CheckError, match=f"the edit was undone, its check '{name}' failed") as caught:
        surgeon.open(NETWORK).insert(block, after=SITE, checks="full", **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_all_hold():
    result = surgeon.open("yolov8n.yaml").insert("gam", after="backbone.9", checks="full").result
    found = {check.name: check.detail for check in result.checks}
    assert list(found)[-len(FULL) :] == FULL
    assert "256x256, 640x640, 384x640" in found["sizes"] and "equal to the original" in found["sizes"]
    assert "loss of a first batch" in found["first batch"]
    assert "355 tensors and model.yaml byte for byte" in found["undo"]
    for name in ("fuse", "onnx"):
        assert "unedited network" in found[name] and "allowed 1e-05" in found[name]
    assert "nodes of gam0" in found["onnx nodes"]


def test_an_edit_that_moves_the_output():
    result = surgeon.open(NETWORK).insert("gam", after=SITE, start="paper", checks="full").result
    found = {check.name: check.detail for check in result.checks}
    assert list(found)[-len(FULL) :] == FULL and found["first batch"].endswith("finite")


@pytest.mark.parametrize(
    ("name", "block", "sentence"),
    [
        ("sizes", "FailsAt640", "at 640x640 the edited network cannot run: RuntimeError: too large for me"),
        ("sizes", "NotFiniteAt640", "at 640x640 the edited network puts out NaN"),
        ("batch of one", "NormsOneValue", "one image in training mode at 128x128: ValueError"),
        ("first batch", "WritesInTraining", "differs from the original's under the same random state"),
        ("fuse", "GoneWhenFused", "folded and unfolded network, gates open, differ relatively"),
        ("fuse", "NeedsItsNorm", "the edited network cannot be folded or run then: AttributeError"),
        ("onnx nodes", "HidesFromExport", "the exported graph has no node of model.9"),
        ("onnx", "FrozenByTracing", "the exported graph cannot run at 96x160"),
    ],
)
def test_a_block_that_breaks(importable, name, block, sentence):
    assert sentence in refused(name, f"broken_blocks:{block}")


def test_a_class_that_a_fresh_process_cannot_find(monkeypatch, tmp_path):
    (tmp_path / "only_here.py").write_text((HERE / "broken_blocks.py").read_text())
    monkeypatch.syspath_prepend(str(tmp_path))
    message = refused("reload", "only_here:Plain")
    assert "there is no module 'only_here'" in message
    monkeypatch.chdir(tmp_path)
    done = surgeon.open(NETWORK).insert("only_here:Plain", after=SITE, checks="full").result.checks
    assert "reload" in {check.name for check in done}, "a script of the user's finds what lies in its folder"


def test_a_file_that_holds_other_values(monkeypatch):
    from surgeon.models.ultralytics import writer

    stock = writer._checkpoint

    def rounded(module, train_args):
        checkpoint = stock(module, train_args)
        checkpoint["model"] = checkpoint["model"].half()
        return checkpoint

    monkeypatch.setattr(writer, "_checkpoint", rounded)
    assert "puts out other values" in refused("reload", "lska")


@pytest.mark.parametrize("what", ["tensor", "model.yaml"])
def test_an_undo_that_gives_another_network(monkeypatch, what):
    history = importlib.import_module("surgeon.workflows.history")
    stock = history.undo

    def undo(*args, **kwargs):
        result = stock(*args, **kwargs)
        if what == "tensor":
            result.after.module.model[4].cv1.conv.weight.data[0] += 1
        else:
            result.after.module.yaml["nc"] = 3
        return result

    monkeypatch.setattr(history, "undo", undo)
    assert f"undoing the edit gives another {what}" in refused("undo", "lska")


def test_without_the_packages_for_onnx_they_refuse_at_the_start(monkeypatch):
    stock = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "onnxruntime" else stock(name, *a)
    )
    with pytest.raises(
        MissingDependencyError, match=r'onnxruntime is not installed: pip install "yolo-surgeon\[onnx\]"'
    ):
        surgeon.open(NETWORK).insert("lska", after=SITE, checks="full")
    assert surgeon.open(NETWORK).insert("lska", after=SITE).result


def run(folder, *words):
    command = [sys.executable, "-m", "surgeon.cli.main", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_command(tmp_path):
    (tmp_path / "mine.py").write_text((HERE / "broken_blocks.py").read_text())
    common = ["insert", NETWORK, "--after", SITE, "--no-latency", "--checks", "full", "--json", "report.json"]
    done = run(tmp_path, *common, "--module", "mine:FailsAt640")
    assert done.returncode == 1, done.stderr
    assert "its check 'sizes' failed" in done.stderr and "Traceback" not in done.stderr
    assert {path.name for path in tmp_path.iterdir()} <= {"mine.py", "__pycache__"}, "nothing was written"
    done = run(tmp_path, *common, "--module", "mine:Plain")
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert [check["name"] for check in report["checks"]][-len(FULL) :] == FULL
    assert all(check["passed"] for check in report["checks"])
    assert run(tmp_path, *common, "--module", "gam", "--checks", "all").returncode == 2
