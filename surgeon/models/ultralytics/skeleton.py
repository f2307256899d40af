"""Building a network whose weights are loaded right after: its structure, without the work that loading overwrites.

Random initialisation costs more than everything else of a large network's construction, and the forward pass by which
Ultralytics finds its strides more than the rest of a small one's. Inside `skeleton` random fills do nothing but mark a
tensor with NaN, so that one which nothing was loaded into equals no other; convolutions give empty maps of the right
shape.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import init
from torch.overrides import TorchFunctionMode

# They hand over to a mode themselves, and what they call in it is not seen. The methods of tensors behind them stay
# real: trunc_normal_ draws until every value lies in its range, which uninitialised memory may never do.
_FILLS = {init.uniform_, init.normal_, init.kaiming_uniform_}


class skeleton(TorchFunctionMode):  # noqa: N801  used as the context managers of torch are
    """Construct a network quickly; its weights are undefined until they are loaded."""

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Skip random fills and convolutions."""
        kwargs = kwargs or {}
        if func in _FILLS:
            return _mark(args[0] if args else kwargs["tensor"])
        if func is torch.conv2d and len(args) == 7 and args[0].dim() == 4 and not isinstance(args[4], str):
            return _empty_map(*args[:6])
        return func(*args, **kwargs)


def _mark(tensor: Tensor) -> Tensor:
    if tensor.is_floating_point() and tensor.numel() and tensor.is_contiguous():
        tensor.detach().view(-1)[0] = math.nan
    return tensor


def _empty_map(
    x: Tensor, weight: Tensor, _: Any, stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int]
) -> Tensor:
    sides = [
        (side + 2 * p - d * (k - 1) - 1) // s + 1
        for side, k, s, p, d in zip(x.shape[2:], weight.shape[2:], stride, padding, dilation, strict=True)
    ]
    return x.new_zeros((x.shape[0], weight.shape[0], *sides))
