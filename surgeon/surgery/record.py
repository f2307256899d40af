"""The record that an edited model carries in ``model.yaml["surgeon"]``: written by an edit, read as untrusted data.

An entry holds the recipe, where the model came from, and what an undo needs: which rows are which, how the former ones
were wired, and digests of the former tensors and description, by which "untrained" and "equal" are decided. Torch-free.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from surgeon.errors import ModelFileError, RecipeError
from surgeon.graph.former import FormerNetwork, FormerRow
from surgeon.surgery.plan import SurgeryPlan
from surgeon.surgery.recipe import Recipe
from surgeon.surgery.recipe_file import recipe_from_dict

RECORD = "surgeon"
"""Key of the record in a ``model.yaml``."""
PREVIOUS_ROW = -1
MAX_EDITS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Digests:
    """Digests of tensors, by which an undo knows what it has in hand.

    Attributes:
        former: All tensors of the network before the edit.
        kept: Those of them that the edited network still has.
        planted: Those that the edit added, under their names in the edited network.
    """

    former: str
    kept: str
    planted: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One edit of a record.

    Attributes:
        recipe: What was done.
        source: Name of the file (or of the shipped YAML) that was edited.
        source_sha256: Its hash; ``state:…`` where there was no file.
        source_dtype: Type of its weights in the file.
        versions: Of surgeon, torch and Ultralytics.
        former: The network before; None where the entry does not tell (an older surgeon, no rows).
        digests: Of the tensors then; None where the entry does not tell.
        description: Digest of the ``model.yaml`` before.
        data: The entry as it stands.
    """

    recipe: Recipe
    source: str
    source_sha256: str
    source_dtype: str
    versions: Mapping[str, str]
    former: FormerNetwork | None = None
    digests: Digests | None = None
    description: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)


def description_digest(description: Mapping[str, Any]) -> str:
    """Digest of a ``model.yaml``, its order included."""
    text = json.dumps(description, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def before_edit(plan: SurgeryPlan, description: Mapping[str, Any]) -> dict[str, Any]:
    """What the entry of an edit keeps of the network before it, as plain data.

    Args:
        plan: The edit.
        description: The ``model.yaml`` before it.
    """
    rows = [*description.get("backbone", ()), *description.get("head", ())]
    before: dict[str, Any] = {
        "rows": [len(description.get("backbone", ())), len(description.get("head", ()))],
        "from": {index: _plain(row[0]) for index, row in enumerate(rows) if row[0] != PREVIOUS_ROW},
        "yaml": description_digest(description),
    }
    if plan.dropped:
        before["dropped"] = {layer.index: _plain(rows[layer.index]) for layer in plan.dropped}
    grafts = (description.get(RECORD) or {}).get("grafts")
    if grafts is not None:
        before["grafts"] = _plain(grafts)
    return before


def read_record(description: Mapping[str, Any], origin: str) -> tuple[Entry, ...]:
    """The edits that a ``model.yaml`` records, the first first.

    Args:
        description: The ``model.yaml``.
        origin: What messages call the model.

    Raises:
        ModelFileError: The record is damaged.
    """
    record = description.get(RECORD)
    if record is None:
        return ()
    edits = record.get("edits") if isinstance(record, Mapping) else None
    if not isinstance(edits, list) or len(edits) > MAX_EDITS:
        raise ModelFileError(f"{origin}: the record of its edits is damaged, it holds no list of edits")
    return tuple(_entry(data, f"{origin}: edit {number} of its record") for number, data in enumerate(edits, start=1))


def _entry(data: Any, where: str) -> Entry:
    if not isinstance(data, Mapping) or not all(isinstance(data.get(key), str) for key in ("source", "source_sha256")):
        raise ModelFileError(f"{where} is damaged, it names no source")
    try:
        recipe = recipe_from_dict(data.get("recipe"))
    except RecipeError as error:
        raise ModelFileError(f"{where} holds no recipe: {error}") from error
    before = data.get("before")
    versions = data.get("versions")
    entry = Entry(
        recipe=recipe,
        source=data["source"],
        source_sha256=data["source_sha256"],
        source_dtype=str(data.get("source_dtype", "float32")),
        versions={str(k): str(v) for k, v in versions.items()} if isinstance(versions, Mapping) else {},
        data=data,
    )
    if before is None:
        return entry
    try:
        former, digests = _former(data, before), _digests(data)
        description = str(before["yaml"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelFileError(f"{where} is damaged: {type(error).__name__} {error}") from error
    return Entry(**{**_fields(entry), "former": former, "digests": digests, "description": description})


def _fields(entry: Entry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in Entry.__slots__}


def _digests(data: Mapping[str, Any]) -> Digests | None:
    found = data.get("tensors")
    return None if found is None else Digests(**{name: str(found[name]) for name in ("former", "kept", "planted")})


def _former(data: Mapping[str, Any], before: Mapping[str, Any]) -> FormerNetwork:
    backbone, head = (int(number) for number in before["rows"])
    renames = {int(old): int(new) for old, new in (data.get("renames") or {}).items()}
    sources = {int(index): source for index, source in before["from"].items()}
    dropped = {int(index): tuple(row) for index, row in (before.get("dropped") or {}).items()}
    if not 0 <= backbone + head <= MAX_EDITS * 10 or backbone < 0 or head < 0:
        raise ValueError("its numbers of rows")
    rows = tuple(
        FormerRow(
            now=None if index in dropped else renames.get(index, index),
            source=_source(sources.get(index, PREVIOUS_ROW), index),
            description=dropped.get(index),
        )
        for index in range(backbone + head)
    )
    now = [row.now for row in rows if row.now is not None]
    if len(set(now)) != len(now) or any(number < 0 for number in now):
        raise ValueError("its renames")
    if any(row.description is not None and len(row.description) < 3 for row in rows):
        raise ValueError("its dropped rows")
    grafts = before.get("grafts")
    return FormerNetwork(
        rows=rows,
        backbone=backbone,
        grafts=int(data.get("grafts") or 0),
        former_grafts=None if grafts is None else tuple(dict(graft) for graft in grafts),
    )


def _source(value: Any, index: int) -> int | tuple[int, ...]:
    """The rows that a row reads, none of which may come after it."""
    several = value if isinstance(value, list | tuple) else [value]
    if not all(type(one) is int and -index - 1 <= one < max(index, 1) for one in several):
        raise ValueError(f"what row {index} reads")
    return tuple(several) if isinstance(value, list | tuple) else int(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def composed(entries: Sequence[Entry]) -> dict[int, int] | None:
    """Index of each row before the first of some edits → its index after the last, for the rows that are still there.

    Returns:
        None where an entry does not tell.
    """
    numbers: dict[int, int] | None = None
    for entry in entries:
        if entry.former is None:
            return None
        step = {index: row.now for index, row in enumerate(entry.former.rows) if row.now is not None}
        numbers = step if numbers is None else {a: step[b] for a, b in numbers.items() if b in step}
    return numbers or {}
