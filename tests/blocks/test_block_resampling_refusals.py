"""What the pooling, up-sampling and convolution blocks refuse, what they adapt, and how they resample."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from surgeon.blocks import create, get
from surgeon.errors import BlockError

REFUSED: list[tuple[str, int, int, dict[str, Any], str]] = [
    ("simsppf", 16, 16, {"kernel_size": 4}, "kernel_size=4 .*an odd integer"),
    ("simsppf", 16, 16, {"activation": "gelu"}, "one of relu, silu"),
    ("simcspsppf", 16, 4, {"expansion": 0.2}, r"no hidden channel at 4 output channels.*1/4 and more"),
    ("simcspsppf", 16, 16, {"expansion": 0}, "a number above 0"),
    ("carafe", 16, 24, {}, "keeps its channels"),
    ("carafe", 12, 12, {"up_group": 5}, r"up_group=5 .*12 channels.*work: 1, 2, 3, 4, 6, 12\."),
    ("carafe", 12, 12, {"up_group": 2, "variant": "paste"}, r"one group.*work: 1\."),
    ("carafe", 12, 12, {"up_kernel": 4}, "an odd integer"),
    ("orepa", 12, 20, {"groups": 3}, r"widths 12 and 20.*work: 1, 2, 4\."),
    ("orepa", 12, 20, {"kernel_size": 2}, "an odd integer"),
    ("orepa1x1", 12, 20, {"groups": 2}, "no setting 'groups'.*stride"),
    ("drconv", 12, 20, {"groups": 2}, "no setting 'groups'.*region_num"),
    ("drconv", 12, 20, {"region_num": 0}, "an integer of at least 1"),
    ("drconv", 12, 20, {"variant": "official", "padding": 0}, "padding=0 .*work: null"),
    ("mbconv", 12, 20, {"expand_ratio": -1}, "a number above 0"),
    ("mbconv", 12, 20, {"se": 0.25}, "true or false"),
]


@pytest.mark.parametrize(("name", "channels", "out", "given", "sentence"), REFUSED)
def test_refuses_with_what_would_work(name: str, channels: int, out: int, given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BlockError, match=sentence):
        get(name).resolve(channels, out, given)
    with pytest.raises(BlockError, match=sentence):
        create(name, channels, out, **given)


def test_one_output_channel_leaves_no_half() -> None:
    resolved = get("simcspsppf").resolve(16, 1, {})
    assert resolved.settings["expansion"] == 1.0
    assert resolved.notes == (
        "simcspsppf: expansion is 1.0 instead of the default 0.5: one output channel leaves no half.",
    )
    assert create("simcspsppf", 16, 1).eval()(torch.randn(1, 16, 3, 4)).shape == (1, 1, 3, 4)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("name", ["orepa", "orepa1x1", "drconv", "mbconv"])
@pytest.mark.parametrize("size", [(1, 1), (7, 8), (9, 4)], ids=str)
def test_strides_give_what_a_convolution_gives(name: str, stride: int, size: tuple[int, int]) -> None:
    module = create(name, 8, 12, stride=stride).eval()
    with torch.no_grad():
        shape = module(torch.randn(2, 8, *size)).shape
    assert shape == (2, 12, *get(name).output_size(*size, {"stride": stride}))
    assert shape == torch.nn.Conv2d(8, 12, 3, stride, 1)(torch.randn(2, 8, *size)).shape


@pytest.mark.parametrize("channels", [(1, 1), (1, 5), (5, 1), (3, 64), (64, 3)], ids=str)
@pytest.mark.parametrize("name", ["simsppf", "simcspsppf", "orepa", "orepa1x1", "drconv", "mbconv"])
def test_any_widths(name: str, channels: tuple[int, int]) -> None:
    module = create(name, *channels).eval()
    with torch.no_grad():
        assert module(torch.randn(1, channels[0], 4, 5)).shape == (1, channels[1], 4, 5)
    cost = get(name).cost(*channels, 4, 5, {})
    assert cost.params == sum(parameter.numel() for parameter in module.parameters())
