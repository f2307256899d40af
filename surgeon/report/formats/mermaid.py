"""Networks as Mermaid flow charts, as GitHub draws them in a pull request. Text only.

Before and after are one drawing. What changed is told by a sign, a border and a kind of line, never by colour alone:
``+`` and a thick border for an added row, ``-`` and a dashed one for a removed row, ``~`` for a changed one; thick
edges are new, dotted ones are gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from surgeon.report import units
from surgeon.report.joined import IMAGE, Edge, JoinedGraph, Node, graphs_of
from surgeon.report.report import Report
from surgeon.report.tables import Emphasis

_SIGNS = {Emphasis.ADDED: "+ ", Emphasis.REMOVED: "- ", Emphasis.CHANGED: "~ "}
_ARROWS = {Emphasis.ADDED: "==>", Emphasis.REMOVED: "-.->"}
_STYLES = {
    Emphasis.ADDED: "fill:#f5a623,stroke:#7a4a00,stroke-width:4px,color:#000",
    Emphasis.REMOVED: "fill:#eeeeee,stroke:#777777,stroke-width:2px,stroke-dasharray:6 4,color:#555",
    Emphasis.CHANGED: "fill:#fdf3d8,stroke:#7a4a00,stroke-width:2px,color:#000",
}
_ENTITIES = {"&": "#amp;", "<": "#lt;", ">": "#gt;", '"': "#quot;", "#": "#35;", "`": "#96;", "%": "#37;", "\\": "#92;"}
_SECTIONS = ("backbone", "head")


def render(report: Report) -> str:
    """The networks of a report as one flow chart; a candidate is joined with its baseline."""
    graphs = [graph for one in report.drawn for graph in graphs_of(one)]
    lines = ["flowchart TD"]
    for number, graph in enumerate(graphs):
        prefix = f"n{number}" if len(graphs) > 1 else ""
        body = list(_graph(graph, prefix))
        lines += _framed(body, f"{prefix}g", graph.label) if prefix else [f"%% {_comment(graph.label)}", *body]
    used = {node.status for graph in graphs for node in graph.nodes}
    lines += [f"classDef {status} {style}" for status, style in _STYLES.items() if status in used]
    return "\n".join([lines[0], *(f"  {line}" for line in lines[1:])]) + "\n"


def _graph(graph: JoinedGraph, prefix: str) -> Iterator[str]:
    height, width = graph.imgsz
    yield f'{prefix}{IMAGE}(["image {height}x{width}"])'
    # Rows of another section between two of one (a removed row at the seam) must not open a subgraph twice.
    for section, nodes in groupby(sorted(graph.nodes, key=lambda node: _order(_section(node))), key=_section):
        lines = [_node(node, prefix) for node in nodes]
        yield from _framed(lines, f"{prefix}{section}", section) if section else lines
    for edge in graph.edges:
        yield _edge(edge, prefix)


def _section(node: Node) -> str:
    """``backbone`` or ``head``; empty where the network has no such parts."""
    name = node.row.site.partition(".")[0]
    return name if name in _SECTIONS else ""


def _order(section: str) -> int:
    return _SECTIONS.index(section) if section else -1


def _framed(lines: list[str], name: str, title: str) -> list[str]:
    return [f'subgraph {name}_["{_label(title)}"]', *(f"  {line}" for line in lines), "end"]


def _node(node: Node, prefix: str) -> str:
    row = node.row
    number = f"was {row.index}" if node.status is Emphasis.REMOVED else str(row.index)
    kind = row.kind if node.was is None or node.was.kind == row.kind else f"{node.was.kind} to {row.kind}"
    parts = [f"{_SIGNS.get(node.status, '')}{number} {kind}"]
    parts += [units.shape(row.out_shape)] if row.out_shape else []
    parts += [units.parameters(row.params)] if row.params else []
    style = f":::{node.status}" if node.status in _STYLES else ""
    return f'{prefix}{node.id}["{"<br/>".join(map(_label, parts))}"]{style}'


def _edge(edge: Edge, prefix: str) -> str:
    return f"{prefix}{edge.source} {_ARROWS.get(edge.status, '-->')} {prefix}{edge.target}"


def _label(text: str) -> str:
    """A text inside quotes: signs with a meaning as entities, everything on one line."""
    return "".join(_ENTITIES.get(sign, sign) for sign in " ".join(text.split()) if sign.isprintable())


def _comment(text: str) -> str:
    """A text behind ``%%``, which braces would make a directive."""
    return " ".join(text.replace("{", "(").replace("}", ")").split())
