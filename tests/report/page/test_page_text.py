"""What the page says: the terminal's figures, all of it escaped, in one small file that asks no host for anything."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from surgeon.errors import InputError
from surgeon.graph.layer import LayerGraph
from surgeon.profiler.device_peak import DevicePeak
from surgeon.profiler.results import ActivationMemory
from surgeon.profiler.saved import from_json
from surgeon.report.documents import document_of
from surgeon.report.edit import CheckLine, EditReport
from surgeon.report.page import to_page
from surgeon.report.tables import Notes

PROFILES = Path(__file__).parents[3] / "profiles"
VOID = {"meta", "link", "input", "br"}


class Page(HTMLParser):
    """Elements with their attributes and texts; asserts that what is opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.cells: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.texts.append(data)
            if self.open[-1] in ("td", "th"):
                self.cells[-1] += data

    def all(self, name):
        return [attributes[name] for _, attributes in self.elements if name in attributes]


@pytest.fixture
def full(v8n):
    """A profile with all that a page can show."""
    layers = tuple(
        replace(row, deployed_flops=2 * row.macs + 1000, deployed_bytes=10_000 * (row.index + 1)) for row in v8n.layers
    )
    return replace(
        v8n,
        layers=layers,
        peak=DevicePeak(gflops=90.0, bandwidth_gbs=12.0),
        activation=ActivationMemory(
            peak_bytes=4_915_200,
            sum_bytes=42_127_440,
            peak_row="row2",
            row_peaks={"row2": 4_915_200, "row9": 1_331_200},
        ),
        recipe="surgeon_recipe: 1\nedits: []\n",
    )


@pytest.fixture
def results(full, comparison, two_candidates):
    edit = EditReport(
        source="yolov8n.yaml",
        outputs=("yolov8n-gam.pt",),
        edits=("insert gam after backbone.9, start identity",),
        checks=(CheckLine("output unchanged", True, "torch.equal"),),
        comparison=comparison,
    )
    return {"profile": full, "pair": comparison, "three": two_candidates, "edit": edit}


@pytest.mark.parametrize("kind", ["profile", "pair", "three", "edit"])
def test_every_figure_is_the_terminals_text(results, kind):
    page = Page(to_page(results[kind]))
    seen = " ".join(page.texts)
    cells = Counter(page.cells)
    document = document_of(results[kind], all_rows=True)
    checked = 0
    for table in document.tables:
        for row in table.rows:
            for column, cell in zip(table.columns, row.cells, strict=True):
                if isinstance(cell, str) and cell:
                    assert any(cell == text.removeprefix("+ ").removeprefix("~ ") for text in cells), (column, cell)
                    checked += 1
    for part in document.parts:
        for sentence in part.sentences if isinstance(part, Notes) else ():
            assert sentence.removeprefix("Reproduce: ") in seen
    assert all(line in seen for line in document.lines)
    assert checked > 50


def test_bars_and_boxes_show_the_figures_of_the_rows(full):
    text = to_page(full)
    for figure in ("897,664", "0.41 ± 0.02", "4.69", "<0.01"):
        assert figure in unescape(text)
    widths = re.findall(r'class="bars m m-params".*?</table>', text, re.DOTALL)[0]
    bars = [float(one) for one in re.findall(r'class="now" style="width:([\d.]+)%', widths)]
    params = [row.params for row in full.layers if row.params]
    assert bars == [round(100 * one / max(params), 1) for one in params]


def test_what_was_not_measured_is_said(v8n):
    bare = replace(v8n, latency=None, layers=tuple(replace(row, latency_ms=None) for row in v8n.layers))
    text = to_page(bare)
    assert "latency, ms (not measured)" in text and "latency, ms: not measured by row in this result." in text
    assert "The device's peak is not part of this result" in unescape(text)
    assert 'id="m-flops" checked' in text


def test_added_removed_and_changed_rows_carry_signs(comparison):
    text = to_page(comparison)
    page = Page(text)
    assert text.count('class="box backbone added"') == 1
    assert "+ GAM" in page.cells and "+ 10 GAM" in page.cells and "~ Upsample" in page.cells
    labels = [label for label in page.all("aria-label") if label.startswith("row ")]
    assert len(labels) == 24
    assert "row 10 GAM, added; backbone.10; output 256x10x10; 1,639,952 params; reads 9" in labels


