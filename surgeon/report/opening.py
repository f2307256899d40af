"""Saved results as they were: what ``--json`` and ``-o FILE.json`` wrote, opened again to be rendered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from surgeon.errors import InputError
from surgeon.profiler.results import SCHEMA_VERSION, Comparison
from surgeon.profiler.saved import Saved, from_json
from surgeon.report.edit import CheckLine, EditReport
from surgeon.surgery.training import RowMove, Training

OpenedResult = Saved | EditReport

_OTHER_KINDS = frozenset({"diff", "tree", "blocks", "environment", "undo", "plan"})


def open_file(path: str | Path) -> tuple[OpenedResult, ...]:
    """The results of a file.

    Args:
        path: A profile, a comparison, an edit, or a list of them, as surgeon saved it.

    Raises:
        InputError: It cannot be read, or holds none of these.
    """
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise InputError(f"cannot read {path}: {reason}; give a file that --json wrote") from error
    try:
        return from_text(text)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def from_text(text: str) -> tuple[OpenedResult, ...]:
    """The results in a JSON text, as `open_file`."""
    try:
        data = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"this is no saved result: it is not JSON ({error})") from error
    return _opened(data)


def _opened(data: Any) -> tuple[OpenedResult, ...]:
    kind = data.get("kind") if isinstance(data, dict) else None
    if kind == "results":
        found = data.get("results")
        if not isinstance(found, list) or not found:
            raise InputError("this list of results is empty")
        return tuple(one for part in found for one in _opened(part))
    if kind == "edit":
        return (_edit(data),)
    if kind in _OTHER_KINDS:
        raise InputError(f"this holds a {kind}, and reports are made of profiles, comparisons and edits")
    return (from_json(json.dumps(data)),)


def _edit(data: dict[str, Any]) -> EditReport:
    """An edit, from the form that `surgeon.report.formats.machine` writes.

    Raises:
        InputError: It is damaged, or of another schema.
    """
    if data.get("schema_version") != SCHEMA_VERSION:
        raise InputError(
            f"this result was saved in schema {data.get('schema_version')!r}, this surgeon reads {SCHEMA_VERSION}"
        )
    try:
        tensors, compared, training = data["tensors"], data["comparison"], data["training"]
        comparison = None if compared is None else from_json(json.dumps(compared))
        if comparison is not None and not isinstance(comparison, Comparison):
            raise TypeError("its comparison is none")
        return EditReport(
            source=data["source"],
            outputs=tuple(data["outputs"]),
            edits=tuple(data["edits"]),
            copied=tensors["copied"],
            adopted=tensors["adopted"],
            fresh=tensors["fresh"],
            dropped=tensors["dropped"],
            copied_names=tuple(tensors["copied_names"]),
            adopted_names=tuple(tensors["adopted_names"]),
            fresh_names=tuple(tensors["fresh_names"]),
            dropped_names=tuple(tensors["dropped_names"]),
            checks=tuple(CheckLine(one["name"], one["passed"], one["detail"], one["ran"]) for one in data["checks"]),
            notes=tuple(data["notes"]),
            comparison=comparison,
            training=None if training is None else _training(training),
            dry_run=data["dry_run"],
        )
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise InputError(f"this saved edit is damaged: {type(error).__name__} {error}") from error


def _training(data: dict[str, Any]) -> Training:
    now, embed = data["freeze"]["now"], data["embed"]
    return Training(
        moves=tuple(RowMove(first=one["first"], last=one["last"], now=one["now"]) for one in data["rows"]),
        freeze_before=data["freeze"]["before"],
        freeze=json.dumps(now, separators=(",", ":")),
        embed_before=embed["before"][0],
        embed=embed["now"][0] if embed["now"] else None,
        blocks=tuple(data["blocks"]),
        only_blocks=data["commands"]["only_blocks"],
        everything=data["commands"]["everything"],
        also_trained=tuple(data["also_trained"]),
        moving_statistics=tuple(data["moving_statistics"]),
        classes=data["classes"],
        notes=tuple(data["notes"]),
    )
