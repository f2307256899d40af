"""How users name sites."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surgeon.errors import SiteError
from surgeon.graph import IMAGE, Layer, LayerGraph, resolve

KINDS = ("Conv", "C2f", "Conv", "C2f", "SPPF", "Upsample", "Concat", "C2f", "Detect")


def toy(kinds=KINDS, backbone=5) -> LayerGraph:
    layers = []
    for i, kind in enumerate(kinds):
        section = "backbone" if i < backbone else "head"
        inputs = (IMAGE,) if i == 0 else (f"row{i - 1}",)
        if kind == "Concat":
            inputs = (f"row{i - 1}", "row1")
        layers.append(
            Layer(
                key=f"row{i}", index=i, kind=kind, path=f"model.{i}", section=section,
                section_index=i if section == "backbone" else i - backbone, inputs=inputs,
                out_shape=(1, 8, 4, 4), takes_list=kind == "Concat",
            )
        )  # fmt: skip
    return LayerGraph(name="toy", family="test", layers=tuple(layers), imgsz=(64, 64))


@pytest.mark.parametrize(
    ("address", "rows"),
    [
        ("backbone.3", [3]),
        ("head.0", [5]),
        ("head.-1", [8]),
        ("4", [4]),
        (4, [4]),
        ("-2", [7]),
        ("SPPF", [4]),
        ("sppf", [4]),
        ("C2f[1]", [3]),
        ("C2f[-1]", [7]),
        ("C2f[*]", [1, 3, 7]),
        ("backbone.*", [0, 1, 2, 3, 4]),
        ("backbone.Conv[*]", [0, 2]),
        ("backbone.C2f[1]", [3]),
        ("head.C2f*", [7]),
        ("*Con*", [0, 2, 6]),
        (" backbone.3 ", [3]),
    ],
)
def test_addresses(address, rows):
    assert [site.layer.index for site in resolve(toy(), address)] == rows


def test_inputs_of_a_row():
    assert [(s.layer.index, s.port) for s in resolve(toy(), "Concat:*")] == [(6, 0), (6, 1)]
    assert [s.port for s in resolve(toy(), "Concat:-1")] == [1]
    with pytest.raises(SiteError, match=r"has 2 input\(s\): head.1:0 to head.1:1, no :2"):
        resolve(toy(), "Concat:2")


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("backbone.9", r"backbone.0 to backbone.4, no backbone.9"),
        ("99", r"9 rows, 0 to 8 .* no 99"),
        ("C2f", r"names 3 rows of toy: C2f\[0\] = backbone.1, .*C2f\[\*\] means all"),
        ("C3f", r"nearest: C2f"),
        ("bakbone.3", r"nearest: .*backbone.3"),
        ("C2f[7]", r"C2f\[0\] to C2f\[2\], no C2f\[7\]"),
        ("", r"valid sites are backbone.0 to backbone.4"),
        ("[", r"valid sites are"),
    ],
)
def test_refusals_say_what_would_work(address, sentence):
    with pytest.raises(SiteError, match=sentence) as caught:
        resolve(toy(), address)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(max_size=12))
def test_any_text_is_a_site_or_one_sentence(text):
    graph = toy()
    try:
        sites = resolve(graph, text)
    except SiteError as error:
        assert "\n" not in str(error).replace(repr(text), "")
    else:
        assert sites and all(site.layer in graph.layers for site in sites)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.integers(0, len(KINDS) - 1))
def test_every_row_is_reached_by_each_of_its_names(index):
    graph = toy()
    layer = graph.layers[index]
    nth = [x.index for x in graph if x.kind == layer.kind].index(index)
    for address in (layer.site, str(index), str(index - len(graph)), f"{layer.kind}[{nth}]"):
        assert [site.layer for site in resolve(graph, address)] == [layer]


def test_a_graph_refuses_what_no_network_has():
    good = toy()
    with pytest.raises(ValueError, match="two rows have the same key"):
        LayerGraph(name="x", family="t", layers=(good.layers[0], good.layers[0]), imgsz=(1, 1))
    with pytest.raises(ValueError, match="no earlier row produces"):
        LayerGraph(name="x", family="t", layers=(Layer(key="a", index=0, kind="A", path="a", section="backbone",
                                                       section_index=0, inputs=("b",)),), imgsz=(1, 1))  # fmt: skip


def test_networkx_sees_the_same_graph():
    graph = toy().to_networkx()
    assert set(graph.predecessors("row6")) == {"row5", "row1"}
    assert graph.nodes["row6"]["layer"].kind == "Concat"
