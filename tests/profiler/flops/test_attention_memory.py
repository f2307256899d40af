"""Predicted memory of PyTorch's own attention: the form that inference runs, with one matrix of weights or with two."""

from __future__ import annotations

import pytest
from profiler_support import chain_graph
from torch import Tensor, nn

from surgeon.profiler.measure import profile_module
from surgeon.profiler.settings import ProfileSettings

TOKENS, HEADS = 256, 4
MATRIX = HEADS * TOKENS * TOKENS * 4


class Attends(nn.Module):
    """Tokens of a map, and attention over them."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 4, 4)
        if kind == "layer":
            self.attention: nn.Module = nn.TransformerEncoderLayer(16, HEADS, 32, batch_first=True)
        else:
            self.attention = nn.MultiheadAttention(16, HEADS, batch_first=kind != "sequence first")
        self.kind = kind

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.conv(x).flatten(2).transpose(1, 2)
        if self.kind == "layer":
            return self.attention(tokens)
        if self.kind == "sequence first":
            tokens = tokens.transpose(0, 1)
        return self.attention(query=tokens, key=tokens, value=tokens)[0]


@pytest.mark.parametrize(("kind", "matrices"), [("batch first", 1), ("layer", 1), ("sequence first", 2)])
def test_what_is_predicted_is_what_runs(kind: str, matrices: int) -> None:
    net = nn.Sequential(Attends(kind)).eval()
    settings = ProfileSettings(imgsz=(64, 64), latency=False)
    found = profile_module(net, chain_graph(net), settings, name=kind, source="made up")
    assert found.memory is not None and found.memory.without_scratch_bytes is not None and found.activation is not None
    assert found.activation.peak_bytes == pytest.approx(found.memory.without_scratch_bytes, rel=0.06)
    assert matrices * MATRIX <= found.activation.peak_bytes < (matrices + 0.5) * MATRIX
