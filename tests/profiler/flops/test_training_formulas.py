"""Users' formulas of modules in a training step: what they cover, forward and backward, and what the note says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from profiler_support import chain_graph
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from training_support import MAP, Do, cost, last, trained

import surgeon
from surgeon.profiler.flops.count import count
from surgeon.profiler.flops.registry import _OF_MODULES
from surgeon.profiler.flops.training import NOTE, count_training

COVERED = (
    "; what no formula of an operator covers in Mixer is taken from the formula registered for the module, and its "
    "backward as 2x that (1x where only inputs or only weights need a gradient)"
)


@torch.library.custom_op("trainingtest::mix", mutates_args=())
def mix(x: Tensor) -> Tensor:
    return x.clone()


@torch.library.custom_op("trainingtest::mix_backward", mutates_args=())
def mix_backward(gradient: Tensor) -> Tensor:
    return gradient.clone()


mix.register_fake(torch.empty_like)
mix_backward.register_fake(torch.empty_like)
mix.register_autograd(lambda ctx, gradient: mix_backward(gradient))


class Mixer(nn.Module):
    """A convolution that is counted, and an operator that nobody knows."""

    def __init__(self, *, convolves: bool = True, mixes: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 1, bias=False) if convolves else nn.Identity()
        self.mixes = mixes

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return mix(x) if self.mixes else x


@pytest.fixture(autouse=True)
def formula() -> Iterator[None]:
    """Of a mixer: 100 MACs a value, 8 of which are its convolution's."""
    before = dict(_OF_MODULES)
    surgeon.register_macs(Mixer)(lambda module, inputs, output: 100 * output.numel())
    yield
    _OF_MODULES.clear()
    _OF_MODULES.update(before)


def test_a_formula_covers_what_nobody_can_count_and_twice_that_backwards() -> None:
    found = trained(Mixer())
    assert last(found) == (100 * MAP,) * 3
    assert found.counts.uncounted == ()
    assert found.counts.note == NOTE + COVERED
    assert (cost(found.modules["1.conv"]), cost(found.modules["1"])) == ((8 * MAP,) * 3, (92 * MAP,) * 3)


def test_without_a_formula_the_same_is_listed() -> None:
    surgeon.unregister_macs(Mixer)
    found = trained(Mixer())
    assert last(found) == (8 * MAP,) * 3
    assert found.counts.uncounted == ("trainingtest::mix in 1", "trainingtest::mix_backward in 1")
    assert found.counts.note == NOTE


def test_a_formula_that_nothing_needs_is_named_and_not_used() -> None:
    found = trained(Mixer(mixes=False))
    assert last(found) == (8 * MAP,) * 3
    assert found.counts.note == (
        f"{NOTE}; the formula registered for Mixer is not used, since all operators in it have formulas and were "
        "counted as they ran"
    )


def test_the_backward_has_a_part_for_each_gradient_that_is_needed() -> None:
    assert last(trained(Mixer(convolves=False))) == (100 * MAP, 200 * MAP, 0)  # a product of two maps
    frozen = Mixer().requires_grad_(False)
    assert last(trained(frozen)) == (100 * MAP, 100 * MAP, 0)
    model = nn.Sequential(Mixer())
    model[0].conv = nn.Conv2d(3, 8, 1, bias=False)
    first = count_training(model, chain_graph(model), (12, 10)).counts
    assert (first.input_gradient_macs, first.weight_gradient_macs) == (0, 100 * MAP)


def test_the_forward_is_what_an_inference_calls_executed() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 1), Mixer(), Mixer(mixes=False))
    executed = count(model, chain_graph(model), (12, 10)).counts.executed
    assert count_training(model, chain_graph(model), (12, 10)).counts.forward_macs == executed == (3 + 100 + 8) * MAP


def test_the_outermost_formula_speaks_and_others_stay_listed() -> None:
    class Outer(Do):
        pass

    surgeon.register_macs(Outer)(lambda module, inputs, output: 1000 * output.numel())
    found = trained(Mixer(), Outer(lambda self, x: self.inner(x), inner=Mixer()), Do(lambda self, x: mix(x)))
    assert [cost(row)[0] for row in found.rows.values()] == [3 * MAP, 100 * MAP, 1000 * MAP, 0]
    assert found.counts.uncounted == ("trainingtest::mix in 3", "trainingtest::mix_backward in 3")
    assert "covers in Mixer, Outer is taken" in found.counts.note


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointing_derives_once(reentrant: bool) -> None:
    def checkpointed(self: Any, x: Tensor) -> Any:
        return checkpoint(self.inner, x, use_reentrant=reentrant)

    found = trained(Do(checkpointed, inner=nn.Sequential(Mixer(), nn.Conv2d(8, 8, 1))))
    again = 8 * MAP if reentrant else 0  # the other way stops where it has what it needs
    assert last(found) == (2 * 100 * MAP + 8 * MAP + again, 108 * MAP, 108 * MAP)
    assert found.counts.uncounted == ()
