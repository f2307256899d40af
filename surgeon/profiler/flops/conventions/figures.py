"""The conventions: one figure each, from the passes that it takes.

``thop-full`` is one pass at the image size. ``ultralytics`` and ``legacy`` extrapolate from small images, as the
programs do whose figures they reproduce; that is where they go wrong on networks whose cost is no such function of
the image size.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from torch import nn
from torch.nn.modules import pooling

from surgeon.errors import MeasurementError
from surgeon.profiler.flops.conventions.figure import ConventionFigure, Observation, Size
from surgeon.profiler.flops.conventions.legacy_rules import RELEASES
from surgeon.profiler.flops.conventions.observer import LegacyObserver, MakeObserver, ThopObserver
from surgeon.profiler.flops.passes import Pass, Passes, Shape
from surgeon.profiler.inputs import input_channels

_FIXED_COST = (
    *(nn.Linear, nn.Bilinear, pooling._AdaptiveAvgPoolNd, pooling._AdaptiveMaxPoolNd),
    *(nn.RNNBase, nn.RNNCell, nn.GRUCell, nn.LSTMCell),
)
"""Modules whose presence makes thop fit a line instead of a proportion: their cost may not depend on the size."""
_PROPORTION, _LINE, _PARABOLA = 1, 2, 4
"""Samples that thop takes: the fourth of a parabola checks it."""


class ProxyPlan(Protocol):
    """From which small images a figure is extrapolated; the model's own library decides."""

    @property
    def stride(self) -> int:
        """Side in pixels of the smallest image, one cell."""

    @property
    def min_cells(self) -> int:
        """Width in cells of the first image; the following ones are one cell wider each."""

    @property
    def channels(self) -> int:
        """Channels of the image."""


def observe(passes: Passes, shape: Shape, make: MakeObserver = ThopObserver) -> tuple[Pass, Observation]:
    """One pass, and what the rules of another counter find in it.

    Raises:
        MeasurementError: The network cannot run on such images.
    """
    observers = []

    def observer(twin: nn.Module) -> Any:
        observers.append(make(twin))
        return observers[-1]

    seen = passes.run(shape, observer)
    return seen, observers[-1].observation()


def thop_full(network: nn.Module, imgsz: Size, *, batch: int = 1, passes: Passes | None = None) -> ConventionFigure:
    """Thop's rules at the true image size.

    Args:
        network: It is only read.
        imgsz: Image size ``(H, W)`` in pixels.
        batch: Batch size.
        passes: Of this network; for several figures, one object saves twins.

    Raises:
        MeasurementError: The network cannot run at this size.
    """
    with _passes(network, passes) as run:
        return measured("thop-full", imgsz, observe(run, (batch, input_channels(network), *imgsz))[1])


def ultralytics(network: nn.Module, imgsz: Size, plan: ProxyPlan, *, passes: Passes | None = None) -> ConventionFigure:
    """What ``model.info(imgsz=imgsz)`` prints: thop's rules on small images, extrapolated.

    Images are one cell high and k, k + 1 … cells wide. A proportion, a line or a parabola through them, by what the
    network contains, gives the figure; where a parabola misses its fourth sample, where the image is no multiple of a
    cell or hardly larger than the small ones, the network is measured at full size.

    Raises:
        MeasurementError: The network cannot run at this size.
    """
    with _passes(network, passes) as run:
        return _printed(network, imgsz, plan, run)


