"""What a graft costs belongs to the row that it is planted at, though its hook runs while no row does."""

from __future__ import annotations

import pytest
from torch import nn

import surgeon


def net() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1), nn.Conv2d(16, 8, 1))


@pytest.mark.parametrize("how", ["before", "after"])
def test_a_graft_is_booked_on_its_row(how) -> None:
    before = surgeon.open(net())
    after = before.insert("gam", **{how: "1"})
    plain, edited = (one.profile(imgsz=32, latency=False) for one in (before, after))
    assert sum(row.macs for row in edited.layers) == edited.counts.macs > plain.counts.macs
    more = [b.macs - a.macs for a, b in zip(plain.layers, edited.layers, strict=True)]
    block = after.module.get_submodule(f"1.surgeon_{how}_0" if how == "after" else "1.surgeon_before_0_0").block
    assert more == [0, block.definition_cost(32, 32).macs, 0]
    assert edited.layers[1].params - plain.layers[1].params == edited.params - plain.params
    assert edited.activation.row_peaks[edited.layers[1].key] > plain.activation.row_peaks[plain.layers[1].key]


def test_a_module_of_a_row_called_from_outside_belongs_to_the_row() -> None:
    class Bypass(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.stage = nn.Conv2d(3, 8, 1), nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU())

        def forward(self, x):
            return self.stage[0](self.stem(x))

    found = surgeon.open(Bypass()).profile(imgsz=16, latency=False)
    assert sum(row.macs for row in found.layers) == found.counts.macs == 16 * 16 * (3 * 8 + 9 * 64)
