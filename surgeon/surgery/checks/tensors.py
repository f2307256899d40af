"""Every tensor of the source is in the edited network, under the name that the plan gives it, and equal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch

from surgeon.surgery.checks.outcome import Check
from surgeon.surgery.checks.passes import Passes


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensors:
    """Where the tensors of the edited network come from.

    Attributes:
        copied: Name in the source → name in the edited network.
        fresh: Names of new tensors in the edited network.
        dropped: Names in the source that the edited network does not have.
        adopted: Of these, name of each that a block took over from the module it replaces → its name in the edited
            network, which is among the new ones.
    """

    copied: dict[str, str]
    fresh: tuple[str, ...]
    dropped: tuple[str, ...]
    adopted: dict[str, str] = field(default_factory=dict)


def map_tensors(passes: Passes, adopted: Mapping[str, str] | None = None) -> Tensors:
    """Follow every tensor of the source through the plan's row renames.

    Args:
        passes: Both networks.
        adopted: What blocks took over from the modules they replace.
    """
    plan = passes.plan
    gone = tuple(f"{path}." for path in plan.dropped_paths)
    copied: dict[str, str] = {}
    dropped = []
    moved: dict[str, str] = {}
    for name in passes.old_state:
        if name.startswith(gone):
            dropped.append(name)
            continue
        path, _, tensor = name.rpartition(".")
        if path not in moved:
            moved[path] = plan.moved(path)
        copied[name] = f"{moved[path]}.{tensor}" if path else name
    taken = set(copied.values())
    fresh = tuple(name for name in passes.new_state if name not in taken)
    return Tensors(copied=copied, fresh=fresh, dropped=tuple(dropped), adopted=dict(adopted or {}))


def check_tensors(passes: Passes, tensors: Tensors) -> Iterator[Check]:
    """The check ``tensors``."""
    old, new = passes.old_state, passes.new_state
    kept = {**tensors.copied, **tensors.adopted}
    wrong = [n for n, m in kept.items() if m not in new or not torch.equal(old[n].flatten(), new[m].flatten())]
    total = len(old) - len(tensors.dropped) + len(tensors.adopted)
    detail = f"{total - len(wrong)} of {total} tensors carried over unchanged"
    yield Check(
        name="tensors",
        passed=not wrong and (total > 0 or not old),
        detail=detail + (f"; not {wrong[0]}" if wrong else ""),
    )
