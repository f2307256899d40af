"""Checkpoints that try to run code: each is refused, and nothing of it runs."""

import builtins
import os
import pickle
import subprocess
from collections import OrderedDict

import pytest
import torch
from torch import nn
from ultralytics.nn import tasks
from ultralytics.nn.modules import Conv, TorchVision

import yolo_surgeon
from surgeon.errors import ModelFileError, UntrustedFileError
from surgeon.models.ultralytics import audit
from surgeon.models.ultralytics.safe_load import load_checkpoint


class Call:
    """Pickles as a call, optionally followed by a state."""

    def __init__(self, function, *arguments, state=None):
        self.call = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self.call


def with_state(module, **attributes):
    """A module whose pickled state holds more than it should."""
    vars(module).update(attributes)
    return module


def save(tmp_path, model, **more):
    path = tmp_path / "evil.pt"
    torch.save({"model": model, "ema": None, **more}, path)
    return path


@pytest.fixture
def marker(tmp_path):
    path = tmp_path / "ran"
    yield path
    assert not path.exists(), "the file ran code"


def refused(path, *words, error=UntrustedFileError, **options):
    with pytest.raises(error) as info:
        load_checkpoint(path, **options)
    sentence = str(info.value)
    assert "evil.pt" in sentence or "constructor" in sentence or "passes arguments" in sentence
    assert "\n" not in sentence
    for word in words:
        assert word in sentence


def test_functions_of_python(tmp_path, marker):
    touch = f"touch {marker}"
    program = f"open({str(marker)!r}, 'w')"
    for call, name in (
        (Call(os.system, touch), "system"),
        (Call(subprocess.Popen, ["touch", str(marker)]), "subprocess.Popen"),
        (Call(builtins.eval, program), "builtins.eval"),
        (Call(builtins.exec, program), "builtins.exec"),
        (Call(pickle.loads, b""), "pickle.loads"),
        (Call(torch.load, str(marker)), "torch.serialization.load"),
        (Call(torch.hub.load, "x", "y"), "torch.hub.load"),
    ):
        path = save(tmp_path, call)
        refused(path, name, "--trust")
        refused(path, name, trust_modules=["models"])
    refused(save(tmp_path, Call(os.system, touch)), "hostile")


def test_trusting_a_package_does_not_trust_its_functions(tmp_path, marker):
    for package in ("os", "posix", "nt", "subprocess", "builtins", "torch"):
        refused(save(tmp_path, Call(os.system, f"touch {marker}")), "system", trust_modules=[package])
        refused(save(tmp_path, Call(subprocess.Popen, [f"touch {marker}"])), "Popen", trust_modules=[package])


def test_no_constructor_runs(tmp_path, marker):
    """A network's constructor evaluates the activation of its yaml; a TorchVision layer's downloads."""
    cfg = {"nc": 1, "activation": f"open({str(marker)!r}, 'w')", "backbone": [[-1, 1, "Conv", [8]]], "head": []}
    refused(save(tmp_path, Call(tasks.DetectionModel, cfg)), "constructor of DetectionModel")
    refused(save(tmp_path, Call(TorchVision, "resnet18")), "constructor of TorchVision")
    refused(save(tmp_path, Call(nn.Linear, 10**6, 10**6)), "constructor of Linear")
    rebuild = Call(torch._tensor._rebuild_from_type_v2, tasks.DetectionModel, dict, (cfg,), None)
    refused(save(tmp_path, [rebuild, Conv(3, 3)]), error=ModelFileError)


def test_names_that_others_registered_do_not_count(tmp_path, marker):
    cfg = {"nc": 1, "activation": f"open({str(marker)!r}, 'w')", "backbone": [[-1, 1, "Conv", [8]]], "head": []}
    ours = [tasks.DetectionModel, (getattr, "builtins.getattr"), os.path.join]
    before = torch.serialization.get_safe_globals()
    with torch.serialization.safe_globals(ours):
        during = set(torch.serialization.get_safe_globals())
        refused(save(tmp_path, Call(tasks.DetectionModel, cfg)), "constructor")
        refused(save(tmp_path, Call(getattr, Conv(3, 3), "__class__")), "__class__")
        refused(save(tmp_path, Call(os.path.join, "a")), "join")
        assert set(torch.serialization.get_safe_globals()) == during
    assert set(torch.serialization.get_safe_globals()) == set(before)


@pytest.mark.parametrize("name", ["__class__", "__init__", "register_forward_hook", "load_state_dict", "default_act"])
def test_attributes_other_than_forward(tmp_path, name):
    refused(save(tmp_path, Call(getattr, Conv, name)), name)
    refused(save(tmp_path, Call(getattr, Conv(3, 3), name)), name)
    refused(save(tmp_path, Call(getattr, OrderedDict(), "update")), "update")


