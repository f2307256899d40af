"""Addresses of modules inside rows, on a tree without any network behind it."""

from __future__ import annotations

import pytest

from surgeon.errors import SiteError
from surgeon.graph.modules import ModuleNode, ModuleTree
from surgeon.graph.nested import resolve_nested


def node(path, kind, **more):
    sections = {"0": "backbone.0", "1": "backbone.1", "2": "head.0"}
    row, _, rest = path.removeprefix("model.").partition(".")
    site = sections[row] + (f".{rest}" if rest else "")
    return ModuleNode(path=path, site=site, kind=kind, depth=path.count(".") - 1, **more)


TREE = ModuleTree(
    name="toy",
    imgsz=(64, 64),
    nodes=(
        node("model.0", "Conv"),
        node("model.0.conv", "Conv2d"),
        node("model.1", "C2f"),
        node("model.1.cv1", "Conv"),
        node("model.1.m", "ModuleList"),
        node("model.1.m.0", "Bottleneck"),
        node("model.1.m.0.cv2", "Conv"),
        node("model.1.m.1", "Bottleneck"),
        node("model.1.m.1.cv2", "Conv"),
        node("model.2", "Head", inputs=((1, 8, 4, 4), (1, 8, 2, 2))),
        node("model.2.m", "Bottleneck"),
    ),
)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("backbone.1.m.0.cv2", ["backbone.1.m.0.cv2"]),
        ("model.1.m.0.cv2", ["backbone.1.m.0.cv2"]),
        ("backbone.*.m.*.cv2", ["backbone.1.m.0.cv2", "backbone.1.m.1.cv2"]),
        ("backbone.**.cv2", ["backbone.1.m.0.cv2", "backbone.1.m.1.cv2"]),
        ("backbone.*.cv1", ["backbone.1.cv1"]),
        ("C2f[*].m.*", ["backbone.1.m.0", "backbone.1.m.1"]),
        ("backbone.C2f[0].m.1.cv2", ["backbone.1.m.1.cv2"]),
        ("Bottleneck[*]", ["backbone.1.m.0", "backbone.1.m.1", "head.0.m"]),
        ("bottleneck[-1]", ["head.0.m"]),
        ("backbone.Bottleneck[*]", ["backbone.1.m.0", "backbone.1.m.1"]),
        ("backbone.1.Bottleneck[1]", ["backbone.1.m.1"]),
        ("backbone.1.m.[01]", ["backbone.1.m.0", "backbone.1.m.1"]),
        ("Conv2d", ["backbone.0.conv"]),
        ("head.0:1", ["head.0:1"]),
        ("head.0:*", ["head.0:0", "head.0:1"]),
    ],
)
def test_addresses(address, expected):
    assert [str(site).partition(" ")[0] for site in resolve_nested(TREE, address)] == expected


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("backbone.1.m.7.cv2", ["backbone.1.m (ModuleList) has inside: 0, 1"]),
        ("backbone.0.conv.x", ["backbone.0.conv (Conv2d) has nothing inside"]),
        ("Bottleneck", ["names 3 modules", "Bottleneck[0] = backbone.1.m.0", "Bottleneck[*] means all"]),
        ("Bottleneck[5]", ["3 of kind Bottleneck", "Bottleneck[0] to Bottleneck[2]"]),
        ("Botleneck[*]", ["matches no module"]),
        ("head.0:2", ["head.0:0 to head.0:1"]),
        ("backbone.1:0", ["0 input(s)"]),
        ("nowhere", ["matches no module", "surgeon tree --depth"]),
    ],
)
def test_refusals_name_what_would_work(address, words):
    with pytest.raises(SiteError) as info:
        resolve_nested(TREE, address)
    assert all(word in str(info.value) for word in words), str(info.value)
