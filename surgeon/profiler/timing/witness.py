"""Who watches the device while it is timed: nobody on a CPU, the driver's sensors on a GPU."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from surgeon.profiler.results import Latency, PairedLatency
from surgeon.profiler.timing.clock import Clock


class Witness(Protocol):
    """Watches blocks of one run of every network."""

    def saw(self, arm: int) -> None:
        """Network ``arm`` has just been run and timed."""

    def keeps(self) -> bool:
        """Close the block: whether it counts, or is to be dropped from every network's times."""

    def of_latency(self, latency: Latency, arm: int) -> Latency:
        """The latency of a network with what was seen of its runs."""

    def of_pair(self, paired: PairedLatency, arm: int) -> PairedLatency:
        """The comparison of a network with the first, with what was seen; doubts make it inconclusive."""


class NoWitness:
    """Keeps every block and has nothing to add."""

    def saw(self, arm: int) -> None:
        """Not looked at."""

    def keeps(self) -> bool:
        """Always."""
        return True

    def of_latency(self, latency: Latency, arm: int) -> Latency:
        """As it is."""
        return latency

    def of_pair(self, paired: PairedLatency, arm: int) -> PairedLatency:
        """As it is."""
        return paired


@runtime_checkable
class WatchedClock(Clock, Protocol):
    """A clock of a device that works by itself."""

    @property
    def warmup_s(self) -> float:
        """Seconds of runs that a network needs at a new shape before its times are steady."""

    def prepare(self) -> None:
        """Bring the device into the state in which every run begins."""

    def witness(self, arms: int) -> Witness:
        """A witness of runs that this clock will time."""


def witness_of(clock: Clock, arms: int) -> Witness:
    """Who watches the runs of ``arms`` networks."""
    return clock.witness(arms) if isinstance(clock, WatchedClock) else NoWitness()


def warmup_s_of(clock: Clock) -> float:
    """Seconds of runs at a new shape that the clock's device needs."""
    return clock.warmup_s if isinstance(clock, WatchedClock) else 0.0


def prepare(clock: Clock) -> None:
    """Bring the clock's device into the state in which every run begins."""
    if isinstance(clock, WatchedClock):
        clock.prepare()