def test_a_graft_is_marked_where_it_lives(v8n):
    grafted = replace(v8n, layers=(*v8n.layers[:9], replace(v8n.layers[9], grafts=("GAM",)), *v8n.layers[10:]))
    text = to_page(grafted)
    assert ">9 SPPF + GAM</text>" in text and text.count('class="box backbone added"') == 1


def test_all_text_is_escaped(comparison, v8n):
    evil = "</script><script>alert('x')</script><img src=x onerror=alert(1)>\"&'"
    layers = tuple(replace(row, kind=evil, site=f"backbone.{evil}") for row in v8n.layers)
    bad = replace(v8n, name=evil, source=evil, command=evil, recipe=evil, layers=layers)
    for result in (bad, replace(comparison, results=(bad, comparison.results[1])), [bad, bad]):
        page = Page(to_page(result))
        assert [tag for tag, _ in page.elements].count("script") == 1
        assert not [tag for tag, _ in page.elements if tag in ("img", "iframe", "object")]
        assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]


def test_nothing_is_loaded_and_the_policy_lets_nothing_be(results):
    text = to_page(results["pair"])
    page = Page(text)
    links = [*page.all("href"), *page.all("src")]
    assert links and all(link.startswith("#") or link == "data:," for link in links)
    assert "url(" not in text and "@import" not in text and "http" not in re.sub("http-equiv", "", text)
    script = re.search(r"<script>(.*)</script>", text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = next(attributes["content"] for _, attributes in page.elements if "http-equiv" in attributes)
    assert policy.startswith("default-src 'none'") and f"'sha256-{digest}'" in policy


def test_ids_are_unique_and_every_box_leads_to_its_row(results):
    for result in (*results.values(), [results["profile"], results["pair"]]):
        page = Page(to_page(result))
        ids = Counter(page.all("id"))
        assert not [name for name, times in ids.items() if times > 1]
        targets = [link.removeprefix("#") for link in page.all("href") if link.startswith("#")]
        assert targets and not {*targets, *page.all("data-row")} - ids.keys()


def test_sizes(results):
    recorded = from_json((PROFILES / "yolov8n" / "epyc-1-thread.json").read_text("utf-8"))
    edit = json.loads((PROFILES / "yolov8n-gam" / "epyc-1-thread.json").read_text("utf-8"))
    compared = from_json(json.dumps(edit["comparison"]))
    for result in (recorded, compared):
        assert 30_000 < len(to_page(result).encode()) <= 150_000


def test_several_profiles_have_an_overview_first(v8n):
    larger = replace(v8n, settings=replace(v8n.settings, imgsz=(640, 640)))
    text = to_page([v8n, larger])
    assert text.index("overview") < text.index('id="a0"') < text.index('id="a1"')
    assert "320x320" in text and "640x640" in text


def test_a_network_without_strides_is_drawn_in_layers(v8n):
    tokens = tuple(replace(row, out_shape=(1, 400, 192)) for row in v8n.layers)
    text = to_page(replace(v8n, layers=tokens))
    assert "P3 /8" not in text and text.count('class="box ') == len(tokens)


def test_networks_and_results_of_any_kind_have_a_page(v8n, comparison):
    graph = LayerGraph(name="empty", family="none", layers=(), imgsz=(320, 320))
    assert "empty" in to_page(graph)
    assert "3,157,200" in to_page(replace(v8n, layers=()))
    assert 'class="box ' in to_page([comparison, graph])


def test_the_rows_show_what_is_alive_while_they_run(full):
    cells = Page(to_page(full)).cells
    assert "MiB alive" in cells and "4.69" in cells and "1.27" in cells


def test_only_letters_that_fonts_have(results):
    letters = {letter for result in results.values() for letter in to_page(result) if ord(letter) > 126}
    assert letters <= {"±"}


def test_pairs_too_few_or_without_an_interval(comparison):
    few = replace(comparison.paired[0], log_ratios=(0.1, 0.2), pairs=2)
    assert "2 pairs: too few for a distribution." in to_page(replace(comparison, paired=(few,)))
    ratios = tuple(0.01 * number for number in range(8))
    unbounded = replace(comparison.paired[0], ratio_low=0.0, ratio_high=float("inf"), log_ratios=ratios, pairs=8)
    text = to_page(replace(comparison, paired=(unbounded,)))
    assert 'class="interval"' not in text and 'class="median"' in text


def test_a_comparison_of_unequal_settings_is_refused(comparison):
    other = comparison.results[1]
    unequal = replace(other, settings=replace(other.settings, batch=2))
    with pytest.raises(InputError, match="different settings"):
        to_page(replace(comparison, results=(comparison.results[0], unequal)))
