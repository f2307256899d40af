"""Helpers of the tests of training steps: functions as rows, and a chain of rows that is counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from profiler_support import chain_graph
from torch import Tensor, nn

from surgeon.profiler.flops.training import StepCount, TrainingCount, count_training

PIXELS = 12 * 10
MAP = 8 * PIXELS


class Do(nn.Module):
    """A function as a row, with parameters by name."""

    def __init__(self, function: Callable[..., Any], **parameters: Any) -> None:
        super().__init__()
        self.function = function
        for name, value in parameters.items():
            setattr(self, name, value if isinstance(value, nn.Module) else nn.Parameter(value))

    def forward(self, x: Tensor) -> Any:
        return self.function(self, x)


class LooksAtData(nn.Module):
    """Meta tensors cannot answer this, so that the pass falls back to the CPU."""

    def forward(self, x: Tensor) -> Tensor:
        return x if float(x.detach().sum()) > -1e9 else -x


def trained(*rows: nn.Module, on: str = "meta", batch: int = 1, **options: Any) -> TrainingCount:
    """Rows behind a convolution, so that what they read requires a gradient; the last one is of interest."""
    looks = [LooksAtData()] if on == "cpu" else []
    model = nn.Sequential(nn.Conv2d(3, 8, 1), *looks, *rows)
    found = count_training(model, chain_graph(model), (12, 10), batch, **options)
    assert found.counted_on == on
    parts = (*found.rows.values(), found.outside)
    assert found.counts.forward_macs == sum(part.forward_macs for part in parts)
    assert found.counts.input_gradient_macs == sum(part.input_gradient_macs for part in parts)
    assert found.counts.weight_gradient_macs == sum(part.weight_gradient_macs for part in parts)
    assert found.counts.forward_macs == sum(part.forward_macs for part in found.modules.values())
    assert found.counts.backward_macs == sum(part.backward_macs for part in found.modules.values())
    return found


def last(found: TrainingCount) -> tuple[int, int, int]:
    return cost(list(found.rows.values())[-1])


def cost(part: StepCount) -> tuple[int, int, int]:
    return part.forward_macs, part.input_gradient_macs, part.weight_gradient_macs
