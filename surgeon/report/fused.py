"""Counts of the fused network beside those of the unfused one, where blocks fold and the two tell different stories."""

from __future__ import annotations

from collections.abc import Sequence

from surgeon.profiler.results import ProfileResult
from surgeon.report import units


def fused_items(result: ProfileResult) -> list[tuple[str, str]]:
    """The figures of a network of which more than BatchNorm folds; nothing for others."""
    if result.fused is None or not result.fused.folds:
        return []
    params, gflops = units.count(result.fused.params), units.gflops(result.fused.macs)
    return [("fused", f"{params} params, GFLOPs {gflops} (what is timed and deployed)")]


def fused_sentences(results: Sequence[ProfileResult]) -> list[str]:
    """The same of networks side by side, where any of them folds."""
    found = [result.fused for result in results]
    if not any(one is not None and one.folds for one in found):
        return []
    params = units.side_by_side(tuple(None if one is None else one.params for one in found), units.parameters)
    gflops = units.side_by_side(tuple(None if one is None else one.macs for one in found), units.gflops)
    said = f"params {' -> '.join(params)}, GFLOPs {' -> '.join(gflops)}"
    return [f"Fused: {said} (what is timed and deployed); the table counts the networks before blocks fold."]
