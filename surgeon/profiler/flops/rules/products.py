"""Rules of what has MACs: convolution, linear layers, matrix products."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from surgeon.profiler.flops.ledger import Ledger
from surgeon.profiler.flops.rules.base import is_plain, made
from surgeon.profiler.flops.traffic import read_bytes, strided_copy


def convolution(ledger: Ledger, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Convolutions as ``nn.Conv2d`` calls them."""
    if kwargs or len(args) != 7:
        return NotImplemented
    x, weight, bias, stride, padding, dilation, groups = args
    shape, kernel = x.shape, weight.shape
    axes = len(kernel) - 2
    if (
        not (x.is_meta and weight.is_meta)
        or len(shape) != axes + 2
        or x.dtype != weight.dtype
        or shape[1] != kernel[1] * groups
        or not all(type(option) is tuple and len(option) == axes for option in (stride, padding, dilation))
    ):
        return NotImplemented
    sides = [
        (shape[2 + i] + 2 * padding[i] - dilation[i] * (kernel[2 + i] - 1) - 1) // stride[i] + 1 for i in range(axes)
    ]
    dense = x.is_contiguous()
    if min(sides) < 1 or not (dense or is_plain(x)):
        return NotImplemented
    out = made(ledger, (shape[0], kernel[0], *sides), x)
    macs = out.numel() * (weight.numel() // kernel[0])
    read = (x.nbytes if dense else read_bytes(x)) + weight.nbytes + (0 if bias is None else bias.nbytes)
    ledger.book("convolution", macs, 0, read, out.nbytes)
    if not dense:
        ledger.pass_by(strided_copy(x))
    return out


def transposed(ledger: Ledger, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Transposed 2-D convolutions as ``nn.ConvTranspose2d`` calls them."""
    if kwargs or len(args) != 8:
        return NotImplemented
    x, weight, bias, stride, padding, extra, groups, dilation = args
    if not (x.is_meta and weight.is_meta) or x.dim() != 4 or weight.dim() != 4 or x.dtype != weight.dtype:
        return NotImplemented
    if x.shape[1] != weight.shape[0] or not all(type(v) is tuple for v in (stride, padding, extra, dilation)):
        return NotImplemented
    sides = [
        (x.shape[2 + i] - 1) * stride[i] - 2 * padding[i] + dilation[i] * (weight.shape[2 + i] - 1) + extra[i] + 1
        for i in range(2)
    ]
    if min(sides) < 1 or any(extra[i] >= max(stride[i], dilation[i]) for i in range(2)):
        return NotImplemented
    if not is_plain(x):
        return NotImplemented
    out = made(ledger, (x.shape[0], weight.shape[1] * groups, *sides), x)
    macs = x.numel() * (weight.numel() // weight.shape[0])
    read = read_bytes(x) + weight.nbytes + (0 if bias is None else bias.nbytes)
    ledger.book("convolution", macs, 0, read, out.nbytes)
    ledger.pass_by(strided_copy(x))
    return out


def linear(ledger: Ledger, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """``F.linear`` where PyTorch runs it as one product: not where it copies its input or adds the bias apart."""
    if kwargs or not 2 <= len(args) <= 3:
        return NotImplemented
    x, weight, bias = (*args, None)[:3]
    if not (x.is_meta and weight.is_meta) or weight.dim() != 2 or x.dim() < 1 or x.shape[-1] != weight.shape[1]:
        return NotImplemented
    if (
        x.dtype != weight.dtype
        or (x.dim() > 2 and not x.is_contiguous())
        or (x.dim() not in (2, 3) and bias is not None)
    ):
        return NotImplemented
    out = made(ledger, (*x.shape[:-1], weight.shape[0]), x)
    read = read_bytes(x) + weight.nbytes + (0 if bias is None else bias.nbytes)
    ledger.book("linear", out.numel() * weight.shape[1], 0, read, out.nbytes)
    return out


def matmul(ledger: Ledger, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Matrix products of equal leading axes. An operand whose leading axes are not one in memory is copied first."""
    if kwargs or len(args) != 2:
        return NotImplemented
    a, b = args
    if not (isinstance(a, Tensor) and isinstance(b, Tensor) and a.is_meta and b.is_meta) or a.dtype != b.dtype:
        return NotImplemented
    if a.dim() < 2 or b.dim() < 2 or a.shape[-1] != b.shape[-2]:
        return NotImplemented
    lead = a.shape[:-2]
    if lead != b.shape[:-2]:
        return NotImplemented
    copies = [made(ledger, one.shape, one) for one in (a, b) if not _leads_as_one(one)]
    for copy in copies:
        ledger.book("clone", 0, 0, copy.nbytes, copy.nbytes)
    out = made(ledger, (*lead, a.shape[-2], b.shape[-1]), a)
    ledger.book("matmul", out.numel() * a.shape[-1], 0, read_bytes(a) + read_bytes(b), out.nbytes)
    return out


def _leads_as_one(tensor: Tensor) -> bool:
    """Whether all axes but the last two can be seen as one."""
    if tensor.dim() <= 3 or tensor.is_contiguous():
        return True
    lead = [(n, step) for n, step in zip(tensor.shape[:-2], tensor.stride(), strict=False) if n != 1]
    return all(step == n * inner for (_, step), (n, inner) in itertools.pairwise(lead))
