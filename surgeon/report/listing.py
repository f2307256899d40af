"""Lists as documents: the rows of a network, the blocks of the catalog, one block in full."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from surgeon.report import units
from surgeon.report.tables import Column, Document, Emphasis, Facts, Notes, Row, Table

if TYPE_CHECKING:
    from surgeon.blocks.catalog.info import BlockInfo
    from surgeon.graph.layer import LayerGraph


def tree_table(graph: LayerGraph) -> Document:
    """The rows of a network, with the sites that users type."""
    columns = (
        Column(title="site"),
        Column(title="row", role="number"),
        Column(title="module", shrink_to=12, signed=True),
        Column(title="from", shrink_to=8),
        Column(title="out shape"),
        Column(title="params", role="number"),
    )
    numbers = {layer.key: str(layer.index) for layer in graph}
    rows = [
        Row(
            cells=(
                layer.site,
                str(layer.index),
                layer.kind,
                ",".join(numbers.get(key, key) for key in layer.inputs),
                units.shape(layer.out_shape),
                units.count(layer.params),
            ),
            emphasis=Emphasis.ADDED if layer.planted else Emphasis.NORMAL,
        )
        for layer in graph
    ]
    total = units.count(sum(layer.params for layer in graph))
    rows.append(Row(cells=("total", "", units.plural(len(graph), "row"), "", "", total), emphasis=Emphasis.TOTAL))
    return Document(
        title=graph.name,
        lines=(f"{graph.family}, shapes CxHxW at {units.image_size(graph.imgsz)} px (HxW)",),
        parts=(Table(title="", columns=columns, rows=tuple(rows)),),
    )


def blocks_table(blocks: Iterable[BlockInfo]) -> Document:
    """The catalog, a row a block."""
    columns = (
        Column(title="name"),
        Column(title="kind"),
        Column(title="paper", shrink_to=16),
        Column(title="year", role="number"),
        Column(title="channels"),
        Column(title="constraints", shrink_to=12),
    )
    rows = tuple(
        Row(
            cells=(
                block.name,
                block.kind,
                block.paper,
                str(block.year),
                "may change" if block.changes_channels else "kept",
                block.constraints,
            )
        )
        for block in blocks
    )
    return Document(title=units.plural(len(rows), "block"), parts=(Table(title="", columns=columns, rows=rows),))


def block_card(block: BlockInfo) -> Document:
    """All that is known of one block."""
    facts = [
        ("name", ", ".join((block.name, *block.aliases))),
        ("kind", block.kind),
        ("paper", f"{block.paper} ({block.year})"),
        ("source", block.source),
        ("channels", "may change" if block.changes_channels else "kept"),
        ("constraints", block.constraints or "none"),
    ]
    columns = (
        Column(title="option"),
        Column(title="default", shrink_to=10, wrap=True),
        Column(title="meaning", shrink_to=20, wrap=True),
    )
    names = dict.fromkeys((*block.defaults, *block.options))
    options = tuple(
        Row(
            cells=(
                name,
                _literal(block.defaults[name]) if name in block.defaults else "required",
                block.options.get(name, ""),
            )
        )
        for name in names
    )
    return Document(
        title=block.title,
        lines=(block.summary,),
        parts=(
            Facts(title="", items=tuple(facts)),
            Table(title="options (--set option=value)", columns=columns, rows=options),
            Notes(title="", sentences=() if options else ("It has no options.",)),
        ),
    )


def _literal(value: object) -> str:
    """A default as the user would type it after ``--set option=``: YAML."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
