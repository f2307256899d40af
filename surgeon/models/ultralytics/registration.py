"""How Ultralytics' own ``parse_model`` learns to build the rows that surgeon wrote into a ``model.yaml``.

The trainer rebuilds every network from ``model.yaml``; an edit that is not in what it rebuilds from is silently lost.
A planted row reads ``[from, 1, surgeon.gam, [c1, c2, {start: identity, settings: {rate: 4}}]]``, and the record
stands under the key ``surgeon``. Networks without either are built by the unchanged function.

Internals used: ``ultralytics.nn.tasks.parse_model(d, ch, verbose)``, looked up by the model classes as a module
global (8.0.0); its name lookup ``globals()[name]`` (8.0.50); its resolution of the strings ``ch`` and ``f`` in a row's
arguments (8.0.37); ``Detect.legacy`` (8.3.17); ``Index`` (8.3.59); ``SAFE_LOAD`` (8.4.67).
"""

from __future__ import annotations

import contextlib
import copy
import functools
import sys
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

import torch
from torch import nn

from surgeon.blocks import factory
from surgeon.blocks.naming import is_foreign
from surgeon.blocks.planted import PlantedBlock
from surgeon.errors import BlockError
from surgeon.models.ultralytics import fusing, grafts_record

PREFIX = "surgeon."
"""What the module name of a planted row starts with in a ``model.yaml``."""
RECORD = "surgeon"
"""Key of the record in a ``model.yaml``."""

_WRAPPED = "_surgeon_wraps"
Parse = Callable[..., tuple[nn.Sequential, list[int]]]


def register(tasks: ModuleType) -> None:
    """Wrap ``parse_model`` of this Ultralytics once; safe to call again.

    The YOLOv5, YOLOv7 and YOLOv9 repositories have a ``parse_model(d, ch)`` of the same kind, which is served as well.
    """
    fusing.register(tasks)
    stock: Parse = tasks.parse_model
    if hasattr(stock, _WRAPPED):
        return

    @functools.wraps(stock)
    def parse_model(d: dict[str, Any], *args: Any, **named: Any) -> tuple[nn.Sequential, list[int]]:
        if RECORD not in d and not any(is_planted_row(row) for row in all_rows(d)):
            return stock(d, *args, **named)
        return _parse_edited(tasks, stock, d, *args, **named)

    setattr(parse_model, _WRAPPED, stock)
    tasks.parse_model = parse_model  # type: ignore[attr-defined]
    if getattr(tasks, "SAFE_LOAD", False):
        # ULTRALYTICS_SAFE_LOAD=1: its weights-only loading knows no class but Ultralytics' own.
        import yolo_surgeon

        names = (yolo_surgeon.restore, yolo_surgeon.graft_after, yolo_surgeon.graft_before)
        torch.serialization.add_safe_globals(list(names))


def all_rows(d: Mapping[str, Any]) -> list[list[Any]]:
    """The rows of a ``model.yaml``, backbone first."""
    return [*d["backbone"], *d["head"]]


def is_planted_row(row: list[Any]) -> bool:
    """Whether surgeon wrote this row."""
    return isinstance(row[2], str) and row[2].startswith(PREFIX)


def import_foreign_blocks(d: Mapping[str, Any]) -> None:
    """Import the users' own classes that a ``model.yaml`` plants; the caller has asked for consent.

    Raises:
        BlockError: One cannot be imported.
    """
    for row in all_rows(d):
        if is_planted_row(row) and is_foreign(row[2].removeprefix(PREFIX)):
            factory.load_factory(row[2].removeprefix(PREFIX))
    for name in grafts_record.foreign_modules(d):
        factory.load_factory(name)


def planted_row(source: int | list[int], planted: PlantedBlock) -> list[Any]:
    """The row of a ``model.yaml`` that rebuilds a planted block; several sources for one that takes a list."""
    options = {"start": planted.start, "settings": dict(planted.settings)}
    return [source, 1, PREFIX + planted.block_name, [planted.in_channels, planted.out_channels, options]]