def _printed(network: nn.Module, imgsz: Size, plan: ProxyPlan, passes: Passes) -> ConventionFigure:
    samples, sizes = _samples(network, imgsz, plan, passes)
    if samples and (len(samples) < _PARABOLA or _third_difference([s.total for s in samples]) == 0):
        cells = (imgsz[0] // plan.stride) * (imgsz[1] // plan.stride)
        return ConventionFigure(
            convention="ultralytics",
            imgsz=imgsz,
            macs=_extrapolate([s.total for s in samples], cells, plan.min_cells),
            by_module=_by_module(samples, cells, plan.min_cells),
            measured_at=sizes,
            first=samples[0].by_module,
        )
    return measured("ultralytics", imgsz, observe(passes, (1, plan.channels, *imgsz))[1])


def legacy(
    network: nn.Module, imgsz: Size, plan: ProxyPlan, *, release: str = "2.0.18", passes: Passes | None = None
) -> ConventionFigure:
    """What older Ultralytics printed: one image of one cell, scaled by area; at full size where that cannot run.

    Args:
        network: It is only read.
        imgsz: Image size ``(H, W)`` in pixels.
        plan: A network that needs more than one cell (RT-DETR) could not run on one, and was run at full size.
        release: Of ultralytics-thop: ``2.0.18``, or ``2.0.0``, which counted transposed convolutions 4 times.
        passes: As in `thop_full`.

    Raises:
        MeasurementError: The network cannot run at this size.
    """
    rules = RELEASES[release]

    def observer(twin: nn.Module) -> LegacyObserver:
        return LegacyObserver(twin, rules)

    side = plan.stride
    seen = None
    with _passes(network, passes) as run:
        if plan.min_cells == 1:  # a decoder of that time could not select more queries than an image had anchors
            with contextlib.suppress(MeasurementError):
                _, seen = observe(run, (1, plan.channels, side, side), observer)
        if seen is None:
            return measured("legacy", imgsz, observe(run, (1, plan.channels, *imgsz), observer)[1])
    area = imgsz[0] / side * imgsz[1] / side
    return ConventionFigure(
        convention="legacy",
        imgsz=imgsz,
        macs=seen.total * area,
        by_module={path: work * area for path, work in seen.by_module.items()},
        measured_at=((side, side),),
        first=seen.by_module,
    )


def _passes(network: nn.Module, passes: Passes | None) -> AbstractContextManager[Passes]:
    """Those given, or new ones to be closed."""
    return Passes(network) if passes is None else contextlib.nullcontext(passes)


def measured(convention: str, imgsz: Size, seen: Observation) -> ConventionFigure:
    """The figure of a pass at the image size itself."""
    return ConventionFigure(
        convention=convention,
        imgsz=imgsz,
        macs=seen.total,
        by_module=seen.by_module,
        measured_at=(imgsz,),
        first=seen.by_module,
    )


def _samples(
    network: nn.Module, imgsz: Size, plan: ProxyPlan, passes: Passes
) -> tuple[list[Observation], tuple[Size, ...]]:
    """Observations of the small images, none where thop does not use any or one of them fails."""
    stride, first = plan.stride, plan.min_cells
    wanted = _wanted(network)
    cells = (imgsz[0] // stride) * (imgsz[1] // stride)
    planned = wanted * first + wanted * (wanted - 1) // 2
    if imgsz[0] % stride or imgsz[1] % stride or 4 * planned > cells:
        return [], ()
    samples: list[Observation] = []
    sizes: list[Size] = []
    try:
        # One functional product seen turns whatever was planned into a parabola.
        while len(samples) < (_PARABOLA if samples and samples[-1].functional else wanted):
            sizes.append((stride, stride * (first + len(samples))))
            samples.append(observe(passes, (1, plan.channels, *sizes[-1]))[1])
    except MeasurementError:
        return [], ()
    return samples, tuple(sizes)


def _wanted(network: nn.Module) -> int:
    if any(isinstance(module, nn.MultiheadAttention) for module in network.modules()):
        return _PARABOLA
    return _LINE if any(isinstance(module, _FIXED_COST) for module in network.modules()) else _PROPORTION


def _third_difference(values: Sequence[float]) -> float:
    return values[3] - 3 * values[2] + 3 * values[1] - values[0]


def _extrapolate(values: Sequence[float], cells: int, first: int) -> float:
    """The value at ``cells`` cells of what is known at ``first``, ``first + 1`` … cells (Newton's forward form)."""
    steps = cells - first
    slope = values[1] - values[0] if len(values) > 1 else values[0] / first
    bend = values[2] - 2 * values[1] + values[0] if len(values) > 2 else 0
    return values[0] + steps * slope + steps * (steps - 1) // 2 * bend


def _by_module(samples: Sequence[Observation], cells: int, first: int) -> Mapping[str, float]:
    """The same extrapolation for each module: it is linear in what was counted, so the parts sum to the whole."""
    paths = {path for sample in samples for path in sample.by_module}
    return {path: _extrapolate([s.by_module.get(path, 0) for s in samples], cells, first) for path in sorted(paths)}
