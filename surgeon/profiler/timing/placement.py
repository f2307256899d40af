"""Copies of networks at other memory addresses: where weights and maps lie changes a network's time by per cents."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from surgeon.profiler.timing.runner import Runner

_LARGEST_SHIFT_BYTES = 1 << 24


@dataclass(frozen=True, slots=True)
class Placement:
    """Copies that are run together.

    Attributes:
        runners: One a network, in the networks' order.
        shift: The allocation that moved them; as long as it lives, nothing else takes its place.
    """

    runners: tuple[Runner, ...]
    shift: Tensor


def placed_anew(runners: Sequence[Runner], rng: random.Random) -> Placement:
    """Copy every network in random order behind an allocation of random size, so that addresses differ.

    Args:
        runners: At least one, all on the same device.
        rng: Of size and order.
    """
    size = rng.randrange(_LARGEST_SHIFT_BYTES)
    shift = torch.empty(size, dtype=torch.uint8, device=runners[0].images.device)
    copies = {arm: runners[arm].on_a_copy() for arm in rng.sample(range(len(runners)), len(runners))}
    return Placement(tuple(copies[arm] for arm in sorted(copies)), shift)
