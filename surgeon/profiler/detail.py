"""Every convention's figure of one network, unfused and fused, and its counts by module and operator."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass

from torch import nn

from surgeon.errors import MeasurementError
from surgeon.profiler.figures import Detail, Figure, ModuleFigures, OperatorFigures, Reconciliation
from surgeon.profiler.flops.conventions.explain import reconcile
from surgeon.profiler.flops.conventions.figure import ConventionFigure
from surgeon.profiler.flops.conventions.figures import ProxyPlan, legacy, measured, observe, ultralytics
from surgeon.profiler.flops.count import ModelCount, count_of
from surgeon.profiler.flops.ledger import Tally
from surgeon.profiler.flops.passes import Passes
from surgeon.profiler.inputs import Forward, input_channels
from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.subject import Subject

_NOT_ULTRALYTICS = "Ultralytics has no figure for this network"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The figures of one form of a network.

    Attributes:
        model: The exact count at the settings' batch.
        single: The same of one image.
        full: Thop's rules at the image size, one image.
        printed: What ``model.info()`` prints, None where nothing is.
        old: What older releases printed, None likewise.
    """

    model: ModelCount
    single: ModelCount
    full: ConventionFigure
    printed: ConventionFigure | None
    old: ConventionFigure | None


def find(
    module: nn.Module,
    rows: Iterable[str],
    settings: ProfileSettings,
    plan: ProxyPlan | None,
    passes: Passes,
) -> Found:
    """Count a network once, or where the batch is larger than 1 twice, and ask the other conventions.

    Args:
        module: The network.
        rows: Module paths of its rows.
        settings: Image size, batch, and whether every convention is wanted.
        plan: The small images of its library, None where it has none.
        passes: Of the network.

    Raises:
        MeasurementError: The network cannot be copied, or cannot run at this size.
    """
    rows, channels, imgsz = list(rows), input_channels(module), settings.imgsz
    seen, observation = observe(passes, (settings.batch, channels, *imgsz))
    model = single = count_of(seen, rows)
    if settings.batch > 1:
        seen, observation = observe(passes, (1, channels, *imgsz))
        single = count_of(seen, rows)
    printed = None if plan is None else ultralytics(module, imgsz, plan, passes=passes)
    old = legacy(module, imgsz, plan, passes=passes) if plan is not None and settings.detail else None
    full = measured("thop-full", imgsz, observation)
    return Found(model=model, single=single, full=full, printed=printed, old=old)


def detail_of(subject: Subject, settings: ProfileSettings, found: Found, forward: Forward | None) -> Detail:
    """Everything that the passes say of a network; the fused form is made and counted here.

    Args:
        subject: The network.
        settings: Image size and batch.
        found: What its unfused form was found to cost.
        forward: How to run it.

    Raises:
        MeasurementError: The fused form cannot run.
    """
    figures = [*_figures(found, settings, fused=False), *_fused(subject, settings, forward)]
    elementwise = sum(tally.elementwise for tally in found.model.tallies)
    return Detail(
        figures=tuple(figures),
        reconciliation=_reconciliation(subject.module, found),
        modules=tuple(_modules(subject.module, found.model.tallies)),
        operators=tuple(_operators(found.model.tallies)),
        elementwise_flops=elementwise,
    )


def _fused(subject: Subject, settings: ProfileSettings, forward: Forward | None) -> list[Figure]:
    if subject.prepare is None:
        return []
    try:
        module = subject.prepare(copy.deepcopy(subject.module).eval()).eval()
    except Exception as error:
        raise MeasurementError(f"{subject.name} cannot be fused for counting: {error}") from error
    plan = None if subject.proxies is None else subject.proxies(module)
    with Passes(module, name=f"{subject.name}, fused,", forward=forward) as passes:
        return _figures(find(module, (), settings, plan, passes), settings, fused=True)


def _figures(found: Found, settings: ProfileSettings, *, fused: bool) -> list[Figure]:
    counts = found.model.counts
    elementwise = sum(tally.elementwise for tally in found.model.tallies)
    own = {
        "macs": (counts.macs, "MACs"),
        "executed": (counts.executed, "MACs"),
        "flops": (2 * counts.macs, "FLOPs"),
        "flops+elementwise": (2 * counts.macs + elementwise, "FLOPs"),
    }
    figures = [
        Figure(
            convention=name,
            fused=fused,
            batch=settings.batch,
            value=float(value),
            unit=unit,
            measured_at=(settings.imgsz,),
        )
        for name, (value, unit) in own.items()
    ]
    others = {"ultralytics": found.printed, "thop-full": found.full, "legacy": found.old}
    return figures + [_other(name, figure, fused=fused) for name, figure in others.items()]


def _other(name: str, figure: ConventionFigure | None, *, fused: bool) -> Figure:
    if figure is None:
        return Figure(convention=name, fused=fused, batch=1, value=None, unit="FLOPs", note=_NOT_ULTRALYTICS)
    value, sizes = 2 * float(figure.macs), figure.measured_at
    return Figure(convention=name, fused=fused, batch=1, value=value, unit="FLOPs", measured_at=sizes)


def _reconciliation(module: nn.Module, found: Found) -> Reconciliation | None:
    if found.printed is None:
        return None
    exact: dict[str, int] = {}
    for tally in found.single.tallies:
        exact[tally.path] = exact.get(tally.path, 0) + tally.macs
    named = dict(module.named_modules())
    kinds = {path: type(one).__name__ for path, one in named.items()}
    blocks = [path for path, one in named.items() if callable(getattr(one, "definition_cost", None))]
    return reconcile(exact, kinds, blocks, found.full, found.printed)


def _modules(module: nn.Module, tallies: Iterable[Tally]) -> list[ModuleFigures]:
    """In the order of the tree, each with all that is in it; what cost nothing and has no parameters is left out."""
    sums: dict[str, list[int]] = {}
    for tally in tallies:
        parts = tally.path.split(".") if tally.path else []
        for end in range(len(parts) + 1):
            one = sums.setdefault(".".join(parts[:end]), [0, 0, 0])
            one[0] += tally.macs
            one[1] += tally.executed
            one[2] += tally.elementwise
    found = []
    for path, one in module.named_modules(remove_duplicate=False):
        macs, executed, elementwise = sums.get(path, (0, 0, 0))
        params = sum(p.numel() for p in one.parameters())
        if macs or executed or elementwise or params:
            found.append(
                ModuleFigures(
                    path=path,
                    kind=type(one).__name__,
                    params=params,
                    macs=macs,
                    executed=executed,
                    elementwise_flops=elementwise,
                )
            )
    return found


def _operators(tallies: Iterable[Tally]) -> list[OperatorFigures]:
    sums: dict[str, list[int]] = {}
    for tally in tallies:
        for name, figures in tally.operators.items():
            before = sums.get(name, [0] * len(figures))
            sums[name] = [a + b for a, b in zip(before, figures, strict=True)]
    found = [
        OperatorFigures(
            name=name, calls=calls, executed=macs, elementwise_flops=elementwise, read_bytes=read, written_bytes=written
        )
        for name, (calls, macs, elementwise, read, written) in sums.items()
    ]
    return sorted(found, key=lambda one: (-one.executed, -one.elementwise_flops, one.name))
