"""The four figures by row that a reader can choose from: params, GFLOPs, latency, activation memory."""

from __future__ import annotations

import math
from dataclasses import dataclass

from surgeon.profiler.results import LayerProfile, ProfileResult
from surgeon.report import units
from surgeon.report.page.network import Drawing


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure of one row: its size for a bar, None where there is none, and its text."""

    size: float | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One choice of figures.

    Attributes:
        key: Stable name (``params``).
        title: What the reader chooses by, with the unit.
        counted: What the figure counts, a sentence.
        before, after: The figure of each box in the baseline and in the network, None where it has no such row.
    """

    key: str
    title: str
    counted: str
    before: tuple[Figure | None, ...]
    after: tuple[Figure | None, ...]

    @property
    def known(self) -> bool:
        """Whether there is anything to show."""
        return any(one is not None and one.size is not None for one in (*self.before, *self.after))

    @property
    def most(self) -> float:
        """The largest figure, which fills a bar."""
        return max((one.size for one in (*self.before, *self.after) if one and one.size), default=0.0) or 1.0


KEYS = ("params", "flops", "latency", "memory")
TITLES = {"params": "params", "flops": "GFLOPs", "latency": "latency, ms", "memory": "activation memory, MiB"}
_COUNTED = {
    "params": "parameters of the unfused network",
    "flops": "convolutions, linear layers, matrix products and attention, 1 MAC = 2 FLOPs, without elementwise work",
    "latency": "mean share of the row x the end-to-end median, ± half of its 95 % interval",
    "memory": "most bytes alive at once while the row runs, predicted from shapes, with what earlier rows left behind",
}


def measures_of(drawing: Drawing, network: ProfileResult, baseline: ProfileResult | None = None) -> tuple[Measure, ...]:
    """The four choices for a drawing, those without figures included.

    Args:
        drawing: The boxes.
        network: Where the figures of `Box.after` come from.
        baseline: Where those of `Box.before` come from, None without one.
    """
    return tuple(
        Measure(
            key=key,
            title=TITLES[key],
            counted=_COUNTED[key],
            before=tuple(_figure(key, box.before, baseline) for box in drawing.boxes),
            after=tuple(_figure(key, box.after, network) for box in drawing.boxes),
        )
        for key in KEYS
    )


def _figure(key: str, row: LayerProfile | None, result: ProfileResult | None) -> Figure | None:
    if row is None or result is None:
        return None
    if key == "params":
        return Figure(size=row.params, text=units.count(row.params))
    if key == "flops":
        return Figure(size=row.macs, text=units.gflops_brief(row.macs))
    if key == "latency":
        spread = row.latency_plus_minus_ms
        known = spread is not None and math.isfinite(spread)
        text = units.ms_brief(row.latency_ms) + (f" ± {units.ms_brief(spread)}" if known else "")
        return Figure(size=row.latency_ms, text=text)
    peaks = {} if result.activation is None else result.activation.row_peaks
    alive = peaks.get(row.key)
    return Figure(size=alive, text=units.NOTHING if alive is None else units.mib_brief(alive))
