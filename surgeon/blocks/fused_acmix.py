"""Whether ACmix's attention may run as one Triton kernel, and running it: for inference on a GPU, off by default.

``block.fused = True`` on an ACmix switches it on. Written and tested for shapes and dispatch and, in Triton's
interpreter, for its numbers; **not measured**: nobody has seen yet whether it is faster than the ordinary form or than
``torch.compile``. The ordinary form runs wherever :func:`serves` says no.
"""

from __future__ import annotations

import importlib
from functools import cache
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from surgeon.blocks.common import one_graph

KINDS = (torch.float16, torch.bfloat16, torch.float32)
WIDEST = 128
"""Channels of a head above which a program's sums would leave the registers."""
TILE = 2048
"""Values of a block of pixels, channels included: 16 in each thread of a program. With 32, compiled code spills."""
OLDEST_GPU = (7, 0)
"""Compute capability from which Triton compiles."""
_INT32 = 2**31
_GRID = 65535


def serves(q: Tensor, k: Tensor, v: Tensor, positions: Tensor, *, head: int, stride: int, dilation: int) -> bool:
    """Whether the kernel can compute this call, with the same result.

    Not while gradients are recorded or a graph is (export, tracing, ``torch.compile``), not off CUDA or without
    Triton, and not for a stride or dilation, a head of more than 128 channels, double precision, subclasses of tensors,
    or maps of differing layout.

    Args:
        q: Queries ``(B, C, H, W)``.
        k: Keys, the same shape.
        v: Values, the same shape.
        positions: ``(1, C / head, H, W)``.
        head: Heads.
        stride: Stride of the output.
        dilation: Step between neighbours.
    """
    maps = (q, k, v, positions)
    if one_graph() or not q.is_cuda or not all(_ordinary(t) for t in maps):
        return False
    if torch.is_grad_enabled() and any(t.requires_grad for t in maps):
        return False
    if stride != 1 or dilation != 1 or q.shape[1] // head > WIDEST:
        return False
    alike = all(t.dtype == q.dtype and t.device == q.device for t in maps)
    if not alike or q.dtype not in KINDS or not q.stride() == k.stride() == v.stride():
        return False
    return _fits(q, head) and _has_triton() and torch.cuda.get_device_capability(q.device) >= OLDEST_GPU


def attend(q: Tensor, k: Tensor, v: Tensor, positions: Tensor, *, head: int, kernel: int) -> Tensor:
    """Attend over each pixel's ``kernel``² neighbours; arguments as in :func:`serves`, which must have said yes.

    Returns:
        ``(B, C, H, W)``, of the type and layout of ``q``.
    """
    batch, channels, height, width = q.shape
    d = channels // head
    wide = 1 << (d - 1).bit_length()
    block = _block(wide)
    out = torch.empty_like(q)
    positions = positions.contiguous()
    grid = (batch * head, -(-height * width // block))
    sizes = (head, d, height, width, *q.stride(), d**-0.5)
    with torch.cuda.device_of(q):  # type: ignore[no-untyped-call, unused-ignore]
        _kernel()[grid](q, k, v, positions, out, *sizes, KERNEL=kernel, WIDE=wide, BLOCK=block)
    return out


def _ordinary(t: Tensor) -> bool:
    """Whether there is memory behind it and nobody who wants to see its operators."""
    return type(t) is Tensor


def _fits(q: Tensor, head: int) -> bool:
    """Whether sizes stay within the kernel's 32-bit offsets and its grid, and its output gets the layout of ``q``."""
    batch, channels, height, width = q.shape
    dense = q.is_contiguous() or q.is_contiguous(memory_format=torch.channels_last)
    if q.numel() == 0 or not dense:
        return False
    reach = sum((side - 1) * step for side, step in zip(q.shape[1:], q.stride()[1:], strict=True))
    blocks = -(-height * width // _block(1 << (channels // head - 1).bit_length()))
    return reach < _INT32 and channels * height * width < _INT32 and batch * head < _INT32 and blocks <= _GRID


def _block(wide: int) -> int:
    """Pixels of one program."""
    return max(16, min(128, TILE // wide))


@cache
def _has_triton() -> bool:
    return find_spec("triton") is not None


@cache
def _kernel() -> Any:
    """The kernel; Triton takes a while to import, so only where it runs."""
    return importlib.import_module("surgeon.blocks.acmix_kernel").attend
