"""A GPU's timeline without a GPU: a host clock, a stream that works behind it, events, graphs, and a driver to ask.

`Card` takes the place of ``torch.cuda`` (streams, events, graphs, the allocator) and `Nvml` that of ``pynvml``. What a
network does is a recording: for each row its launches, as microseconds of the host and of the card. Kernels run in
order, each when it has been launched and the one before is done, so waits, gaps and launch-bound runs come about by
themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.profiler import record_function

from surgeon.profiler.kineto import recorded

US = 1_000
LAUNCH = "launch on the fake card "
Launches = Sequence[tuple[float, float]]
"""Microseconds of the host and of the card, launch by launch."""


class Card:
    """``torch.cuda`` of one card. Time is in ns; `calls` lists what was asked of the card, in order."""

    def __init__(self) -> None:
        self.host_ns = 0
        self.busy_until_ns = 0
        self.pace = 1.0
        self.calls: list[str] = []
        self.events = 0
        self.recording: list[float] | None = None
        self.effects: list[Callable[[], object]] = []
        self.deaf = False
        self.fail_capture = ""
        self.allocated = {"now": 100, "peak": 100, "reserved": 100}
        self.traced: list[tuple[float, float]] | None = None
        self.cupti = True

    def __deepcopy__(self, memo: object) -> Card:
        return self

    def now_ns(self) -> int:
        return self.host_ns

    def launch(self, host_us: float, card_us: float) -> None:
        """One kernel; `pace` makes the card slower or faster, the host stays as it is."""
        if self.recording is not None:
            self.recording.append(card_us)
            return
        self.host_ns += round(host_us * US)
        if self.traced is not None:
            with record_function(f"{LAUNCH}{len(self.traced)}"):
                self.traced.append((max(self.host_ns, self.busy_until_ns) / US, card_us * self.pace))
        self.work(card_us)

    def work(self, card_us: float) -> None:
        self.busy_until_ns = max(self.host_ns, self.busy_until_ns) + round(card_us * self.pace * US)

    def kineto(self, call: Callable[[], None]) -> dict[str, Any]:
        """The profiler's document of a call: the host's events as they are, and the card's launches and kernels."""
        self.traced = []
        try:
            document = recorded(call, "cpu")
            for event in document["traceEvents"] if self.cupti else ():
                if event["name"].startswith(LAUNCH):
                    link = int(event["name"].removeprefix(LAUNCH))
                    event |= {"cat": "cuda_runtime", "name": "cudaLaunchKernel", "args": {"correlation": 1 + link}}
            for link, (start_us, us) in enumerate(self.traced if self.cupti else (), start=1):
                work = {"ph": "X", "cat": "kernel", "name": "k", "pid": 0, "tid": 7, "args": {"correlation": link}}
                document["traceEvents"].append({**work, "ts": start_us, "dur": us})
        finally:
            self.traced = None
        return document

    def synchronize(self, device: object = None) -> None:
        self.calls.append("synchronize")
        if self.recording is not None:
            raise RuntimeError("operation not permitted when stream is capturing\nsecond line")
        self.host_ns = max(self.host_ns, self.busy_until_ns)

    def Event(self, enable_timing: bool) -> Event:  # noqa: N802
        assert enable_timing
        self.events += 1
        return Event(self)

    def current_stream(self, device: object = None) -> Stream:
        return Stream()

    def Stream(self) -> Stream:  # noqa: N802
        return Stream()

    @contextmanager
    def device(self, device: object) -> Iterator[None]:
        self.calls.append("device")
        yield

    @contextmanager
    def stream(self, stream: Stream) -> Iterator[None]:
        yield

    def CUDAGraph(self) -> Graph:  # noqa: N802
        return Graph(self)

    @contextmanager
    def graph(self, graph: Graph) -> Iterator[None]:
        self.recording, self.effects = [], []
        try:
            yield
            if self.fail_capture:
                raise RuntimeError(self.fail_capture)
            if not self.deaf:
                graph.kernels, graph.effects = self.recording, self.effects
        finally:
            self.recording = None

    def empty_cache(self) -> None:
        self.calls.append("empty_cache")

    def reset_peak_memory_stats(self, device: object) -> None:
        self.calls.append("reset_peak")
        self.allocated["peak"] = self.allocated["now"]

    def memory_allocated(self, device: object) -> int:
        return self.allocated["now"]

    def max_memory_allocated(self, device: object) -> int:
        return self.allocated["peak"]

    def max_memory_reserved(self, device: object) -> int:
        return self.allocated["reserved"]


class Event:
    """Completes when the stream has done what was launched before it."""

    def __init__(self, card: Card) -> None:
        self.card = card
        self.at_ns = -1

    def record(self, stream: Stream) -> None:
        self.card.calls.append("record")
        self.card.host_ns += 1 * US
        self.at_ns = self.card.busy_until_ns = max(self.card.host_ns, self.card.busy_until_ns)

    def elapsed_time(self, other: Event) -> float:
        assert max(self.at_ns, other.at_ns) <= self.card.host_ns, "read before the card was waited for"
        return (other.at_ns - self.at_ns) / 1e6


