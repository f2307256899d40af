"""Puts the sentences on hazards where a reader finds them, once for all that was timed together. Torch-free."""

from __future__ import annotations

from dataclasses import replace

from surgeon.profiler.fingerprint.hazards import hazards, subnormal_note
from surgeon.profiler.results import Comparison, ProfileResult


def noted(result: ProfileResult) -> ProfileResult:
    """A profile with what disturbed its times, after the notes that it has; as it is where nothing was timed."""
    if result.latency is None:
        return result
    notes = (*result.latency.notes, *hazards(result.environment, result.settings), *_subnormal(result, ""))
    return replace(result, latency=replace(result.latency, notes=notes))


def noted_together(comparison: Comparison) -> Comparison:
    """A comparison with what disturbed its times: the machine's state is of all networks, and is said once."""
    timed = [result for result in comparison.results if result.latency is not None]
    if not timed:
        return comparison
    found = [note for result in timed for note in _subnormal(result, result.name)]
    notes = (*comparison.notes, *hazards(timed[0].environment, timed[0].settings), *dict.fromkeys(found))
    return replace(comparison, notes=notes)


def _subnormal(result: ProfileResult, name: str) -> tuple[str, ...]:
    rows = {f"{row.site} ({row.kind})": row.subnormal_weights for row in result.layers}
    note = subnormal_note(rows, name, max(result.settings.threads, result.deployment_threads or 1))
    return (note,) if note else ()
