"""Everything that is counted of one network: exactly, as its own library prints it, and under every convention.

One pass serves the exact count and thop's rules at full size; the small images from which Ultralytics extrapolates are
passes of their own, on the same twin.
"""

from __future__ import annotations

from dataclasses import dataclass

from surgeon.profiler.detail import Found, detail_of, find
from surgeon.profiler.figures import Detail, FusedCounts
from surgeon.profiler.flops.conventions.misleading import misleading
from surgeon.profiler.flops.count import ModelCount, count_of
from surgeon.profiler.flops.passes import Passes
from surgeon.profiler.flops.training import count_training
from surgeon.profiler.inputs import Forward, input_channels
from surgeon.profiler.predicted import count_deployed
from surgeon.profiler.results import TrainingCounts
from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.subject import Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What was counted of one network.

    Attributes:
        model: The exact count, at the settings' batch.
        deployed: The same of the network that is timed: fused where the settings say so. None where it cannot
            be counted.
        ultralytics_gflops: What the model's own library prints for one image; None where it prints nothing.
        misleading: A sentence where that figure is not what its own rules find at this image size; else empty.
        detail: Every convention, if asked for.
        training: What a training step costs, if asked for.
        fused: Figures of the fused network, None where it was not fused or not counted.
    """

    model: ModelCount
    deployed: ModelCount | None
    ultralytics_gflops: float | None
    misleading: str = ""
    detail: Detail | None = None
    training: TrainingCounts | None = None
    fused: FusedCounts | None = None


def count_subject(subject: Subject, settings: ProfileSettings, forward: Forward | None = None) -> Counted:
    """Count one network.

    Args:
        subject: The network.
        settings: Image size, batch, and whether every convention is wanted.
        forward: How to run it, default ``module(image)``.

    Raises:
        MeasurementError: The network cannot be copied, or cannot run at this size.
    """
    rows = [layer.path for layer in subject.graph]
    plan = None if subject.proxies is None else subject.proxies(subject.module)
    with Passes(subject.module, name=subject.graph.name, rows=rows, forward=forward) as passes:
        if plan is None and not settings.detail:
            shape = (settings.batch, input_channels(subject.module), *settings.imgsz)
            model = count_of(passes.run(shape), rows)
            training = _training(subject, settings, forward)
            deployed, fused = count_deployed(subject, settings, model, forward)
            return Counted(
                model=model,
                deployed=deployed,
                fused=fused,
                ultralytics_gflops=_asked(subject, settings),
                training=training,
            )
        found = find(subject.module, rows, settings, plan, passes)
    gflops = _asked(subject, settings) if found.printed is None else found.printed.gflops
    deployed, fused = count_deployed(subject, settings, found.model, forward)
    return Counted(
        model=found.model,
        deployed=deployed,
        fused=fused,
        ultralytics_gflops=gflops or None,
        misleading=_sentence(subject, found),
        detail=detail_of(subject, settings, found, forward) if settings.detail else None,
        training=_training(subject, settings, forward),
    )


def _training(subject: Subject, settings: ProfileSettings, forward: Forward | None) -> TrainingCounts | None:
    if not settings.training:
        return None
    return count_training(subject.module, subject.graph, settings.imgsz, settings.batch, forward=forward).counts


def _asked(subject: Subject, settings: ProfileSettings) -> float | None:
    """The figure of a library whose way of counting surgeon does not know: it is asked itself."""
    reported = subject.ultralytics_gflops
    return reported(subject.module, settings.imgsz) if callable(reported) else reported


def _sentence(subject: Subject, found: Found) -> str:
    if found.printed is None:
        return ""
    names = {layer.path: f"{layer.site} ({layer.kind})" for layer in subject.graph}
    exact = {path: row.macs for path, row in found.single.rows.items()}
    return misleading(found.printed, found.full, owners=names, exact=exact).sentence(names)
