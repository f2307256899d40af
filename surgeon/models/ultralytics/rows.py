"""The mechanics of a row edit: a plan becomes a network whose modules, wiring and ``model.yaml`` all say the same.

Internals used: rows' ``i``, ``f``, ``np``, ``type``; ``model.save`` (rows whose output is kept); ``model.yaml`` (all
8.0.0).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from surgeon.blocks.naming import is_foreign
from surgeon.blocks.planted import PlantedBlock
from surgeon.graph import IMAGE, NewBlock, PlannedRow
from surgeon.models.modules.grafts import plant
from surgeon.models.ultralytics.reader import rows_of, sources_of
from surgeon.models.ultralytics.registration import RECORD, planted_row, set_row_attributes
from surgeon.models.ultralytics.swapped import refuse_swapped


def apply_rows(
    module: nn.Module, plan: Sequence[PlannedRow], entry: Mapping[str, Any], flags: Mapping[str, Any]
) -> nn.Module:
    """An edited copy of a network.

    Args:
        module: The network; it is not changed.
        plan: The rows it shall have.
        entry: What to append to the record in ``model.yaml``.
        flags: Head flags that a rebuild must restore (`drift.find_head_flags`).

    Returns:
        The copy: every original row is there with its tensors, blocks are new.
    """
    edited = copy.deepcopy(module)
    old = _one_object_each(list(rows_of(edited)))
    positions = {row.key: index for index, row in enumerate(plan)}
    modules: list[nn.Module] = []
    for index, row in enumerate(plan):
        sources = [-1 if key == IMAGE else positions[key] for key in row.inputs]
        if row.source is not None:
            child = old[row.source]
            f = _relocate(child, row.source, index, sources)
            vars(child).update(i=index, f=f)
        else:
            assert row.block is not None
            child = _plant(row.block, edited, row.key)
            near = [-1 if source in (index - 1, -1) else source for source in sources]
            f = near if isinstance(child.in_channels, list) else near[0]
            set_row_attributes(child, index, f)
        modules.append(child)
    edited.model = nn.Sequential(*modules)
    description = _edited_yaml(edited.yaml, plan, modules, entry, flags)  # type: ignore[arg-type]
    vars(edited).update(save=save_list(modules), yaml=description)
    return edited


def _one_object_each(rows: list[nn.Module]) -> list[nn.Module]:
    """The rows, where one module stands at several of them with an object for each: a row's number is its attribute.

    The objects share their children and parameters, as before.
    """
    seen: set[int] = set()
    separate = []
    for row in rows:
        separate.append(copy.copy(row) if id(row) in seen else row)
        seen.add(id(row))
    return separate


def _relocate(row: nn.Module, old_index: int, index: int, sources: list[int]) -> int | list[int]:
    """The row's ``f`` after the edit: relative entries stay so where they still reach as far back."""
    entries = row.f if isinstance(row.f, list) else [row.f]
    assert len(entries) == len(sources)
    before = sources_of(row, old_index)
    new = []
    for entry, old_source, source in zip(entries, before, sources, strict=True):
        distance = source - index
        if source < 0 or (entry < 0 and old_source - old_index == distance):
            new.append(entry if source >= 0 else -1)
        else:
            new.append(source)
    return new if isinstance(row.f, list) else new[0]


def save_list(modules: list[nn.Module]) -> list[int]:
    """Rows whose output must be kept, as ``parse_model`` lists them."""
    save: list[int] = []
    for index, module in enumerate(modules):
        entries: list[int] = module.f if isinstance(module.f, list) else [module.f]  # type: ignore[list-item]
        save.extend(entry % index for entry in entries if entry != -1 and index)
    return sorted(save)


def _plant(block: NewBlock, model: nn.Module, key: str) -> PlantedBlock:
    planted = plant(block, model, key)
    if is_foreign(block.module):
        refuse_swapped(planted, block.module)
    return planted


def _edited_yaml(
    d: Mapping[str, Any],
    plan: Sequence[PlannedRow],
    modules: list[nn.Module],
    entry: Mapping[str, Any],
    flags: Mapping[str, Any],
) -> dict[str, Any]:
    new = copy.deepcopy(dict(d))
    old_rows = [*new["backbone"], *new["head"]]
    sections: dict[str, list[Any]] = {"backbone": [], "head": []}
    for row, module in zip(plan, modules, strict=True):
        if row.source is not None:
            _, *rest = old_rows[row.source]
            sections[row.section].append([module.f, *rest])
        else:
            assert isinstance(module, PlantedBlock)
            sections[row.section].append(planted_row(module.f, module))  # type: ignore[arg-type]
    new.update(sections)
    record = dict(new.get(RECORD) or {"version": 1, "edits": []})
    record["edits"] = [*record["edits"], dict(entry)]
    if flags:
        record["head_flags"] = dict(flags)
    new[RECORD] = record
    return new
