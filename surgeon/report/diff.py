"""The report of a diff: figures, rows, tensors by row, and the lines of yaml in which two networks differ."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from surgeon.profiler.results import SCHEMA_VERSION, LayerProfile, ProfileResult
from surgeon.report import units
from surgeon.report.comparison import candidate_labels
from surgeon.report.rows_tables import changed_rows, unit_of
from surgeon.report.tables import Column, Document, Emphasis, Notes, Part, Row, Table
from surgeon.surgery.diff import Status, TensorChange, YamlChange

_OUTSIDE = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDiff:
    """How network B differs from network A, as facts.

    Attributes:
        before, after: Figures and rows of A and of B, not timed.
        renames: Key of each row of A → of the same row in B.
        by_record: Whether the networks' records say which row is which; else kind, shape and position do.
        edits: The edits that each of them records, as phrases.
        undone, done: Number of recorded edits that only A has, and that only B has.
        dtypes: Type of the weights in each file; they are compared as float32.
        rows_differ: Whether a row was added, removed or changed.
        tensors: Every tensor of both.
        description: What differs in ``model.yaml``.
    """

    before: ProfileResult
    after: ProfileResult
    renames: Mapping[str, str]
    by_record: bool
    edits: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    undone: int = 0
    done: int = 0
    dtypes: tuple[str, str] = ("float32", "float32")
    rows_differ: bool = False
    tensors: tuple[TensorChange, ...] = ()
    description: tuple[YamlChange, ...] = field(default=())

    @property
    def differ(self) -> bool:
        """Whether anything does: a row, a tensor, or ``model.yaml`` with its record of edits."""
        changed = any(tensor.status is not Status.EQUAL for tensor in self.tensors)
        return self.rows_differ or changed or bool(self.description) or self.edits[0] != self.edits[1]

    def number(self, status: Status) -> int:
        """How many tensors have a status."""
        return sum(tensor.status is status for tensor in self.tensors)


def diff_document(diff: ModelDiff, *, all_rows: bool = False) -> Document:
    """The report of a diff.

    Args:
        diff: The facts.
        all_rows: Show every row, not only those that differ.
    """
    labels = candidate_labels((diff.before, diff.after))
    verdict = "they differ" if diff.differ else "they do not differ: same rows, same tensors, same model.yaml"
    rows = changed_rows(diff.before, diff.after, diff.renames, label=labels[1], all_rows=all_rows)
    no_rows = "no row differs in kind, inputs, shape, params or MACs"
    parts: list[Part] = [
        _figures(diff),
        rows if rows.rows else Notes(title="rows", sentences=(no_rows,)),
        _tensors(diff, all_rows),
        _description(diff),
        Notes(title="edits on record, only in A", sentences=_only(diff.edits[0], diff.edits[1])),
        Notes(title="edits on record, only in B", sentences=_only(diff.edits[1], diff.edits[0])),
        Notes(title="notes", sentences=tuple(_notes(diff))),
    ]
    size = units.image_size(diff.before.settings.imgsz)
    lines = (f"A {diff.before.source}, B {diff.after.source}: {verdict}", f"shapes and GFLOPs at {size} px (HxW)")
    return Document(title=f"{labels[0]} -> {labels[1]}", lines=lines, parts=tuple(parts))


def _only(mine: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    common = 0
    while common < min(len(mine), len(others)) and mine[common] == others[common]:
        common += 1
    return mine[common:]


def _figures(diff: ModelDiff) -> Table:
    a, b = diff.before, diff.after
    of_a = sum(tensor.before is not None for tensor in diff.tensors)
    of_b = sum(tensor.after is not None for tensor in diff.tensors)
    figures: tuple[tuple[str, units.Number | None, units.Number | None, units.Format], ...] = (
        (f"{unit_of(a.layers)}s", len(a.layers), len(b.layers), units.count),
        ("tensors", of_a, of_b, units.count),
        ("params", a.params, b.params, units.count),
        ("GFLOPs exact", a.counts.macs, b.counts.macs, units.gflops),
        ("GFLOPs Ultralytics", a.counts.ultralytics_gflops, b.counts.ultralytics_gflops, units.giga),
    )
    columns = (
        Column(title=""),
        Column(title="A", role="number"),
        Column(title="B", role="number"),
        Column(title="delta", role="number"),
    )
    rows = []
    for name, one, other, form in figures:
        texts = units.side_by_side((one, other), form)
        rows.append(Row(cells=(name, *texts, units.change(other, one, form))))
    return Table(title="", columns=columns, rows=tuple(rows))


def _tensors(diff: ModelDiff, all_rows: bool) -> Table | Notes:
    """A line a row of B (of A where B has none), and the total."""
    if not all_rows and all(tensor.status is Status.EQUAL for tensor in diff.tensors):
        everything = f"all {units.plural(len(diff.tensors), 'tensor')} are equal, byte for byte"
        return Notes(title="tensors", sentences=(everything,))
    unit = unit_of(diff.after.layers)
    groups: dict[tuple[int, bool], list[TensorChange]] = {}
    for tensor in diff.tensors:
        gone = tensor.after is None
        groups.setdefault((_row_of(*_place(diff, tensor)), gone), []).append(tensor)
    ordered = sorted(groups.items(), key=lambda item: (item[0][0] == _OUTSIDE, item[0][0], item[0][1]))
    rows = [
        _tensor_row(diff, number, gone, found)
        for (number, gone), found in ordered
        if all_rows or any(tensor.status is not Status.EQUAL for tensor in found)
    ]
    rows.append(Row(cells=("total", "", *_numbers(diff.tensors)), emphasis=Emphasis.TOTAL))
    columns = (
        Column(title=unit, role="number"),
        Column(title="module", shrink_to=12, signed=True),
        *(Column(title=str(status), role="number") for status in Status),
        Column(title="largest change", role="number"),
    )
    shown = "" if all_rows else f"; {unit}s where all are equal are left out"
    return Table(title=f"tensors by {unit} of B{shown}", columns=columns, rows=tuple(rows))


def _place(diff: ModelDiff, tensor: TensorChange) -> tuple[str | None, Sequence[LayerProfile]]:
    gone = tensor.after is None
    return (tensor.before, diff.before.layers) if gone else (tensor.after, diff.after.layers)


def _tensor_row(diff: ModelDiff, number: int, gone: bool, found: list[TensorChange]) -> Row:
    layers = (diff.before if gone else diff.after).layers
    kind = layers[number].kind if 0 <= number < len(layers) else f"outside the {unit_of(layers)}s"
    emphasis = Emphasis.CHANGED
    if all(tensor.status is Status.EQUAL for tensor in found):
        emphasis = Emphasis.NORMAL
    elif gone:
        emphasis = Emphasis.REMOVED
    elif all(tensor.status is Status.ONLY_AFTER for tensor in found):
        emphasis = Emphasis.ADDED
    name = units.NOTHING if number == _OUTSIDE else f"A {number}" if gone else str(number)
    return Row(cells=(name, kind, *_numbers(found)), emphasis=emphasis)


def _numbers(tensors: list[TensorChange] | tuple[TensorChange, ...]) -> tuple[str, ...]:
    counts = [sum(tensor.status is status for tensor in tensors) for status in Status]
    return (*(units.count(count) if count else units.NOTHING for count in counts), _largest(tensors))


def _largest(tensors: list[TensorChange] | tuple[TensorChange, ...]) -> str:
    if any(tensor.shapes for tensor in tensors):
        return "shape"
    values = [tensor.largest for tensor in tensors if tensor.largest is not None]
    if not values:
        return units.NOTHING
    return "nan" if any(math.isnan(value) for value in values) else f"{max(values):.3g}"


def _row_of(name: str | None, layers: Sequence[LayerProfile]) -> int:
    if unit_of(layers) == "stage":
        inside = (layer.index for layer in layers if f"{name}.".startswith(f"{layer.site}."))
        return next(inside, _OUTSIDE)
    stem, _, rest = (name or "").partition(".")
    number = rest.partition(".")[0]
    return int(number) if stem == "model" and number.isdigit() else _OUTSIDE


def _description(diff: ModelDiff) -> Table | Notes:
    if not diff.description:
        but = [
            *(["rows that were added, removed or rewired"] if diff.rows_differ else []),
            *(["the record of edits"] if diff.edits[0] != diff.edits[1] else []),
        ]
        same = f"the same but for {' and '.join(but)}" if but else "the same"
        return Notes(title="model.yaml", sentences=(same,))
    columns = (
        Column(title="model.yaml"),
        Column(title="A", shrink_to=16, wrap=True),
        Column(title="B", shrink_to=16, wrap=True),
    )
    rows = tuple(
        Row(cells=(change.key, change.before or units.NOTHING, change.after or units.NOTHING))
        for change in diff.description
    )
    return Table(title="", columns=columns, rows=rows)


def _notes(diff: ModelDiff) -> list[str]:
    if diff.by_record:
        steps = [
            *([f"A has {units.plural(diff.undone, 'recipe')} that B lacks"] if diff.undone else []),
            *([f"B has {units.plural(diff.done, 'recipe')} that A lacks"] if diff.done else []),
        ]
        how = f": {', '.join(steps)}" if steps else ""
        notes = [f"Rows and tensors are matched by the record of edits{how}."]
    else:
        notes = ["No record connects A and B: rows and tensors are matched by kind, shape and position."]
    if set(diff.dtypes) != {"float32"}:
        notes.append(f"A holds {diff.dtypes[0]}, B {diff.dtypes[1]} weights; they are compared as float32.")
    if any(tensor.shapes for tensor in diff.tensors):
        notes.append('"shape" stands where tensors of one name differ in shape.')
    return notes


def diff_data(diff: ModelDiff) -> dict[str, Any]:
    """The diff as plain JSON data."""
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": "diff",
        "differ": diff.differ,
        "a": _side(diff.before, diff.dtypes[0], diff.edits[0]),
        "b": _side(diff.after, diff.dtypes[1], diff.edits[1]),
        "imgsz": list(diff.before.settings.imgsz),
        "matched_by": "record" if diff.by_record else "alignment",
        "renames": dict(diff.renames),
        "rows_differ": diff.rows_differ,
        "tensors": {
            "numbers": {str(status): diff.number(status) for status in Status},
            "changes": [_tensor(tensor) for tensor in diff.tensors if tensor.status is not Status.EQUAL],
        },
        "yaml": [{"key": c.key, "a": c.before, "b": c.after} for c in diff.description],
    }


def _side(result: ProfileResult, dtype: str, edits: tuple[str, ...]) -> dict[str, Any]:
    return {
        "name": result.name,
        "source": result.source,
        "source_sha256": result.source_sha256,
        "dtype": dtype,
        "params": result.params,
        "macs": result.counts.macs,
        "ultralytics_gflops": result.counts.ultralytics_gflops,
        "edits": list(edits),
        "rows": [
            {
                "key": layer.key,
                "index": layer.index,
                "site": layer.site,
                "kind": layer.kind,
                "inputs": list(layer.inputs),
                "out_shape": None if layer.out_shape is None else list(layer.out_shape),
                "params": layer.params,
                "macs": layer.macs,
            }
            for layer in result.layers
        ],
    }


def _tensor(tensor: TensorChange) -> dict[str, Any]:
    finite = tensor.largest is not None and math.isfinite(tensor.largest)
    return {
        "a": tensor.before,
        "b": tensor.after,
        "status": str(tensor.status),
        "largest": tensor.largest if finite else None,
        "shapes": [list(shape) for shape in tensor.shapes],
    }
