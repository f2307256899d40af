"""Two networks in one graph: every row of both once, and what became of it and of its edges. Pure.

A single network is the same graph in which nothing changed, but for the blocks that were planted into it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from surgeon.profiler.results import Comparison, LayerProfile, ProfileResult
from surgeon.report.alignment import IMAGE_INDEX, RowPair, align
from surgeon.report.comparison import candidate_labels
from surgeon.report.tables import Emphasis

IMAGE = "image"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A row of the candidate, or one that it no longer has.

    Attributes:
        id: ``r9`` by the candidate's numbering, ``was9`` for a removed row.
        row: Its figures: the candidate's, of a removed row the baseline's.
        was: The baseline's row, None for an added one and in a single network.
        status: Added, removed, changed or normal.
    """

    id: str
    row: LayerProfile
    was: LayerProfile | None
    status: Emphasis


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """Who reads whom.

    Attributes:
        source, target: Ids of nodes; `IMAGE` is the image.
        status: Added, removed or normal.
    """

    source: str
    target: str
    status: Emphasis


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedGraph:
    """A network, beside its baseline where there is one.

    Attributes:
        label: Its name.
        nodes: In the candidate's order, removed rows where they were.
        edges: In the order of their targets.
        imgsz: Image size ``(H, W)`` in pixels.
    """

    label: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    imgsz: tuple[int, int]


def graphs_of(result: ProfileResult | Comparison) -> tuple[JoinedGraph, ...]:
    """The graph of a profile; of a comparison one a candidate, joined with the baseline."""
    if isinstance(result, ProfileResult):
        return (single(result),)
    labels = candidate_labels(result.results)
    renames = result.renames or ({},) * (len(labels) - 1)
    return tuple(
        joined(result.results[0], candidate, names, label)
        for candidate, names, label in zip(result.results[1:], renames, labels[1:], strict=True)
    )


def single(result: ProfileResult, label: str | None = None) -> JoinedGraph:
    """The graph of one network; planted blocks count as added."""
    nodes = tuple(
        Node(id=f"r{row.index}", row=row, was=None, status=Emphasis.ADDED if row.planted else Emphasis.NORMAL)
        for row in result.layers
    )
    edges = tuple(
        Edge(source=source, target=target, status=Emphasis.NORMAL) for source, target in _edges(result, "r", {})
    )
    return JoinedGraph(label=label or result.name, nodes=nodes, edges=edges, imgsz=result.settings.imgsz)


def joined(
    baseline: ProfileResult, candidate: ProfileResult, renames: Mapping[str, str] | None, label: str
) -> JoinedGraph:
    """A candidate and what it no longer has of its baseline, in one graph."""
    pairs = align(baseline.layers, candidate.layers, renames)
    nodes = tuple(_node(pair) for pair in pairs)
    ids = {node.was.index: node.id for node in nodes if node.was is not None}
    now = dict.fromkeys(_edges(candidate, "r", {}))
    was = dict.fromkeys(_edges(baseline, "was", ids))
    edges = [
        Edge(source=source, target=target, status=Emphasis.NORMAL if (source, target) in was else Emphasis.ADDED)
        for source, target in now
    ]
    edges += [
        Edge(source=source, target=target, status=Emphasis.REMOVED)
        for source, target in was
        if (source, target) not in now
    ]
    return JoinedGraph(label=label, nodes=nodes, edges=tuple(edges), imgsz=candidate.settings.imgsz)


def _node(pair: RowPair) -> Node:
    if pair.after is None:
        assert pair.before is not None
        return Node(id=f"was{pair.before.index}", row=pair.before, was=pair.before, status=Emphasis.REMOVED)
    status = pair.status
    if status is Emphasis.CHANGED and pair.changes == ("inputs",):
        status = Emphasis.NORMAL  # its edges tell
    return Node(id=f"r{pair.after.index}", row=pair.after, was=pair.before, status=status)


def _edges(result: ProfileResult, prefix: str, ids: Mapping[int, str]) -> list[tuple[str, str]]:
    """Source and target of every edge, by the ids of the rows where they have others."""

    def name(index: int) -> str:
        return IMAGE if index == IMAGE_INDEX else ids.get(index, f"{prefix}{index}")

    return [(name(source), name(row.index)) for row in result.layers for source in row.inputs]
