"""The gradient of a depthwise convolution's weights as matrix products, by hand.

On a CPU the library's own takes as long as all other steps of a block together: it adds pixel by pixel. Here the tap
(y, x) of a channel is a sum along a diagonal: for each row y of taps the product of the gradient's columns with the
map's columns is a small matrix whose entry (i, i + x) belongs to tap x.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

#: Columns of the gradient that are taken together: the products' cost grows with it, the number of copies falls.
COLUMNS = 20


def weight_gradient(x: Tensor, gradient: Tensor, kernel: int) -> Tensor:
    """Gradient of the weights of a stride 1 depthwise convolution with padding ``kernel // 2``.

    Args:
        x: What was convolved ``(M, d, H, W)``.
        gradient: Of the output, the same shape.
        kernel: Side of the kernel, odd.

    Returns:
        ``(d, 1, kernel, kernel)``.
    """
    many, d, height, width = x.shape
    reach = kernel // 2
    blocks = -(-width // COLUMNS)
    step = -(-width // blocks)
    extra = blocks * step - width
    # The gradient's rows are followed by zeros, so that the rows of all maps are one axis, and moving it by y rows
    # reads the map's row y further down; the rows past the last map's end need the zeros of one more kernel.
    rows, side = height + 2 * reach, step + 2 * reach
    here = F.pad(gradient.transpose(0, 1), (0, extra, 0, 2 * reach))
    there = F.pad(x.transpose(0, 1), (reach, reach + extra, reach, reach))
    here = here.reshape(d, many * rows, blocks, step)
    there = there.reshape(d, many * rows, blocks * step + 2 * reach)
    used = many * rows - 2 * reach
    taps = []
    for y in range(kernel):
        product = x.new_zeros(d, step, side)
        for block in range(blocks):
            right = there[:, y : y + used, block * step : block * step + side]
            product.baddbmm_(here[:, :used, block].transpose(1, 2), right)
        taps.append(product.as_strided((d, kernel, step), (step * side, 1, side + 1)).sum(2))
    return torch.stack(taps, 1).unsqueeze(1)
