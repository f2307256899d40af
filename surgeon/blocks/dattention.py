"""DAttention: every pixel attends to points that offsets, computed from the queries, move over the map.

Paper: Vision Transformer with Deformable Attention, arXiv 2201.00520, section 3.2. Definition followed:
https://github.com/LeapLabTHU/DAT (Apache-2.0), ``models/dat_blocks.py``, ``DAttentionBaseline``.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.catalog.dattention import HIDDEN, INFO, padding, position
from surgeon.blocks.common import Block, no_autocast, one_graph, tracing, widen
from surgeon.blocks.windows import exporting

#: Up to this many pixels explicit products are faster than the fused kernel, as in MHSA (measured on a CPU).
SMALL_MAP = 512


class DAttention(Block):
    """Sample the map at moved grid points, and attend to them.

    With q = ``proj_q(x)``, per group of channels: ``pos = grid + offsets(q)``, s = the map sampled at ``pos``
    (bilinear, zeros beyond it). k, v = ``proj_k(s)``, ``proj_v(s)``; per head ``a = softmax(q·k / sqrt(d) + bias) v``;
    ``out = proj_out(a + lepe)``. The bias is read from a table at ``(q_grid - pos) / 2`` or put out by a network; lepe
    is a depthwise convolution of q. At most one of the two is there. Coordinates run from -1 to 1 over the map.

    Attributes:
        rpe_table: The position term: the convolution, the network, or the table ``(n_heads, 2 H0 - 1, 2 W0 - 1)``
            flat, for a map of H0 x W0.
    """

    info = INFO

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        n_heads: int = 8,
        n_groups: int = 4,
        kv_stride: int = 1,
        offset_range_factor: float = 4.0,
        use_pe: bool = True,
        dwc_pe: bool = True,
        no_off: bool = False,
        fixed_pe: bool = False,
        ksize: int = 3,
        log_cpb: bool = False,
        table: tuple[int, int] = (20, 20),
    ) -> None:
        """Create projections, offset network and position term.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            n_heads: Attention heads; divides C.
            n_groups: Groups of channels with offsets of their own; divides ``n_heads``.
            kv_stride: Step between sampled points, in pixels.
            offset_range_factor: Largest offset, in half steps of the grid of points. Negative: unbounded, and positions
                are clamped to the map.
            use_pe: Whether there is a position term.
            dwc_pe: Whether it is the depthwise convolution of q.
            no_off: Average windows of ``kv_stride`` instead of sampling; no position term.
            fixed_pe: False; a table of pixel pairs serves one map size alone.
            ksize: Side of the offsets' depthwise kernel.
            log_cpb: Whether the bias comes from a network of the logarithm of the distance.
            table: Map size ``(H0, W0)`` of the position table.

        Raises:
            BlockError: A setting does not work at this width, or two exclude each other.
        """
        settings = {
            "n_heads": n_heads,
            "n_groups": n_groups,
            "kv_stride": kv_stride,
            "offset_range_factor": offset_range_factor,
            "use_pe": use_pe,
            "dwc_pe": dwc_pe,
            "no_off": no_off,
            "fixed_pe": fixed_pe,
            "ksize": ksize,
            "log_cpb": log_cpb,
            "table": table,
        }
        super().__init__(in_channels, out_channels, settings)
        c, width = in_channels, in_channels // n_groups
        self.heads, self.groups, self.stride, self.factor = n_heads, n_groups, kv_stride, offset_range_factor
        self.scale = (c // n_heads) ** -0.5
        self.position = position(self.settings)
        self.conv_offset: nn.Sequential | None = None
        if not no_off:
            self.conv_offset = nn.Sequential(
                nn.Conv2d(width, width, ksize, kv_stride, padding(self.settings), groups=width),
                ChannelNorm(width),
                nn.GELU(),
                nn.Conv2d(width, 2, 1, bias=False),
            )
        self.proj_q = nn.Conv2d(c, c, 1)
        self.proj_k = nn.Conv2d(c, c, 1)
        self.proj_v = nn.Conv2d(c, c, 1)
        self.proj_out = nn.Conv2d(c, c, 1)
        self.rpe_table: nn.Module | nn.Parameter | None = None
        if self.position == "dwc":
            self.rpe_table = nn.Conv2d(c, c, 3, padding=1, groups=c)
        elif self.position == "log":
            last = nn.Linear(HIDDEN, n_heads // n_groups, bias=False)
            self.rpe_table = nn.Sequential(nn.Linear(2, HIDDEN), nn.ReLU(inplace=True), last)
        elif self.position == "table":
            rows, columns = (2 * side - 1 for side in self.settings["table"])
            start = nn.init.trunc_normal_(torch.empty(n_heads * rows * columns), std=0.01)
            self.rpe_table = nn.Parameter(start)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        q = self.proj_q(x)
        points, bias = self._points(x, q)
        k, v = self.proj_k(points), self.proj_v(points)
        with no_autocast(x):
            out = self._attend(widen(q), widen(k), widen(v), bias).to(q.dtype)
        if self.position == "dwc":
            assert isinstance(self.rpe_table, nn.Module)
            out = out + self.rpe_table(q)
        y: Tensor = self.proj_out(out)
        return y

    def _points(self, x: Tensor, q: Tensor) -> tuple[Tensor, Tensor | None]:
        """Sample the map.

        Args:
            x: The map ``(B, C, H, W)``.
            q: Its queries, the same shape.

        Returns:
            The samples ``(B, C, Hk, Wk)``, and the bias of the logits ``(B, heads, H * W, Hk * Wk)`` if there is one.
        """
        if self.conv_offset is None:
            return _averaged(x, self.stride), None
        batch, c, height, width = x.shape
        grouped = (batch * self.groups, c // self.groups, height, width)
        with no_autocast(x):
            # In single precision at least: coordinates of half precision miss by whole pixels on large maps.
            offset = self._offsets(widen(q).reshape(grouped))
            down, across = _less(offset.shape[1]), _less(offset.shape[2])
            grid = _grid(offset.shape[1], offset.shape[2], offset, 0.5)
            if self.factor >= 0:
                reach = torch.stack([_ratio(self.factor, down, offset), _ratio(self.factor, across, offset)])
                pos = grid + offset.tanh() * reach
            else:
                pos = (grid + offset).clamp(-1, 1)
            points = F.grid_sample(widen(x).reshape(grouped), pos.flip(3), align_corners=True).to(x.dtype)
            bias = self._bias(pos, batch, height, width)
        return points.reshape(batch, c, points.shape[2], points.shape[3]), bias

    def _offsets(self, q: Tensor) -> Tensor:
        """Compute offsets (y, x) ``(B * groups, Hk, Wk, 2)`` from queries ``(B * groups, C / groups, H, W)``."""
        assert self.conv_offset is not None
        conv, norm, act, last = self.conv_offset
        assert isinstance(conv, nn.Conv2d) and isinstance(norm, ChannelNorm) and isinstance(last, nn.Conv2d)
        assert conv.bias is not None
        if padding(self.settings) == 0 and self.settings["ksize"] > 1:  # at least one point
            short = [_at_least(self.settings["ksize"] - side, 0) for side in q.shape[2:]]
            q = F.pad(q, (0, short[1], 0, short[0]))
        q = F.conv2d(q, widen(conv.weight), widen(conv.bias), conv.stride, conv.padding, groups=conv.groups)
        tokens, norm = q.permute(0, 2, 3, 1), norm.norm
        tokens = F.layer_norm(tokens, norm.normalized_shape, widen(norm.weight), widen(norm.bias), norm.eps)
        return F.linear(act(tokens), widen(last.weight).flatten(1))

    def _bias(self, pos: Tensor, batch: int, height: int, width: int) -> Tensor | None:
        """Read the bias of the logits ``(B, heads, H * W, n)`` at positions ``(B * groups, Hk, Wk, 2)``."""
        if self.position not in {"log", "table"}:
            return None
        own = self.heads // self.groups
        pixels, points = _grid(height, width, pos, 0.0).reshape(1, height * width, 1, 2), pos.flatten(1, 2).unsqueeze(1)
        if isinstance(self.rpe_table, nn.Sequential):
            first, act, last = self.rpe_table
            assert isinstance(first, nn.Linear) and isinstance(last, nn.Linear)
            way = pixels * 4 - points * 4  # scaled before the difference, which is many times larger
            way = way.sign() * (way.abs() + 1).log2() / math.log2(8)
            hidden = act(F.linear(way, widen(first.weight), widen(first.bias)))
            bias = F.linear(hidden, widen(last.weight)).permute(0, 3, 1, 2)
        else:
            assert isinstance(self.rpe_table, nn.Parameter)
            rows, columns = (2 * side - 1 for side in self.settings["table"])
            table = widen(self.rpe_table).view(1, self.groups, own, rows, columns).expand(batch, -1, -1, -1, -1)
            way = (pixels / 2).flip(3) - (points / 2).flip(3)
            bias = F.grid_sample(table.flatten(0, 1), way, align_corners=True)
        return bias.reshape(batch, self.heads, height * width, bias.shape[3])

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
        """Attend with queries ``(B, C, H, W)`` to keys and values ``(B, C, Hk, Wk)``; the queries' shape comes back."""
        shape = q.shape
        q, k, v = (t.reshape(shape[0], self.heads, shape[1] // self.heads, t.shape[2] * t.shape[3]) for t in (q, k, v))
        if bias is None and not tracing() and (one_graph() or q.shape[3] > SMALL_MAP):
            q, k, v = (t.transpose(2, 3).contiguous() for t in (q, k, v))
            out = F.scaled_dot_product_attention(q, k, v, scale=self.scale)
            return out.transpose(2, 3).reshape(shape)
        logits = torch.matmul((q * self.scale).transpose(2, 3), k)
        logits = logits if bias is None else logits + bias
        return torch.matmul(v, torch.softmax(logits, 3).transpose(2, 3)).reshape(shape)


class ChannelNorm(nn.Module):
    """Holder of the LayerNorm over channels.

    Attributes:
        norm: The LayerNorm.
    """

    def __init__(self, channels: int) -> None:
        """Create the norm.

        Args:
            channels: Channels that it normalises.
        """
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, channels, H, W)`` to the same."""
        out: Tensor = self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return out


def _averaged(x: Tensor, step: int) -> Tensor:
    """Average windows of ``step`` x ``step`` pixels, of what is left in the last ones."""
    if step == 1:
        return x
    if not exporting():
        return F.avg_pool2d(x, step, ceil_mode=True, count_include_pad=False)
    rows, columns = (_windows(side, step, x) for side in x.shape[2:])  # it cannot prove how many the operator leaves
    return F.linear(F.linear(x, columns).transpose(2, 3), rows).transpose(2, 3)


def _windows(length: int, step: int, like: Tensor) -> Tensor:
    """Weights ``(ceil(length / step), length)`` of those averages along one axis."""
    window = torch.div(torch.arange(length, device=like.device), step, rounding_mode="floor")
    target = torch.arange((length + step - 1) // step, device=like.device)
    inside = (target[:, None] == window).to(like.dtype)
    return inside / inside.sum(1, keepdim=True)


def _at_least(size: Any, least: int) -> Any:
    """The larger of both, while a graph is recorded too."""
    if isinstance(size, int):
        return max(size, least)
    return size.clamp(min=least) if isinstance(size, Tensor) else torch.sym_max(size, least)


def _less(length: Any) -> Any:
    """One less than the length of an axis, at least one."""
    return _at_least(length - 1, 1)


def _ratio(factor: float, length: Any, like: Tensor) -> Tensor:
    """``factor / length`` as a scalar tensor."""
    steps: Tensor = torch.ones((), dtype=like.dtype, device=like.device) * length
    return factor / steps


def _grid(height: int, width: int, like: Tensor, shift: float) -> Tensor:
    """Coordinates (y, x) of the pixels of a map ``(height, width, 2)``, from -1 to 1 where ``shift`` is 0."""
    lines = []
    for length in (height, width):
        place = torch.arange(length, device=like.device).to(like.dtype) + shift
        lines.append(place / _less(length) * 2 - 1)
    y, x = lines
    return torch.stack([y.unsqueeze(1) + 0 * x, x + 0 * y.unsqueeze(1)], 2)
