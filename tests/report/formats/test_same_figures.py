"""The same figure is the same in every format: to the digits that it shows, it is the fact of the saved result."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser

import pytest

from surgeon.profiler.results import Comparison, ProfileResult
from surgeon.report.comparison import candidate_labels
from surgeon.report.documents import document_of
from surgeon.report.formats import fragment, registry
from surgeon.report.opening import from_text
from surgeon.report.report import Report

SCALES = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}
FIGURE = re.compile(r"^(?P<number>-?[\d,]+(?:\.\d+)?) ?(?P<unit>k|M|G|ms)?$")


def agrees(shown: str, fact: float) -> bool:
    """Whether a shown number is the fact, rounded to the digits that are shown."""
    found = FIGURE.match(shown.strip().strip("*"))
    assert found is not None, shown
    number = found["number"].replace(",", "")
    scale = SCALES.get(found["unit"] or "", 1)
    places = len(number.partition(".")[2])
    return abs(float(number) * scale - fact) <= 0.5001 * 10**-places * scale


def facts(report: Report) -> list[tuple[str, int, float, float | None]]:
    """Name, parameters, GFLOPs and milliseconds of each network, from the result itself."""
    (one,) = report.networks
    if isinstance(one, ProfileResult):
        latency = one.latency.median_ms if one.latency else None
        return [(one.name, one.params, 2 * one.counts.macs / 1e9, latency)]
    times = [None] * len(one.results)
    if one.paired:
        times = [one.paired[0].baseline_ms, *(pair.candidate_ms for pair in one.paired)]
    labels = candidate_labels(one.results)
    return [
        (label, r.params, 2 * r.counts.macs / 1e9, ms) for label, r, ms in zip(labels, one.results, times, strict=True)
    ]


def in_csv(report: Report):
    for row in csv.DictReader(io.StringIO(registry.render(report, registry.named("csv")))):
        yield row["model"], row["params"], row["gflops"], row["paired_ms"] or row["latency_median_ms"] or None


def in_latex(report: Report):
    text = registry.render(report, registry.named("latex"))
    body = text.partition(r"\midrule")[2].partition(r"\bottomrule")[0]
    timed = "Latency (ms)" in text
    for line in body.strip().splitlines():
        cells = [cell.strip() for cell in line.strip().removesuffix(r"\\").split("&")]
        yield cells[0], f"{cells[1]} M", cells[2], cells[3] if timed else None


class _Cells(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []

    def handle_starttag(self, tag, attrs):
        if tag in ("tr", "dt"):
            self.rows.append([])
        if tag in ("td", "th", "dt", "dd"):
            self.rows[-1].append("")

    def handle_data(self, data):
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def rows_of(text: str, name: str) -> list[list[str]]:
    """Every row of every table, as cells."""
    if name in ("html", ""):
        parser = _Cells()
        parser.feed(text)
        return parser.rows
    if name == "markdown":
        text = text.replace("*", "").replace("\\", "").replace("&gt;", ">")
        facts = [line[2:].split(": ", 1) for line in text.splitlines() if line.startswith("- ")]
        lines = [line.strip("| ").split("|") for line in text.splitlines() if line.startswith("|")]
        return [[cell.strip() for cell in line] for line in [*facts, *lines]]
    return [re.split(r"\s{2,}", line.strip()) for line in text.splitlines() if line.strip()]


def in_tables(name: str):
    """Text, Markdown, the page and a notebook's HTML (``""``); of a comparison the overview or before and after."""

    def found(report: Report):
        (one,) = report.networks
        document = document_of(one)
        text = registry.render(Report(results=(one,)), registry.named(name)) if name else fragment.to_html(document)
        by_head = {row[0].removeprefix("▸ "): row for row in reversed(rows_of(text, name)) if row}
        if isinstance(one, ProfileResult):
            latency = by_head["latency"][1].partition(" median")[0]
            yield one.name, by_head["params"][1].partition(" (")[0], by_head["GFLOPs exact"][1], latency
        elif len(one.results) == 2:
            for at, label in enumerate(candidate_labels(one.results), start=1):
                yield label, by_head["params"][at], by_head["GFLOPs exact"][at], by_head["latency"][at]
        else:
            rows = [row for row in rows_of(text, name) if row[0] in candidate_labels(one.results) and len(row) > 2]
            for at, row in enumerate(rows[: len(one.results)]):
                figures = [cell for cell in row if cell]  # the baseline has no per cent between them
                yield figures[0], figures[1], figures[3 if at else 2], None

    return found


def in_json(report: Report):
    (again,) = from_text(registry.render(report, registry.named("json")))
    yield from ((n, str(p), repr(g), None if t is None else repr(t)) for n, p, g, t in facts(Report(results=(again,))))


def in_model_explorer(report: Report):
    data = json.loads(registry.render(report, registry.named("model-explorer")))
    for graph in data["graphs"]:
        totals = graph["groupNodeAttributes"][""]
        yield graph["id"], totals["params"], totals["GFLOPs"], None


READERS = {
    "csv": in_csv,
    "latex": in_latex,
    "text": in_tables("text"),
    "markdown": in_tables("markdown"),
    "html": in_tables("html"),
    "notebook": in_tables(""),
    "json": in_json,
    "model-explorer": in_model_explorer,
}


@pytest.mark.parametrize("name", sorted(READERS))
def test_a_figure_is_the_same_in_every_format(real, name) -> None:
    _, report = real
    shown = list(READERS[name](report))
    expected = facts(report)
    assert [one[0] for one in shown] == [one[0] for one in expected]
    for (label, params, gflops, ms), (_, true_params, true_gflops, true_ms) in zip(shown, expected, strict=True):
        assert agrees(params, true_params), (label, params, true_params)
        assert agrees(gflops, true_gflops), (label, gflops, true_gflops)
        if ms is not None and true_ms is not None:
            assert agrees(ms, true_ms), (label, ms, true_ms)


def test_the_comparison_of_figures_can_fail() -> None:
    assert agrees("3.157 M", 3_157_200)
    assert not agrees("3.158 M", 3_157_200)
    assert not agrees("3.157", 3_157_200)


def test_rows_add_up_to_the_printed_totals(real) -> None:
    """Of every table of rows: whole numbers exactly, rounded ones within their rounding."""
    _, report = real
    for one in report.networks:
        results = one.results if isinstance(one, Comparison) else (one,)
        for result in results:
            (table,) = [t for t in document_of(result).tables if t.title.startswith("layers")]
            *params, total = [int(str(cell).replace(",", "")) for cell in table.column("params")]
            assert sum(params) == total == result.params
            for title, half in (("GFLOPs", 0.0005), ("ms", 0.005)):
                if title not in [column.title for column in table.columns]:
                    continue
                cells = [str(cell) for cell in table.column(title)]
                *values, printed = [0.0 if cell.startswith(("<", "-")) else float(cell) for cell in cells]
                room = sum(2 * half if cell.startswith("<") else half for cell in cells)
                assert sum(values) == pytest.approx(printed, abs=room)


def test_records_add_up_to_the_records_of_their_networks(real) -> None:
    _, report = real
    networks = list(csv.DictReader(io.StringIO(registry.render(report, registry.named("csv")))))
    rows = list(csv.DictReader(io.StringIO(registry.render(report, registry.named("csv-rows")))))
    for network in networks:
        mine = [row for row in rows if row["model"] == network["model"] and row["change"] != "removed"]
        for name in ("params", "trainable_params", "macs", "executed_macs", "elementwise_macs"):
            assert sum(int(row[name]) for row in mine) == int(network[name])
