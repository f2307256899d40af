"""Whether the blocks that a network's record names are there.

A trainer that does not know surgeon's blocks rebuilds a network without its grafts and keeps the record: what it
trained is the original network, under a description that claims otherwise. That is an error, never passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from surgeon.blocks.planted import PlantedBlock
from surgeon.errors import ModelFileError
from surgeon.models.modules.reader import is_sequence
from surgeon.models.ultralytics.grafts_record import graft_entries
from surgeon.models.ultralytics.registration import PREFIX, all_rows, is_planted_row
from yolo_surgeon import HOOK_KEY


def require_planted(module: nn.Module, origin: str) -> None:
    """Refuse a network that lacks a block of its own record.

    Args:
        module: The network with its ``yaml``.
        origin: What messages call it.

    Raises:
        ModelFileError: A recorded block is absent.
    """
    description = getattr(module, "yaml", None)
    if not isinstance(description, Mapping):
        return
    for what, where in (*_absent_rows(module, description), *_absent_grafts(module, description)):
        raise ModelFileError(
            f"{origin} records {what} at {where}, but its network has none there: it was rebuilt where yolo-surgeon "
            "was not installed, and what was trained is the network without it; use the edited file, and train it "
            "where yolo-surgeon is installed"
        )


def _absent_rows(module: nn.Module, description: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if not {"backbone", "head"} <= set(description):
        return
    rows = module.model if isinstance(module.model, nn.Sequential) else nn.Sequential()
    for index, row in enumerate(all_rows(description)):
        if is_planted_row(row):
            name = row[2].removeprefix(PREFIX)
            found = rows[index] if index < len(rows) else None
            if not isinstance(found, PlantedBlock) or found.block_name != name:
                yield name, f"row {index}"


def _absent_grafts(module: nn.Module, description: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for entry in graft_entries(description):
        host, how, name = str(entry["host"]), entry["how"], str(entry.get("name", ""))
        where = f"{host}.{name}" if name else host
        what = str(entry.get("module", "a removal"))
        try:
            planted, around = module.get_submodule(where), module.get_submodule(host)
        except AttributeError:
            yield what, where
            continue
        if "module" not in entry:
            there = isinstance(planted, nn.Identity)
        else:
            there = isinstance(planted, PlantedBlock) and planted.block_name == entry["module"]
        hooks = {"after": around._forward_hooks, "before": around._forward_pre_hooks}
        runs = how not in hooks or (how == "after" and is_sequence(around)) or HOOK_KEY in hooks[how]
        if not (there and runs):
            yield what, where
