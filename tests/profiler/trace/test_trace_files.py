"""The files of traces: Chrome's format, Perfetto's, and where they go."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from trace_support import network, of, traced

from surgeon.errors import MissingDependencyError, OutputError
from surgeon.profiler.trace import chrome, native
from surgeon.profiler.trace.data import BLOCKS, ROWS, RUNS, Recorded, Trace
from surgeon.profiler.trace.files import free_path, write_trace


@pytest.fixture(scope="module")
def trace() -> Trace:
    return traced(network())


# --- Chrome's format --------------------------------------------------------------------------------------------------


def test_chrome_document(trace: Trace, tmp_path: Path) -> None:
    path = write_trace(trace, tmp_path / "run.pt.trace.json")
    found = json.loads(path.read_text("utf-8"))
    events = found["traceEvents"]
    pids = {e["pid"] for e in events if e["name"] == "process_name" and e["args"]["name"] == "surgeon"}
    assert len(pids) == 1
    ours = [e for e in events if e["pid"] in pids]
    threads = {e["args"]["name"]: e["tid"] for e in ours if e["name"] == "thread_name"}
    assert list(threads) == [RUNS, ROWS, BLOCKS]
    spans = [e for e in ours if e["ph"] == "X"]
    assert [(e["name"], e["tid"]) for e in spans] == [(s.name, threads[s.track]) for s in trace.spans]
    assert all("cat" in e and "name" in e for e in events if e["ph"] == "X")  # TensorBoard's plugin asks for both
    assert [e for e in events if e["pid"] not in pids] == trace.recorded.kineto["traceEvents"]
    assert (found["surgeon"]["model"], found["surgeon"]["runs"]) == ("chain", 3)


def test_arguments_say_what_ran(trace: Trace) -> None:
    document = chrome.document(trace)
    found = {e["name"]: e["args"] for e in document["traceEvents"] if e.get("cat") == chrome.CATEGORY}
    rows = {row.index: row for row in trace.profile.layers}
    assert found["row 0 Conv2d"] == {
        "site": "backbone.0",
        "params": 3 * 8 * 9 + 8,
        "MACs": 3 * 8 * 9 * 32 * 32,
        "shape": "1x8x32x32",
        "run": 3,
    }
    graft = found["graft 2.eca ECA [inserted]"]
    assert graft["MACs"] + 8 * 8 * 9 * 32 * 32 == rows[2].macs and graft["params"] > 0


def test_a_compressed_file_holds_the_same(trace: Trace, tmp_path: Path) -> None:
    plain = write_trace(trace, tmp_path / "run.pt.trace.json").read_bytes()
    assert gzip.decompress(write_trace(trace, tmp_path / "run.pt.trace.json.gz").read_bytes()) == plain


# --- Perfetto's format ------------------------------------------------------------------------------------------------


def tracks_of(data: bytes) -> dict[str, list[tuple[int, int, str, dict[str, Any]]]]:
    """Spans of each track, read as Perfetto does: an end closes what began last on its track."""
    pb2 = pytest.importorskip("perfetto.protos.perfetto.trace.perfetto_trace_pb2")
    message = pb2.Trace()
    message.ParseFromString(data)
    names: dict[int, str] = {}
    interned: dict[int, str] = {}
    begun: dict[int, list[Any]] = {}
    found: dict[str, list[Any]] = {}
    for packet in message.packet:
        interned |= {entry.iid: entry.name for entry in packet.interned_data.event_names}
        if packet.HasField("track_descriptor"):
            names[packet.track_descriptor.uuid] = packet.track_descriptor.name
        if not packet.HasField("track_event"):
            continue
        one = packet.track_event
        stack = begun.setdefault(one.track_uuid, [])
        if one.type == pb2.TrackEvent.TYPE_SLICE_BEGIN:
            more = {a.name: a.int_value or a.string_value for a in one.debug_annotations}
            stack.append((packet.timestamp, interned[one.name_iid], more))
        else:
            start, name, more = stack.pop()
            found.setdefault(names[one.track_uuid], []).append((start, packet.timestamp, name, more))
    assert not any(begun.values()), "every span that began has ended"
    return {track: sorted(spans, key=lambda s: (s[0], -s[1])) for track, spans in found.items()}


def test_native_file_holds_the_same_spans(trace: Trace, tmp_path: Path) -> None:
    pytest.importorskip("perfetto")
    tracks = tracks_of(write_trace(trace, tmp_path / "run.pftrace").read_bytes())
    for name in (RUNS, ROWS, BLOCKS):
        assert [(start, span) for start, _, span, _ in tracks[name]] == [
            (trace.base_ns + round(1000 * s.start_us), s.name) for s in of(trace, name)
        ]
    assert tracks[ROWS][0][3]["MACs"] == 3 * 8 * 9 * 32 * 32
    operators = [e for e in trace.recorded.kineto["traceEvents"] if e.get("cat") == "cpu_op"]
    threads = [spans for name, spans in tracks.items() if name not in (RUNS, ROWS, BLOCKS)]
    assert sum(map(len, threads)) == len(operators) > 0


def test_overlapping_events_are_cut_in_the_native_file() -> None:
    pytest.importorskip("perfetto")
    from perfetto.trace_builder.proto_builder import TraceProtoBuilder

    builder = TraceProtoBuilder()
    writer = native._Writer(builder)
    writer.process(1, "p", {})
    writer.track(2, "t", 1)
    writer.slices(2, [native._Slice(0, 10, "a"), native._Slice(5, 15, "b"), native._Slice(20, 30, "c")])
    found = tracks_of(builder.serialize())["t"]
    assert [one[:3] for one in found] == [(0, 10, "a"), (5, 10, "b"), (20, 30, "c")]


def test_without_perfetto_a_sentence_says_what_to_install(
    trace: Trace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r'pip install "yolo-surgeon\[perfetto\]"'):
        write_trace(trace, tmp_path / "run.pftrace")
    assert not list(tmp_path.iterdir())


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def small() -> Iterator[Trace]:
    profile: Any = SimpleNamespace(name="n")
    yield Trace(profile=profile, recorded=Recorded(kineto={"traceEvents": []}, spans=(), runs=0))


@pytest.mark.parametrize("name", ["run.txt", "run", ".json", "run.pt"])
def test_an_unknown_suffix_is_refused(small: Trace, tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match=r"has no suffix of a trace: name it .*\.pt\.trace\.json"):
        write_trace(small, tmp_path / name)


def test_what_is_in_the_way_is_refused(small: Trace, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("mine")
    with pytest.raises(OutputError, match="exists; choose another -o FILE, or replace it with --force"):
        write_trace(small, tmp_path / "run.json")
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        write_trace(small, tmp_path / "folder.json", force=True)
    with pytest.raises(OutputError, match="there is no folder"):
        write_trace(small, tmp_path / "nowhere" / "run.json")
    assert (tmp_path / "run.json").read_text() == "mine"


def test_a_file_is_written_whole_or_not_at_all(trace: Trace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.json"
    path.write_text("mine")

    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match=r"cannot write .*: No space left on device"):
        write_trace(trace, path, force=True)
    assert [one.name for one in tmp_path.iterdir()] == ["run.json"] and path.read_text() == "mine"


def test_the_next_free_name(tmp_path: Path) -> None:
    assert free_path("n", tmp_path).name == "n.pt.trace.json"
    (tmp_path / "n.pt.trace.json").touch()
    assert free_path("n", tmp_path).name == "n-2.pt.trace.json"
