"""The figures in Ultralytics' own files, each reproduced or explained; the records that the page is written from."""

from __future__ import annotations

import csv
import re
from importlib.metadata import version
from pathlib import Path

import pytest

from benchmarks import published, shipped
from surgeon.models.ultralytics.yaml_source import shipped_names

CLASSES = {
    "A": published.TODAY,
    "B": published.OLD,
    "C": published.OLD_TRANSPOSED,
    "D": published.OLD_80,
    "E": published.OLD_1024,
    "F": published.COPIED,
    "G": published.OLD_FULL,
}
"""How the reference calls them."""
ROWS = published.comments()
SAMPLE = ROWS[::14]
RECORDED = ("yolov3-tiny", "yolov8n", "yolov9t", "yolo11m-seg", "yolo12n-cls", "yolo26n-obb", "yolov8s-worldv2")
SHARED_DATA = Path(__file__).parents[3] / "shared" / "data"
LOCK = (Path(__file__).parents[2] / "requirements.lock").read_text("utf-8")
LOCKED = re.search(r"^ultralytics==([\d.]+)", LOCK, re.MULTILINE)[1]
PAGE = shipped.FILE.parent.parent / "docs" / "published.md"

pytestmark = pytest.mark.skipif(
    version("ultralytics") != LOCKED, reason=f"the comments and records are those of ultralytics {LOCKED}"
)


def label(row):
    return row.name


@pytest.fixture(scope="module")
def reference():
    """Rows of the two tables, by file and scale."""
    tables = []
    for name in ("published_ultralytics.csv", "published_ultralytics_explained.csv"):
        if not (SHARED_DATA / name).is_file():
            pytest.skip(f"no {name} in {SHARED_DATA}")
        with (SHARED_DATA / name).open(encoding="utf-8", newline="") as lines:
            tables.append({(row["yaml"], row["scale"]): row for row in csv.DictReader(lines)})
    return tables


def test_every_comment_is_read(reference):
    said, _ = reference
    assert len(ROWS) == len(said) == 172
    for row in ROWS:
        other = said[row.yaml, row.scale]
        assert (str(row.layers), str(row.params), row.gflops) == (other["layers"], other["params"], other["gflops"])
        assert other["gradients"] == ("" if row.gradients is None else str(row.gradients))


def explained(row):
    found = published.explain(row)
    assert published.UNEXPLAINED not in (found.explanation, found.params_are)
    assert (found.params == row.params) == (found.params_are == published.OF_TODAY)
    own = not found.explanation.startswith(published.COPIED.partition(" {")[0])
    assert own == (found.gflops is not None)
    if found.gflops is not None:
        assert f"{found.gflops:.1f}" == row.gflops
    return found


def agrees_with(reference, found):
    wanted = reference[1][found.published.yaml, found.published.scale]["explanation"]
    sentence = CLASSES[wanted[0]]
    assert found.explanation == sentence.format(wanted.rpartition(" ")[2])


@pytest.mark.parametrize("row", SAMPLE, ids=label)
def test_a_comment_is_explained(row):
    found = explained(row)
    line = next(line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {row.name} |"))
    assert line.endswith(f"| {found.explanation} |") and f"| {found.params:,} | {row.gflops} |" in line


@pytest.mark.parametrize("row", SAMPLE, ids=label)
def test_as_the_reference_explains_it(row, reference):
    agrees_with(reference, published.explain(row))


@pytest.mark.slow
@pytest.mark.parametrize("row", sorted(set(ROWS) - set(SAMPLE), key=label), ids=label)
def test_every_comment_is_explained(row, reference):
    agrees_with(reference, explained(row))


def test_the_page_has_every_comment():
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"| {row.name} | {row.params:,} |" in text for row in ROWS)
    assert published.UNEXPLAINED not in text


def test_every_shipped_network_is_recorded():
    assert list(shipped.read()) == shipped_names()


@pytest.mark.parametrize("name", RECORDED)
def test_a_record_is_current(name):
    assert shipped.record(name) == shipped.read()[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(shipped_names()) - set(RECORDED)))
def test_every_record_is_current(name):
    assert shipped.record(name) == shipped.read()[name]
