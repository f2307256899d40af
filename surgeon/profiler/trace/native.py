"""A trace in Perfetto's own format, through the optional package ``perfetto``. Torch-free.

It holds surgeon's tracks and the profiler's events, each thread and each stream of a GPU as a track. A track of this
format holds spans inside one another only; the odd event that overlaps its neighbour's end is cut there.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from surgeon.errors import MissingDependencyError
from surgeon.profiler.trace.chrome import PROCESS
from surgeon.profiler.trace.data import Trace, about, arguments

_SEQUENCE = 1
_SURGEON = 1
"""Track number of surgeon's process; its tracks and the others are numbered on."""

_OURS = ("user_annotation", "gpu_user_annotation")


@dataclass(frozen=True, slots=True)
class _Slice:
    start_ns: int
    end_ns: int
    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


def require_perfetto() -> None:
    """Refuse before anything is measured.

    Raises:
        MissingDependencyError: The package is not installed.
    """
    if importlib.util.find_spec("perfetto") is None:
        raise MissingDependencyError(
            'a .pftrace needs perfetto, not installed here: pip install "yolo-surgeon[perfetto]", or name the file '
            "….pt.trace.json, which Perfetto reads too"
        )


def write_native(trace: Trace, path: Path) -> None:
    """Write the trace.

    Raises:
        MissingDependencyError: The package ``perfetto`` is not installed.
    """
    require_perfetto()
    from perfetto.trace_builder.proto_builder import TraceProtoBuilder

    builder = TraceProtoBuilder()
    writer = _Writer(builder)
    writer.process(_SURGEON, PROCESS, about(trace))
    number = _SURGEON
    for number, track in enumerate(trace.tracks(), start=_SURGEON + 1):
        writer.track(number, track, _SURGEON)
        spans = [span for span in trace.spans if span.track == track]
        writer.slices(number, [_slice(trace, s.start_us, s.end_us, s.name, arguments(s)) for s in spans])
    number += 1
    profiler = number
    writer.process(profiler, "torch.profiler", {})
    for name, events in _threads(trace.recorded.kineto["traceEvents"]):
        number += 1
        writer.track(number, name, profiler)
        slices = [_slice(trace, e["ts"], e["ts"] + e.get("dur", 0), e["name"], {}) for e in events]
        writer.slices(number, slices)
    path.write_bytes(builder.serialize())


def _slice(trace: Trace, start_us: float, end_us: float, name: str, more: Mapping[str, Any]) -> _Slice:
    start_ns, end_ns = (trace.base_ns + round(1000 * us) for us in (start_us, end_us))
    return _Slice(start_ns, end_ns, name, more)


def _threads(events: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    """The profiler's spans by thread or stream, without what surgeon's own tracks hold already."""
    processes = {e["pid"]: e["args"]["name"] for e in events if e["name"] == "process_name"}
    threads = {(e["pid"], e.get("tid")): e["args"]["name"] for e in events if e["name"] == "thread_name"}
    found: dict[tuple[Any, Any], list[Mapping[str, Any]]] = {}
    for event in events:
        if event.get("ph") == "X" and event.get("cat") not in (*_OURS, "Trace"):
            found.setdefault((event["pid"], event["tid"]), []).append(event)
    for (pid, tid), own in found.items():
        yield f"{threads.get((pid, tid), tid)} ({processes.get(pid, pid)})", own


class _Writer:
    """Packets of one sequence."""

    def __init__(self, builder: Any) -> None:
        from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import TracePacket, TrackEvent

        self._builder = builder
        self._begin, self._end = TrackEvent.TYPE_SLICE_BEGIN, TrackEvent.TYPE_SLICE_END
        self._interned: dict[str, int] = {}
        self._cleared = TracePacket.SEQ_INCREMENTAL_STATE_CLEARED
        self._needed = TracePacket.SEQ_NEEDS_INCREMENTAL_STATE
        self._is_first = True

    def process(self, number: int, name: str, labels: Mapping[str, Any]) -> None:
        """A process; what the trace is of stands in its labels."""
        packet = self._packet()
        packet.track_descriptor.uuid = number
        packet.track_descriptor.name = name
        packet.track_descriptor.process.pid = number
        packet.track_descriptor.process.process_name = name
        packet.track_descriptor.process.process_labels.extend(f"{key}: {value}" for key, value in labels.items())

    def track(self, number: int, name: str, parent: int) -> None:
        """A track in a process."""
        packet = self._packet()
        packet.track_descriptor.uuid = number
        packet.track_descriptor.name = name
        packet.track_descriptor.parent_uuid = parent

    def slices(self, number: int, slices: Sequence[_Slice]) -> None:
        """Spans of a track: each begins and ends inside whatever is open around it."""
        open_ns: list[int] = []
        for one in sorted(slices, key=lambda s: (s.start_ns, -s.end_ns)):
            while open_ns and open_ns[-1] <= one.start_ns:
                self._event(number, open_ns.pop(), self._end)
            end_ns = min([one.end_ns, *open_ns[-1:]])
            event = self._event(number, one.start_ns, self._begin)
            event.name_iid = self._name(one.name)
            for key, value in one.arguments.items():
                annotation = event.debug_annotations.add()
                annotation.name = key
                if isinstance(value, int):
                    annotation.int_value = value
                else:
                    annotation.string_value = str(value)
            open_ns.append(end_ns)
        while open_ns:
            self._event(number, open_ns.pop(), self._end)

    def _event(self, number: int, time_ns: int, kind: int) -> Any:
        packet = self._packet()
        packet.timestamp = time_ns
        packet.track_event.type = kind
        packet.track_event.track_uuid = number
        return packet.track_event

    def _name(self, name: str) -> int:
        """The number of a name, which is written once."""
        if name not in self._interned:
            self._interned[name] = len(self._interned) + 1
            entry = self._builder.trace.packet[-1].interned_data.event_names.add()
            entry.iid = self._interned[name]
            entry.name = name
        return self._interned[name]

    def _packet(self) -> Any:
        packet = self._builder.add_packet()
        packet.trusted_packet_sequence_id = _SEQUENCE
        packet.sequence_flags = self._needed
        if self._is_first:
            packet.sequence_flags |= self._cleared
            self._is_first = False
        return packet
