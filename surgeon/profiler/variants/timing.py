"""Builds the variants of a network, checks each against eager, and times those that run in the same blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor, nn

from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.timing.clock import Clock
from surgeon.profiler.timing.paired import BlockSeries, judge, run_blocks
from surgeon.profiler.timing.quiet import quiet
from surgeon.profiler.timing.steady import INTERRUPTED
from surgeon.profiler.variants.agreement import agreement, outputs_of
from surgeon.profiler.variants.figures import VariantResult
from surgeon.profiler.variants.names import EAGER
from surgeon.profiler.variants.variant import TOLERANCES, Variant
from surgeon.progress import begin

_LONGEST_CAUSE = 200


@dataclass(frozen=True, slots=True)
class _Arm:
    """One variant: what is known of it so far, and what runs."""

    result: VariantResult
    module: nn.Module | None = None


def time_variants(
    variants: Sequence[Variant], module: nn.Module, images: Tensor, settings: ProfileSettings, clock: Clock
) -> tuple[VariantResult, ...]:
    """Build, check and time.

    Args:
        variants: Eager first.
        module: The deployed network; it is only run.
        images: Image batch ``(B, C, H, W)`` of its type and device.
        settings: Budget (for the timing of all together; building is apart), precision and threads.
        clock: What times it.

    Returns:
        One result a variant, in order. Interrupted, what was found until then; the others say so.
    """
    arms = [_Arm(VariantResult(name=variant.name, missing=INTERRUPTED)) for variant in variants]
    try:
        with quiet(settings.threads):  # compiled code is bound to the number of threads
            expected = outputs_of(module, images)
            for number, variant in enumerate(variants):
                begin(f"building {variant.name}")
                arms[number] = _build(variant, module, images, settings, clock=clock, expected=expected)
        running = {arm.result.name: arm.module for arm in arms if arm.module is not None}
        if len(running) < 2:
            return tuple(arm.result for arm in arms)
        begin(f"timing {len(running)} variants in random order")
        series = run_blocks(list(running.values()), images, settings, clock=clock)
    except KeyboardInterrupt:
        return tuple(_untimed(arm.result) for arm in arms)
    order = list(running)
    return tuple(_timed(a.result, series, order, settings) if a.module is not None else a.result for a in arms)


def _build(
    variant: Variant,
    module: nn.Module,
    images: Tensor,
    settings: ProfileSettings,
    *,
    clock: Clock,
    expected: list[Tensor],
) -> _Arm:
    start_s = clock.now_s()
    try:
        built = variant.build(module, images, settings)
        if isinstance(built, str):
            return _Arm(VariantResult(name=variant.name, missing=built))
        if variant.name == EAGER:
            return _Arm(VariantResult(name=EAGER, precision=built.precision), built.module)
        found = outputs_of(built.module, images)
    except Exception as error:
        cause = str(error).strip().partition("\n")[0][:_LONGEST_CAUSE] or type(error).__name__
        return _Arm(VariantResult(name=variant.name, missing=f"it cannot be built ({cause})"))
    build_s = clock.now_s() - start_s
    seen, tolerance = agreement(expected, found), TOLERANCES[built.precision]
    result = VariantResult(
        name=variant.name,
        precision=built.precision,
        build_s=build_s,
        difference=seen.difference,
        relative=seen.relative,
        tolerance=tolerance,
        same_network=seen.relative <= tolerance,
        note=seen.note,
        built_once=built.once,
    )
    return _Arm(result, built.module)


def _untimed(result: VariantResult) -> VariantResult:
    return result if result.missing else replace(result, missing=f"not timed: {INTERRUPTED}")


def _timed(
    result: VariantResult, series: BlockSeries, order: Sequence[str], settings: ProfileSettings
) -> VariantResult:
    number = order.index(result.name)
    if number == 0:
        return replace(result, median_ms=judge(series, 1, settings.precision).baseline_ms)
    paired = judge(series, number, settings.precision)
    return replace(result, median_ms=paired.candidate_ms, paired=paired)
