from __future__ import annotations

from dataclasses import replace

import pytest

from surgeon.blocks.catalog.info import BlockCost, BlockInfo, Resolved
from surgeon.graph.layer import IMAGE, Layer, LayerGraph
from surgeon.report.documents import document_of
from surgeon.report.formats.console import to_text
from surgeon.report.formats.machine import blocks_to_dict, to_dict
from surgeon.report.listing import block_card, blocks_table, tree_table
from surgeon.report.tables import Emphasis


@pytest.fixture
def graph() -> LayerGraph:
    rows = (
        ("stem", "Conv", "backbone", 0, (IMAGE,), 464, (1, 16, 320, 320), False),
        ("row1", "Conv", "backbone", 1, ("stem",), 4672, (1, 32, 160, 160), False),
        ("gam", "GAM", "backbone", 2, ("row1",), 1000, (1, 32, 160, 160), True),
        ("row3", "Detect", "head", 0, ("row1", "gam"), 897_664, None, False),
    )
    layers = tuple(
        Layer(
            key=key, index=index, kind=kind, path=f"model.{index}", section=section, section_index=number,
            inputs=inputs, params=params, out_shape=shape, planted=planted,
        )
        for index, (key, kind, section, number, inputs, params, shape, planted) in enumerate(rows)
    )  # fmt: skip
    return LayerGraph(name="tiny", family="ultralytics", layers=layers, imgsz=(480, 640))


PAPER = "Global Attention Mechanism: Retain Information to Enhance Channel-Spatial Interactions, arXiv 2112.05561"
GAM = BlockInfo(
    name="gam",
    title="GAM",
    kind="attention",
    factory="surgeon.blocks.gam:GAM",
    summary="Channel and spatial attention without pooling.",
    paper=PAPER,
    year=2021,
    source="https://github.com/dengbuqi/GAM_Pytorch",
    changes_channels=True,
    defaults={"rate": 4, "pool": False, "act": None},
    options={"rate": "reduction, 1, 2, 4 ... dividing C", "extra": "x"},
    constraints="rate divides C",
    resolve=lambda i, o, s: Resolved(settings=s),
    cost=lambda i, o, h, w, s: BlockCost(params=i * o, macs=i * o * h * w),
    aliases=("global-attention",),
)


def _block(**changes) -> BlockInfo:
    return replace(GAM, **changes)


def test_tree(graph, golden):
    document = tree_table(graph)
    assert document.tables[0].column("from") == ("image", "0", "1", "1,2", "")
    assert document.tables[0].rows[2].emphasis is Emphasis.ADDED
    *rows, total = document.tables[0].column("params")
    assert sum(int(cell.replace(",", "")) for cell in rows) == int(total.replace(",", ""))
    golden("tree_80.txt", to_text(document))


def test_blocks(golden):
    document = blocks_table([_block(), _block(name="cbam", changes_channels=False, constraints="")])
    assert document.title == "2 blocks"
    assert document.tables[0].column("shape") == ("kept", "may change")
    assert document.tables[0].column("params") == ("65,536", "65,536")
    assert document.tables[0].column("MMACs") == ("26.21", "26.21")
    golden("blocks_80.txt", to_text(document))


def test_blocks_stand_by_kind_and_name_with_their_whole_paper():
    paper = "A Long Title of a Paper That Takes More Than One Line, arXiv 1234.56789"
    blocks = [_block(name="zeta"), _block(name="alpha", paper=paper), _block(name="beta", kind="convolution")]
    document = blocks_table(blocks)
    assert [table.title for table in document.tables] == ["attention", "convolution"]
    assert document.tables[0].column("name") == ("alpha", "zeta")
    text = to_text(document)
    assert "…" not in text and all(word in text for word in paper.partition(",")[0].split())


def test_block_card(golden):
    document = block_card(_block())
    assert document.tables[0].column("default") == ("4", "false", "null", "required")
    golden("block_80.txt", to_text(document))
    assert "It has no options." in to_text(block_card(_block(defaults={}, options={})))


def test_json(graph):
    tree = to_dict(graph)
    assert tree["params"] == 903_800
    assert tree["layers"][3]["inputs"] == ["row1", "gam"]
    blocks = blocks_to_dict([_block(defaults={"sizes": (1, 2), "act": object})])
    assert blocks["blocks"][0]["defaults"]["sizes"] == [1, 2]
    assert "factory" not in blocks["blocks"][0]


def test_dispatch(graph):
    assert document_of(graph) == tree_table(graph)
    assert document_of(_block()).title == "GAM"
