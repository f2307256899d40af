"""Who else wanted the CPU while something was timed. Linux tells; elsewhere the answers are None. Torch-free."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbance:
    """What happened during a measurement.

    Attributes:
        waited: Share of the time in which the timing thread was ready but had no CPU, None where not exposed.
        stalled: Share of the time in which any task of the machine waited for a CPU (PSI ``some``), None likewise.
    """

    waited: float | None = None
    stalled: float | None = None

    def sentences(self) -> tuple[str, ...]:
        """The known shares, for a reader."""
        found = []
        if self.waited is not None:
            found.append(f"waited for a CPU {self.waited:.0%} of the time")
        if self.stalled is not None:
            found.append(f"CPU pressure (PSI) {self.stalled:.0%}")
        return tuple(found)


class PressureGauge:
    """Reads the counters when made; `read` says what has happened since."""

    def __init__(self, proc: Path = PROC) -> None:
        self._proc = proc
        self._start_ns = time.perf_counter_ns()
        self._waited_ns = run_delay_ns(proc)
        self._stalled_us = stall_total_us(proc)

    def read(self) -> Disturbance:
        """What happened since the gauge was made."""
        elapsed_ns = max(time.perf_counter_ns() - self._start_ns, 1)
        return Disturbance(
            waited=_share(self._waited_ns, run_delay_ns(self._proc), elapsed_ns),
            stalled=_share(self._stalled_us, stall_total_us(self._proc), elapsed_ns / 1000),
        )


def cpu_pressure_percent(proc: Path = PROC) -> float | None:
    """PSI ``cpu some avg10`` in percent, None where not exposed."""
    value = _pressure_field(proc, "avg10")
    return None if value is None else float(value)


def _share(before: int | None, after: int | None, elapsed: float) -> float | None:
    if before is None or after is None:
        return None
    return min(max((after - before) / elapsed, 0.0), 1.0)


def run_delay_ns(proc: Path = PROC) -> int | None:
    """Nanoseconds that the calling thread has waited on a run queue, None where not exposed."""
    text = _text(proc / "thread-self" / "schedstat") or _text(proc / "self" / "schedstat")
    fields = text.split()
    return int(fields[1]) if len(fields) == 3 else None


def stall_total_us(proc: Path = PROC) -> int | None:
    """Microseconds in which any task of the machine has waited for a CPU (PSI), None where not exposed."""
    value = _pressure_field(proc, "total")
    return None if value is None else int(value)


def _pressure_field(proc: Path, name: str) -> str | None:
    """One field of the line ``some avg10=… avg60=… avg300=… total=…``."""
    for line in _text(proc / "pressure" / "cpu").splitlines():
        kind, *fields = line.split()
        if kind == "some":
            return dict(field.split("=", 1) for field in fields).get(name)
    return None


def _text(path: Path) -> str:
    """Content of a file of the kernel, empty where there is none."""
    try:
        return path.read_text()
    except OSError:
        return ""
