"""A budget as data: which models it is for, under which settings they are measured, and what they may cost."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from surgeon.profiler.settings import ProfileSettings

Quantity = Literal["flops", "macs", "params", "memory", "latency"]
OnInconclusive = Literal["pass", "warn", "fail"]

QUANTITIES: tuple[Quantity, ...] = ("flops", "macs", "params", "memory", "latency")
ON_INCONCLUSIVE: tuple[OnInconclusive, ...] = ("pass", "warn", "fail")
CONVENTIONS = ("flops", "executed", "ultralytics", "thop-full", "legacy")
"""How FLOPs are counted: 2 x MACs as the blocks define them; 2 x what the operators run; what ``model.info()`` prints;
thop's rules at the image size; what Ultralytics printed before it counted attention."""
_DETAILED = ("thop-full", "legacy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What one figure may be at most.

    Attributes:
        quantity: What is limited.
        relative: Whether to the baseline's figure.
        value: The limit: FLOPs, MACs, parameters or bytes; a ratio candidate / baseline where it is relative.
        text: As it was written (``9.2G``).
        where: Where it was written: ``surgeon.toml, budget 1`` or ``--max-flops``.
    """

    quantity: Quantity
    relative: bool
    value: Fraction
    text: str
    where: str = ""

    @property
    def key(self) -> str:
        """``max-flops``, ``max-flops-ratio``."""
        return limit_key(self.quantity, relative=self.relative)


def limit_key(quantity: str, *, relative: bool) -> str:
    """The key of a limit in a file; with two dashes before it, the option."""
    return f"max-{quantity}{'-ratio' if relative else ''}"


def limit_keys() -> tuple[str, ...]:
    """Every key of a limit. There is none of a latency in ms: one process's times say nothing about another's."""
    absolute = tuple(limit_key(quantity, relative=False) for quantity in QUANTITIES if quantity != "latency")
    return absolute + tuple(limit_key(quantity, relative=True) for quantity in QUANTITIES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What some models may cost.

    Attributes:
        name: For reports.
        where: Where it was written, for messages.
        globs: Which models it is for; empty for all that are given.
        limits: At least one.
        baseline: A model, or a saved result (``.json``), that relative limits refer to.
        convention: How FLOPs are counted, one of `CONVENTIONS`.
        confidence: Of the interval of a latency ratio.
        on_inconclusive: What an inconclusive latency means for the exit code.
        imgsz: Image size ``(H, W)`` in pixels.
        batch: Batch size.
        device: ``cpu``, ``cuda``, ``cuda:0`` ...
        half: Whether float16 is measured instead of float32.
        threads: CPU threads while timing.
        time_budget_s: Seconds of timing for each pair, None for the default.
    """

    name: str
    where: str
    limits: tuple[Limit, ...]
    globs: tuple[str, ...] = ()
    baseline: str | None = None
    convention: str = "flops"
    confidence: float = 0.95
    on_inconclusive: OnInconclusive = "warn"
    imgsz: tuple[int, int] = (640, 640)
    batch: int = 1
    device: str = "cpu"
    half: bool = False
    threads: int = 1
    time_budget_s: float | None = None

    @property
    def timed(self) -> bool:
        """Whether a latency is limited."""
        return any(limit.quantity == "latency" for limit in self.limits)

    @property
    def relative(self) -> bool:
        """Whether a limit refers to the baseline."""
        return any(limit.relative for limit in self.limits)

    @property
    def saved_baseline(self) -> bool:
        """Whether the baseline is a saved result and no model."""
        return self.baseline is not None and self.baseline.lower().endswith(".json")

    def settings(self) -> ProfileSettings:
        """What has to be measured for it."""
        return ProfileSettings(
            imgsz=self.imgsz,
            batch=self.batch,
            device=self.device,
            dtype="float16" if self.half else "float32",
            latency=self.timed,
            threads=self.threads,
            time_budget_s=self.time_budget_s,
            detail=self.convention in _DETAILED and any(limit.quantity == "flops" for limit in self.limits),
        )