class Stream:
    """Only there to be named."""

    def wait_stream(self, other: Stream) -> None:
        assert isinstance(other, Stream)


class Graph:
    """The kernels of a recording, launched as one."""

    def __init__(self, card: Card) -> None:
        self.card = card
        self.kernels: list[float] = []
        self.effects: list[Callable[[], object]] = []

    def replay(self) -> None:
        self.card.host_ns += 10 * US
        for card_us in self.kernels:
            self.card.work(card_us)
        for effect in self.effects:
            effect()


class Row(nn.Module):
    """One row of a recording; it may wait for the card, or give another output at every forward."""

    def __init__(self, card: Card, launches: Launches, *, waits: bool = False, counts: bool = False) -> None:
        super().__init__()
        self.card, self.launches, self.waits, self.counts = card, launches, waits, counts
        self.runs = 0

    def forward(self, x: Tensor) -> Tensor:
        for host_us, card_us in self.launches:
            self.card.launch(host_us, card_us)
        if self.waits:
            self.card.synchronize()
        self.runs += self.counts
        value = x + 1 + self.runs
        out = value.clone()
        if self.card.recording is not None:
            self.card.effects.append(lambda: out.copy_(value))
        return out


def network(card: Card, rows: Sequence[Launches]) -> nn.Sequential:
    """A network that replays a recording row by row."""
    return nn.Sequential(*(Row(card, launches) for launches in rows))


class NVMLError(Exception):
    """As pynvml has it."""


class Nvml:
    """``pynvml`` of one card. Any call that is no getter is an error, so that nothing of the card can be written.

    Attributes:
        sm_mhz, reasons: SM clock and clocks-event reasons, or a function that tells them.
        watts, drift: Power, and by how much it rises a second (twice this much).
        processes: Number and bytes of every process on the card.
    """

    NVML_CLOCK_SM = 1
    NVMLError = NVMLError

    def __init__(self, card: Card | None = None) -> None:
        self.card = card
        self.sm_mhz: Any = 1980
        self.reasons: Any = 0
        self.processes = {4242: 600_000_000}
        self.mig = 0
        self.watts = 200.0
        self.drift = 0.0
        self.unsupported: set[str] = set()
        self.cards = 1
        self.uuids = {"GPU-aaaa"}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if not name.startswith(("nvmlInit", "nvmlDeviceGet")):
            raise AssertionError(f"{name} is no getter")
        if name in self.unsupported:
            raise AttributeError(name)
        answer = getattr(type(self), f"_{name.removeprefix('nvml')}", None)
        if answer is None:
            raise AssertionError(f"{name} is not faked")
        return lambda *arguments: answer(self, *arguments)

    def _Init(self) -> None:  # noqa: N802
        pass

    def _DeviceGetCount(self) -> int:  # noqa: N802
        return self.cards

    def _DeviceGetHandleByIndex(self, index: int) -> str:  # noqa: N802
        return f"card {index}"

    def _DeviceGetHandleByUUID(self, uuid: str) -> str:  # noqa: N802
        if uuid not in self.uuids:
            raise NVMLError("Not Found")
        return uuid

    def _DeviceGetDeviceHandleFromMigDeviceHandle(self, handle: str) -> str:  # noqa: N802
        return f"card of {handle}"

    def _DeviceGetMaxClockInfo(self, handle: str, kind: int) -> int:  # noqa: N802
        return 1980

    def _DeviceGetClockInfo(self, handle: str, kind: int) -> int:  # noqa: N802
        return self.sm_mhz() if callable(self.sm_mhz) else self.sm_mhz

    def _DeviceGetCurrentClocksEventReasons(self, handle: str) -> int:  # noqa: N802
        return self.reasons() if callable(self.reasons) else self.reasons

    def _DeviceGetCurrentClocksThrottleReasons(self, handle: str) -> int:  # noqa: N802
        return self._DeviceGetCurrentClocksEventReasons(handle)

    def _DeviceGetTotalEnergyConsumption(self, handle: str) -> int:  # noqa: N802
        if self.card is None:
            raise NVMLError("Not Supported")
        seconds = self.card.host_ns / 1e9
        return round(1000 * seconds * (self.watts + self.drift * seconds))

    def _DeviceGetMigMode(self, handle: str) -> list[int]:  # noqa: N802
        if self.mig is None:
            raise NVMLError("Not Supported")
        return [self.mig, self.mig]

    def _DeviceGetComputeRunningProcesses(self, handle: str) -> list[Any]:  # noqa: N802
        return [SimpleNamespace(pid=pid, usedGpuMemory=size) for pid, size in self.processes.items()]

    def _DeviceGetGraphicsRunningProcesses(self, handle: str) -> list[Any]:  # noqa: N802
        return []


IMAGE = torch.zeros(1, 3, 8, 8)
