"""Training right after an edit, by stock Ultralytics in fresh processes.

The commands of the report, equal first losses, optimizer groups, resuming, two processes.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from awake import awake

import surgeon

HERE = Path(__file__).parent
QUICK = ("epochs=1", "imgsz=64", "batch=4", "nbs=4", "workers=0", "device=cpu", "plots=False", "verbose=False")
GATE = "gate_logit_scale"


@pytest.fixture(scope="module")
def start(tmp_path_factory, dataset):
    """An unedited checkpoint that was "trained" on the generated data."""
    from surgeon.models.ultralytics.writer import write_model

    folder = tmp_path_factory.mktemp("start")
    arguments = {"task": "detect", "data": dataset("detect")}
    return write_model(awake("yolov8n.yaml").module, arguments, folder / "start.pt", force=False)[0]


@pytest.fixture(scope="module")
def edit(start):
    """``edit(name, *words)``: ``surgeon insert`` on it; the written file and the JSON of the report."""
    from surgeon.cli.main import main

    def run(name, *words):
        target, report = start.parent / f"{name}.pt", start.parent / f"{name}.json"
        quick = ("--no-latency", "--imgsz", "64")
        assert main(["insert", str(start), *words, "--out", str(target), *quick, "--json", str(report)]) == 0
        return target, json.loads(report.read_text())

    return run


@pytest.fixture(scope="module")
def gam(edit):
    return edit("gam", "--module", "gam", "--after", "backbone.4")


@pytest.fixture
def train(tmp_path):
    """``train(name, *words)``: a stock command line in a fresh process; what was recorded."""

    def run(name, *words, stop=None, registered=False):
        command = [sys.executable, str(HERE / "training_session.py"), *(["--registered"] if registered else [])]
        environment = {**os.environ, **({"SURGEON_TEST_STOP": stop} if stop else {})}
        folders = () if "resume" in words else (*QUICK, f"project={tmp_path}", f"name={name}", "exist_ok=True")
        done = subprocess.run(
            [*command, *_later_wins((*folders, *words))],
            capture_output=True, text=True, check=False, cwd=tmp_path, env=environment, timeout=600,
        )  # fmt: skip
        assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-6000:]}"
        return json.loads(done.stdout.strip().splitlines()[-1])

    return run


def _later_wins(words):
    keyed = {word.partition("=")[0]: word for word in words if "=" in word}
    return [*(word for word in words if "=" not in word), *keyed.values()]


def printed(command):
    """The words behind ``yolo`` of a command line, as a shell would give them."""
    program, *words = shlex.split(command)
    assert program == "yolo"
    return words


def test_the_printed_command_trains_the_block_alone(gam, train):
    path, report = gam
    found = report["training"]
    assert found["rows"] == [{"first": 0, "last": 4, "now": 0}, {"first": 5, "last": 22, "now": 6}]
    assert found["freeze"] == {"before": 10, "now": [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]}
    assert found["embed"] == {"before": [21], "now": [22]}
    assert found["also_trained"] == found["moving_statistics"] == []
    command = found["commands"]["only_blocks"]
    assert f"model={path}" in command and "data.yaml" in command, "its own data, for that is to be found"
    # Without warm-up the first step opens the gate, and the second reaches the block behind it.
    seen = train("alone", *printed(command), "warmup_epochs=0")
    assert seen["trainable"] and all(name.startswith("model.5.") for name in seen["trainable"])
    # Every tensor of the others, the statistics of their BatchNorms included, is what it was.
    assert [name for name in seen["changed"] if not name.startswith("model.5.")] == []
    block = [name for name in seen["parameters"] if name.startswith("model.5.") and name in seen["changed"]]
    assert f"model.5.{GATE}" in block and len(block) > 1


def test_a_block_inside_a_row_is_trained_alone(edit, train):
    report = edit("nested", "--module", "gam", "--after", "backbone.4.m.0.cv2")[1]
    found = report["training"]
    assert found["rows"] == [{"first": 0, "last": 22, "now": 0}], "nothing moved"
    (block,) = found["blocks"]
    assert block.startswith("model.4.m.0.cv2.")
    assert "4.m.0.cv1" in found["freeze"]["now"] and 4 not in found["freeze"]["now"]
    seen = train("nested", *printed(found["commands"]["only_blocks"]), "warmup_epochs=0")
    assert seen["trainable"] and all(name.startswith(f"{block}.") for name in seen["trainable"])
    outside = [name for name in seen["changed"] if not name.startswith(f"{block}.")]
    # The trainer cannot hold the statistics of a BatchNorm that an entry names itself; the report says which.
    assert found["moving_statistics"] == ["model.4.m.0.cv2.bn"]
    assert outside and all(name.startswith("model.4.m.0.cv2.bn.") for name in outside)
    assert not any(name.endswith((".weight", ".bias")) for name in outside)
    assert f"{block}.{GATE}" in seen["changed"]


def test_a_closed_gate_gives_the_losses_of_the_baseline(start, gam, train, dataset):
    report = gam[1]
    words = printed(report["training"]["commands"]["everything"])
    baseline = train("baseline", "train", f"model={start}", f"data={dataset('detect')}", "nbs=64")
    edited = train("edited", *words, "nbs=64")
    # nbs=64 accumulates: the first step follows the second batch, so both losses are of the closed gate.
    assert len(baseline["losses"]) == 2
    assert edited["losses"] == baseline["losses"], "bit for bit, each item of the loss"
    assert edited["gates"][0] == [0.0] and edited["gates"][-1][0] > 0.0
    assert edited["ema_planted"] == 1 and edited["ema_equal"], "the average starts as a copy, block included"
    assert f"model.5.{GATE}" in edited["ema_changed"], "and follows"
    assert edited["finite"] and edited["all_finite"]


@pytest.mark.slow
def test_a_yaml_with_a_block_trains_like_the_one_without(gam, train, dataset):
    words = ("train", f"data={dataset('detect')}", "nbs=64")
    path, _ = gam
    baseline = train("baseline", *words, "model=yolov8n.yaml")
    edited = train("edited", *words, f"model={path.with_suffix('.yaml')}", registered=True)
    assert edited["losses"] == baseline["losses"]
    other = train("other", *words, "model=yolov8n.yaml", "seed=1")
    assert other["losses"] != baseline["losses"], "another seed gives other losses"


@pytest.mark.parametrize("site", ["backbone.9", "backbone.4.m.0.cv2"])
def test_the_same_edit_gives_the_same_weights(site):
    """PyTorch seeds every process anew; without a seed of their own, fresh blocks would differ from run to run."""
    import torch

    model = surgeon.open("yolov8n.yaml")
    states = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        states.append(model.insert("gam", after=site).module.state_dict())
        assert torch.equal(torch.get_rng_state(), before), "the caller's random state stays"
    first, second = states
    assert first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_without_isolation_the_head_would_start_elsewhere(gam, monkeypatch):
    """What the equal losses rest on: planting draws no random numbers of those who come after."""
    import contextlib

    import torch
    import yaml
    from ultralytics.nn import tasks

    import yolo_surgeon  # noqa: F401

    def head(description):
        torch.manual_seed(7)
        network = tasks.DetectionModel(yaml.safe_load(yaml.safe_dump(description)), nc=2, verbose=False)
        return torch.cat([p.detach().flatten() for p in network.model[-1].parameters()])

    path, _ = gam
    edited = yaml.safe_load(path.with_suffix(".yaml").read_text())
    plain = dict(surgeon.open("yolov8n.yaml").module.yaml)
    assert torch.equal(head(edited), head(plain))
    monkeypatch.setattr(torch.random, "fork_rng", lambda *_, **__: contextlib.nullcontext())
    assert not torch.equal(head(edited), head(plain))


@pytest.mark.parametrize("iterations", [10, 100_000])
@pytest.mark.parametrize("name", ["SGD", "AdamW", "MuSGD", "auto"])
def test_the_gate_has_no_decay_and_no_muon(name, iterations):
    from ultralytics.cfg import get_cfg
    from ultralytics.engine.trainer import BaseTrainer

    network = surgeon.open("yolov8n.yaml").insert("gam", after=9).module
    trainer = SimpleNamespace(args=get_cfg(), data={"nc": 2})
    optimizer = BaseTrainer.build_optimizer(trainer, network, name=name, decay=5e-4, iterations=iterations)
    gate = network.model[10].gate_logit_scale
    (group,) = [g for g in optimizer.param_groups if any(p is gate for p in g["params"])]
    assert group["weight_decay"] == 0.0 and not group.get("use_muon", False)
    # It shares the group of the BatchNorms' weights, not that of the biases with its raised warm-up.
    held = {id(p) for p in group["params"]}
    assert any(id(p) in held for n, p in network.named_parameters() if n.endswith("bn.weight"))
    assert not any(id(p) in held for n, p in network.named_parameters() if n.endswith(".bias"))
    decayed = [g for g in optimizer.param_groups if g["weight_decay"] > 0.0 and g["params"]]
    assert decayed, "other tensors do decay"


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["SGD", "AdamW", "MuSGD"])
def test_warm_up_keeps_the_gate_stable(optimizer, gam, train):
    report = gam[1]
    words = printed(report["training"]["commands"]["everything"])
    seen = train("warm", *words, f"optimizer={optimizer}", "epochs=3", "warmup_epochs=2")
    assert seen["optimizer"] == optimizer
    assert seen["gate_lr"][0] == [0.0], "a bias would start at warmup_bias_lr, 0.1"
    gates = [value for (value,) in seen["gates"]]
    assert 0.0 < gates[-1] < 0.5 and max(gates) < 0.5
    assert seen["finite"] and seen["all_finite"]


@pytest.mark.slow
def test_an_interrupted_training_resumes_with_its_gate(gam, train, tmp_path):
    report = gam[1]
    words = printed(report["training"]["commands"]["everything"])
    stopped = train("cut", *words, "epochs=3", stop="on_model_save")
    assert stopped["interrupted"] and len(stopped["losses"]) == 2
    last = tmp_path / "cut" / "weights" / "last.pt"
    resumed = train("resumed", "train", "resume", f"model={last}")
    assert resumed["start_epoch"] == 1 and len(resumed["losses"]) == 4
    assert resumed["parameters"] == stopped["parameters"]
    assert resumed["ema_planted"] == 1
    assert resumed["finite"] and resumed["all_finite"]
    assert resumed["gates"][-1][0] > stopped["gates"][-1][0] > 0.0
    again = surgeon.open(last).tree(64).layers[5]
    assert again.planted and again.kind == "GAM"


@pytest.mark.slow
def test_two_processes_train_one_edited_file(gam, tmp_path, dataset):
    path, _ = gam
    done = subprocess.run(
        [
            sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2",
            str(HERE / "ddp_session.py"), str(path), dataset("detect"), str(tmp_path),
        ],
        capture_output=True, text=True, check=False, cwd=tmp_path, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-6000:]}"
    ranks = [json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in (0, 1)]
    for found in ranks:
        assert found["planted"] == 1
        for step in found["steps"]:
            assert step["wrapped"] == "DistributedDataParallel"
            assert step["gradients_equal"] and step["parameters_equal"], "bit for bit in both processes"
            assert step["without_gradient"] == [], "the closed gate leaves no parameter outside the graph"
            assert step["gate_gradient"] > 0.0
    assert len(ranks[0]["steps"]) == len(ranks[1]["steps"]) > 1
    assert surgeon.open(tmp_path / "ddp" / "weights" / "last.pt").tree(64).layers[5].planted
