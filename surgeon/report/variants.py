"""Other ways to run a network against eager: times from the same blocks, and how far the outputs lie apart."""

from __future__ import annotations

import math

from surgeon.profiler.results import PairedLatency, ProfileResult, VariantResult
from surgeon.report import units
from surgeon.report.tables import Column, Notes, Part, Row, Table

NOT_SAME = "not the same network"
_TOO_FEW = "too few"
_COLUMNS = (
    Column(title="variant"),
    Column(title="median", role="number"),
    Column(title="ratio", role="number"),
    Column(title="95 % CI", role="number", drop=1),
    Column(title="verdict", role="verdict"),
    Column(title="max diff", role="number"),
    Column(title="relative", role="number", wide=True),
    Column(title="build s", role="number", drop=2),
)


def variants_parts(result: ProfileResult) -> tuple[Part, ...]:
    """The table and its notes; nothing where no variants were asked for."""
    if not result.variants:
        return ()
    return (
        Table(title="variants", columns=_COLUMNS, rows=tuple(_row(one) for one in result.variants)),
        Notes(title="about the variants", sentences=_notes(result)),
    )


def _row(one: VariantResult) -> Row:
    return Row(
        cells=(
            one.name,
            units.NOTHING if one.median_ms is None else units.ms(one.median_ms),
            units.ratio(one.paired.ratio) if one.paired else units.NOTHING,
            _interval(one.paired) if one.paired else units.NOTHING,
            _word(one),
            _brief(one.difference),
            _brief(one.relative),
            units.NOTHING if one.build_s is None else f"{one.build_s:.1f}",
        )
    )


def _word(one: VariantResult) -> str:
    """The verdict, unless what was timed is something else, or nothing was."""
    if one.missing:
        return "not timed"
    if one.same_network is False:
        return "not the same"
    return one.paired.verdict if one.paired else units.NOTHING


def _interval(paired: PairedLatency) -> str:
    if paired.ratio_low <= 0 or math.isinf(paired.ratio_high):
        return _TOO_FEW
    return " - ".join(units.ratio(bound).removesuffix("x") for bound in (paired.ratio_low, paired.ratio_high))


def _brief(value: float | None) -> str:
    """``1.2e-05``."""
    if value is None:
        return units.NOTHING
    return f"{value:.1e}" if math.isfinite(value) else "not finite"


def _notes(result: ProfileResult) -> tuple[str, ...]:
    found = result.variants
    notes = [f"{one.name}: {one.missing}." for one in found if one.missing]
    notes += [_differs(one) for one in found if one.same_network is False]
    compared = [one for one in found if one.relative is not None]
    if compared:
        each = ", ".join(f"{one.name} {_brief(one.relative)}" for one in compared)
        limits = {one.precision: one.tolerance for one in compared if one.tolerance is not None}
        passing = ", ".join(f"{limit:g} in {precision}" for precision, limit in limits.items())
        notes.append(
            f"max diff: largest difference to eager's outputs. Relative to the largest value of an output: {each}; "
            f"up to {passing} it passes as the same network."
        )
    said: dict[str, list[str]] = {}
    for one in found:
        if one.note:
            said.setdefault(one.note, []).append(one.name)
    notes += [f"{', '.join(names)}: {note}." for note, names in said.items()]
    notes += [f"{one.name}: {one.paired.reason}." for one in found if one.paired is not None and one.paired.reason]
    timed = next((one.paired for one in found if one.paired is not None), None)
    if timed is not None:
        blocks = units.plural(timed.pairs, "block")
        stopped = {"budget": ", stopped by the time budget", "interrupt": ", interrupted"}.get(timed.stopped_by, "")
        notes.append(
            f"All were timed in {blocks} of random order, in {timed.elapsed_s:.1f} s{stopped}; building is apart, and "
            "includes the export and the first run."
        )
    once = [one.name for one in found if one.built_once and one.paired is not None]
    if once:
        notes.append(
            f"{', '.join(once)}: built once, so at one place in memory, which the interval does not cover (a few "
            "tenths of a per cent)."
        )
    return tuple(notes)


def _differs(one: VariantResult) -> str:
    limit = "" if one.tolerance is None else f", more than {one.tolerance:g}, which {one.precision} explains"
    finite = one.relative is not None and math.isfinite(one.relative)
    how = f"differ from eager's by {_brief(one.relative)} of the largest{limit}" if finite else "are not eager's"
    timed = "" if one.paired is None else f" Its time against eager's: {one.paired.verdict}."
    return f"{one.name} is {NOT_SAME}: its outputs {how}.{timed}"
