"""A plan for its reader: the rows that would be new, changed or gone. Nothing was built to make it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from surgeon.blocks import catalog
from surgeon.blocks.naming import display_name, is_foreign
from surgeon.cli.planned_grafts import grafts_data, grafts_table
from surgeon.graph import IMAGE, LayerGraph, PlannedRow
from surgeon.report import units
from surgeon.report.tables import Column, Document, Emphasis, Notes, Row, Table
from surgeon.surgery.new_blocks import describe
from surgeon.surgery.plan import SurgeryPlan

_COLUMNS = (
    Column(title="was", role="number"),
    Column(title="module", shrink_to=12, signed=True),
    Column(title="from", shrink_to=8),
    Column(title="out shape"),
    Column(title="params", role="number"),
    Column(title="GFLOPs", role="number", drop=1),
)


def plan_document(plan: SurgeryPlan, graph: LayerGraph, out: str, notes: Sequence[str]) -> Document:
    """The plan of an edit.

    Args:
        plan: What would be done.
        graph: The network as it is, read at the image size whose shapes are shown.
        out: Where it would be written.
        notes: What was decided when opening.
    """
    return Document(
        title=f"{graph.name}: plan",
        lines=(f"dry run: nothing was written; without --dry-run it goes to {out}",),
        parts=(
            Notes(title="edits", sentences=tuple(map(str, plan.recipe.edits))),
            *(
                [_rows_table(plan, graph)]
                if not plan.grafts or any(row.block for row in plan.rows) or plan.dropped
                else []
            ),
            grafts_table(plan),
            Notes(title="notes", sentences=(_promise(plan), *notes, *plan.notes)),
        ),
    )


def _moves_rows(plan: SurgeryPlan) -> bool:
    return not plan.grafts or bool(plan.dropped) or any(row.block for row in plan.rows)


def _rows_table(plan: SurgeryPlan, graph: LayerGraph) -> Table:
    return Table(
        title=f"{graph.unit}s that change ({len(plan.rows)} {graph.unit}s, were {len(graph)}; shapes at "
        f"{units.image_size(graph.imgsz)})",
        columns=(Column(title=graph.unit, role="number"), *_COLUMNS),
        rows=tuple(_rows(plan, graph)),
    )


def plan_data(plan: SurgeryPlan, graph: LayerGraph, out: str, notes: Sequence[str]) -> dict[str, Any]:
    """The plan as plain JSON data."""
    return {
        "schema_version": 1,
        "kind": "plan",
        "source": graph.name,
        "out": out,
        "recipe": plan.recipe.to_dict(),
        "keeps_output": plan.keeps_output,
        "rows": [_row_data(index, row, plan) for index, row in enumerate(plan.rows)],
        "grafts": grafts_data(plan),
        "dropped": [layer.site for layer in plan.dropped],
        "notes": [*notes, *plan.notes],
        "dry_run": True,
    }


def _promise(plan: SurgeryPlan) -> str:
    if plan.keeps_output:
        return "The output stays equal bit for bit until training opens the block."
    return "The output will move; the report of the edit says how far."


def _rows(plan: SurgeryPlan, graph: LayerGraph) -> list[Row]:
    numbers = {row.key: index for index, row in enumerate(plan.rows)}
    numbers[IMAGE] = -1
    shown = [
        _shown(index, row, graph, numbers) for index, row in enumerate(plan.rows) if row.block or _rewired(row, graph)
    ]
    gone = [
        Row(
            cells=("", str(layer.index), layer.kind, "", units.shape(layer.out_shape), units.count(layer.params), ""),
            emphasis=Emphasis.REMOVED,
        )
        for layer in (graph.layers[dropped.index] for dropped in plan.dropped)
    ]
    return shown + gone


def _rewired(row: PlannedRow, graph: LayerGraph) -> bool:
    return row.source is not None and row.inputs != graph.layers[row.source].inputs


def _shown(index: int, row: PlannedRow, graph: LayerGraph, numbers: dict[str, int]) -> Row:
    sources = ",".join(str(numbers[key]) for key in row.inputs)
    if row.block is None:
        assert row.source is not None
        old = graph.layers[row.source]
        shape, params = units.shape(old.out_shape), units.count(old.params)
        cells = (str(index), str(old.index), old.kind, sources, shape, params, "")
        return Row(cells=cells, emphasis=Emphasis.CHANGED)
    height, width = _resolution(row, graph)
    shape = units.shape((1, row.block.out_channels, height, width)) if height else units.NOTHING
    params, gflops = _cost(row, graph)
    return Row(cells=(str(index), "new", describe(row.block), sources, shape, params, gflops), emphasis=Emphasis.ADDED)


def _resolution(row: PlannedRow, graph: LayerGraph) -> tuple[int, int]:
    """Height and width of what a new block puts out."""
    known = {layer.key: layer.out_shape for layer in graph}
    shape = known.get(row.like)
    return (shape[2], shape[3]) if shape is not None and len(shape) == 4 else (0, 0)


def _cost(row: PlannedRow, graph: LayerGraph) -> tuple[str, str]:
    """Parameters and GFLOPs by the closed form of the catalog; of a user's class nothing is known unbuilt."""
    block = row.block
    assert block is not None
    if is_foreign(block.module):
        return units.NOTHING, units.NOTHING
    height, width = _resolution(row, graph)
    # The closed form counts from the size of the input, which a stride or a scale makes another.
    stride, scale = (int(block.settings.get(name) or 1) for name in ("stride", "scale"))
    if catalog.get(block.module).kind != "upsampling":
        scale = 1
    size = (max(height * stride // scale, 1), max(width * stride // scale, 1))
    cost = catalog.get(block.module).cost(block.in_channels, block.out_channels, *size, block.settings)  # type: ignore[arg-type]
    return units.count(cost.params), units.gflops(cost.macs) if height else units.NOTHING


def _row_data(index: int, row: PlannedRow, plan: SurgeryPlan) -> dict[str, Any]:
    data: dict[str, Any] = {
        "index": index,
        "key": row.key,
        "section": row.section,
        "inputs": list(row.inputs),
        "was": row.source,
        "kind": display_name(row.block.module) if row.block else plan.before.layers[row.source or 0].kind,
    }
    if row.block is not None:
        data["block"] = {
            "module": row.block.module,
            "in_channels": block_inputs
            if isinstance(block_inputs := row.block.in_channels, int)
            else list(block_inputs),
            "out_channels": row.block.out_channels,
            "settings": dict(row.block.settings),
            "start": row.block.start,
        }
    return data
