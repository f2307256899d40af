"""ACmix's neighbourhood attention as one Triton kernel; imported by ``fused_acmix`` at its first launch, never before.

A program computes one head of ``BLOCK`` neighbouring pixels. It walks over the neighbourhood once and keeps a running
softmax, so that neither bordered copies of the maps nor the logits are ever written: read are q, k, v and the
positions, written is the output, sums are in single precision.
"""

# Triton reads the parameters' annotations, and refuses all but its own.
# ruff: noqa: ANN001

import triton
import triton.language as tl


def _attend(  # type: ignore[no-untyped-def]  # noqa: PLR0917
    Q,
    K,
    V,
    POSITIONS,
    OUT,
    heads,
    d,
    height,
    width,
    stride_b,
    stride_c,
    stride_y,
    stride_x,
    scale,
    KERNEL: tl.constexpr,
    WIDE: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    """Attend with maps ``(B, heads * d, height, width)`` of equal strides and positions ``(d, height, width)``.

    ``WIDE`` is d rounded up to a power of two. Grid: ``(B * heads, blocks of pixels)``.
    """
    group = tl.program_id(0)
    pixel = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    channel = tl.arange(0, WIDE)
    # Channels by pixels: the last axis is spread over a warp, and pixels lie side by side in memory.
    used = (channel < d)[:, None] & (pixel < height * width)[None, :]
    y = pixel // width
    x = pixel % width
    # Only this offset may leave 32 bits.
    base = (group // heads).to(tl.int64) * stride_b + (group % heads) * d * stride_c
    channels = (channel * stride_c)[:, None]
    own = base + channels + (y * stride_y + x * stride_x)[None, :]
    q = tl.load(Q + own, mask=used, other=0.0).to(tl.float32) * scale

    highest = tl.full((BLOCK,), float("-inf"), tl.float32)
    total = tl.zeros((BLOCK,), tl.float32)
    mixed = tl.zeros((WIDE, BLOCK), tl.float32)
    reach = KERNEL // 2
    for index in range(KERNEL * KERNEL):
        row = y + index // KERNEL - reach
        column = x + index % KERNEL - reach
        # Reflected at the border; clamped along a side that is too short to reflect.
        reflected = height - 1 - tl.abs(height - 1 - tl.abs(row))
        row = tl.where(height > reach, reflected, tl.minimum(tl.maximum(row, 0), height - 1))
        reflected = width - 1 - tl.abs(width - 1 - tl.abs(column))
        column = tl.where(width > reach, reflected, tl.minimum(tl.maximum(column, 0), width - 1))
        near = base + channels + (row * stride_y + column * stride_x)[None, :]
        place = (channel * (height * width))[:, None] + (row * width + column)[None, :]
        k = tl.load(K + near, mask=used, other=0.0).to(tl.float32)
        k -= tl.load(POSITIONS + place, mask=used, other=0.0).to(tl.float32)
        v = tl.load(V + near, mask=used, other=0.0).to(tl.float32)
        logit = tl.sum(q * k, 0)
        higher = tl.maximum(highest, logit)
        kept = tl.exp(highest - higher)
        weight = tl.exp(logit - higher)
        total = total * kept + weight
        mixed = mixed * kept[None, :] + weight[None, :] * v
        highest = higher
    tl.store(OUT + own, (mixed / total[None, :]).to(OUT.dtype.element_ty), mask=used)


attend = triton.jit(_attend)
