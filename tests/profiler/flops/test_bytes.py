"""Bytes moved: each operand read once, each result written once. By hand for small networks."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from profiler_support import chain_graph, ultralytics_graph, ultralytics_model
from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.profiler.flops.count import RowCount, count
from surgeon.profiler.widths import bytes_in

H, W, C, B = 6, 10, 8, 2
U = 4 * B * H * W
"""Bytes of one channel of a map of the whole batch."""


class Calls(nn.Module):
    def __init__(self, function: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> object:
        return self.function(x)


def moved(row: nn.Module | Callable[[Tensor], object], *, operators_only: bool) -> RowCount:
    """What a row costs that reads a map of C channels."""
    module = row if isinstance(row, nn.Module) else Calls(row)
    model = nn.Sequential(nn.Conv2d(3, C, 1), module)
    return count(model, chain_graph(model), (H, W), B, operators_only=operators_only).rows["1"]


IMAGE = C * U
WEIGHT = 4 * 7 * C * H * W
CASES: dict[str, tuple[nn.Module | Callable[[Tensor], object], int, int]] = {
    "conv": (nn.Conv2d(C, 5, 3, padding=1), IMAGE + 4 * (5 * C * 9 + 5), 5 * U),
    "depthwise": (nn.Conv2d(C, C, 3, padding=1, groups=C, bias=False), IMAGE + 4 * C * 9, IMAGE),
    "strided": (nn.Conv2d(C, 4, 1, stride=2, bias=False), IMAGE + 4 * 4 * C, 4 * U // 4),
    "transposed": (nn.ConvTranspose2d(C, 3, 2, 2), IMAGE + 4 * (3 * C * 4 + 3), 4 * 3 * U),
    "linear": (lambda x: F.linear(x.flatten(1), torch.ones(7, C * H * W)), IMAGE + WEIGHT, WEIGHT + 4 * B * 7),
    "batch norm": (nn.BatchNorm2d(C), IMAGE + 4 * 4 * C, IMAGE),
    "layer norm": (nn.LayerNorm(W), IMAGE + 8 * W, IMAGE + 2 * IMAGE // W),
    "silu": (nn.SiLU(), IMAGE, IMAGE),
    "silu in place": (nn.SiLU(inplace=True), IMAGE, IMAGE),
    "add": (lambda x: x + x, 2 * IMAGE, IMAGE),
    "add a number": (lambda x: x + 1.5, IMAGE, IMAGE),
    "add in place": (lambda x: x.add_(x), 2 * IMAGE, IMAGE),
    "scale by channel": (lambda x: x * torch.ones(1, C, 1, 1, device=x.device), IMAGE + 4 * C, IMAGE + 4 * C),
    "expanded": (lambda x: x[:, :1].expand(-1, C, -1, -1) + 1.0, U, IMAGE),
    "cat": (lambda x: torch.cat([x, x[:, :3]], 1), IMAGE + 3 * U, IMAGE + 3 * U),
    "stack": (lambda x: torch.stack([x, x]), 2 * IMAGE, 2 * IMAGE),
    "matmul": (lambda x: x.transpose(2, 3) @ x, 2 * IMAGE, 4 * B * C * W * W),
    "softmax": (lambda x: x.softmax(1), IMAGE, IMAGE),
    "upsample": (nn.Upsample(scale_factor=2), IMAGE, 4 * IMAGE),
    "bilinear": (nn.Upsample(scale_factor=2, mode="bilinear"), IMAGE, 4 * IMAGE),
    "max pool, int64 indices too": (nn.MaxPool2d(2), IMAGE, 3 * IMAGE // 4),
    "average pool": (nn.AvgPool2d(2), IMAGE, IMAGE // 4),
    "global pool": (nn.AdaptiveAvgPool2d(1), IMAGE, 4 * B * C),
    "views": (lambda x: x.view(B, -1).unsqueeze(0).chunk(2, 2)[1].transpose(0, 1).expand(-1, 5, -1), 0, 0),
    "reshape of a view": (lambda x: x.reshape(B, C, H * W), 0, 0),
    "reshape that copies": (lambda x: x.permute(0, 2, 3, 1).reshape(B, -1), IMAGE, IMAGE),
    "contiguous": (lambda x: x.transpose(2, 3).contiguous(), IMAGE, IMAGE),
    "to its own type": (lambda x: x.to(torch.float32), 0, 0),
    "to half": (lambda x: x.half(), IMAGE, IMAGE // 2),
    "gather": (lambda x: x.index_select(1, torch.zeros(2, dtype=torch.int64, device=x.device)), 2 * U + 16, 2 * U + 16),
    "fill": (lambda x: x.fill_(1.0), 0, IMAGE),
    "copy": (lambda x: x[:, :2].copy_(x[:, 2:4]), 2 * U, 2 * U),
    "new": (torch.empty_like, 0, 0),
}


@pytest.mark.parametrize("operators_only", [False, True], ids=["rules", "operators"])
@pytest.mark.parametrize("case", CASES)
def test_bytes_by_hand(case: str, operators_only: bool) -> None:
    row, read, written = CASES[case]
    found = moved(row, operators_only=operators_only)
    assert (found.read_bytes, found.written_bytes) == (read, written)


def test_elementwise_flops_of_a_row() -> None:
    found = moved(nn.Sequential(nn.BatchNorm2d(C), nn.SiLU(), nn.MaxPool2d(2)), operators_only=False)
    assert found.elementwise_flops == B * C * H * W * (2 + 1 + 1)
    assert found.executed == 0


@pytest.mark.parametrize("name", ["yolo11n", "yolo26n", "yolov10n", "rtdetr-l"])
def test_both_layers_of_the_engine_see_the_same_bytes_and_rows_sum_to_operators(name: str) -> None:
    model = ultralytics_model(name)
    graph = ultralytics_graph(model, (160, 160))
    quick = count(model, graph, (160, 160), 2)
    slow = count(model, graph, (160, 160), 2, operators_only=True)
    assert quick.rows == slow.rows
    assert quick.memory() == slow.memory()
    booked = [sums for tally in quick.tallies for sums in tally.operators.values()]
    for position, name in ((2, "elementwise_flops"), (3, "read_bytes"), (4, "written_bytes")):
        rows = (*quick.rows.values(), quick.outside)
        assert sum(sums[position] for sums in booked) == sum(getattr(row, name) for row in rows)


def test_narrow_types_move_half() -> None:
    assert bytes_in("float32", 10) == 10
    assert bytes_in("float16", 10) == bytes_in("bfloat16", 10) == 5
