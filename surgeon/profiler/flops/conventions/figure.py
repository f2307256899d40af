"""What a convention says of a network: data, torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Size = tuple[int, int]
"""Image size ``(H, W)`` in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What thop's rules count in one forward pass.

    Attributes:
        by_module: Operations by path of the module that ran them; modules without any are absent.
        functional: Those of them that functional products ran, outside every module that has a rule.
    """

    by_module: Mapping[str, float]
    functional: float

    @property
    def total(self) -> float:
        """Sum over the modules."""
        return sum(self.by_module.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class ConventionFigure:
    """A figure under a convention that is not surgeon's own.

    Attributes:
        convention: ``ultralytics``, ``thop-full`` or ``legacy``.
        imgsz: Image size that the figure is for.
        macs: Operations as the convention counts them, a multiply-accumulate as one.
        by_module: The same by module path; sums to ``macs``.
        measured_at: Image sizes at which the network was run. One that is not ``imgsz`` was extrapolated from.
        first: What was counted at the first of them, by module path.
    """

    convention: str
    imgsz: Size
    macs: float
    by_module: Mapping[str, float]
    measured_at: tuple[Size, ...]
    first: Mapping[str, float]

    @property
    def gflops(self) -> float:
        """GFLOPs as Ultralytics prints them, 2 operations a MAC; rounded in the order in which it computes them."""
        return self.macs / 1e9 * 2

    @property
    def extrapolated(self) -> bool:
        """Whether the figure comes from images of another size."""
        return self.imgsz not in self.measured_at
