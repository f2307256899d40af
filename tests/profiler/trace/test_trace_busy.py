"""Kernel-busy times by row from traces written by hand, as the profiler writes a GPU's. Times in us."""

from __future__ import annotations

from typing import Any

import pytest

from surgeon.profiler.trace.busy import Busy, busy_of
from surgeon.profiler.trace.data import Label
from surgeon.profiler.trace.spans import spans_of

LABELS = [
    Label(name=f"row {path} Conv", path=path, kind="Conv", planted=False, is_row=True, site=path, params=0, macs=None)
    for path in "AB"
]


def event(cat: str, name: str, ts: float, dur: float, **links: int) -> dict[str, Any]:
    return {"ph": "X", "cat": cat, "name": name, "pid": 1, "tid": 1, "ts": ts, "dur": dur, "args": links}


def host(runs: int = 1) -> list[dict[str, Any]]:
    """Each run of 100 us: row A in 10 to 20, row B in 20 to 30, then the host waits."""
    found = []
    for number in range(1, runs + 1):
        start = 100 * number
        found.append(event("user_annotation", f"ProfilerStep#{number}", start, 90))
        found.append(event("user_annotation", "row A Conv", start + 10, 9.9))
        found.append(event("user_annotation", "row B Conv", start + 20, 9.9))
    return found


def launched(
    link: int, at: float, start: float, dur: float, cat: str = "kernel", call: str = "cudaLaunchKernel"
) -> list[dict[str, Any]]:
    runtime = "cuda_driver" if call.startswith("cu") and not call.startswith("cuda") else "cuda_runtime"
    return [event(runtime, call, at, 1, correlation=link), event(cat, "k", start, dur, correlation=link)]


def busy(events: list[dict[str, Any]], runs: int = 1) -> Busy:
    found = busy_of(events, spans_of(events, LABELS, runs))
    assert isinstance(found, Busy)
    return found


def refusal(events: list[dict[str, Any]]) -> str:
    found = busy_of(events, spans_of(events, LABELS, 1))
    assert isinstance(found, str)
    return found


def test_kernels_that_overlap_on_two_streams_count_once() -> None:
    events = [*host(), *launched(1, 112, 120, 30), *launched(2, 114, 130, 40), *launched(3, 116, 135, 5)]
    found = busy(events + launched(4, 118, 180, 10))
    assert found.rows_ms == pytest.approx({"A": (50 + 10) / 1000, "B": 0.0})
    assert found.network_ms == pytest.approx(0.060)


def test_a_kernel_belongs_to_the_row_that_launched_it() -> None:
    """A's kernel starts when the host is in row B already, and B's when the host waits."""
    found = busy([*host(), *launched(1, 115, 122, 50), *launched(2, 125, 172, 7)])
    assert found.rows_ms == pytest.approx({"A": 0.050, "B": 0.007})


def test_rows_that_overlap_add_up_to_more_than_the_network() -> None:
    found = busy([*host(), *launched(1, 115, 130, 50), *launched(2, 125, 150, 50)])
    assert found.rows_ms == pytest.approx({"A": 0.050, "B": 0.050})
    assert found.network_ms == pytest.approx(0.070)


def test_copies_and_memsets_are_work_and_what_no_row_launched_is_the_networks() -> None:
    events = [*host(), *launched(1, 112, 120, 5, "gpu_memset", "cudaMemsetAsync")]
    events += launched(2, 114, 126, 6, "gpu_memcpy", "cudaMemcpyAsync")
    events += launched(3, 122, 140, 8, call="cuLaunchKernel")
    events += launched(4, 140, 160, 3)
    found = busy(events + launched(5, 195, 300, 1000))  # between two runs, as the flush of the L2 cache
    assert found.rows_ms == pytest.approx({"A": 0.011, "B": 0.008})
    assert found.network_ms == pytest.approx(0.022)


def test_the_median_of_the_runs() -> None:
    durations = {1: 10, 2: 90, 3: 12}
    events = host(3)
    for run, dur in durations.items():
        events += launched(run, 100 * run + 15, 100 * run + 20, dur)
    found = busy(events, runs=3)
    assert (found.rows_ms["A"], found.runs) == (pytest.approx(0.012), 3)


def test_a_run_whose_kernels_are_not_all_there_does_not_count() -> None:
    events = host(2) + launched(1, 115, 120, 10) + launched(2, 215, 220, 30)
    events.append(event("cuda_runtime", "cudaLaunchKernel", 225, 1, correlation=3))
    events.append(event("cuda_runtime", "cudaMemcpyAsync", 125, 1, correlation=4))  # of no bytes
    found = busy(events, runs=2)
    assert (found.rows_ms["A"], found.runs) == (pytest.approx(0.010), 1)


def test_work_of_an_untraced_call_is_the_operators() -> None:
    operator = event("cpu_op", "aten::conv2d", 121, 4, **{"External id": 9})
    work = event("gpu_memset", "m", 150, 6, correlation=77, **{"External id": 9})
    assert busy([*host(), operator, work]).rows_ms == pytest.approx({"A": 0.0, "B": 0.006})


def test_what_the_trace_does_not_hold_is_no_zero() -> None:
    assert refusal(host()) == "the trace holds no kernels"
    alone = event("kernel", "k", 120, 5, correlation=1)
    assert refusal([*host(), alone, *launched(2, 115, 130, 5)]) == "1 of 2 kernels in the trace have no launch in it"
    lost = event("cuda_runtime", "cudaLaunchKernelExC", 115, 1, correlation=1)
    assert refusal([*host(), lost, *launched(2, 122, 130, 5)]) == "no run's kernels are all in the trace"
