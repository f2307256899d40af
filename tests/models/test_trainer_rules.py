"""The rules of Ultralytics' trainer as surgeon states them: what freezes, what data= gets, what a number decides."""

from __future__ import annotations

import shlex

import pytest
from torch import nn

from surgeon.models.ultralytics import training


class Row(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 1)
        self.bn = nn.BatchNorm2d(1)
        self.gamma = nn.Parameter(self.bn.weight.detach().clone())


@pytest.fixture
def network() -> nn.Module:
    """Rows 0 to 11, two of which hold a module that is called model."""
    rows = nn.Sequential(*(Row() for _ in range(12)))
    rows[5].model = nn.Sequential(nn.Identity(), Row())
    return nn.ModuleDict({"model": rows})


def test_frozen_names(network):
    frozen = training.frozen_parameters([1], network)
    assert {n for n in frozen if n.startswith("model.1.")} == {
        n for n, _ in network.named_parameters() if n.startswith("model.1.")
    }
    assert not any(n.startswith(("model.10.", "model.11.")) for n in frozen), "1 is not 11"
    # The text stands in the middle of another name: what the trainer does, told as it is.
    assert "model.5.model.1.gamma" in frozen and "model.5.gamma" not in frozen
    assert training.frozen_parameters(["3.conv"], network) == {"model.3.conv.weight", "model.3.conv.bias"}


def test_statistics_that_move_all_the_same(network):
    assert training.moving_statistics([3], network) == ()
    assert training.moving_statistics(["3.bn", "3.conv"], network) == ("model.3.bn",)


@pytest.mark.parametrize(
    ("entries", "text"),
    [
        ([0, 1, 2], "3"),
        ([0, 2], "[0,2]"),
        ([1, 2], "[1,2]"),
        ([0, "4.m.0.cv1"], '[0,"4.m.0.cv1"]'),
        ([], "[]"),
    ],
)
def test_freeze_argument_is_what_yolo_reads(entries, text):
    from ultralytics.cfg import smart_value

    assert training.freeze_argument(entries) == text
    value = smart_value(text)
    assert (list(range(value)) if isinstance(value, int) else value) == entries


def test_data_of_the_checkpoint_where_it_is_to_be_found(tmp_path):
    own = tmp_path / "my data.yaml"
    own.write_text("")
    assert training.data_argument({"data": str(own)}, "detect") == str(own)
    assert training.data_argument({"data": str(tmp_path)}, "classify") == str(tmp_path)
    assert training.data_argument({"data": str(tmp_path)}, "detect") == "coco8.yaml", "a folder is data to classify"
    assert training.data_argument({"data": "coco128.yaml"}, "detect") == "coco128.yaml"
    assert training.data_argument({"data": "/usr/src/cfg/datasets/coco.yaml"}, "detect") == "coco.yaml"


@pytest.mark.parametrize(
    "value",
    [
        None,
        3,
        "",
        "/nowhere/data.yaml",
        "https://example.com/coco8.yaml",
        "data\x1b[31m.yaml",
        "x" * 5000,
        ["coco8.yaml"],
    ],
)
def test_data_that_is_not_to_be_found_is_replaced_by_the_example(value):
    arguments = {} if value is None else {"data": value}
    assert training.data_argument(arguments, "pose") == "coco8-pose.yaml"
    assert training.data_argument(arguments, "no such task") == "coco8.yaml"


def test_the_command_survives_a_shell(tmp_path):
    command = training.train_command(tmp_path / "a b; rm -rf $HOME.pt", "my data.yaml", [0, "1.conv"])
    assert shlex.split(command) == [
        "yolo", "train", f"model={tmp_path}/a b; rm -rf $HOME.pt", "data=my data.yaml", 'freeze=[0,"1.conv"]',
    ]  # fmt: skip
    assert "freeze" not in training.train_command("a.pt", "coco8.yaml")


@pytest.mark.parametrize(
    ("release", "before", "now", "word"),
    [
        ("8.4.112", 23, 24, "loses"),
        ("8.4.0", 22, 23, "gains"),
        ("8.4.0", 22, 22, None),
        ("8.4.0", 21, 22, None),
        ("8.4.113", 23, 24, None),
    ],
)
def test_a_head_told_by_its_number(release, before, now, word, monkeypatch):
    monkeypatch.setattr("ultralytics.__version__", release)
    notes = training.optimizer_notes(before, now)
    assert bool(notes) == (word is not None)
    assert word is None or f"{word} that" in notes[0]


def test_the_note_is_what_the_installed_release_does():
    """Its own optimizer, on a network whose head an edit moves to row 23."""
    from types import SimpleNamespace

    from ultralytics.cfg import get_cfg
    from ultralytics.engine.trainer import BaseTrainer

    import surgeon

    def tripled(model):
        trainer = SimpleNamespace(args=get_cfg(), data={"nc": 2})
        optimizer = BaseTrainer.build_optimizer(trainer, model.module, name="MuSGD", lr=0.01)
        return sum(len(group["params"]) for group in optimizer.param_groups if group["lr"] > 0.02)

    before = surgeon.open("yolov8n.yaml")
    after = before.insert("lska", after="backbone.9")
    assert (tripled(before) == tripled(after)) == (training.optimizer_notes(22, 23) == ())
