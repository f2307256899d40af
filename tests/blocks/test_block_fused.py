"""The form for inference that a model's ``fuse()`` plants: the same numbers, of a block that stays as it is."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from surgeon.blocks import create
from surgeon.blocks.common import Block

Case = tuple[str, dict[str, Any]]
FUSED = {"simsppf", "simcspsppf", "orepa", "orepa1x1", "mbconv"}


def shaken(block: Case) -> Block:
    """A block off its initial values, running statistics included."""
    module = create(block[0], 16, **block[1])
    assert isinstance(module, Block)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        for layer in module.modules():
            if isinstance(layer, nn.BatchNorm2d) and layer.running_mean is not None and layer.running_var is not None:
                layer.running_mean.normal_(0, 0.3)
                layer.running_var.uniform_(0.5, 2)
    return module.eval()


def test_fused_form_is_the_same(block: Case) -> None:
    module = shaken(block)
    state, names = {key: value.clone() for key, value in module.state_dict().items()}, dict(module.named_modules())
    fused = module.fuse_block()
    if fused is None:
        assert block[0] not in FUSED
        return
    x = torch.randn(2, 16, 6, 7)
    with torch.no_grad():
        wanted = module(x)
        for twin in (fused, copy.deepcopy(fused)):
            assert (twin(x) - wanted).abs().max() <= 1e-5 * max(1.0, float(wanted.abs().max()))
        half = copy.deepcopy(module).half().fuse_block()
        assert half is not None and half(x.half()).dtype == torch.float16
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in fused.modules())
    assert dict(module.named_modules()) == names
    assert all(torch.equal(state[key], value) for key, value in module.state_dict().items())


@pytest.mark.parametrize("case", [("simsppf", {}), ("mbconv", {}), ("orepa", {"activation": "silu"})], ids=str)
def test_fusing_anew_gives_the_same_names(case: Case) -> None:
    first, second = shaken(case).fuse_block(), shaken(case).fuse_block()
    assert first is not None and second is not None
    second.load_state_dict(first.state_dict())
    x = torch.randn(1, 16, 6, 7)
    with torch.no_grad():
        assert torch.equal(second.eval()(x), first.eval()(x))
