"""The grafts that a ``model.yaml`` records under ``surgeon: grafts``: read as untrusted data, planted after a build."""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn

from surgeon.blocks import catalog
from surgeon.blocks.naming import is_foreign
from surgeon.errors import BlockError, ModelFileError
from surgeon.graph import PlannedGraft
from surgeon.models.modules import grafts
from surgeon.models.ultralytics.consent import check_plain, require_consent
from surgeon.models.ultralytics.swapped import refuse_swapped

RECORD = "surgeon"
GRAFTS = "grafts"
MAX_GRAFTS = 2000
MAX_PARAMETERS = 1_000_000_000
"""Ten times the largest YOLO."""

_PATH = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*")
_KEYS = {"host": str, "how": str, "name": str, "module": str, "channels": list, "start": str, "settings": dict}
_HOWS = ("after", "before", "replace", "remove")


def graft_entries(d: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The recorded grafts of a ``model.yaml``, in the order they were planted."""
    record = d.get(RECORD)
    return list(record.get(GRAFTS) or []) if isinstance(record, Mapping) else []


def check_entries(d: Mapping[str, Any], origin: str, trust_modules: Sequence[str]) -> None:
    """Refuse what no edit writes, and classes that nobody vouched for.

    Raises:
        ModelFileError: The record is damaged.
        UntrustedFileError: It plants a user's own class.
    """
    record = d.get(RECORD)
    if record is None:
        return
    entries = record.get(GRAFTS, []) if isinstance(record, Mapping) else None
    total = 0
    if not isinstance(entries, list) or len(entries) > MAX_GRAFTS:
        raise ModelFileError(f"{origin}: the record of its edits is damaged")
    for number, entry in enumerate(entries):
        where = f"{origin}: graft {number}"
        good = isinstance(entry, Mapping) and all(isinstance(v, _KEYS.get(k, ())) for k, v in entry.items())
        if not good or not {"host", "how"} <= set(entry) or entry["how"] not in _HOWS:
            raise ModelFileError(f"{where} of its record is damaged")
        if not all(_PATH.fullmatch(entry[key]) for key in ("host", "name") if key in entry):
            raise ModelFileError(f"{where} names no module: {entry['host'][:60]!r}")
        check_plain({k: v for k, v in entry.items() if k != "host"}, origin, f"graft {number}")
        if "module" in entry:
            require_consent(entry["module"], where, trust_modules)
            total += _parameters(entry, where)
        if total > MAX_PARAMETERS:
            raise ModelFileError(f"{origin}: its grafts ask for more than {MAX_PARAMETERS} parameters")


def _parameters(entry: Mapping[str, Any], where: str) -> int:
    """Parameters of a catalog block by its closed form; a user's own class was vouched for."""
    widths = entry.get("channels")
    if not isinstance(widths, list) or len(widths) != 2 or not all(type(c) is int and c > 0 for c in widths):
        raise ModelFileError(f"{where} of its record has no widths")
    c1, c2 = widths
    if is_foreign(entry["module"]):
        return 0
    try:
        info = catalog.get(entry["module"])
        settings = info.resolve(c1, c2, entry.get("settings") or {}).settings
        return info.cost(c1, c2, 1, 1, settings).params
    except BlockError as error:
        raise ModelFileError(f"{where}: {error}") from error


def foreign_modules(d: Mapping[str, Any]) -> list[str]:
    """Names of the users' own classes that the grafts plant."""
    return [entry["module"] for entry in graft_entries(d) if is_foreign(entry.get("module", ""))]


def add_grafts(
    network: nn.Module, planned: Sequence[PlannedGraft], moved: Callable[[str], str], dropped: Sequence[str]
) -> None:
    """Plant grafts in an edited network, and record them in its ``model.yaml`` so that every rebuild does.

    Args:
        network: The network after its row edits; changed in place.
        planned: The grafts, their hosts in the original numbering.
        moved: From a path of the original network to the one in the edited network.
        dropped: Paths, in the original network, of modules that are gone; grafts in them go with them.

    Raises:
        BlockError: Ultralytics would swap the forward of a user's block.
    """
    here = [dataclasses.replace(graft, host=moved(graft.host)) for graft in planned]
    grafts.apply_grafts(network, here)
    for graft in here:
        if graft.block is not None and is_foreign(graft.block.module):
            refuse_swapped(network.get_submodule(graft.path), graft.block.module)
    record: dict[str, Any] = network.yaml[RECORD]  # type: ignore[index,assignment]
    gone = tuple(f"{path}." for path in dropped)
    kept = [
        {**entry, "host": moved(entry["host"])}
        for entry in record.get(GRAFTS, [])
        if not f"{entry['host']}.".startswith(gone)
    ]
    entries = kept + [grafts.entry_of(graft) for graft in here]
    if entries or GRAFTS in record:
        record[GRAFTS] = entries


def replay(layers: nn.Sequential, d: Mapping[str, Any]) -> None:
    """Plant the recorded grafts in rows that ``parse_model`` has just built; hosts begin with ``model.``.

    Raises:
        BlockError: A host is missing, or a user's class has not been imported: a yaml may name it, no more.
    """
    for name in foreign_modules(d):
        if name.partition(":")[0] not in sys.modules:
            raise BlockError(f"this model.yaml plants {name}: import {name.partition(':')[0]} before building it")
    grafts.replay(layers, graft_entries(d), prefix="model.")
