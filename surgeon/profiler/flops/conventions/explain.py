"""From the exact figure to the printed one: which kinds of module the other convention counts more or less.

Both figures are sums over modules, so their differences are, and the terms close the gap to the last operation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from surgeon.profiler.figures import Reconciliation, Term
from surgeon.profiler.flops.conventions.figure import ConventionFigure

EXTRAPOLATION = "extrapolated from small images"


def reconcile(
    exact: Mapping[str, int],
    kinds: Mapping[str, str],
    blocks: Iterable[str],
    full: ConventionFigure,
    printed: ConventionFigure,
) -> Reconciliation:
    """The terms between the exact MACs and a printed figure.

    Args:
        exact: Exact MACs by module path, of what each module ran itself; where a definition speaks, at the block's.
        kinds: Class name by module path.
        blocks: Module paths of blocks that count by their definition; what is in one of them is one term.
        full: The convention ``thop-full`` of one image.
        printed: The convention ``ultralytics``.
    """
    owners = frozenset(blocks)
    sums: dict[str, float] = {}
    for path in {*exact, *full.by_module}:
        difference = full.by_module.get(path, 0) - exact.get(path, 0)
        if difference:
            name = _name(path, kinds, owners, exact.get(path, 0), full.by_module.get(path, 0))
            sums[name] = sums.get(name, 0) + difference
    extrapolated = printed.macs - full.macs
    if extrapolated:
        sums[EXTRAPOLATION] = extrapolated
    terms = [Term(name=name, flops=2 * float(macs)) for name, macs in sums.items() if macs]
    terms.sort(key=lambda term: (term.name == EXTRAPOLATION, -abs(term.flops), term.name))
    return Reconciliation(
        exact_flops=2 * sum(exact.values()), terms=tuple(terms), printed_flops=2 * float(printed.macs)
    )


def _name(path: str, kinds: Mapping[str, str], owners: frozenset[str], exact: int, other: float) -> str:
    """The kind of the module; inside a block that counts by its definition the block, but for normalisation."""
    kind = kinds.get(path) or "outside the modules"
    if "Norm" in kind and not exact:
        return kind
    parts = path.split(".")
    for end in range(1, len(parts) + 1):
        owner = ".".join(parts[:end])
        if owner in owners:
            return f"{kinds.get(owner, 'block')} {owner}, counted by its definition"
    return kind if other else f"{kind}, which thop does not count"
