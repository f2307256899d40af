"""Building without random initialisation."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from surgeon.models.ultralytics.skeleton import skeleton


@pytest.mark.timeout(30)
def test_truncated_draws_end_whatever_the_memory_held():
    """They draw until all values are in range; skipped draws left yolo12's rebuild in that loop for ever."""
    weight = torch.full((64, 64), 1e9)
    with skeleton():
        nn.init.trunc_normal_(weight, std=0.02)
    assert weight.abs().max() <= 2


def test_plain_draws_are_skipped_and_marked():
    with skeleton():
        layer = nn.Linear(8, 8)
    assert layer.weight.isnan().any() and layer.bias.isnan().any()
