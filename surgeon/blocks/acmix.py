"""ACmix: a 7x7 local self-attention and a 3x3 convolution that share their projections.

Paper: On the Integration of Self-Attention and Convolution, arXiv 2111.14556, equations 7 to 13. Definition followed:
https://github.com/LeapLabTHU/ACmix, ``ResNet/test_bottleneck.py``. The reference unfolds keys, values and positions
49-fold; here the same numbers come from two rewrites: q·pe_i is the same for all neighbours of pixel i and cancels in
the softmax, which leaves one shared neighbourhood k - pe; and ``fc`` followed by ``dep_conv`` is one grouped
convolution.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks import fused_acmix, grouped, handwritten, neighbourhood
from surgeon.blocks.catalog.acmix import INFO
from surgeon.blocks.common import Block, no_autocast, one_graph, widen

#: Side of the query tiles of the tiled form, in pixels.
TILE = 8


class ACmix(Block):
    """``out = rate1 * attention + rate2 * convolution``, both from q, k, v = conv1..3(x).

    Attention, per head and pixel i over its ``kernel_att``² neighbours n: ``softmax_n(q_i·(k_n + pe_i - pe_n) /
    sqrt(d))``-weighted v_n, borders reflected (clamped where a side is too short to reflect). Convolution: ``fc`` mixes
    the 3·head maps of each of the d channels into ``kernel_conv``² maps, which ``dep_conv`` shifts and sums.
    Output size: ``ceil(H / stride)`` x ``ceil(W / stride)``.

    Attributes:
        fused: Whether inference on a GPU runs the attention as one Triton kernel, where that can
            (:mod:`surgeon.blocks.fused_acmix`). Off, for its speed was never measured; not part of the state.
    """

    info = INFO
    fused: bool = False  # of the class, so that a block from an older file has it too
    mask: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        kernel_att: int = 7,
        head: int = 4,
        kernel_conv: int = 3,
        stride: int = 1,
        dilation: int = 1,
    ) -> None:
        """Create the shared projections and both paths.

        Args:
            in_channels: Channels of the input.
            out_channels: Channels of the output; None keeps them.
            kernel_att: Side of the attention neighbourhood, odd.
            head: Attention heads; divides the output channels.
            kernel_conv: Kernel of the convolution path, odd.
            stride: Stride of the output.
            dilation: Step between attended neighbours.

        Raises:
            BlockError: A setting does not work at this width.
        """
        settings = {
            "kernel_att": kernel_att,
            "head": head,
            "kernel_conv": kernel_conv,
            "stride": stride,
            "dilation": dilation,
        }
        super().__init__(in_channels, out_channels, settings)
        co = self.out_channels
        self.head, self.head_dim = head, co // head
        self.kernel_att, self.stride, self.dilation = kernel_att, stride, dilation
        self.conv1 = nn.Conv2d(in_channels, co, 1)
        self.conv2 = nn.Conv2d(in_channels, co, 1)
        self.conv3 = nn.Conv2d(in_channels, co, 1)
        self.conv_p = nn.Conv2d(2, self.head_dim, 1)
        self.fc = nn.Conv2d(3 * head, kernel_conv**2, 1, bias=False)
        self.dep_conv = ShiftConv(self.head_dim, co, kernel_conv, stride)
        self.rate1 = nn.Parameter(torch.full((1,), 0.5))
        self.rate2 = nn.Parameter(torch.full((1,), 0.5))
        self.register_buffer("mask", _tile_mask(kernel_att), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, in_channels, H, W)`` to ``(B, out_channels, ceil(H / stride), ceil(W / stride))``."""
        q, k, v = self._projected(x)
        pe = self.conv_p(_coordinates(x))
        attention = self._attend(q, k, v, pe)
        # The convolution's rate scales its few weights rather than a map.
        convolution = self.dep_conv(self._grouped(q, k, v), self.rate2.view(1, 1, 1, 1) * self.fc.weight)
        return torch.addcmul(convolution, attention, self.rate1.to(q.dtype).view(1, 1, 1, 1))

    def _projected(self, x: Tensor) -> Sequence[Tensor]:
        """Queries, keys and values ``(B, Co, H, W)``; as one convolution in training on a CPU, for a lean gradient."""
        layers = (self.conv1, self.conv2, self.conv3)
        kernels = [layer.weight for layer in layers]
        biases = [layer.bias for layer in layers if layer.bias is not None]
        plain = len(biases) == 3 and all(type(layer) is nn.Conv2d for layer in layers)
        if plain and handwritten.differentiates(x, *kernels, *biases) and handwritten.unobserved(layers):
            return F.conv2d(x, torch.cat(kernels), torch.cat(biases)).chunk(3, 1)
        return [layer(x) for layer in layers]

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, pe: Tensor) -> Tensor:
        """Attend with maps ``(B, Co, H, W)`` and positions ``(1, d, H, W)``, in single precision at least."""
        how = {"head": self.head, "stride": self.stride, "dilation": self.dilation}
        if self.fused and fused_acmix.serves(q, k, v, pe, **how):
            return fused_acmix.attend(q, k, v, pe, head=self.head, kernel=self.kernel_att)
        maps = (q, k, v, pe)
        if handwritten.differentiates(*maps) and self._small(q):
            side = neighbourhood.TILE + self.kernel_att - 1
            whole = TILE + self.kernel_att - 1
            near = self.mask.reshape(TILE, TILE, whole, whole)[: neighbourhood.TILE, : neighbourhood.TILE, :side, :side]
            return neighbourhood.attend(maps, near, self.head, partial(self._attention, tiled=False))
        with no_autocast(q):
            return self._attention(*(widen(t) for t in maps)).to(q.dtype)

    def _small(self, q: Tensor) -> bool:
        """Whether the attention over ``(B, Co, H, W)`` can run by hand: see :mod:`surgeon.blocks.neighbourhood`."""
        reach = self.kernel_att // 2
        height, width = q.shape[2:]
        fits = min(height, width) > reach and height * width <= neighbourhood.LARGEST
        return self.stride == 1 and self.dilation == 1 and fits

    def _grouped(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Reorder three ``(B, Co, H, W)`` to ``(B, d * 3 * head, H, W)``: the maps of one channel side by side."""
        batch, _, height, width = q.shape
        split = (t.reshape(batch, self.head, self.head_dim, height, width).transpose(1, 2) for t in (q, k, v))
        return torch.stack(list(split), 2).reshape(batch, -1, height, width)

    def _attention(self, q: Tensor, k: Tensor, v: Tensor, pe: Tensor, *, tiled: bool = True) -> Tensor:
        """Attend over each pixel's neighbourhood; maps ``(B, Co, H, W)``, positions ``(1, d, H, W)``."""
        batch, channels, height, width = q.shape
        reach = self.dilation * (self.kernel_att // 2)
        k = (k.reshape(batch, self.head, self.head_dim, height, width) - pe.unsqueeze(1)).reshape(k.shape)
        k, v = _border(k, reach), _border(v, reach)
        q = q * self.head_dim**-0.5
        if one_graph() or self.stride > 1 or self.dilation > 1 or not tiled:
            q = q[:, :, :: self.stride, :: self.stride]
            return self._shifted(q, k, v).reshape(q.shape)
        q, k, v = (t.reshape(batch * self.head, self.head_dim, t.shape[2], t.shape[3]) for t in (q, k, v))
        return _tiled(q, k, v, self.mask).reshape(batch, channels, height, width)

    def _shifted(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attend by one shift of the map per neighbour: least memory, and one graph for every size.

        Args:
            q: Scaled queries ``(B, Co, h, w)``.
            k: Keys with border ``(B, Co, H + 2 reach, W + 2 reach)``.
            v: Values with border, the same shape.

        Returns:
            ``(B, head, d, h, w)``.
        """
        heads = (q.shape[0], self.head, self.head_dim, q.shape[2], q.shape[3])
        q = q.reshape(heads)
        logits = torch.stack([(q * near.reshape(heads)).sum(2) for near in self._neighbours(k)], 2)
        weights = torch.softmax(logits, 2)
        out = torch.zeros_like(q)
        for index, near in enumerate(self._neighbours(v)):
            out = torch.addcmul(out, weights[:, :, index : index + 1], near.reshape(heads))
        return out

    def _neighbours(self, padded: Tensor) -> Iterator[Tensor]:
        """Yield the map of each neighbour, row by row, from a map with border."""
        last = self.dilation * (self.kernel_att - 1)
        starts = range(0, last + 1, self.dilation)
        for top in starts:
            rows = padded[:, :, top : (top - last) or None : self.stride]
            for left in starts:
                yield rows[:, :, :, left : (left - last) or None : self.stride]


class ShiftConv(nn.Conv2d):
    """The grouped convolution that sums shifted maps, run together with the mixing that precedes it.

    Attributes:
        weight: ``(Co, k², k, k)``, in d groups; slice c starts as a one at (c // k, c % k): a pure shift.
    """

    def __init__(self, head_dim: int, out_channels: int, kernel: int, stride: int) -> None:
        """Create the shifts.

        Args:
            head_dim: Groups d.
            out_channels: Channels Co.
            kernel: Kernel side k, odd.
            stride: Stride of the output.
        """
        taps = kernel**2
        super().__init__(
            taps * head_dim, out_channels, kernel, stride, padding=kernel // 2, groups=head_dim, bias=False
        )
        with torch.no_grad():
            self.weight.copy_(torch.eye(taps).reshape(1, taps, kernel, kernel))

    def forward(self, input: Tensor, mixing: Tensor) -> Tensor:  # type: ignore[override]
        """Convolve ``(B, d * m, H, W)`` with the product of the shifts and ``mixing`` ``(k², m, 1, 1)``."""
        weight = torch.matmul(self.weight.permute(0, 2, 3, 1), mixing.flatten(1)).permute(0, 3, 1, 2)
        by_hand = handwritten.differentiates(input, weight) and self.stride == (1, 1)
        if by_hand and input.shape[2] * input.shape[3] <= neighbourhood.LARGEST:
            return grouped.convolve(input, weight, self.groups)
        return F.conv2d(input, weight, None, self.stride, self.padding, 1, self.groups)


def _coordinates(x: Tensor) -> Tensor:
    """Coordinates from -1 to 1 ``(1, 2, H, W)`` of the map ``(B, C, H, W)``: along x, then along y."""
    kind = torch.float64 if x.dtype == torch.float64 else torch.float32
    if not one_graph() and min(x.shape[2:]) > 1:
        down, across = (torch.linspace(-1, 1, size, device=x.device, dtype=kind) for size in x.shape[2:])
        grid = torch.stack([across.expand(x.shape[2:]), down.unsqueeze(1).expand(x.shape[2:])])
        return grid.unsqueeze(0).to(x.dtype)
    axes = []
    for size in (x.shape[3], x.shape[2]):
        index = torch.arange(size, device=x.device, dtype=kind)
        last = index[-1:]
        axes.append((2 * index - last) / last.clamp(min=1))
    across, down = axes
    grid = torch.stack([across.unsqueeze(0) + 0 * down.unsqueeze(1), down.unsqueeze(1) + 0 * across.unsqueeze(0)])
    return grid.unsqueeze(0).to(x.dtype)


def _border(t: Tensor, reach: int) -> Tensor:
    """Extend ``(B, C, H, W)`` by ``reach`` on every side: reflected, or clamped along a side of at most ``reach``."""
    if not one_graph() and min(t.shape[2], t.shape[3]) > reach:
        return F.pad(t, (reach, reach, reach, reach), mode="reflect")
    for dim in (2, 3):
        t = t.index_select(dim, _border_index(t.shape[dim], reach, t.device))
    return t


def _border_index(size: int, reach: int, device: torch.device) -> Tensor:
    """Where each of the ``size + 2 * reach`` bordered positions reads; no branch on the size, so it can be traced."""
    index = torch.arange(size + 2 * reach, device=device) - reach
    last = torch.arange(size, device=device)[-1:]
    reflected = last - (last - index.abs()).abs()
    return torch.where(last >= reach, reflected, torch.minimum(index.clamp(min=0), last))


def _tile_mask(kernel: int) -> Tensor:
    """Which of a tile's ``(TILE + kernel - 1)²`` keys each of its ``TILE²`` queries attends to."""
    near = torch.arange(TILE + kernel - 1)[None, :] - torch.arange(TILE)[:, None]
    axis = (near >= 0) & (near < kernel)
    side = axis.shape[1]
    return (axis[:, None, :, None] & axis[None, :, None, :]).reshape(TILE * TILE, side * side)


def _tiled(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """Attend tile by tile: 8x8 queries against the keys that any of them sees, masked.

    Args:
        q: Scaled queries ``(M, d, H, W)``, M = batch times heads.
        k: Keys with border ``(M, d, H + 2 reach, W + 2 reach)``.
        v: Values with border, the same shape.
        mask: ``(TILE², side²)``.

    Returns:
        ``(M, d, H, W)``.
    """
    many, d, height, width = q.shape
    side = TILE + k.shape[2] - height
    extra = (0, -width % TILE, 0, -height % TILE)
    q, k, v = (F.pad(t, extra) for t in (q, k, v))
    rows, columns = q.shape[2] // TILE, q.shape[3] // TILE
    queries = q.reshape(many, d, rows, TILE, columns, TILE).permute(0, 2, 4, 3, 5, 1)
    queries = queries.reshape(many, rows * columns, TILE * TILE, d)
    keys, values = (
        t.unfold(2, side, TILE).unfold(3, side, TILE).permute(0, 2, 3, 4, 5, 1).reshape(many, -1, side * side, d)
        for t in (k, v)
    )
    out = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, scale=1.0)
    out = out.reshape(many, rows, columns, TILE, TILE, d).permute(0, 5, 1, 3, 2, 4)
    return out.reshape(many, d, rows * TILE, columns * TILE)[:, :, :height, :width]
