"""DRConv beyond the catalog's tests: other shapes and paddings, one form against the other, the choice's gradient."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from plain import plain
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from surgeon.blocks import create
from surgeon.blocks.drconv import DRConv


def build(c: int, o: int, **given: Any) -> DRConv:
    """A block in double precision with random parameters, in evaluation."""
    module = create("drconv", c, o, **given).double().eval()
    assert isinstance(module, DRConv)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return module


@pytest.mark.parametrize(
    ("c", "o", "given"),
    [
        (12, 20, {}),
        (6, 5, {"padding": 0, "stride": 2}),
        (5, 3, {"padding": 3, "dilation": 2, "kernel_size": 5, "region_num": 2}),
        (4, 4, {"region_num": 1, "kernel_size": 1}),
        (3, 1, {"kernel_size": 7, "stride": 3, "region_num": 5}),
        (12, 7, {"variant": "official"}),
        (4, 6, {"variant": "official", "kernel_size": 1, "region_num": 2, "num_w": 1}),
    ],
    ids=str,
)
@pytest.mark.parametrize("size", [(9, 11), (10, 8)], ids=str)
def test_other_shapes(c: int, o: int, given: dict[str, Any], size: tuple[int, int]) -> None:
    module, x = build(c, o, **given), torch.randn(3, c, *size, dtype=torch.float64)
    with torch.no_grad():
        wanted = plain(module, x)
        lean = module(x)
        with FlopCounterMode(display=False) as counter:
            module(x[:1])
        with FlopCounterMode(display=False) as defined:
            plain(module, x[:1])
    assert lean.shape == wanted.shape and torch.allclose(lean, wanted, rtol=1e-8, atol=1e-10)
    assert torch.allclose(module(x), wanted, rtol=1e-8, atol=1e-10), "with gradients every region is computed"
    cost = module.definition_cost(*size)
    assert cost.macs * 2 == defined.get_total_flops()
    assert (cost.executed or cost.macs) * 2 == counter.get_total_flops()
    assert cost.params == sum(parameter.numel() for parameter in module.parameters())


def test_the_choice_learns_by_the_softmax() -> None:
    module, x = build(4, 6, region_num=3), torch.randn(2, 4, 5, 7, dtype=torch.float64)
    direction = torch.randn(2, 6, 5, 7, dtype=torch.float64)
    forward = module(x)
    (forward * direction).sum().backward()
    with torch.no_grad():
        guide = F.conv2d(x, module.conv_guide.weight, module.conv_guide.bias, padding=1)
        best = guide.argmax(1)
        regions = []
        for region in range(3):  # the block with its choice forced
            module.conv_guide.weight.zero_()
            module.conv_guide.bias.copy_(F.one_hot(torch.tensor(region), 3))
            regions.append(module(x))
    share = guide.requires_grad_().softmax(1)
    (sum(share[:, r, None] * regions[r] for r in range(3)) * direction).sum().backward()
    gradient, learned = guide.grad, module.conv_guide.bias.grad
    assert gradient is not None and learned is not None
    assert torch.allclose(learned, gradient.sum((0, 2, 3)), rtol=1e-8, atol=1e-10)
    chosen = torch.stack(regions, 1).gather(1, best[:, None, None].expand(-1, 1, 6, -1, -1)).squeeze(1)
    assert torch.allclose(forward, chosen, rtol=1e-8, atol=1e-10)


def test_half_precision_chooses_as_single_does() -> None:
    module = create("drconv", 8).half().eval()
    x = torch.randn(1, 8, 40, 40).half()
    with torch.no_grad():
        low, wide = module(x).float(), module.float()(x.float())
    assert (low - wide).abs().max() <= 0.01 * max(1.0, float(wide.abs().max()))
