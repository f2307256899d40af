"""Traces: what is marked, and what the profiler makes of it. Times are compared with each other only."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from profiler_support import chain_graph, state_of
from torch import nn
from trace_support import SETTINGS, Interrupting, network, of, traced

from surgeon.errors import MeasurementError
from surgeon.profiler.subject import Subject
from surgeon.profiler.trace.data import BLOCKS, ON_GPU, ROWS, RUNS, Label, Trace
from surgeon.profiler.trace.labels import has_grafts
from surgeon.profiler.trace.recording import record
from surgeon.profiler.trace.spans import spans_of


@pytest.fixture(scope="module")
def trace() -> Trace:
    return traced(network())


def test_every_row_once_a_run_in_execution_order(trace: Trace) -> None:
    names = [
        "row 0 Conv2d",
        "row 1 ReLU",
        "row 2 Hosting",
        "row 3 ReLU",
        "row 4 PlantedBlock [inserted]",
        "row 5 Identity",
    ]
    assert trace.runs == 3 and not trace.interrupted
    for run in (1, 2, 3):
        assert [span.name for span in of(trace, ROWS) if span.run == run] == names


def test_inserted_blocks_have_a_track_of_their_own(trace: Trace) -> None:
    names = ["graft 2.eca ECA [inserted]", "row 4 PlantedBlock [inserted]"]
    assert [span.name for span in of(trace, BLOCKS)] == names * 3
    assert trace.tracks() == (RUNS, ROWS, BLOCKS)


def test_spans_lie_in_their_run_one_behind_the_other(trace: Trace) -> None:
    runs = of(trace, RUNS)
    assert [span.name for span in runs] == ["run 1", "run 2", "run 3"]
    for track in (RUNS, ROWS, BLOCKS):
        assert all(a.end_us <= b.start_us for a, b in pairwise(of(trace, track)))
    for span in trace.spans:
        run = runs[span.run - 1]
        assert run.start_us <= span.start_us < span.end_us <= run.end_us


def test_a_graft_lies_in_its_row(trace: Trace) -> None:
    hosts = [span for span in of(trace, ROWS) if span.name == "row 2 Hosting"]
    grafts = [span for span in of(trace, BLOCKS) if span.name.startswith("graft")]
    assert len(hosts) == len(grafts) == 3
    for host, graft in zip(hosts, grafts, strict=True):
        assert host.start_us <= graft.start_us < graft.end_us <= host.end_us


def test_the_model_is_left_clean() -> None:
    model = network().train()
    before = state_of(model)
    traced(model, runs=1)
    assert state_of(model) == before


def test_an_interrupt_keeps_the_complete_runs() -> None:
    found = traced(network(Interrupting(4)), runs=5)
    assert found.interrupted and found.runs == 2
    assert {span.run for span in found.spans} == {1, 2}
    assert len(of(found, ROWS)) == 2 * 6


@pytest.mark.parametrize("at", [1, 2])
def test_an_interrupt_before_the_first_run_is_passed_on(at: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        traced(network(Interrupting(at)))


def test_a_network_that_cannot_run_is_refused() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(4, 8, 3))
    with pytest.raises(MeasurementError, match="bad cannot run on cpu at 32x32"):
        record(Subject(module=model, graph=chain_graph(model), name="bad", source="bad"), SETTINGS, ())


def test_grafts_are_told_from_inserted_rows() -> None:
    model = network()
    assert has_grafts(model, {"4"}) and not has_grafts(model, {"4", "2.eca"})


# --- from events to spans ---------------------------------------------------------------------------------------------


def event(name: str, ts: float, dur: float, cat: str = "user_annotation") -> dict[str, Any]:
    return {"ph": "X", "cat": cat, "name": name, "pid": 7, "tid": 7, "ts": ts, "dur": dur}


LABEL = Label(
    name="row 0 GAM [inserted]",
    path="0",
    kind="GAM",
    planted=True,
    is_row=True,
    site="backbone.0",
    params=9,
    macs=5,
    out_shape=(1, 8, 4, 4),
)


def test_a_gpu_s_clock_makes_tracks_of_its_own() -> None:
    gpu = "gpu_user_annotation"
    events = [event("ProfilerStep#1", 0, 10), event(LABEL.name, 1, 2)]
    events += [
        event("ProfilerStep#1", 3, 20, gpu),
        event(LABEL.name, 4, 15, gpu),
        event("aten::conv2d", 1, 1, "cpu_op"),
    ]
    found = spans_of(events, [LABEL], 1)
    tracks = [(span.track, span.start_us, span.end_us) for span in found]
    assert tracks == [
        (RUNS, 0, 10),
        (ROWS, 1, 3),
        (BLOCKS, 1, 3),
        (RUNS + ON_GPU, 3, 23),
        (ROWS + ON_GPU, 4, 19),
        (BLOCKS + ON_GPU, 4, 19),
    ]


def test_what_ran_after_the_last_complete_run_is_left_out() -> None:
    events = [event("ProfilerStep#1", 0, 10), event(LABEL.name, 1, 2), event(LABEL.name, 20, 2)]
    events.append(event("ProfilerStep#2", 19, 4))
    assert {span.run for span in spans_of(events, [LABEL], 1)} == {1}
