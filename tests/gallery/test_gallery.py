from __future__ import annotations

import re
import sys
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree

import pytest

from surgeon.blocks import all_blocks, create

ROOT = Path(__file__).parents[2]
BLOCKS = [info.name for info in all_blocks()]
sys.path.insert(0, str(ROOT / "benchmarks"))  # for the plain forms


def _stale(wanted: dict[str, str]) -> list[str]:
    return [
        name
        for name, text in wanted.items()
        if not (ROOT / name).is_file() or (ROOT / name).read_text(encoding="utf-8") != text
    ]


def test_pages_are_what_the_generator_writes():
    from docs.gallery.files import pages

    stale = _stale(pages())
    assert not stale, f"{', '.join(stale)}: written anew by `python -m docs.gallery`"


def test_drawings_are_what_the_generator_writes():
    from docs.gallery.files import drawings

    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = re.search(r"^torch==(\S+)", lock, re.MULTILINE)
    if locked is None or version("torch").partition("+")[0] != locked[1].partition("+")[0]:
        pytest.skip(f"drawings are recorded with the locked torch, not with {version('torch')}")
    stale = _stale(drawings())
    assert not stale, f"{', '.join(stale)}: drawn anew by `python -m docs.gallery`"


def test_nothing_is_left_of_blocks_that_are_gone():
    kept = {path.stem for path in (ROOT / "docs" / "blocks").iterdir()}
    assert kept == set(BLOCKS)


@pytest.mark.parametrize("name", BLOCKS)
def test_boxes_neither_overlap_nor_hide_edges(name):
    """Read off the drawing itself: no two boxes touch, and no edge passes through a box that it does not end at."""
    root = ElementTree.parse(ROOT / "docs" / "blocks" / f"{name}.svg").getroot()
    svg = "{http://www.w3.org/2000/svg}"
    boxes = [
        (float(r.get("x")), float(r.get("y")), float(r.get("width")), float(r.get("height")))
        for r in root.iter(f"{svg}rect")
        if r.get("x")
    ]
    boxes += [
        (float(c.get("cx")) - (r := float(c.get("r"))), float(c.get("cy")) - r, 2 * r, 2 * r)
        for c in root.iter(f"{svg}circle")
    ]
    for i, (x, y, width, height) in enumerate(boxes):
        for left, top, wide, high in boxes[i + 1 :]:
            apart = x + width <= left or left + wide <= x or y + height <= top or top + high <= y
            assert apart, (name, (x, y), (left, top))
    for points in (_points(path.get("d")) for path in root.iter(f"{svg}path") if path.get("marker-end")):
        for left, top, wide, high in boxes:
            inside = [(x, y) for x, y in points if left + 1 < x < left + wide - 1 and top + 1 < y < top + high - 1]
            assert not inside, (name, inside[:2], (left, top, wide, high))


def _points(path: str) -> list[tuple[float, float]]:
    """Points along an edge: its straight parts, and its curves sampled."""
    points: list[tuple[float, float]] = []
    for kind, text in re.findall(r"([MCV])([^MCV]*)", path):
        numbers = [float(number) for number in text.split()]
        if kind == "V":
            x, y = points[-1]
            points += [(x, y + (numbers[0] - y) * i / 20) for i in range(1, 21)]
        elif kind == "M":
            points.append((numbers[0], numbers[1]))
        else:
            a, b, c, d = points[-1], *((numbers[i], numbers[i + 1]) for i in (0, 2, 4))
            for i in range(1, 21):
                t = i / 20
                weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
                points.append(tuple(sum(w * p[axis] for w, p in zip(weights, (a, b, c, d))) for axis in (0, 1)))  # noqa: B905
    return points


@pytest.mark.parametrize("name", BLOCKS)
def test_the_drawing_shows_every_layer(name):
    """What the definition convolves with is in the picture, or the picture is of something else."""
    text = (ROOT / "docs" / "blocks" / f"{name}.svg").read_text(encoding="utf-8")
    shown = set(re.findall(r"[\w.]+", " ".join(re.findall(r"<text[^>]*>([^<]*)</text>", text))))
    module = create(name, 64)
    for parameter, _ in module.named_parameters():
        owner = parameter.rpartition(".")[0]
        if "Norm" in type(module.get_submodule(owner)).__name__:  # stands in the box of the layer before it
            continue
        short = re.sub(r"^weight_[a-z0-9]+_", "", parameter)
        beside = parameter.replace("bias", "weight")  # a bias that no layer holds, named by its weight
        assert shown & {parameter, owner, short, beside}, (name, parameter)


@pytest.mark.parametrize("name", BLOCKS)
def test_every_block_brings_its_formula_and_what_differs(name):
    info = next(info for info in all_blocks() if info.name == name)
    assert info.formula
    assert info.differences
    assert any(line.startswith(("y &=", "y_", "Y &=")) or ", \\qquad y =" in line for line in info.formula)
    for line in info.formula:
        assert line.count("&=") == 1, line
        assert line.count("{") == line.count("}"), line
        assert line.count("\\left") == line.count("\\right"), line


def test_linked_files_exist():
    for page in (ROOT / "docs" / "blocks.md", *(ROOT / "docs" / "blocks").glob("*.md")):
        text = re.sub(r"```math.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)#\s]+)", text):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), (page.name, target)
