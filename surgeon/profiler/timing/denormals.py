"""Weights so small that CPUs compute with them slowly (subnormal numbers). Finds them; changes nothing."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


def subnormal_weights(module: nn.Module) -> int:
    """Number of float32 weights and buffer values that are subnormal."""
    tiny = torch.finfo(torch.float32).tiny
    tensors = (t.detach() for t in (*module.parameters(), *module.buffers()) if t.dtype == torch.float32)
    # compared as integers: where denormals are flushed, a floating-point comparison sees them as zero
    limit = int(torch.tensor(tiny).view(torch.int32).item())
    bits = (tensor.contiguous().view(torch.int32) & 0x7FFFFFFF for tensor in tensors)
    return sum(int(((b > 0) & (b < limit)).sum().item()) for b in bits)


def denormal_notes(module: nn.Module, paths: Sequence[str]) -> tuple[str, ...]:
    """A sentence that names the rows with subnormal weights; none where there are none."""
    found = {path: count for path in paths if (count := subnormal_weights(module.get_submodule(path)))}
    if not found:
        return ()
    rows = ", ".join(f"{path} ({count})" for path, count in found.items())
    return (f"subnormal weights in {rows}: flushed to zero here, but they slow down a program that does not flush",)
