"""Whether the blocks that a ``model.yaml`` records are in the network that was loaded with it.

A framework that rebuilds a network without knowing surgeon drops them and keeps the record: what such a file claims to
hold was never trained.
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
from yolo_surgeon import HOOK_KEY, graft_after, graft_before


def require_recorded_blocks(module: nn.Module, origin: str) -> None:
    """Refuse a network whose record names blocks that it does not have.

    Raises:
        ModelFileError: With the first one that is absent.
    """
    description: Any = getattr(module, "yaml", None)
    if not isinstance(description, Mapping):
        return
    absent = [*_absent_rows(module, description), *_absent_grafts(module, description)]
    if absent:
        raise ModelFileError(
            f"{origin} records {absent[0]}, which is absent from its network: something rebuilt it that did not know "
            "surgeon (train with yolo_surgeon importable, or through `surgeon yolo`); edit the original again"
        )


def _absent_rows(module: nn.Module, description: Mapping[str, Any]) -> Iterator[str]:
    if "backbone" not in description:
        return
    rows: Any = module.model
    for index, row in enumerate(all_rows(description)):
        if is_planted_row(row):
            found = rows[index] if index < len(rows) else None
            name = row[2].removeprefix(PREFIX)
            if not isinstance(found, PlantedBlock) or found.block_name != name:
                yield f"a block {name} as row {index}"


def _absent_grafts(module: nn.Module, description: Mapping[str, Any]) -> Iterator[str]:
    entries = [entry for entry in graft_entries(description) if "module" in entry]
    modules = dict(module.named_modules(remove_duplicate=False)) if entries else {}
    for entry in entries:
        path = f"{entry['host']}.{entry['name']}" if entry.get("name") else entry["host"]
        found, host = modules.get(path), modules.get(entry["host"])
        is_there = isinstance(found, PlantedBlock) and found.block_name == entry["module"]
        if not is_there or host is None or not _runs(host, entry["how"]):
            yield f"a block {entry['module']} {entry['how']} {entry['host']}"


def _runs(host: nn.Module, how: str) -> bool:
    if how == "after":
        return is_sequence(host) or host._forward_hooks.get(HOOK_KEY) is graft_after
    return how == "replace" or host._forward_pre_hooks.get(HOOK_KEY) is graft_before