def test_callables_stored_in_a_network(tmp_path):
    for function in (torch._utils._rebuild_tensor_v2, getattr, torch.device):
        refused(save(tmp_path, with_state(nn.ReLU(), forward=function)), "model.forward")
        hooks = OrderedDict({0: function})
        refused(save(tmp_path, with_state(nn.ReLU(), _forward_hooks=hooks)), "_forward_hooks")
        refused(save(tmp_path, with_state(nn.ReLU(), _load_state_dict_pre_hooks=hooks)), "hook")
        refused(save(tmp_path, nn.ReLU(), names=[function]), "names")
    refused(save(tmp_path, with_state(nn.ReLU(), __deepcopy__=torch.device("cpu"))), "__deepcopy__")
    refused(save(tmp_path, with_state(nn.ReLU(), fuse=tasks.DetectionModel)), "DetectionModel")


def test_hooks_of_tensors(tmp_path):
    weight = torch.zeros(3)
    call = Call(torch._utils._rebuild_parameter, weight, True, OrderedDict({0: torch.device}))
    refused(save(tmp_path, nn.ReLU(), extra=call), "hooks")


@pytest.mark.parametrize(
    "activation", ["__import__('os').system('touch {}')", "[].append(open('{}','w'))", "nn.ReLU(open('{}', 'w'))"]
)
def test_activation_of_the_yaml_inside(tmp_path, marker, activation):
    network = tasks.DetectionModel("yolov8n.yaml", verbose=False)
    network.yaml["activation"] = activation.format(marker)
    refused(save(tmp_path, network), "activation", "model.yaml inside", error=ModelFileError)
    inner = nn.Sequential(nn.ReLU(), nn.Sequential(nn.ReLU()))
    inner[1].yaml = dict(network.yaml)
    refused(save(tmp_path, inner), "activation", error=ModelFileError)


@pytest.mark.parametrize("module", ["check_requirements", "DetectionModel", "surgeon.subprocess:Popen", "os.system"])
def test_rows_of_the_yaml_inside(tmp_path, marker, module):
    network = tasks.DetectionModel("yolov8n.yaml", verbose=False)
    network.yaml["head"][0] = [-1, 1, module, [f"touch {marker}"]]
    refused(save(tmp_path, network), error=ModelFileError)


def test_memory_of_the_yaml_inside(tmp_path):
    network = tasks.DetectionModel("yolov8n.yaml", verbose=False)
    network.yaml["backbone"][1] = [-1, 1, "Conv", [90_000, 99]]
    network.yaml["scales"] = {"n": [1.0, 1.0, 99_999]}
    refused(save(tmp_path, network), "parameters", error=ModelFileError)


def test_planted_blocks_of_code_nobody_vouched_for(tmp_path, marker):
    payload = {"version": 1, "name": "subprocess:Popen", "in_channels": 8, "out_channels": 8, "start": "identity"}
    payload |= {"settings": {"args": f"touch {marker}", "shell": True}, "training": False}
    payload |= {"tensors": {}, "frozen": [], "norms": {}, "row": {}}
    for function in (yolo_surgeon.restore, yolo_surgeon.restore_foreign):
        refused(save(tmp_path, nn.Sequential(nn.ReLU()), b=Call(function, payload)), "--trust-module subprocess")
        settings = {**payload, "name": "gam", "settings": {"rate": torch.zeros(1)}}
        refused(save(tmp_path, nn.ReLU(), b=Call(function, settings)), "plain data", error=ModelFileError)
        refused(save(tmp_path, nn.ReLU(), b=Call(function, "x")), "damaged", error=ModelFileError)
        huge = {**payload, "name": "conv1x1", "in_channels": 90_000, "out_channels": 90_000, "settings": {}}
        refused(save(tmp_path, nn.ReLU(), b=Call(function, huge)), "damaged", error=ModelFileError)


def test_networks_that_would_never_end(tmp_path, monkeypatch):
    monkeypatch.setattr(audit, "MAX_NESTING", 20)
    loop = nn.Sequential(nn.ReLU())
    loop.add_module("again", loop)
    refused(save(tmp_path, loop), "contains itself", error=ModelFileError)
    deep = nn.Sequential(nn.ReLU())
    for _ in range(25):
        deep = nn.Sequential(deep)
    refused(save(tmp_path, deep), "nests too deep", error=ModelFileError)


def test_modules_that_are_none(tmp_path):
    refused(save(tmp_path, Conv.__new__(Conv)), "damaged", error=ModelFileError)
    refused(save(tmp_path, with_state(nn.ReLU(), _modules=5)), "_modules", error=ModelFileError)
    refused(save(tmp_path, with_state(nn.ReLU(), _modules={"a": 5})), "damaged", error=ModelFileError)
    refused(save(tmp_path, with_state(nn.ReLU(), _forward_hooks=5)), "_forward_hooks", error=ModelFileError)
