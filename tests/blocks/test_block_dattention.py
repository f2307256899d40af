"""DAttention: settings that exclude each other, and kernels as wide as the stride."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from plain import plain

from surgeon.blocks import create, get
from surgeon.errors import BlockError


@pytest.mark.parametrize(
    ("channels", "given", "sentence"),
    [
        (16, {"fixed_pe": True}, "serves any size"),
        (16, {"log_cpb": True}, "set dwc_pe=False"),
        (12, {"n_heads": 8}, r"work: 1, 2, 3, 4, 6, 12\."),
        (12, {"n_groups": 5}, r"12 channels.*work: 1, 2, 3, 4, 6, 12\."),
        (12, {"n_heads": 6, "n_groups": 4}, r"6 heads.*work: 1, 2, 3, 6\."),
    ],
)
def test_refuses(channels: int, given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BlockError, match=sentence):
        get("dat").resolve(channels, channels, given)


def test_heads_follow_the_groups() -> None:
    assert get("dat").resolve(12, 12, {"n_groups": 3}).settings["n_heads"] == 6


@pytest.mark.parametrize("settings", [{"kv_stride": 4, "ksize": 4}, {"kv_stride": 5}, {"ksize": 1}], ids=str)
@pytest.mark.parametrize("size", [(1, 1), (3, 9), (8, 5), (24, 25)], ids=str)
def test_every_stride_leaves_a_point(settings: dict[str, Any], size: tuple[int, int]) -> None:
    module = create("dattention", 8, **settings).double().eval()
    x = torch.randn(2, 8, *size, dtype=torch.float64)
    with torch.no_grad():
        assert torch.allclose(module(x), plain(module, x), rtol=1e-6, atol=1e-8)
