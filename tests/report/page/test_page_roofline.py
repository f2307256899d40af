"""The roofline of the page: a dot a row, a cross for each network as a whole, under the roof that both share."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest

from surgeon.profiler.device_peak import DevicePeak
from surgeon.profiler.results import Comparison
from surgeon.report.page import to_page

PEAK = DevicePeak(gflops=90.0, bandwidth_gbs=12.0)


def under(result, peak):
    layers = tuple(
        replace(row, deployed_flops=2 * row.macs, deployed_bytes=10_000 * (row.index + 1)) for row in result.layers
    )
    return replace(result, layers=layers, peak=peak)


@pytest.fixture
def comparison(v8n, insert_gam):
    planted, renames = insert_gam(9)
    return Comparison(results=(under(v8n, PEAK), under(planted, PEAK)), renames=(renames,))


def charts(text):
    return re.findall(r'<svg class="chart roof".*?</svg>', text, re.DOTALL)


def test_a_dot_a_row_and_a_cross_a_network(comparison):
    text = unescape(to_page(comparison))
    (chart,) = charts(text)
    after = comparison.results[1]
    assert chart.count("<circle") == sum(row.macs > 0 for row in after.layers)
    assert len(re.findall(r'<circle class="dot backbone added"', chart)) == 1
    assert re.findall(r'<path class="dot (\w+)" .*?<title>(.*?)</title>', chart) == [
        ("was", "yolov8n"),
        ("total", "yolov8n + GAM"),
    ]
    assert '<b class="was">+</b> yolov8n as a whole' in text
    assert "The device's peak is not part of this result" not in text


def test_other_machines_totals_do_not_stand_under_this_roof(comparison):
    before, after = comparison.results
    other = replace(comparison, results=(replace(before, peak=replace(PEAK, gflops=50.0)), after))
    (chart,) = charts(to_page(other))
    assert re.findall(r'<path class="dot (\w+)"', chart) == ["total"]


def test_without_a_peak_the_page_says_what_measures_it(comparison):
    bare = replace(comparison, results=tuple(replace(one, peak=None) for one in comparison.results))
    text = unescape(to_page(bare))
    assert not charts(text) and "not part of this result: <code>--roofline</code> measures it" in text
