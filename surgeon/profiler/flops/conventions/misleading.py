"""Where a figure that was extrapolated from small images misleads: by how much, in which modules, and why.

Compares what one set of rules finds at full size with what it extrapolates, module by module; prints nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from surgeon.profiler.flops.conventions.figure import ConventionFigure

NEGLIGIBLE = 1e-4
"""Share of the network's figure below which a difference is not worth a word."""

FIXED = "its cost does not grow with the image, and the extrapolation takes it to"
SLOWER = "its cost grows more slowly than the image's area, or is padded up on the small images"
FASTER = "its cost grows faster than the image's area"
UNSEEN = "it calls convolutions or products that thop has no rule for"


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One module, or one row with all that is in it.

    Attributes:
        path: Module path.
        printed: Operations in the printed figure.
        measured: The same rules at full size; where those miss work, the exact MACs.
        reason: One of the clauses above.
    """

    path: str
    printed: float
    measured: float
    reason: str

    @property
    def factor(self) -> float:
        """How many times its cost the printed figure holds; 0 for work that it misses."""
        return self.printed / self.measured if self.measured else float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Misleading:
    """A printed figure beside the one that the same rules give at full size.

    Attributes:
        printed: As Ultralytics prints it.
        measured: By thop's rules at full size.
        shares: Modules that differ, the largest difference first.
    """

    printed: ConventionFigure
    measured: ConventionFigure
    shares: tuple[Share, ...]

    @property
    def difference_gflops(self) -> float:
        """By how much the printed figure is too high; negative where it is too low."""
        return 2 * sum(share.printed - share.measured for share in self.shares) / 1e9

    def sentence(self, names: Mapping[str, str] | None = None, most: int = 2) -> str:
        """What to tell the user; empty where nothing misleads.

        Args:
            names: What to call a path, by path.
            most: How many modules are named.
        """
        if not self.shares:
            return ""
        high, width = self.printed.imgsz
        difference = self.difference_gflops
        more = "too many" if difference > 0 else "too few"
        named = "; ".join(_clause(share, names or {}) for share in self.shares[:most])
        rest = len(self.shares) - most
        others = f"; {rest} more modules differ" if rest > 1 else "; 1 more module differs" if rest == 1 else ""
        return (
            f"model.info() prints {_figure(self.printed.gflops)} GFLOPs at {high}x{width}, {_figure(abs(difference))} "
            f"{more}: {named}{others}."
        )


def misleading(
    printed: ConventionFigure,
    measured: ConventionFigure,
    *,
    owners: Iterable[str] = (),
    exact: Mapping[str, int] | None = None,
) -> Misleading:
    """Compare a printed figure with the same rules at full size.

    Args:
        printed: The convention ``ultralytics``.
        measured: The convention ``thop-full`` of the same network and image size.
        owners: Module paths (rows, planted blocks) under which work is summed up; the innermost counts. What is in
            none of them stands for itself.
        exact: Exact MACs by owner. Where thop's rules find less they miss work, which is then a difference too.

    Raises:
        ValueError: The figures are of different image sizes.
    """
    if printed.imgsz != measured.imgsz:
        raise ValueError(f"figures at {printed.imgsz} and at {measured.imgsz} cannot be compared")
    known = frozenset(owners)
    said, found, small = (_summed(part, known) for part in (printed.by_module, measured.by_module, printed.first))
    true = {path: max(found.get(path, 0), (exact or {}).get(path, 0)) for path in {*found, *(exact or {})}}
    least = NEGLIGIBLE * max(measured.macs, 1)
    shares = [
        Share(
            path=path,
            printed=said.get(path, 0),
            measured=true.get(path, 0),
            reason=_reason(said.get(path, 0), found.get(path, 0), true.get(path, 0), small.get(path, 0)),
        )
        for path in {*said, *true}
        if abs(said.get(path, 0) - true.get(path, 0)) > least
    ]
    shares.sort(key=lambda share: (-abs(share.printed - share.measured), share.path))
    return Misleading(printed=printed, measured=measured, shares=tuple(shares))


def _reason(printed: float, found: float, true: float, small: float) -> str:
    if true > found and abs(true - found) >= abs(printed - found):
        return UNSEEN
    if small == found:
        return FIXED
    return SLOWER if printed > found else FASTER


def _summed(by_module: Mapping[str, float], owners: frozenset[str]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for path, work in by_module.items():
        owner = _owner(path.split("."), owners)
        sums[owner] = sums.get(owner, 0) + work
    return sums


def _owner(parts: Sequence[str], owners: frozenset[str]) -> str:
    """The innermost owner that a module is in, else the module itself."""
    for length in range(len(parts), 0, -1):
        if (path := ".".join(parts[:length])) in owners:
            return path
    return ".".join(parts)


def _clause(share: Share, names: Mapping[str, str]) -> str:
    name = names.get(share.path, share.path) or "the network itself"
    if share.reason == UNSEEN and not share.printed:
        return f"{name} is missing, because {share.reason}"
    return f"{name} counts {_factor(share.factor)} times its cost, because {share.reason}"


def _factor(value: float) -> str:
    """Two digits, and near 1 as many as tell it from 1: shares that differ by less are left out."""
    if value >= 10:
        return f"{value:.0f}"
    texts = (f"{value:.{digits}g}" for digits in range(2, 7))
    return next((text for text in texts if float(text) != 1), f"{value:.6g}")


def _figure(gflops: float) -> str:
    """Three decimals, and below 0.01 as many as two digits need: of a tiny network it is not 0.000."""
    if gflops >= 10:
        return f"{gflops:.1f}"
    return f"{gflops:.{max(3, 1 - math.floor(math.log10(gflops))) if gflops else 3}f}"
