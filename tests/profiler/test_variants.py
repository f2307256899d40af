"""Variants: checked against eager and timed in the same blocks. No test waits for a clock."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from profiler_support import FakeClock
from torch import Tensor, nn

from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.variants.agreement import agreement, outputs_of
from surgeon.profiler.variants.eager import Eager
from surgeon.profiler.variants.half import Half
from surgeon.profiler.variants.names import VARIANTS, ordered
from surgeon.profiler.variants.table import variants_of
from surgeon.profiler.variants.timing import time_variants
from surgeon.profiler.variants.variant import Built, Variant

SETTINGS = ProfileSettings(imgsz=(8, 8), time_budget_s=2.0, precision=0.01)
IMAGES = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))


class Timed(nn.Module):
    """Adds milliseconds of a fake clock to a network, which it may falsify."""

    def __init__(self, clock: FakeClock, ms: float, made: Callable[[Tensor], object] = lambda x: x) -> None:
        super().__init__()
        self.clock, self.ms, self.made = clock, ms, made

    def forward(self, x: Tensor) -> object:
        self.clock.ms += self.ms
        return self.made(x)


class Made:
    """A variant by hand."""

    def __init__(self, name: str, module: nn.Module, cost: Callable[[], object] = lambda: None) -> None:
        self.name, self.module, self.cost = name, module, cost

    def build(self, module: nn.Module, images: Tensor, settings: ProfileSettings) -> Built | str:
        self.cost()
        return Built(module=self.module, precision="float32")


def test_the_blocks_are_those_of_a_comparison() -> None:
    clock = FakeClock()

    def build() -> None:
        clock.ms += 4000

    eager = Timed(clock, 10.0)
    variants = (Eager(), Made("compile", Timed(clock, 8.0), build), Made("bf16", Timed(clock, 10.02)))
    base, fast, equal = time_variants(variants, eager, IMAGES, SETTINGS, clock)
    assert (base.name, base.median_ms, base.paired, base.difference) == ("eager", pytest.approx(10.0), None, None)
    assert fast.paired is not None and equal.paired is not None
    assert (fast.paired.ratio, fast.paired.verdict) == (pytest.approx(0.8), "faster")
    assert (equal.paired.ratio, equal.paired.verdict) == (pytest.approx(1.002), "tiny")
    assert fast.paired.pairs == equal.paired.pairs >= 10
    assert fast.paired.elapsed_s < 2.5  # the four seconds of building are apart
    assert (fast.build_s, equal.build_s) == (pytest.approx(4.008), pytest.approx(0.01002))
    assert (fast.difference, fast.relative, fast.same_network) == (0.0, 0.0, True)


@pytest.mark.parametrize(
    ("made", "difference"),
    [(lambda x: x * 1.01, 0.01), (lambda x: x / 0 * 0, math.inf), (lambda x: x[:, :2], math.inf)],
)
def test_another_network_is_timed_and_marked(made: Callable[[Tensor], Tensor], difference: float) -> None:
    clock = FakeClock()
    variants = (Eager(), Made("compile", Timed(clock, 5.0, made)))
    other = time_variants(variants, Timed(clock, 10.0), IMAGES, SETTINGS, clock)[1]
    assert other.same_network is False
    assert other.relative == pytest.approx(difference, rel=1e-3)
    assert other.paired is not None and other.paired.verdict == "faster"


def test_what_cannot_be_built_is_a_row_and_nothing_else_stops() -> None:
    clock = FakeClock()

    def fail() -> None:
        raise RuntimeError("InvalidCxxCompiler: none found\nand a long trace")

    variants: tuple[Variant, ...] = (
        Eager(),
        Made("compile", Timed(clock, 1.0), fail),
        Half(),
        Made("bf16", Timed(clock, 5.0)),
    )
    _, broken, absent, there = time_variants(variants, Timed(clock, 10.0), IMAGES, SETTINGS, clock)
    assert broken.missing == "it cannot be built (InvalidCxxCompiler: none found)"
    assert absent.missing == "float16 is timed on a CUDA device only, and the device is cpu"
    assert there.paired is not None and there.paired.ratio == pytest.approx(0.5)


def test_an_interrupt_keeps_what_is_known() -> None:
    clock = FakeClock()

    def interrupt() -> None:
        raise KeyboardInterrupt

    variants = (Eager(), Made("bf16", Timed(clock, 5.0)), Made("compile", Timed(clock, 5.0), interrupt), Half())
    found = time_variants(variants, Timed(clock, 10.0), IMAGES, SETTINGS, clock)
    assert [one.missing for one in found] == ["not timed: interrupted"] * 2 + ["interrupted"] * 2
    assert found[1].same_network is True
    clock.fail_after = clock.runs + 60
    cut = time_variants(variants[:2], Timed(clock, 10.0), IMAGES, replace(SETTINGS, precision=0.0), clock)[1]
    assert cut.paired is not None and cut.paired.stopped_by == "interrupt" and 0 < cut.paired.pairs < 30


def test_the_table_is_in_order_and_eager_always_there() -> None:
    assert [one.name for one in variants_of(tuple(VARIANTS), None)] == list(VARIANTS)
    assert ordered(("openvino", "bf16")) == ("eager", "bf16", "openvino")
    with pytest.raises(KeyError):
        ordered(("tensorrt",))


def test_outputs_are_compared_each_with_its_like() -> None:
    one, two = torch.tensor([1.0, -4.0]), torch.tensor([[0.5]])
    assert agreement([one, two], [two]).note == "compared in 1 of eager's 2 outputs"
    seen = agreement([one, two], [one + 0.1, two])
    assert (seen.difference, seen.relative) == (pytest.approx(0.1), pytest.approx(0.025))
    infinite = torch.tensor([math.inf, math.nan, 1.0])
    assert agreement([infinite], [infinite.clone()]).difference == 0
    assert agreement([one], [torch.tensor([math.nan, -4.0])]).difference == math.inf
    assert agreement([one], []).note == "it puts out no floating-point tensor"
    assert outputs_of(nn.Identity(), one)[0].equal(one)
