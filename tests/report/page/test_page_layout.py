"""The picture's geometry: no link runs through a box, no two links lie on each other, in every shipped network.

networks.json holds the rows of every YAML that ships with Ultralytics, one scale a family, as `surgeon tree` reads them
at 640 px; the slow test below builds them again. SURGEON_OVERWRITE_GOLDEN=1 with ``-m slow`` rewrites it.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surgeon.profiler.results import LayerProfile
from surgeon.report.alignment import align
from surgeon.report.page.columns import level_of, stride_columns
from surgeon.report.page.geometry import BOX_HEIGHT, BOX_WIDTH, layout_of
from surgeon.report.page.network import drawing_of, drawing_of_pairs
from surgeon.report.tables import Emphasis

RECORDED = Path(__file__).parent / "networks.json"
NETWORKS = json.loads(RECORDED.read_text("utf-8"))
SECTIONS = {"b": "backbone", "h": "head"}
SIZE = (640, 640)
NO_STRIDES = (64, 64000)
"""No map of an image of this shape is square, so that nothing can be told from strides."""


def rows_of(network):
    return tuple(
        LayerProfile(
            key=f"row{index}",
            index=index,
            site=f"{SECTIONS[section]}.{index}",
            kind=kind,
            inputs=tuple(inputs),
            out_shape=None if shape is None else (1, *shape),
            params=index,
            macs=0,
            executed=0,
        )
        for index, (kind, section, inputs, shape) in enumerate(network)
    )


def planted(rows, anchor):
    """The rows with a block behind one of them that all its consumers read, and the rename map."""

    def number(index):
        return index + 1 if index >= anchor else index

    moved = [
        replace(row, key=f"row{row.index + 1}", index=row.index + 1, inputs=tuple(map(number, row.inputs)))
        for row in rows[anchor + 1 :]
    ]
    block = replace(rows[anchor], key=f"row{anchor + 1}", index=anchor + 1, kind="GAM", inputs=(anchor,), planted=True)
    renames = {row.key: f"row{row.index + (row.index > anchor)}" for row in rows}
    return (*rows[: anchor + 1], block, *moved), renames


def stretches(layout):
    return [(wire.link, ends) for wire in layout.wires for ends in pairwise(wire.points)]


def crossed_boxes(layout):
    """Links with the boxes whose inside they touch."""
    found = []
    for link, ((x1, y1), (x2, y2)) in stretches(layout):
        assert x1 == x2 or y1 == y2, link
        for box, (left, top) in enumerate(layout.corners):
            inside_x = max(x1, x2) > left + 0.01 and min(x1, x2) < left + BOX_WIDTH - 0.01
            inside_y = max(y1, y2) > top + 0.01 and min(y1, y2) < top + BOX_HEIGHT - 0.01
            if inside_x and inside_y:
                found.append((link, box))
    return found


def shared_stretches(layout):
    """Pairs of links that leave different boxes, or stand for different networks, and run over each other."""
    found = []
    for (one, a), (other, b) in combinations(stretches(layout), 2):
        if (one.source, one.status) == (other.source, other.status):
            continue
        for across in (0, 1):
            along = 1 - across
            if len({a[0][across], a[1][across], b[0][across], b[1][across]}) == 1:
                ends = sorted((a[0][along], a[1][along])), sorted((b[0][along], b[1][along]))
                if min(ends[0][1], ends[1][1]) - max(ends[0][0], ends[1][0]) > 0.01:
                    found.append((one, other))
    return found


def overlapping_boxes(layout):
    return [
        (one, other)
        for one, other in combinations(layout.corners, 2)
        if abs(one[0] - other[0]) < BOX_WIDTH and abs(one[1] - other[1]) < BOX_HEIGHT
    ]


def touches(point, corner):
    x, y = point[0] - corner[0], point[1] - corner[1]
    return 0 <= x <= BOX_WIDTH and 0 <= y <= BOX_HEIGHT and (x in (0, BOX_WIDTH) or y in (0, BOX_HEIGHT))


def check(drawing, size):
    layout = layout_of(drawing, size)
    assert [wire.link for wire in layout.wires] == list(drawing.links)
    for wire in layout.wires:
        assert touches(wire.points[0], layout.corners[wire.link.source])
        assert touches(wire.points[-1], layout.corners[wire.link.target])
        assert all(0 <= x <= layout.width and 0 <= y <= layout.height for x, y in wire.points)
    assert not crossed_boxes(layout)
    assert not shared_stretches(layout)
    assert not overlapping_boxes(layout)
    return layout


@pytest.mark.parametrize("name", NETWORKS)
def test_no_link_runs_through_a_box(name):
    rows = rows_of(NETWORKS[name])
    drawing = drawing_of(rows)
    assert {(link.source, link.target) for link in drawing.links} == {
        (index, row.index) for row in rows for index in row.inputs if index >= 0
    }
    check(drawing, SIZE)
    assert not check(drawing, NO_STRIDES).columns


@pytest.mark.parametrize("name", NETWORKS)
def test_nor_do_those_of_a_network_and_its_edit_in_one_drawing(name):
    rows = rows_of(NETWORKS[name])
    for anchor in {0, len(rows) // 3, len(rows) // 2, len(rows) - 2}:
        after, renames = planted(rows, anchor)
        inserted = drawing_of_pairs(align(rows, after, renames))
        back = {new: old for old, new in renames.items()}
        removed = drawing_of_pairs(align(after, rows, back))
        assert [box.row.kind for box in inserted.boxes if box.status is Emphasis.ADDED] == ["GAM"]
        assert [box.row.kind for box in removed.boxes if box.status is Emphasis.REMOVED] == ["GAM"]
        consumers = sum(anchor in row.inputs for row in rows)
        assert sum(link.status is Emphasis.REMOVED for link in inserted.links) == consumers
        assert sum(link.status is Emphasis.ADDED for link in inserted.links) == consumers + 1
        for drawing in (inserted, removed):
            check(drawing, SIZE)
            check(drawing, NO_STRIDES)


def test_two_families_in_one_drawing():
    for before, after in combinations(("yolov8", "yolo11", "yolov9e", "rtdetr-l", "yolov3-tiny"), 2):
        pairs = align(rows_of(NETWORKS[before]), rows_of(NETWORKS[after]))
        check(drawing_of_pairs(pairs), SIZE)


@st.composite
def any_rows(draw):
    """Rows of any network: maps of any stride, tokens, tuples, any earlier rows as inputs."""
    shapes = st.one_of(
        st.none(),
        st.just((400, 192)),
        st.integers(0, 6).map(lambda level: (8, 640 >> level, 640 >> level)),
    )
    rows = []
    for index in range(draw(st.integers(1, 14))):
        inputs = draw(st.sets(st.integers(-1, index - 1), min_size=1, max_size=5))
        rows.append(("M", "b", sorted(inputs), draw(shapes)))
    return rows_of(rows)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(rows=any_rows(), others=any_rows())
def test_any_network_alone_and_beside_any_other(rows, others):
    for size in (SIZE, NO_STRIDES):
        check(drawing_of(rows), size)
        check(drawing_of_pairs(align(rows, others)), size)


def test_the_checks_above_see_what_is_wrong():
    drawing = drawing_of(rows_of(NETWORKS["yolov8"]))
    layout = layout_of(drawing, SIZE)
    box = layout.corners[5]
    moved = replace(layout, corners=(*layout.corners[:4], (box[0] + 3, box[1] + 3), *layout.corners[5:]))
    assert crossed_boxes(moved) and overlapping_boxes(moved)
    wire = next(wire for wire in layout.wires if wire.link.skip)
    other = replace(wire, link=replace(wire.link, source=wire.link.source + 1))
    assert shared_stretches(replace(layout, wires=(*layout.wires, other)))


def columns_of(name, size=SIZE):
    columns = stride_columns(drawing_of(rows_of(NETWORKS[name])), size)
    return columns, [columns.titles[column] for column in columns.of]


def test_a_yolo_shows_its_u():
    columns, titles = columns_of("yolov8")
    assert columns.titles == ("P1 /2", "P2 /4", "P3 /8", "P4 /16", "P5 /32", "heads")
    levels = list("1223344555444333444555")
    assert [title[1] for title in titles[:-1]] == levels
    assert titles[-1] == "heads"


def test_rows_without_a_map_of_their_own_stand_with_what_they_read():
    """CBLinear puts out several maps; Classify none at all, from which nothing follows."""
    columns, titles = columns_of("yolov9e")
    assert columns.titles[0] == "P0 /1"
    assert [titles[index] for index in range(10, 15)] == ["P1 /2", "P2 /4", "P3 /8", "P4 /16", "P5 /32"]
    assert columns_of("yolov8-cls")[1][-1] == "heads"


def test_links_to_the_head_run_down_gutters():
    drawing = drawing_of(rows_of(NETWORKS["yolov8"]))
    layout = layout_of(drawing, SIZE)
    head = len(drawing.boxes) - 1
    columns = {left for left, _ in layout.corners}
    to_head = [wire for wire in layout.wires if wire.link.target == head and wire.link.skip]
    assert len(to_head) == 2
    for wire in to_head:
        upright = [a[0] for a, b in pairwise(wire.points) if a[0] == b[0] and abs(a[1] - b[1]) > BOX_HEIGHT]
        assert upright and not any(left <= x <= left + BOX_WIDTH for x in upright for left in columns)


@pytest.mark.parametrize(
    ("shape", "level"),
    [
        ((1, 8, 320, 320), 1),
        ((2, 8, 15, 20), 5),
        ((1, 8, 640, 640), 0),
        ((1, 256, 1, 1), None),
        ((1, 400, 192), None),
        ((1, 8, 320, 40), None),
        (None, None),
    ],
)
def test_levels_are_told_by_the_size_of_a_map(shape, level):
    size = (480, 640) if shape == (2, 8, 15, 20) else SIZE
    assert level_of(shape, size) == level


@pytest.mark.slow
def test_the_recorded_networks_are_those_that_ship():
    import ultralytics

    import surgeon

    built = {}
    for path in sorted((Path(ultralytics.__file__).parent / "cfg" / "models").rglob("*.yaml")):
        graph = surgeon.open(path.name).tree(640)
        built[path.stem] = [
            [
                layer.kind,
                layer.section[:1],
                [-1 if key == "image" else graph[key].index for key in layer.inputs],
                None if layer.out_shape is None else list(layer.out_shape[1:]),
            ]
            for layer in graph
        ]
    if os.environ.get("SURGEON_OVERWRITE_GOLDEN") == "1":
        lines = ",\n".join(f'"{name}":{json.dumps(rows, separators=(",", ":"))}' for name, rows in built.items())
        RECORDED.write_text(f"{{\n{lines}\n}}\n", "utf-8")
    assert json.loads(RECORDED.read_text("utf-8")) == built
