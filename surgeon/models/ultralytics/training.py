"""What Ultralytics' trainer does with a freeze list, and the ``yolo train`` line for an edited file.

Internals used: ``BaseTrainer._setup_train`` takes each entry x of the list ``freeze`` as the text ``model.x.``, looks
for it anywhere in a parameter's name, and always freezes ``.dfl`` (8.0.154; paths as entries are documented since
8.4.131); ``BaseTrainer._model_train`` puts a BatchNorm2d into evaluation mode when one of these texts stands in its own
name (8.3.99); ``BaseTrainer.build_optimizer`` tells the head of MuSGD by the number 23 (8.4.0 to 8.4.112);
``ultralytics.cfg.TASK2DATA`` and the folder ``ultralytics/cfg/datasets`` (8.0.136).
"""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

_ALWAYS_FROZEN = ".dfl"
_BARE_NAME = re.compile(r"[A-Za-z0-9][\w.+-]{0,99}")
_FALLBACK_DATA = "coco8.yaml"
_HEAD_BY_PLACE = (8, 4, 113)
_NUMBERED_HEAD = 23


def freeze_argument(entries: Sequence[int | str]) -> str:
    """A freeze list as the ``yolo`` command takes it: ``10`` for the first ten rows, else ``[0,1,"4.m.0.cv1"]``."""
    if entries and tuple(entries) == tuple(range(len(entries))):
        return str(len(entries))
    return json.dumps(list(entries), separators=(",", ":"))


def frozen_parameters(entries: Iterable[int | str], module: nn.Module) -> frozenset[str]:
    """Names of the parameters that the trainer freezes for a freeze list."""
    texts = _texts(entries)
    return frozenset(name for name, _ in module.named_parameters() if any(text in name for text in texts))


def moving_statistics(entries: Iterable[int | str], module: nn.Module) -> tuple[str, ...]:
    """BatchNorms whose running statistics move in training although every parameter of theirs is frozen.

    An entry that names a BatchNorm itself freezes its weight and bias; the trainer's test of the module's own name
    misses it, because that name ends where the entry's last dot stands.
    """
    texts = _texts(entries)
    found = []
    for name, norm in module.named_modules():
        if isinstance(norm, nn.BatchNorm2d) and not any(text in name for text in texts):
            own = [f"{name}.{parameter}" for parameter, _ in norm.named_parameters(recurse=False)]
            if own and all(any(text in parameter for text in texts) for parameter in own):
                found.append(name)
    return tuple(found)


def data_argument(train_args: Mapping[str, Any], task: str) -> str:
    """What to write after ``data=``: the data that the checkpoint was trained on where that is to be found here.

    The value comes from an untrusted file: an address, or a path that leads to nothing, is not repeated.

    Args:
        train_args: The checkpoint's training arguments.
        task: ``detect``, ``segment`` …

    Returns:
        A dataset that ships with Ultralytics, a path that exists, or the example dataset of the task.
    """
    value = train_args.get("data")
    if isinstance(value, str) and value.isprintable() and "://" not in value and len(value) < 1000:
        name = re.split(r"[/\\]", value)[-1]
        if _BARE_NAME.fullmatch(name) and name in _shipped_datasets():
            return name
        if _is_dataset(Path(value), task):
            return value
    from ultralytics import cfg

    return str(cfg.TASK2DATA.get(task) or _FALLBACK_DATA)


def train_command(pt: Path | str, data: str, entries: Sequence[int | str] = ()) -> str:
    """A ``yolo train`` line for a POSIX shell.

    Args:
        pt: The edited file.
        data: From `data_argument`.
        entries: What to freeze.
    """
    words = ["yolo", "train", f"model={pt}", f"data={data}"]
    if entries:
        words.append(f"freeze={freeze_argument(entries)}")
    return shlex.join(words)


def optimizer_notes(head_before: int, head_now: int) -> tuple[str, ...]:
    """What the installed release does to a head because its row has another number.

    Args:
        head_before: Row of the head before the edit.
        head_now: Its row after the edit.
    """
    import ultralytics

    release = tuple(int(part) for part in re.findall(r"\d+", ultralytics.__version__)[:3])
    moved = head_before != head_now and _NUMBERED_HEAD in (head_before, head_now)
    if release >= _HEAD_BY_PLACE or not moved:
        return ()
    fate = "gains" if head_now == _NUMBERED_HEAD else "loses"
    return (
        f"Ultralytics {ultralytics.__version__} with optimizer=MuSGD triples the learning rate of the class branch of "
        f"row {_NUMBERED_HEAD}, by its number: the head, row {head_before} before and {head_now} now, {fate} that. "
        "From 8.4.113 on it goes by the head's place.",
    )


def _texts(entries: Iterable[int | str]) -> tuple[str, ...]:
    return (*(f"model.{entry}." for entry in entries), _ALWAYS_FROZEN)


def _shipped_datasets() -> frozenset[str]:
    spec = importlib.util.find_spec("ultralytics")
    if spec is None or not spec.submodule_search_locations:
        return frozenset()
    folder = Path(spec.submodule_search_locations[0]) / "cfg" / "datasets"
    return frozenset(path.name for path in folder.glob("*.yaml"))


def _is_dataset(path: Path, task: str) -> bool:
    try:
        return (
            path.is_file()
            if path.suffix in (".yaml", ".yml")
            else task == "classify" and path.name != "" and path.is_dir()
        )
    except OSError:  # a name too long, a folder that may not be searched
        return False
