"""Networks for Google's Model Explorer (written for 0.1.34): graphs, and figures of their nodes as overlays.

A file of graphs is opened with ``model-explorer FILE``; an overlay is loaded there as custom node data. It knows its
graph by the name of the network, so both are written from the same result.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from surgeon.errors import InputError
from surgeon.profiler.results import Comparison, LayerProfile, ProfileResult
from surgeon.report import units
from surgeon.report.comparison import candidate_labels
from surgeon.report.joined import IMAGE, JoinedGraph, Node, joined, single
from surgeon.report.report import Report
from surgeon.report.tables import Emphasis

_STYLES = {
    Emphasis.ADDED: {"backgroundColor": "#f5a623", "borderColor": "#7a4a00"},
    Emphasis.CHANGED: {"backgroundColor": "#fdf3d8", "borderColor": "#7a4a00"},
}
_GRADIENT = [{"stop": 0, "bgColor": "#ffffff"}, {"stop": 1, "bgColor": "#f5a623"}]


def render(report: Report) -> str:
    """Every network of a report as a graph; rows that a candidate added or changed stand out."""
    graphs = _graphs(report)
    label = ", ".join(dict.fromkeys(graph.label for graph, _ in graphs))
    return _text({"label": label, "graphs": [_graph(graph, result) for graph, result in graphs]})


def params(report: Report) -> str:
    """Parameters of each row, as an overlay."""
    return _overlay(report, "params", lambda row: row.params)


def gflops(report: Report) -> str:
    """GFLOPs of each row, as an overlay."""
    return _overlay(report, "GFLOPs", lambda row: float(units.gflops_of(row.macs)))


def latency(report: Report) -> str:
    """Milliseconds of each row, as an overlay.

    Raises:
        InputError: No row was timed.
    """
    return _overlay(report, "latency (ms)", lambda row: row.latency_ms)


def _graphs(report: Report) -> list[tuple[JoinedGraph, ProfileResult]]:
    """Every network with its graph; a candidate's without the rows that are gone, which Model Explorer cannot mark."""
    graphs: list[tuple[JoinedGraph, ProfileResult]] = []
    for one in report.drawn:
        if isinstance(one, ProfileResult):
            graphs.append((single(one), one))
            continue
        labels = candidate_labels(one.results)
        graphs.append((single(one.results[0], labels[0]), one.results[0]))
        graphs += _candidates(one, labels)
    return graphs


def _candidates(comparison: Comparison, labels: tuple[str, ...]) -> list[tuple[JoinedGraph, ProfileResult]]:
    renames = comparison.renames or ({},) * (len(labels) - 1)
    return [
        (joined(comparison.results[0], candidate, names, label), candidate)
        for candidate, names, label in zip(comparison.results[1:], renames, labels[1:], strict=True)
    ]


def _graph(graph: JoinedGraph, result: ProfileResult) -> dict[str, Any]:
    height, width = graph.imgsz
    image = {"id": IMAGE, "label": "image", "namespace": "", "attrs": _attributes({"size": f"{height}x{width}"})}
    sources: dict[str, list[str]] = {}
    for edge in graph.edges:
        if edge.status is not Emphasis.REMOVED:
            sources.setdefault(edge.target, []).append(edge.source)
    nodes = [_node(node, sources.get(node.id, [])) for node in graph.nodes if node.status is not Emphasis.REMOVED]
    totals = {"source": result.source, "params": units.count(result.params), "GFLOPs": units.gflops(result.counts.macs)}
    return {"id": graph.label, "nodes": [image, *nodes], "groupNodeAttributes": {"": totals}}


def _node(node: Node, sources: list[str]) -> dict[str, Any]:
    row = node.row
    facts = {"site": row.site, "params": units.count(row.params), "GFLOPs": units.gflops_brief(row.macs)}
    if row.latency_ms is not None:
        facts["latency"] = units.ms(row.latency_ms)
    if node.status is not Emphasis.NORMAL:
        facts["change"] = node.status.value
    made: dict[str, Any] = {
        "id": node.id,
        "label": f"{row.index} {row.kind}",
        "namespace": row.site.rpartition(".")[0].replace(".", "/"),
        "attrs": _attributes(facts),
        "incomingEdges": [
            {"sourceNodeId": source, "sourceNodeOutputId": "0", "targetNodeInputId": str(at)}
            for at, source in enumerate(sources)
        ],
    }
    if row.out_shape is not None:
        made["outputsMetadata"] = [{"id": "0", "attrs": _attributes({"shape": "x".join(map(str, row.out_shape))})}]
    if node.status in _STYLES:
        made["style"] = _STYLES[node.status]
    return made


def _overlay(report: Report, name: str, value: Callable[[LayerProfile], float | None]) -> str:
    """Figures by graph and node, coloured from the least to the most."""
    overlay = {
        graph.label: {
            "name": name,
            "results": {
                f"r{row.index}": {"value": found} for row in result.layers if (found := value(row)) is not None
            },
            "gradient": _GRADIENT,
        }
        for graph, result in _graphs(report)
    }
    if not any(one["results"] for one in overlay.values()):
        raise InputError(f"no row has a {name} to lay over the graph; measure with latency")
    return _text(overlay)


def _attributes(facts: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in facts.items()]


def _text(data: dict[str, Any]) -> str:
    return json.dumps(data, indent=1, allow_nan=False) + "\n"
