"""Peak activations in a comparison: of what networks hold, and apart from it what backends take inside operators.

The first is a network's own and exact; the second, oneDNN's packed weights and the like, is the backend's choice.
"""

from __future__ import annotations

from collections.abc import Sequence

from surgeon.profiler.results import ProfileResult
from surgeon.report import units

SCRATCH = "what convolutions and matrix products take and give back inside (oneDNN's packed weights)"


def held_peaks(results: Sequence[ProfileResult]) -> tuple[int | None, ...]:
    """Peak of each network in bytes: without scratch buffers where all that were measured tell it, else with them."""
    memories = [result.memory for result in results]
    known = [one for one in memories if one is not None and one.peak_activation_bytes is not None]
    if all(one.without_scratch_bytes is not None for one in known):
        return tuple(None if one is None else one.without_scratch_bytes for one in memories)
    return tuple(None if one is None else one.peak_activation_bytes for one in memories)


def scratch_sentences(results: Sequence[ProfileResult]) -> list[str]:
    """The peaks with scratch buffers, where they differ from those in the table."""
    peaks = [None if result.memory is None else result.memory.peak_activation_bytes for result in results]
    if tuple(peaks) == held_peaks(results):
        return []
    said = " -> ".join(units.side_by_side(tuple(peaks), units.mib))
    return [f"Peak activations are without scratch buffers, {SCRATCH}; measured with them: {said}."]
