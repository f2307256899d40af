"""Rows with few FLOPs and much time, and the reasons that the figures show."""

from __future__ import annotations

from dataclasses import replace

import pytest

from surgeon.profiler.device_peak import DevicePeak
from surgeon.profiler.gpu_figures import GpuLatency
from surgeon.profiler.slow_rows import slow_rows
from surgeon.report.slow_rows import slow_rows_notes

MS = (40.0, 40.0, 20.0)
MACS = (500, 450, 50)


@pytest.fixture
def three(v8n):
    """Two rows that take what their FLOPs say, and one that takes 20 % of the time with 5 % of the FLOPs."""
    rows = tuple(
        replace(
            row, latency_ms=ms, latency_plus_minus_ms=0.5, macs=macs, executed=macs, deployed_flops=2 * macs,
            deployed_bytes=100, deployed_operators=40,
        )
        for row, ms, macs in zip(v8n.layers, MS, MACS, strict=False)
    )  # fmt: skip
    counts = replace(v8n.counts, macs=1000, executed=1000)
    return replace(v8n, layers=rows, counts=counts)


def with_last(result, **changes):
    return replace(result, layers=(*result.layers[:2], replace(result.layers[2], **changes)))


def test_only_the_row_out_of_proportion_is_told(three):
    (found,) = slow_rows(with_last(three, deployed_bytes=10))
    assert found.row.index == 2
    assert (found.time_share, found.flops_share) == pytest.approx((0.2, 0.05))
    assert found.reasons == ()
    (sentence,) = slow_rows_notes(with_last(three, deployed_bytes=10)).sentences
    assert sentence == "Row 2 C2f: 20.0 % of the time, 5.0 % of the FLOPs: the counts do not say why."


def test_a_row_whose_interval_reaches_its_share_is_not(three):
    assert slow_rows(with_last(three, latency_plus_minus_ms=11.0)) == ()
    assert slow_rows(with_last(three, latency_plus_minus_ms=float("inf"))) == ()


def test_nothing_is_said_of_rows_that_were_not_timed(three):
    untimed = replace(three, layers=tuple(replace(row, latency_ms=None) for row in three.layers))
    assert slow_rows(untimed) == ()
    assert slow_rows_notes(untimed).sentences == ()


def test_bytes_explain_it(three):
    (found,) = slow_rows(with_last(three, deployed_bytes=300))
    assert found.reasons == (
        "probably memory-bound (0.3 FLOP/B, the network 4.0; 60 % of the bytes; --roofline measures the machine's "
        "ridge)",
    )


@pytest.mark.parametrize(("ridge", "reasons"), [(9.0, 1), (0.1, 0)])
def test_a_measured_roof_decides(three, ridge, reasons):
    peak = DevicePeak(gflops=ridge, bandwidth_gbs=1.0, gflops_source="given", bandwidth_source="given")
    (found,) = slow_rows(with_last(replace(three, peak=peak), deployed_bytes=300))
    assert len(found.reasons) == reasons
    assert all("ridge 9.0" in reason for reason in found.reasons)


def test_short_operators_explain_it(three):
    (found,) = slow_rows(with_last(three, deployed_operators=4000, deployed_bytes=10))
    assert found.reasons == ("overhead-bound (4000 operators of 5 us on average, about what calling them costs)",)


def test_on_a_gpu_the_whole_network_is_launch_bound_or_is_not(three):
    gpu = GpuLatency(span_ms=(1.0,), enqueue_ms=(1.0,), median_span_ms=1.0, median_enqueue_ms=1.0)
    for sentence, reasons in (
        ("launch-bound: the host", ("launch-bound (40 operators of 500 us on average)",)),
        ("", ()),
    ):
        latency = replace(three.latency, gpu=replace(gpu, launch_bound=sentence))
        (found,) = slow_rows(with_last(replace(three, latency=latency), deployed_bytes=10))
        assert found.reasons == reasons


@pytest.mark.parametrize("network", ["launch-bound: the host", ""])
def test_the_kernels_of_the_row_decide_where_they_were_recorded(three, network):
    """The row takes 20 ms: whether the card works for half of it, not what the whole network is."""
    gpu = GpuLatency(span_ms=(1.0,), enqueue_ms=(1.0,), median_span_ms=1.0, median_enqueue_ms=1.0)
    on_gpu = replace(three, latency=replace(three.latency, gpu=replace(gpu, launch_bound=network)))
    for busy_ms, reasons in (
        (9.9, ("launch-bound (kernels run in 9.90 of its 20.00 ms; 40 operators of 500 us on average)",)),
        (10.1, ()),
    ):
        (found,) = slow_rows(with_last(on_gpu, deployed_bytes=10, kernel_busy_ms=busy_ms))
        assert found.reasons == reasons


def test_copies_into_another_layout_explain_it(three):
    (found,) = slow_rows(with_last(three, deployed_bytes=10, deployed_layout_bytes=4))
    assert found.reasons == ("layout change (40 % of its bytes are copies into another layout)",)


def test_the_list_is_short(v8n):
    rows = tuple(replace(row, macs=0, latency_ms=1.0) for row in v8n.layers)
    assert len(slow_rows(replace(v8n, layers=rows))) == 23
    *_, last = slow_rows_notes(replace(v8n, layers=rows)).sentences
    assert len(slow_rows_notes(replace(v8n, layers=rows)).sentences) == 7
    assert last == "17 more rows, together 73.9 % of the time."
