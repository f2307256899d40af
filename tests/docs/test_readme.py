"""The README: its links and pictures are there, and its figures are those of the pages that it names."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in re.split(r"^### ", README, flags=re.MULTILINE)[1:]}
PAGES = {
    "Counting": "flops",
    "Telling two networks apart": "latency",
    "Blocks against their formulas written down plainly": "blocks",
}


def rows(text: str) -> list[list[str]]:
    """The cells of every row of pipe tables, as plain text."""
    lines = [line for line in text.splitlines() if line.startswith("| ") and "--" not in line]
    return [[re.sub(r"[*`]", "", cell).strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_every_link_and_picture_is_there() -> None:
    targets = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", README)]
    local = [target for target in targets if not target.startswith("http")]
    assert len(local) > 30
    assert [target for target in local if not (ROOT / target).exists()] == []


@pytest.mark.parametrize("section", PAGES)
def test_a_figure_is_that_of_its_page(section) -> None:
    page = rows((ROOT / f"docs/benchmarks-{PAGES[section]}.md").read_text("utf-8"))
    table = rows(SECTIONS[section])[1:]
    assert len(table) >= 5
    for name, *cells in table:
        own = re.split(r"[,:]", name.lower())[0]
        found = [cell for row in page if row[0].lower().startswith(own) for cell in row]
        figures = [cell for cell in cells if "](" not in cell]
        missing = [cell for cell in figures if not any(f"{one} ".startswith(f"{cell} ") for one in found)]
        assert not missing, f"{name}: {missing} is not in docs/benchmarks-{PAGES[section]}.md"
    assert f"docs/benchmarks-{PAGES[section]}.md" in SECTIONS[section]


def test_the_weights_that_a_match_by_name_finds() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", SECTIONS["Weights after an insertion"], re.DOTALL)
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        exec(code, {})
    by_name, carried = told.getvalue().splitlines()[-2:]
    assert carried == "355 of 355 tensors carried over unchanged"
    assert [row[-1] for row in rows(SECTIONS["Weights after an insertion"])[1:]] == [by_name, "355"]
