"""Weights so small that CPUs compute with them slowly (subnormal numbers). Finds them; changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

OUTSIDE = ""
"""The row of what belongs to none."""

_AS_INTEGERS = {torch.float32: torch.int32, torch.float64: torch.int64, torch.bfloat16: torch.int16}
"""Types whose subnormal numbers a CPU meets as such; float16 is computed as float32, where its own are normal."""


def subnormal_weights(tensors: Iterable[Tensor]) -> int:
    """Number of values that are subnormal."""
    return sum(_subnormal(tensor.detach()) for tensor in tensors if tensor.dtype in _AS_INTEGERS)


def subnormals_by_row(module: nn.Module, paths: Sequence[str]) -> dict[str, int]:
    """Subnormal weights and buffer values of each row that has any.

    Args:
        module: The deployed network.
        paths: Module paths of its rows. What is in a row inside a row counts there alone; what is in none counts
            under `OUTSIDE`. A tensor that several modules share counts once.
    """
    found: dict[str, int] = {}
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        count = subnormal_weights([tensor])
        if count:
            owners = [path for path in paths if name.startswith(f"{path}.")]
            row = max(owners, key=len, default=OUTSIDE)
            found[row] = found.get(row, 0) + count
    return found


def _subnormal(tensor: Tensor) -> int:
    # compared as integers: where denormals are flushed, a floating-point comparison sees them as zero
    kind = _AS_INTEGERS[tensor.dtype]
    limit = int(torch.tensor(torch.finfo(tensor.dtype).tiny, dtype=tensor.dtype).view(kind).item())
    bits = tensor.contiguous().view(kind) & torch.iinfo(kind).max
    return int(((bits > 0) & (bits < limit)).sum().item())
