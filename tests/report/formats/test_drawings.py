"""Mermaid and Model Explorer: the graph is the network's, what changed is marked, and no name breaks the syntax."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from surgeon.errors import InputError
from surgeon.report.formats import mermaid, model_explorer
from surgeon.report.joined import graphs_of, joined
from surgeon.report.report import Report
from surgeon.report.tables import Emphasis

LABEL = r'"(?:[^"#<>&`%\\]|#\w+;|<br/>)*"'
GRAMMAR = {
    "comment": re.compile(r"^%%[^{}]*$"),
    "node": re.compile(rf"^(?P<id>\w+)\[{LABEL}\](?::::\w+)?$"),
    "image": re.compile(r'^(?P<id>\w+)\(\["image \d+x\d+"\]\)$'),
    "open": re.compile(rf"^subgraph \w+\[{LABEL}\]$"),
    "close": re.compile(r"^end$"),
    "edge": re.compile(r"^(?P<source>\w+) (?P<arrow>-->|==>|-\.->) (?P<target>\w+)$"),
    "style": re.compile(r"^classDef (?P<name>\w+) [\w:#,\- ]+$"),
}
"""The part of Mermaid's flow chart that is written; whole drawings of it were drawn by Mermaid 11.17."""


def parsed(text: str) -> dict[str, list[re.Match[str]]]:
    """Every line by what it is; refuses a line that is nothing, and subgraphs that do not close."""
    first, *lines = text.splitlines()
    assert first == "flowchart TD"
    found: dict[str, list[re.Match[str]]] = {name: [] for name in GRAMMAR}
    depth = 0
    for line in lines:
        matches = [(name, match) for name, rule in GRAMMAR.items() if (match := rule.match(line.strip()))]
        assert len(matches) == 1, line
        name, match = matches[0]
        found[name].append(match)
        depth += (name == "open") - (name == "close")
        assert depth >= 0
    assert depth == 0
    return found


def test_the_drawing_of_a_network_has_its_rows_and_edges(profile) -> None:
    (result,) = profile.networks
    found = parsed(mermaid.render(profile))
    assert [match["id"] for match in found["node"]] == [f"r{row.index}" for row in result.layers]
    names = {-1: "image"}
    wanted = {(names.get(i, f"r{i}"), f"r{row.index}") for row in result.layers for i in row.inputs}
    assert {(match["source"], match["target"]) for match in found["edge"]} == wanted
    assert not found["style"] and {match["arrow"] for match in found["edge"]} == {"-->"}


def test_before_and_after_are_one_drawing(edit) -> None:
    text = mermaid.render(edit)
    found = parsed(text)
    assert [match["name"] for match in found["style"]] == ["added"]
    assert 'r10["+ 10 GAM<br/>256x10x10<br/>1.640 M"]:::added' in text
    arrows = {
        arrow: [(m["source"], m["target"]) for m in found["edge"] if m["arrow"] == arrow] for arrow in ("==>", "-.->")
    }
    assert arrows == {"==>": [("r9", "r10"), ("r10", "r11"), ("r10", "r21")], "-.->": [("r9", "r11"), ("r9", "r21")]}


def test_a_removed_row_is_drawn_as_gone(v8n, v8n_gam, insert_gam) -> None:
    renames = {after: before for before, after in insert_gam(9)[1].items()}
    graph = joined(v8n_gam, v8n, renames, "back")
    gone = [node for node in graph.nodes if node.status is Emphasis.REMOVED]
    assert [(node.id, node.row.kind) for node in gone] == [("was10", "GAM")]
    removed = {(edge.source, edge.target) for edge in graph.edges if edge.status is Emphasis.REMOVED}
    assert removed == {("r9", "was10"), ("was10", "r10"), ("was10", "r20")}
    assert len(graph.nodes) == len({node.id for node in graph.nodes}) == len(v8n.layers) + 1


def test_several_candidates_are_several_parts_of_one_drawing(family) -> None:
    found = parsed(mermaid.render(family))
    ids = [match["id"] for match in (*found["node"], *found["image"])]
    assert len(ids) == len(set(ids)) and len(found["image"]) == 3
    assert {m[end] for m in found["edge"] for end in ("source", "target")} <= set(ids)


@pytest.mark.parametrize(
    "evil", ['a"b', "end", "<script>", "%%{init: {}}%%", "x]:::y", "a\nb --> c", "#quot;", "`md`", "深"]
)
def test_no_name_breaks_the_drawing(v8n, evil) -> None:
    rows = tuple(replace(row, kind=evil) for row in v8n.layers)
    found = parsed(mermaid.render(Report(results=(replace(v8n, name=evil, layers=rows),))))
    assert len(found["node"]) == len(rows)


def test_a_network_without_sections_has_no_frames(v8n) -> None:
    rows = tuple(replace(row, site=f"stem.{row.index}", key=f"stem.{row.index}") for row in v8n.layers)
    assert not parsed(mermaid.render(Report(results=(replace(v8n, layers=rows),))))["open"]


def test_model_explorer_gets_what_it_opens(edit) -> None:
    data = json.loads(model_explorer.render(edit))
    assert set(data) == {"label", "graphs"} and [graph["id"] for graph in data["graphs"]] == ["yolov8n", "yolov8n-gam"]
    (comparison,) = edit.networks
    for graph, result in zip(data["graphs"], comparison.results, strict=True):
        ids = [node["id"] for node in graph["nodes"]]
        assert all({"id", "label", "namespace"} <= node.keys() for node in graph["nodes"])  # it fails without
        assert ids == ["image", *(f"r{row.index}" for row in result.layers)]
        edges = {
            (edge["sourceNodeId"], node["id"]) for node in graph["nodes"] for edge in node.get("incomingEdges", [])
        }
        assert edges == {("image" if i < 0 else f"r{i}", f"r{row.index}") for row in result.layers for i in row.inputs}
        assert all(set(pair) == {"key", "value"} for node in graph["nodes"] for pair in node["attrs"])
        assert all(isinstance(pair["value"], str) for node in graph["nodes"] for pair in node["attrs"])
    styled = [node["label"] for node in data["graphs"][1]["nodes"] if "style" in node]
    assert styled == ["10 GAM"]


def test_overlays_are_of_the_nodes_of_the_graphs(edit) -> None:
    graphs = {graph["id"]: graph for graph in json.loads(model_explorer.render(edit))["graphs"]}
    (comparison,) = edit.networks
    for renderer, total in (
        (model_explorer.params, "params"),
        (model_explorer.gflops, None),
        (model_explorer.latency, None),
    ):
        overlay = json.loads(renderer(edit))
        assert set(overlay) == set(graphs)
        for result in comparison.results:
            values = overlay[result.name]["results"]
            assert set(values) <= {node["id"] for node in graphs[result.name]["nodes"]}
            if total:
                assert sum(one["value"] for one in values.values()) == result.params


def test_an_overlay_of_times_needs_times(family) -> None:
    with pytest.raises(InputError, match="measure with latency"):
        model_explorer.latency(family)


def test_a_profile_marks_what_was_planted(v8n_gam) -> None:
    (graph,) = graphs_of(v8n_gam)
    assert [node.row.kind for node in graph.nodes if node.status is Emphasis.ADDED] == ["GAM"]


def test_one_network_at_several_sizes_has_one_drawing(v8n) -> None:
    other = replace(v8n, settings=replace(v8n.settings, imgsz=(64, 64)))
    report = Report(results=(v8n, other))
    assert mermaid.render(report) == mermaid.render(Report(results=(v8n,)))
    assert len(json.loads(model_explorer.render(report))["graphs"]) == 1
