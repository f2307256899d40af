"""Attention in windows, in neighbourhoods and over the map: what the tests over the whole catalog do not reach."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from plain import plain

from surgeon.blocks import create, from_reference, get
from surgeon.errors import BlockError

REFUSED: list[tuple[str, int, dict[str, Any], str]] = [
    ("msda", 16, {"dilation": (1, 2, 3)}, r"3 equal shares do not divide the 16 channels\. Lengths that work: 1, 2, 4"),
    ("msda", 24, {"dilation": (1, 2, 3), "num_heads": 8}, r"num_heads=8 .*Values that work: 3, 6, 12, 24\."),
    ("msda", 24, {"attn_drop": 1.5}, "at least 0 and at most 1"),
    ("sea", 16, {"key_dim": 4, "attn_ratio": 0.2}, r"From 0\.25 on it works"),
    ("cot", 12, {"share_planes": 8}, r"share_planes=8 .*Values that work: 1, 2, 3, 4, 6, 12\."),
    ("cot", 16, {"variant": "paste", "share_planes": 4}, "belongs to the official variant"),
    ("aifi", 12, {"num_heads": 8}, r"Values that work: 1, 2, 3, 4, 6, 12\."),
    ("irmb", 12, {"dim_head": 5}, r"Values that work: 1, 2, 3, 4, 6, 12\."),
    ("irmb", 4, {"exp_ratio": 0.2}, r"From 0\.25 on it works"),
    ("hab", 16, {"shift_size": 7}, "Values that work: 0 to 6"),
    ("hab", 16, {"squeeze_factor": 30}, "Values that work: 1, 2"),
    ("ocab", 16, {"window_size": 7, "overlap_ratio": 0.5}, "two equal borders cannot hold"),
    ("bra", 12, {"num_heads": 8}, r"Values that work: 1, 2, 3, 4, 6, 12\."),
]


@pytest.mark.parametrize(("name", "channels", "given", "sentence"), REFUSED)
def test_refuses_with_what_would_work(name: str, channels: int, given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BlockError, match=sentence):
        get(name).resolve(channels, channels, given)


def test_ocab_adapts_its_overlap_to_an_odd_window() -> None:
    resolved = get("ocab").resolve(12, 12, {"window_size": 7})
    assert int(7 * resolved.settings["overlap_ratio"]) == 2 and "overlap_ratio" in resolved.notes[0]


@pytest.mark.parametrize("stride", [1, 3])
def test_irmb_changes_width_and_stride(stride: int) -> None:
    module = create("irmb", 12, 20, stride=stride, window_size=4, exp_ratio=1.5, dim_head=6).double().eval()
    x = torch.randn(2, 12, 9, 11, dtype=torch.float64)
    with torch.no_grad():
        y = module(x)
        assert y.shape == (2, 20, -(-9 // stride), -(-11 // stride))
        assert torch.allclose(y, plain(module, x), rtol=1e-6, atol=1e-8)


def test_legacy_positions_of_aifi_agree_on_square_maps_only() -> None:
    module = create("aifi", 16, cm=8).eval()
    legacy = create("aifi", 16, cm=8, variant="legacy").eval()
    legacy.load_state_dict(module.state_dict())
    square, wide = torch.randn(1, 16, 5, 5), torch.randn(1, 16, 4, 6)
    with torch.no_grad():
        assert torch.allclose(module(square), legacy(square), atol=1e-6)
        assert not torch.allclose(module(wide), legacy(wide), atol=1e-3)


def test_both_forms_of_bra_agree_where_the_regions_divide_the_map() -> None:
    module = create("bra", 16, n_win=3).eval()
    legacy = create("bra", 16, n_win=3, variant="legacy").eval()
    legacy.load_state_dict(module.state_dict())
    with torch.no_grad():
        whole, cut = torch.randn(1, 16, 6, 9), torch.randn(1, 16, 7, 9)
        assert torch.allclose(module(whole), legacy(whole), atol=1e-5)
        assert not torch.allclose(module(cut), legacy(cut), atol=1e-3)


def test_hab_trained_on_a_small_map_has_its_window() -> None:
    arguments = {"dim": 12, "num_heads": 2, "window_size": 8, "shift_size": 4, "input_resolution": (6, 10)}
    settings = from_reference("hat.hab", {**arguments, "squeeze_factor": 4}).settings
    assert (settings["window_size"], settings["shift_size"]) == (6, 0)
