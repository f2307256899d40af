"""One network under every convention; the way from the exact figure to the printed one; modules and operators."""

from __future__ import annotations

from decimal import Decimal

from surgeon.profiler.figures import Detail, Figure, Reconciliation
from surgeon.report import units
from surgeon.report.tables import Bar, Column, Emphasis, Facts, Row, Table

_COUNTS = {
    "macs": "convolutions, linear layers, products, attention by each block's definition",
    "executed": "the same as the operators ran it",
    "flops": "2 x macs",
    "flops+elementwise": "and normalisation, activations, pooling, resampling, pointwise",
    "ultralytics": "what model.info() prints here",
    "thop-full": "thop's rules at this image size",
    "legacy": "what Ultralytics printed before it counted attention",
}


def conventions_table(detail: Detail) -> Table:
    """Every convention, unfused and fused."""
    found = {(one.convention, one.fused): one for one in detail.figures}
    rows = [
        Row(cells=(name, _value(found.get((name, False))), _value(found.get((name, True))), _at(found, name), what))
        for name, what in _COUNTS.items()
        if (name, False) in found
    ]
    return Table(
        title="conventions",
        columns=(
            Column(title="convention"),
            Column(title="unfused", role="number"),
            Column(title="fused", role="number"),
            Column(title="of images", shrink_to=9, drop=2),
            Column(title="what it counts", shrink_to=18, wrap=True, drop=1),
        ),
        rows=tuple(rows),
    )


def reconciliation_facts(reconciliation: Reconciliation | None) -> Facts:
    """Exact + terms = printed, with as many digits as make the rounded numbers add up."""
    if reconciliation is None:
        return Facts(
            title="from the exact figure to the printed one", items=(("GFLOPs", "nothing is printed for this network"),)
        )
    values = [_giga(reconciliation.exact_flops), *(_giga(term.flops) for term in reconciliation.terms)]
    end = _giga(reconciliation.printed_flops)
    places = next((p for p in range(6, 12) if sum(round(v, p) for v in values) == round(end, p)), 12)
    texts = [f"{value:.{places}f}" for value in values]
    terms = [
        (term.name, text if text.startswith("-") else f"+{text}")
        for term, text in zip(reconciliation.terms, texts[1:], strict=True)
    ]
    return Facts(
        title="from the exact figure to the printed one (GFLOPs)",
        items=(("exact", f" {texts[0]}"), *terms, ("what model.info() prints", f" {end:.{places}f}")),
    )


def modules_table(detail: Detail) -> Table:
    """The tree of modules, each with what is in it."""
    top = max((one.executed for one in detail.modules[1:]), default=0) or 1
    timed = any(one.latency_ms is not None for one in detail.modules)
    rows = [
        Row(
            cells=(
                _name(one.path),
                one.kind,
                units.parameters(one.params),
                units.gflops_brief(one.macs),
                units.gflops_brief(one.executed),
                units.giga(one.elementwise_flops / 1e9),
                *((units.ms_brief(one.latency_ms),) if timed else ()),
                Bar(min(one.executed / top, 1.0)),
            ),
            emphasis=Emphasis.NORMAL if one.path else Emphasis.TOTAL,
        )
        for one in (*detail.modules[1:], *detail.modules[:1])
    ]
    return Table(
        title="modules, each with all that is in it; share of the executed GFLOPs",
        columns=(
            Column(title="module"),
            Column(title="kind", shrink_to=10),
            Column(title="params", role="number"),
            Column(title="GFLOPs", role="number"),
            Column(title="executed", role="number", drop=2),
            Column(title="elementwise", role="number", drop=1),
            *((Column(title="ms", role="number"),) if timed else ()),
            Column(title="share", role="bar", drop=3),
        ),
        rows=tuple(rows),
    )


def operators_table(detail: Detail) -> Table:
    """Every operator, the most MACs first."""
    whole = sum(one.executed for one in detail.operators) or 1
    rows = [
        Row(
            cells=(
                one.name,
                units.count(one.calls),
                units.gflops_brief(one.executed),
                units.percent_brief(one.executed / whole),
                units.giga(one.elementwise_flops / 1e9),
                units.mib(one.read_bytes + one.written_bytes),
            )
        )
        for one in detail.operators
    ]
    total = (
        "total",
        units.count(sum(one.calls for one in detail.operators)),
        units.gflops_brief(sum(one.executed for one in detail.operators)),
        "",
        units.giga(sum(one.elementwise_flops for one in detail.operators) / 1e9),
        units.mib(sum(one.read_bytes + one.written_bytes for one in detail.operators)),
    )
    return Table(
        title="operators as they ran (float32)",
        columns=(
            Column(title="operator"),
            Column(title="calls", role="number"),
            Column(title="GFLOPs", role="number"),
            Column(title="%", role="number"),
            Column(title="elementwise", role="number", drop=2),
            Column(title="moved", role="number", drop=1),
        ),
        rows=(*rows, Row(cells=total, emphasis=Emphasis.TOTAL)),
    )


def _value(figure: Figure | None) -> str:
    if figure is None or figure.value is None:
        return units.NOTHING
    return f"{units.giga(figure.value / 1e9)} {'GMACs' if figure.unit == 'MACs' else 'GFLOPs'}"


def _at(found: dict[tuple[str, bool], Figure], name: str) -> str:
    """``640x640``, or the small images that were extrapolated from."""
    figure = found[name, False]
    sizes = ", ".join(units.image_size(size) for size in figure.measured_at)
    return f"{sizes} x{figure.batch}" if figure.batch > 1 else sizes


def _giga(flops: float) -> Decimal:
    return Decimal(flops) / 10**9


def _name(path: str) -> str:
    """``  0.conv`` two blanks for each level; the whole network is the total."""
    if not path:
        return "total"
    return "  " * path.count(".") + path
