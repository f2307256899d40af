"""Lists as documents: the rows of a network, the blocks of the catalog, one block in full."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from surgeon.report import units
from surgeon.report.tables import Column, Document, Emphasis, Facts, Notes, Row, Table

if TYPE_CHECKING:
    from surgeon.blocks.catalog.info import BlockInfo
    from surgeon.graph.layer import Layer, LayerGraph
    from surgeon.graph.modules import ModuleNode, ModuleTree


def tree_table(graph: LayerGraph, modules: ModuleTree | None = None, depth: int = 0) -> Document:
    """The rows of a network, with the sites that users type.

    Args:
        graph: The rows.
        modules: What lies inside them; needed where ``depth`` is not 0.
        depth: How many levels inside the rows are shown.
    """
    columns = (
        Column(title="site"),
        Column(title=graph.unit, role="number"),
        Column(title="module", shrink_to=12, signed=True),
        Column(title="from", shrink_to=8),
        Column(title="out shape"),
        Column(title="params", role="number"),
    )
    numbers = {layer.key: str(layer.index) for layer in graph}
    rows: list[Row] = []
    for layer in graph:
        cells = (
            layer.site,
            str(layer.index),
            layer.kind,
            ",".join(numbers.get(key, key) for key in layer.inputs),
            units.shape(layer.out_shape),
            units.count(layer.params),
        )
        rows.append(Row(cells=cells, emphasis=Emphasis.ADDED if layer.planted else Emphasis.NORMAL))
        if modules is not None and depth:
            rows += [_nested(node, layer) for node in modules.below(layer.path) if _level(node, layer) <= depth]
    total = units.count(sum(layer.params for layer in graph))
    rows.append(Row(cells=("total", "", units.plural(len(graph), graph.unit), "", "", total), emphasis=Emphasis.TOTAL))
    legend = (
        f"Inside a {graph.unit}, `from` says why a module can take no block: shared, not called once in inference, or "
        "folded by fuse()."
    )
    return Document(
        title=graph.name,
        lines=(f"{graph.family}, shapes CxHxW at {units.image_size(graph.imgsz)} px (HxW)",),
        parts=(
            Table(title="", columns=columns, rows=tuple(rows)),
            *([Notes(title="", sentences=(legend,))] if depth else []),
        ),
    )


def _nested(node: ModuleNode, layer: Layer) -> Row:
    indent = "  " * _level(node, layer)
    cells = (
        node.site,
        "",
        f"{indent}{node.kind}",
        _obstacle(node),
        units.shape(node.out_shape if node.names == 1 else None),
        units.count(node.params),
    )
    return Row(cells=cells, emphasis=Emphasis.ADDED if node.planted else Emphasis.NORMAL)


def _level(node: ModuleNode, layer: Layer) -> int:
    return node.path.count(".") - layer.path.count(".")


def _obstacle(node: ModuleNode) -> str:
    if node.planted:
        return ""
    if node.names > 1:
        return f"shared x{node.names}"
    if node.calls != 1:
        return f"{node.calls} calls"
    return "folded" if node.folded_by else ""


SHOWN_CHANNELS, SHOWN_SIDE = 256, 20
"""Width and map at which the list of blocks shows costs: P5 of a network at 640 pixels."""


def blocks_table(blocks: Iterable[BlockInfo]) -> Document:
    """The catalog, a table a kind and a row a block, both by name."""
    columns = (
        Column(title="name"),
        Column(title="params", role="number"),
        Column(title="MMACs", role="number"),
        Column(title="shape"),
        Column(title="year", role="number"),
        Column(title="paper", shrink_to=12, wrap=True, drop=2),
        Column(title="constraints", shrink_to=12, wrap=True, wide=True),
    )
    kinds: dict[str, list[Row]] = {}
    for block in sorted(blocks, key=lambda block: (block.kind, block.name)):
        kinds.setdefault(block.kind, []).append(Row(cells=_listed(block)))
    tables = (Table(title=kind, columns=columns, rows=tuple(rows)) for kind, rows in kinds.items())
    legend = (
        f"params and MMACs (millions of MACs of the definition, its elementwise work apart): defaults, "
        f"{SHOWN_CHANNELS} channels, {SHOWN_SIDE}x{SHOWN_SIDE} map, batch 1."
    )
    shape = (
        "shape of the output: kept, or may change: kept wherever the block is inserted, another where it replaces a "
        "row of another width, or where --set stride asks for it."
    )
    others = "Besides these, timm:NAME plants timm's own module (timm:eca), and package.module:Class yours."
    return Document(
        title=units.plural(sum(map(len, kinds.values())), "block"),
        parts=(*tables, Notes(title="", sentences=(legend, shape, others) if kinds else ())),
    )


def _listed(block: BlockInfo) -> tuple[str, ...]:
    settings = block.resolve(SHOWN_CHANNELS, SHOWN_CHANNELS, {}).settings
    cost = block.cost(SHOWN_CHANNELS, SHOWN_CHANNELS, SHOWN_SIDE, SHOWN_SIDE, settings)
    return (
        block.name,
        units.count(cost.params),
        f"{cost.macs / 1e6:,.2f}",
        _shape(block),
        str(block.year),
        block.paper.partition(", arXiv")[0],  # the card of the block tells where
        block.constraints,
    )


def _shape(block: BlockInfo) -> str:
    """What a block does to the shape of a map, in a word or two."""
    if block.keeps_shape:
        return "kept"
    settings = block.resolve(SHOWN_CHANNELS, SHOWN_CHANNELS, {}).settings
    side, _ = block.output_size(SHOWN_SIDE, SHOWN_SIDE, settings)
    return f"{side // SHOWN_SIDE}x size" if side > SHOWN_SIDE else "may change"


def block_card(block: BlockInfo) -> Document:
    """All that is known of one block."""
    cost = block.cost(
        SHOWN_CHANNELS,
        SHOWN_CHANNELS,
        SHOWN_SIDE,
        SHOWN_SIDE,
        block.resolve(SHOWN_CHANNELS, SHOWN_CHANNELS, {}).settings,
    )
    facts = [
        ("name", ", ".join((block.name, *block.aliases))),
        ("kind", block.kind),
        ("paper", f"{block.paper} ({block.year})"),
        ("source", block.source),
        ("channels", "may change" if block.changes_channels else "kept"),
        ("constraints", block.constraints or "none"),
        (
            "costs",
            f"{units.count(cost.params)} parameters, {cost.macs / 1e6:,.2f} M MACs by default at {SHOWN_CHANNELS} "
            f"channels on a {SHOWN_SIDE}x{SHOWN_SIDE} map, batch 1",
        ),
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
            Notes(title="definition", sentences=(block.differences,) if block.differences else ()),
            Table(title="options (--set option=value)", columns=columns, rows=options),
            Notes(title="", sentences=() if options else ("It has no options.",)),
        ),
    )


def _literal(value: object) -> str:
    """A default as the user would type it after ``--set option=``: YAML."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
