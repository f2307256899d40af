"""Copies of both networks in float32, all gates open, for the checks that change what they look at."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from surgeon.graph.network import Network
from surgeon.surgery.checks.gates import gate_of
from surgeon.surgery.checks.passes import Passes, Seen, Size

TOLERANCE = 1e-5
"""Largest relative difference between two ways of computing one network, where the unedited one reaches it too."""
_SLACK = 3
"""How many times the unedited network's own difference is allowed where that is larger."""


def open_copy(passes: Passes) -> Network:
    """A copy of the edited network with every gate at 1."""
    copied = passes.after.copied()
    for path in passes.plan.planted.values():
        gate = gate_of(copied.module.get_submodule(path))
        if gate is not None:
            gate.data.fill_(1.0)
    return copied


def image_of(network: Network, size: Size, batch: int = 1) -> Tensor:
    """Random pixels ``(B, C, H, W)`` in 0 … 1, float32 on the CPU, the same in every process."""
    generator = torch.Generator().manual_seed(0)
    return torch.rand(batch, network.in_channels, *size, generator=generator)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How far two ways of computing one network differ, each relative to the largest value of its tensor.

    Attributes:
        features: What enters the head.
        outputs: What the network puts out. Heads that sort (RT-DETR, end-to-end ones) can swap equal candidates.
    """

    features: float
    outputs: float

    def within(self, baseline: Difference) -> bool:
        """Whether the edited network differs no more than allowed, given how far the unedited one does."""
        pairs = ((self.features, baseline.features), (self.outputs, baseline.outputs))
        return all(found <= allowed(reference) for found, reference in pairs)

    def beside(self, baseline: Difference) -> str:
        """Both networks' figures, and what was allowed."""
        return "; ".join(
            f"{name} {found:.1e} (unedited network {reference:.1e}, allowed {allowed(reference):.0e})"
            for name, found, reference in (
                ("what enters the head", self.features, baseline.features),
                ("output", self.outputs, baseline.outputs),
            )
        )

    def worse(self, other: Difference) -> Difference:
        """The larger of both, each."""
        return Difference(features=max(self.features, other.features), outputs=max(self.outputs, other.outputs))


NONE = Difference(features=0.0, outputs=0.0)


def allowed(baseline: float) -> float:
    """How far two ways of computing the edited network may differ, given how far they do for the unedited one."""
    return max(TOLERANCE, _SLACK * baseline)


def difference(a: Seen, b: Seen) -> Difference:
    """How far two passes differ.

    A folded end-to-end head puts out less than it did: as many outputs count as have the same shape.
    """
    outputs = list(zip(a.outputs, b.outputs, strict=False))
    alike = next((i for i, (x, y) in enumerate(outputs) if x.shape != y.shape), len(outputs))
    if len(a.features) != len(b.features) or not alike:
        return Difference(features=math.inf, outputs=math.inf)
    return Difference(
        features=max((_relative(x, y) for x, y in zip(a.features, b.features, strict=True)), default=0.0),
        outputs=max((_relative(x, y) for x, y in outputs[:alike]), default=0.0),
    )


def _relative(x: Tensor, y: Tensor) -> float:
    if x.shape != y.shape:
        return math.inf
    if not x.is_floating_point() or not x.numel():
        return 0.0
    scale, largest = float(x.double().abs().max()), float((x.double() - y.double()).abs().max())
    found = largest / scale if scale else (0.0 if largest == 0 else math.inf)
    return math.inf if math.isnan(found) else found
