"""The quick rebuild that checks look at is the one that the trainer makes."""

from __future__ import annotations

import pytest
import torch
from comparing import outputs, same

import surgeon
from surgeon.models.ultralytics.build import rebuild, rebuild_to_look_at


@pytest.mark.parametrize(
    "name", ["yolov8n.yaml", "yolo26n-pose.yaml", "yolov8n-cls.yaml", "yolov8n-rtdetr.yaml", "yolov10n.yaml"]
)
def test_it_is_the_trainers_network(name):
    module = surgeon.open(name).insert("gam", after="backbone.1").module
    stock, quick = rebuild(module), rebuild_to_look_at(module)
    for tensors in ("state_dict", "named_buffers"):
        old, new = dict(getattr(stock, tensors)()), dict(getattr(quick, tensors)())
        assert list(old) == list(new) and old
        assert all(torch.equal(t, new[n]) for n, t in old.items())
    assert [(row.i, row.f, row.type, row.np) for row in stock.model] == [
        (row.i, row.f, row.type, row.np) for row in quick.model
    ]
    assert torch.equal(stock.stride, quick.stride)
    assert same(outputs(stock), outputs(quick))
    theirs = {t.data_ptr() for t in module.state_dict().values() if t.numel()}
    assert all(t.data_ptr() in theirs for t in quick.state_dict().values() if t.numel()), "one copy of the weights"


def test_what_nothing_was_loaded_into_equals_nothing():
    module = surgeon.open("yolov8n.yaml").module
    old = module.model[4].cv1.conv
    module.model[4].cv1.conv = torch.nn.Conv2d(64, 64, 3, padding=1, bias=False)
    quick = rebuild_to_look_at(module)
    weight = quick.model[4].cv1.conv.weight
    assert weight.shape == old.weight.shape and weight.isnan().any() and not torch.equal(weight, weight)


def test_a_constructor_that_looks_at_its_values_is_run_as_it_stands(tmp_path, monkeypatch):
    (tmp_path / "peeking.py").write_text(
        "import torch\n"
        "class Peeks(torch.nn.Module):\n"
        "    def __init__(self, channels):\n"
        "        super().__init__()\n"
        "        self.conv = torch.nn.Conv2d(channels, channels, 1)\n"
        "        assert self.conv.weight.isfinite().all()\n"
        "    def forward(self, x):\n"
        "        return self.conv(x)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    after = surgeon.open("yolov8n.yaml").insert("peeking:Peeks", after=9)
    assert all(check.passed for check in after.result.checks)


def test_a_network_in_half_precision_stays_so():
    module = surgeon.open("yolov8n.yaml").module.half()
    quick = rebuild_to_look_at(module)
    state = quick.state_dict()
    assert all(p.dtype == torch.float16 for p in module.parameters())
    assert all(torch.equal(t, state[n]) for n, t in module.state_dict().items())