def _parse_edited(
    tasks: ModuleType, stock: Parse, d: dict[str, Any], *args: Any, **named: Any
) -> tuple[nn.Sequential, list[int]]:
    d = copy.deepcopy(d)
    rows = all_rows(d)
    aliases: dict[str, type] = {}
    stood_in: dict[int, tuple[PlantedBlock, int | list[int]]] = {}
    for index, row in enumerate(rows):
        if not is_planted_row(row):
            continue
        name, (c1, c2, options) = row[2].removeprefix(PREFIX), row[3]
        if c1 == c2:
            alias = f"surgeon_row_{index}"
            arguments: list[Any] = ["ch", "f"]
            aliases[alias] = _row_class(name, index, c1, options, arguments)
            row[2:] = [alias, arguments]
        else:
            # parse_model takes a row's output width from its own table of classes; Index takes it from its argument,
            # and reads one row only: any will do, the block's own sources are put in afterwards.
            stood_in[index] = _build(name, c1, c2, options), row[0]
            row[:] = [row[0] if isinstance(row[0], int) else -1, 1, "Index", [c2]]
    flags = (d.get(RECORD) or {}).get("head_flags") or {}
    with _module_globals(tasks, aliases), _head_flags(tasks, flags):
        layers, save = stock(d, *args, **named)
    for index, (planted, source) in stood_in.items():
        set_row_attributes(planted, index, source)
        layers[index] = planted
        if isinstance(source, list):
            save = sorted([*save, *(entry % index for entry in source if entry != -1)])
        if named.get("verbose", args[1:2] != (False,)):
            tasks.LOGGER.info(f"{index:>3} is {planted.type}, {planted.np} parameters, in place of Index")
    for module in layers:
        if isinstance(module, PlantedBlock):
            vars(module).update(type=type_name(module.block_name))
    grafts_record.replay(layers, d)
    return layers, save


def type_name(block_name: str) -> str:
    """What Ultralytics prints as the type of a planted row."""
    return f"yolo_surgeon.{block_name.rpartition(':')[2]}"


def set_row_attributes(module: nn.Module, index: int, source: int | list[int]) -> None:
    """Give a module the attributes that ``parse_model`` gives its rows: ``i``, ``f``, ``np`` and ``type``."""
    vars(module).update(i=index, f=source, np=sum(p.numel() for p in module.parameters()))
    if isinstance(module, PlantedBlock):
        vars(module).update(type=type_name(module.block_name))


def _build(name: str, c1: int | list[int], c2: int, options: Mapping[str, Any]) -> PlantedBlock:
    module_name = name.partition(":")[0]
    if is_foreign(name) and module_name not in sys.modules:
        # A yaml is untrusted: it may name a user's class, it may not have its module imported.
        raise BlockError(f"this model.yaml plants {name}: import {module_name} before building it")
    return PlantedBlock(name, c1, c2, options.get("settings") or {}, options.get("start", "identity"))


def _row_class(name: str, index: int, c1: int, options: Mapping[str, Any], arguments: list[Any]) -> type:
    """A class that ``parse_model`` calls as ``class(ch, f)``, with the live channel list and the row's source."""

    def build(cls: type, ch: list[int], f: int) -> PlantedBlock:
        if ch[f] != c1:
            raise BlockError(
                f"row {index} of this model.yaml plants {name} at {c1} channels, but row {f} now has {ch[f]}: "
                f"the yaml of an edited model holds one scale; replay its recipe on the other scale instead"
            )
        arguments[:] = [c1, dict(options.get("settings") or {})]  # what parse_model prints of the row
        return _build(name, c1, c1, options)

    # nn.Module as base: Ultralytics' restricted loading accepts nothing else as a row.
    return type(name.rpartition(":")[2], (nn.Module,), {"__new__": build, "__module__": "yolo_surgeon"})


@contextlib.contextmanager
def _module_globals(module: ModuleType, names: Mapping[str, type]) -> Iterator[None]:
    vars(module).update(names)
    try:
        yield
    finally:
        for name in names:
            del vars(module)[name]


@contextlib.contextmanager
def _head_flags(tasks: ModuleType, flags: Mapping[str, Any]) -> Iterator[None]:
    """Build detection heads with the flags that the source's head had.

    ``parse_model`` decides ``Detect.legacy`` from the kinds of rows it saw, so replacing them (or an old checkpoint)
    would build another head.
    """
    if "legacy" not in flags:
        yield
        return
    detect = tasks.Detect
    stock_init = detect.__init__

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        self.__dict__["legacy"] = bool(flags["legacy"])
        stock_init(self, *args, **kwargs)

    detect.__init__ = init
    try:
        yield
    finally:
        detect.__init__ = stock_init
