"""What the edited network puts out, beside what the original does; and that it calls what was planted."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from surgeon.surgery.checks.fixed_size import why_it_cannot_run
from surgeon.surgery.checks.outcome import Check
from surgeon.surgery.checks.passes import Passes, Seen, Size, size_text


def check_outputs(passes: Passes) -> Iterator[Check]:
    """The checks ``shapes`` and ``identity``; where the edit promises no identity, ``moved``."""
    yield from compare_outputs(passes, passes.sizes, "")


def compare_outputs(passes: Passes, sizes: tuple[Size, ...], suffix: str) -> Iterator[Check]:
    """`check_outputs` at chosen image sizes; the suffix tells its checks from others."""
    moved, finite, largest = False, True, 0.0
    for size in sizes:
        old = passes.old(size)
        try:
            new = passes.new(size)
        except Exception as error:  # a user's own block raises what it likes
            yield Check(name=f"shapes{suffix}", passed=False, detail=why_it_cannot_run(passes, size, error))
            return
        if not same_form(old, new):
            detail = f"outputs have other shapes at {size_text([size])}"
            yield Check(name=f"shapes{suffix}", passed=False, detail=detail)
            return
        finite = finite and (all_finite(new.outputs) or not all_finite(old.outputs))
        if not old.equals(new):
            moved = True
            largest = max([largest, *(_distance(o, n) for o, n in zip(old.outputs, new.outputs, strict=True))])
    text = size_text(sizes)
    detail = f"same output shapes, finite, at {text}"
    if not finite:
        detail = f"the output is not finite at {text}; of the original network it is"
    yield Check(name=f"shapes{suffix}", passed=finite, detail=detail)
    if passes.plan.keeps_output:
        detail = f"output moved by up to {largest:.3g}"
        if not moved:
            detail = f"output and what enters the head equal bit for bit at {text}"
        yield Check(name=f"identity{suffix}", passed=not moved, detail=detail)
    else:
        # No promise here; the reader is told how far the output moved.
        what = f"output moved by up to {largest:.3g}, as asked" if moved else "not at all: output equal bit for bit"
        yield Check(name=f"moved{suffix}", passed=True, detail=f"{what}, at {text}")


def check_calls(passes: Passes) -> Iterator[Check]:
    """The check ``calls``: a row's block runs once in a pass, a graft's as often as the module it stands at."""
    planted = passes.plan.planted
    if not planted:
        return
    size = passes.sizes[0]
    hosts, calls = passes.old(size).calls, passes.new(size).calls
    expected = {key: hosts.get(key, 1) for key in planted}
    for key in planted:
        if calls[key] != expected[key] or not calls[key]:
            detail = f"{key} is called {_times(calls[key])} in a forward pass, expected {_times(max(expected[key], 1))}"
            yield Check(name="calls", passed=False, detail=detail)
            return
    counts = sorted(set(expected.values()))
    times = _times(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]} times"
    detail = f"{', '.join(planted)}: called {times} in a forward pass, as expected"
    yield Check(name="calls", passed=True, detail=detail)


def same_form(old: Seen, new: Seen) -> bool:
    """Whether two passes gave outputs of the same number and shapes."""
    return [o.shape for o in old.outputs] == [n.shape for n in new.outputs]


def all_finite(tensors: list[Tensor]) -> bool:
    """Whether no floating-point tensor holds NaN or infinity."""
    return all(bool(torch.isfinite(t).all()) for t in tensors if t.is_floating_point())


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")


def _distance(a: Tensor, b: Tensor) -> float:
    if not a.numel() or not a.is_floating_point():
        return 0.0
    return float((a.double() - b.double()).abs().max())
