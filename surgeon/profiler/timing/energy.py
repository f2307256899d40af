"""Energy of one run, from the card's own counter, where that counts nobody else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from surgeon.profiler.timing.nvml import GpuSensor

BLOCK_S = 2.0
"""Seconds of runs between two readings: the counter moves in steps of up to a tenth of a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """Millijoule for one run of each network, idle power of the card included: the first half's and the second's."""

    halves_mj: tuple[tuple[float, float], ...]

    def mean_mj(self, arm: int) -> float:
        """Millijoule for one run of network ``arm``."""
        return sum(self.halves_mj[arm]) / 2

    def ratios(self, arm: int) -> tuple[float, ...]:
        """Network ``arm`` over the first network, of each half."""
        return tuple(ours / base for ours, base in zip(self.halves_mj[arm], self.halves_mj[0], strict=True))


def measure_energy(
    runs: Sequence[Callable[[], object]], sensor: GpuSensor, now_s: Callable[[], float], block_s: float = BLOCK_S
) -> Energy | str:
    """Measure in blocks there and back (A B B A), so that a card that warms up steadily favours nobody.

    Args:
        runs: For each network what runs it once, to the end of the card's work.
        sensor: The card.
        now_s: The host's clock.
        block_s: Seconds of runs between two readings.

    Returns:
        The energies, or why there are none, as a sentence.
    """
    if refusal := sensor.energy_refusal():
        return refusal
    found: list[list[float]] = [[] for _ in runs]
    try:
        for arm in (*range(len(runs)), *reversed(range(len(runs)))):
            found[arm].append(_block(runs[arm], sensor, now_s, block_s))
    except KeyboardInterrupt:
        return "energy was not measured: interrupted"
    if refusal := sensor.energy_refusal():  # who came meanwhile is in the figures
        return refusal
    if any(mj <= 0 for halves in found for mj in halves):
        return "energy was not measured: the card's counter stood still"
    return Energy(halves_mj=tuple((first, second) for first, second in found))


def _block(run: Callable[[], object], sensor: GpuSensor, now_s: Callable[[], float], block_s: float) -> float:
    """Millijoule a run."""
    before, count, start_s = sensor.energy_mj(), 0, now_s()
    while count == 0 or now_s() - start_s < block_s:
        run()
        count += 1
    after = sensor.energy_mj()
    return 0.0 if before is None or after is None else (after - before) / count
