"""The mechanics of an undo: the blocks of the last edit go, the rows and ``model.yaml`` are what they were before it.

Internals used: rows' ``i`` and ``f``; ``model.save``; ``model.yaml`` (all 8.0.0).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from torch import nn

from surgeon.errors import ModelFileError
from surgeon.graph.former import FormerNetwork
from surgeon.models.modules import grafts
from surgeon.models.ultralytics.grafts_record import GRAFTS, graft_entries
from surgeon.models.ultralytics.reader import rows_of
from surgeon.models.ultralytics.registration import RECORD, all_rows
from surgeon.models.ultralytics.rows import save_list

_SWAPS = ("replace", "remove")


def lost_modules(description: Mapping[str, Any], former: FormerNetwork) -> tuple[str, ...]:
    """Paths, in the former network, of the modules that the edit took out: an undo needs them from elsewhere.

    Args:
        description: The ``model.yaml`` of the edited network.
        former: The network before the edit.
    """
    rows = [f"model.{index}" for index in former.dropped]
    swapped = (former.back(str(e["host"])) for e in _own_grafts(description, former) if e["how"] in _SWAPS)
    return (*rows, *(path for path in swapped if path is not None))


def undo_edit(module: nn.Module, former: FormerNetwork, restored: Mapping[str, nn.Module]) -> nn.Module:
    """A copy of a network without its last edit.

    Args:
        module: The edited network; it is not changed.
        former: The network before the edit.
        restored: For each path of `lost_modules` the module to put there; copied.

    Raises:
        ModelFileError: The record does not fit the network.
    """
    undone = copy.deepcopy(module)
    description: dict[str, Any] = dict(undone.yaml)  # type: ignore[arg-type]
    if former.rows and any(row.now is not None and row.now >= len(rows_of(undone)) for row in former.rows):
        raise ModelFileError(f"the record names rows that this network of {len(rows_of(undone))} rows does not have")
    _undo_grafts(undone, description, former, restored)
    if former.rows:
        _undo_rows(undone, description, former, restored)
    _shorten_record(description, former)
    vars(undone).update(yaml=description)
    return undone


def _own_grafts(description: Mapping[str, Any], former: FormerNetwork) -> list[Mapping[str, Any]]:
    entries = graft_entries(description)
    return entries[len(entries) - former.grafts :]


def _undo_grafts(
    network: nn.Module, description: Mapping[str, Any], former: FormerNetwork, restored: Mapping[str, nn.Module]
) -> None:
    """Take the last edit's grafts out of their hosts, the last one first."""
    for entry in reversed(_own_grafts(description, former)):
        host = str(entry["host"])
        if entry["how"] not in _SWAPS:
            grafts.detach(network, host, str(entry.get("name", "")))
            continue
        parent, _, child = host.rpartition(".")
        original = copy.deepcopy(restored[str(former.back(host))])
        network.get_submodule(parent)._modules[child] = original.train(network.training)


def _undo_rows(
    network: nn.Module, description: dict[str, Any], former: FormerNetwork, restored: Mapping[str, nn.Module]
) -> None:
    rows, described = list(rows_of(network)), all_rows(description)
    modules: list[nn.Module] = []
    texts: list[list[Any]] = []
    for index, row in enumerate(former.rows):
        source: Any = list(row.source) if isinstance(row.source, tuple) else row.source
        if row.now is None:
            assert row.description is not None
            child = copy.deepcopy(restored[f"model.{index}"]).train(network.training)
            texts.append(copy.deepcopy(list(row.description)))
        else:
            child = rows[row.now]
            texts.append([source, *described[row.now][1:]])
        vars(child).update(i=index, f=copy.copy(source))
        modules.append(child)
    network.model = nn.Sequential(*modules)
    vars(network).update(save=save_list(modules))
    description.update(backbone=texts[: former.backbone], head=texts[former.backbone :])


def _shorten_record(description: dict[str, Any], former: FormerNetwork) -> None:
    """Take the last entry off the record, in place of the old one: a description's order is part of its digest."""
    record = dict(description[RECORD])
    record["edits"] = list(record["edits"])[:-1]
    if former.former_grafts is None:
        record.pop(GRAFTS, None)
    else:
        record[GRAFTS] = [dict(entry) for entry in former.former_grafts]
    description[RECORD] = record
    if not record["edits"]:
        del description[RECORD]
