"""How to train an edited network, for its report: translated row numbers, and commands to copy."""

from __future__ import annotations

import json
import shlex
from typing import Any

from surgeon.report import units
from surgeon.report.tables import Facts, Notes, Part
from surgeon.surgery.training import RowMove, Training

_NAMES_SHOWN = 3
_FREEZE_SHOWN = 24
"""Characters up to which a translated list stands in a line; a longer one is printed to be copied, in one piece."""


def training_parts(training: Training) -> tuple[Part, ...]:
    """What stands under the report of an edit."""
    before, now = training.embed_before, training.embed
    usual, freeze = f"freeze={training.freeze_before}", f"freeze={training.freeze}"
    long = len(training.freeze) > _FREEZE_SHOWN
    numbers = Facts(
        title="training",
        items=(
            ("rows", _rows(training.moves)),
            (usual, "now the list below" if long else f"now {freeze}"),
            (f"embed=[{before}]", f"row {before} is gone" if now is None else f"now embed=[{now}]"),
        ),
    )
    parts: list[Part] = [numbers]
    if long:
        parts.append(Notes(title=f"{usual} now", sentences=(shlex.quote(freeze),), verbatim=True))
    if training.only_blocks is not None:
        what = "the planted block" if len(training.blocks) == 1 else "the planted blocks"
        parts.append(Notes(title=f"train {what} alone", sentences=(training.only_blocks,), verbatim=True))
        parts.append(Notes(title="", sentences=_alone(training)))
    elif training.blocks:
        parts.append(Notes(title="", sentences=(_cannot(training),)))
    parts.append(Notes(title="train everything", sentences=(training.everything,), verbatim=True))
    parts.append(Notes(title="", sentences=training.notes))
    return tuple(parts)


def training_data(training: Training) -> dict[str, Any]:
    """The same as plain JSON data."""
    return {
        "rows": [{"first": move.first, "last": move.last, "now": move.now} for move in training.moves],
        "freeze": {"before": training.freeze_before, "now": json.loads(training.freeze)},
        "embed": {"before": [training.embed_before], "now": [] if training.embed is None else [training.embed]},
        "blocks": list(training.blocks),
        "commands": {"only_blocks": training.only_blocks, "everything": training.everything},
        "also_trained": list(training.also_trained),
        "moving_statistics": list(training.moving_statistics),
        "classes": training.classes,
        "notes": list(training.notes),
    }


def _rows(moves: tuple[RowMove, ...]) -> str:
    if all(move.now == move.first for move in moves):
        return "every row keeps its number"
    return ", ".join(_move(move) for move in moves)


def _move(move: RowMove) -> str:
    rows = _span(move.first, move.last)
    if move.now is None:
        return f"{rows} gone"
    if move.now == move.first:
        return f"{rows} as before"
    return f"{rows} now {_span(move.now, move.now + move.last - move.first)}"


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def _alone(training: Training) -> tuple[str, ...]:
    rest = "Everything else is frozen"
    if training.also_trained:
        rest += f" but {_some(training.also_trained)}, which a freeze list cannot name"
    elif not training.moving_statistics:
        rest += ", the running statistics of its BatchNorms included"
    sentences = [f"{rest}."]
    if training.moving_statistics:
        sentences.append(f"The running statistics of {_some(training.moving_statistics)} move all the same.")
    if not _is_in_head(training):
        what = f"it fits data of {_classes(training)}, for others leave it out of the list"
        sentences.append(f"The head is frozen too: {what}.")
    return (" ".join(sentences),)


def _is_in_head(training: Training) -> bool:
    """Whether a block stands in the last row, the head: what the command freezes of it depends on the block."""
    head = max((move.now + move.last - move.first for move in training.moves if move.now is not None), default=None)
    return any(f"{path}.".startswith(f"model.{head}.") for path in training.blocks)


def _classes(training: Training) -> str:
    if training.classes is None:
        return "its own classes"
    return f"its own {units.plural(training.classes, 'class', 'classes')}"


def _cannot(training: Training) -> str:
    return f"A freeze list cannot leave {_some(training.blocks)} alone trainable in this network."


def _some(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(names[:_NAMES_SHOWN]) + more
