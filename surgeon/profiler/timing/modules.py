"""Time down to nested modules: the same stamps as for rows, on every module of the deployed network.

Hundreds of stamps cost some per cent of a run, which fall on the small modules; shares of small modules are upper
bounds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from torch import nn

from surgeon.profiler.timing.clock import Clock
from surgeon.profiler.timing.rows import OUTSIDE, RowShare, time_rows
from surgeon.profiler.timing.runner import Runner


def time_modules(runner: Runner, clock: Clock, *, budget_s: float, end_to_end_ms: float) -> dict[str, float]:
    """Milliseconds by module path, each with all that is in it; ``""`` is the whole network.

    Args:
        runner: The deployed network.
        clock: Stamps and the budget.
        budget_s: Seconds at most.
        end_to_end_ms: The network's median, over which the shares are spread.
    """
    shares = time_rows([runner], [own_paths(runner.module)], clock, budget_s=budget_s)[0]
    return {path: share * end_to_end_ms for path, share in inclusive(shares).items()}


def own_paths(network: nn.Module) -> list[str]:
    """Paths of the modules that are in one place only: the time of a shared one belongs to whoever calls it."""
    places = Counter(id(module) for _, module in network.named_modules(remove_duplicate=False))
    return [path for path, module in network.named_modules() if path and places[id(module)] == 1]


def inclusive(shares: Mapping[str, RowShare]) -> dict[str, float]:
    """From what each module took by itself to what it took with all that is in it."""
    sums: dict[str, float] = {OUTSIDE: sum(one.share for one in shares.values())}
    for path, one in shares.items():
        parts = path.split(".") if path else []
        for end in range(1, len(parts) + 1):
            above = ".".join(parts[:end])
            sums[above] = sums.get(above, 0.0) + one.share
    return sums
