"""timm's own modules, planted by ``timm:NAME``."""

from __future__ import annotations

import sys

import pytest
import torch

import surgeon
from surgeon.blocks.factory import build, load_factory
from surgeon.errors import BlockError, UntrustedFileError


def test_is_timms_class() -> None:
    timm_layers = pytest.importorskip("timm.layers")
    assert load_factory("timm:eca") is timm_layers.EcaModule
    block = build(load_factory("timm:gca"), 16, rd_ratio=0.5)  # a class with settings bound to it
    assert isinstance(block, timm_layers.GlobalContext) and block.mlp_scale is None
    assert block(torch.randn(2, 16, 5, 7)).shape == (2, 16, 5, 7)


def test_planted_saved_and_reopened(tmp_path) -> None:
    pytest.importorskip("timm")
    after = surgeon.open("yolov8n.yaml").insert("timm:coord", after="backbone.9", settings={"rd_ratio": 0.25})
    assert after.result.plan.keeps_output
    path = after.save(tmp_path / "coord.pt")
    with pytest.raises(UntrustedFileError, match="--trust-module timm"):
        surgeon.open(path)
    again = surgeon.open(path, trust_modules=["timm"])
    state = after.module.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in again.module.state_dict().items())


def test_unknown_names_and_a_missing_timm(monkeypatch) -> None:
    pytest.importorskip("timm")
    with pytest.raises(BlockError, match=r"no attention module 'ecca'\. Did you mean eca.*cbam"):
        load_factory("timm:ecca")
    monkeypatch.setitem(sys.modules, "timm.layers.create_attn", None)
    with pytest.raises(BlockError, match=r"pip install 'yolo-surgeon\[timm\]'"):
        load_factory("timm:eca")
