"""HAT: window attention with a channel attention branch (HAB), and with overlapping keys (OCAB).

Paper: Activating More Pixels in Image Super-Resolution Transformer, arXiv 2205.04437, equations 3 to 7. Definition
followed: https://github.com/XPixelGroup/HAT (Apache-2.0), ``hat/archs/hat_arch.py``, on maps instead of tokens. Any map
runs: the attention alone fills up to whole windows, and masks what it filled up.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.cab import CAB
from surgeon.blocks.catalog.hat import INFO, overlap
from surgeon.blocks.catalog.hat import OCAB as OCAB_INFO
from surgeon.blocks.common import Block, no_autocast, one_graph, widen
from surgeon.blocks.token_mlp import MLP, truncated_linear
from surgeon.blocks.windows import (
    MASKED,
    Axis,
    attend,
    exporting,
    filled,
    from_windows,
    gathered_windows,
    overlapping_windows,
    to_windows,
)


class HAB(Block):
    """Window attention and channel attention side by side, then an MLP.

    With n = ``norm1(x)``: ``y = x + attention(n) + conv_scale * CAB(n)``, ``out = y + mlp(norm2(y))``. Attention:
    windows of w x w, shifted cyclically; per head ``softmax(q·k / sqrt(d) + bias[Δ]) v``, -100 between the regions that
    the shift brings together, and on what fills the map up.
    """

    info = INFO
    bias_index: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        num_heads: int = 6,
        window_size: int = 7,
        shift_size: int = 0,
        compress_ratio: int = 3,
        squeeze_factor: int = 30,
        conv_scale: float = 0.01,
        mlp_ratio: float = 4.0,
    ) -> None:
        """Create both branches and the MLP.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            num_heads: Attention heads; divides C.
            window_size: Side w of the windows.
            shift_size: Shift of the windows, 0 to w - 1.
            compress_ratio: See :class:`CAB`.
            squeeze_factor: See :class:`CAB`.
            conv_scale: Factor on the channel attention branch.
            mlp_ratio: Hidden width of the MLP, as a multiple of C.

        Raises:
            BlockError: A setting does not work at this width.
        """
        settings = {
            "num_heads": num_heads,
            "window_size": window_size,
            "shift_size": shift_size,
            "compress_ratio": compress_ratio,
            "squeeze_factor": squeeze_factor,
            "conv_scale": conv_scale,
            "mlp_ratio": mlp_ratio,
        }
        super().__init__(in_channels, out_channels, settings)
        c, w = in_channels, window_size
        self.heads, self.window, self.shift, self.conv_scale = num_heads, w, shift_size, conv_scale
        self.norm1 = nn.LayerNorm(c)
        self.attn = WindowAttention(c, (2 * w - 1) ** 2, num_heads)
        self.conv_block = CAB(c, compress_ratio=compress_ratio, squeeze_factor=squeeze_factor)
        self.norm2 = nn.LayerNorm(c)
        self.mlp = MLP(c, int(c * mlp_ratio))
        place = torch.arange(w)
        offset = place[:, None] - place + w - 1  # query less key
        index = offset[:, None, :, None] * (2 * w - 1) + offset[None, :, None, :]
        self.register_buffer("bias_index", index.reshape(-1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        tokens = x.permute(0, 2, 3, 1).contiguous()
        normal = self.norm1(tokens)
        local = self.conv_block(normal.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        attended = tokens + self.attn.proj(self._attend(self.attn.qkv(normal)))
        tokens = torch.add(attended, local, alpha=self.conv_scale)
        tokens = tokens + self.mlp(self.norm2(tokens))
        out: Tensor = tokens.permute(0, 3, 1, 2)
        return out.contiguous()

    def _attend(self, qkv: Tensor) -> Tensor:
        """Attend with ``(B, H, W, 3C)`` in shifted windows; returns ``(B, H, W, C)``."""
        w, heads, (height, width), kind = self.window, self.heads, qkv.shape[1:3], qkv.dtype
        with no_autocast(qkv):
            table = widen(self.attn.relative_position_bias_table)
            if exporting():
                axes = (self._axis(height, qkv), self._axis(width, qkv))
                return gathered_windows(widen(qkv), axes, table, heads).to(kind)
            bias = table[self.bias_index].reshape(1, w * w, w * w, heads).permute(0, 3, 1, 2)
            if not one_graph() and not self.shift:
                if height % w or width % w:  # one region: only what fills the map up is masked, for every query
                    fill = F.pad(
                        bias.new_zeros(1, height, width, 1), (0, 0, 0, -width % w, 0, -height % w), value=MASKED
                    )
                    bias = bias + to_windows(fill, w).reshape(-1, 1, 1, w * w)
            else:
                rows, columns = self._regions(height, qkv), self._regions(width, qkv)
                queries, keys = (
                    torch.where((down[:, None] < 0) | (across < 0), -1, 3 * down[:, None] + across)
                    for down, across in zip(rows, columns, strict=True)
                )
                queries, keys = (to_windows(t[None, :, :, None], w).squeeze(2) for t in (queries, keys))
                bias = bias + MASKED * (queries[:, :, None] != keys[:, None, :]).unsqueeze(1).to(bias.dtype)
            windows = to_windows(self._roll(filled(qkv, w), -self.shift), w)
            q, k, v = (
                widen(windows).reshape(-1, w * w, 3, heads, qkv.shape[3] // 3 // heads).permute(2, 0, 3, 1, 4).unbind()
            )
            out = from_windows(attend(q, k, v, bias).to(kind), height, width, w)
            return self._roll(out, self.shift)[:, :height, :width]

    def _roll(self, x: Tensor, by: int) -> Tensor:
        """Move ``(B, H, W, C)`` cyclically along both axes."""
        return torch.roll(x, (by, by), (1, 2)) if by else x

    def _regions(self, length: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """Region of each shifted, filled up position along an axis, for queries and for keys; -1 is no key's region."""
        padded = (length + self.window - 1) // self.window * self.window
        place = torch.arange(padded, device=like.device)
        region = self._region(place, padded)
        return region, torch.where((place + self.shift) % padded < length, region, -1)

    def _region(self, place: Tensor, padded: int) -> Tensor:
        """Region of shifted positions: before the last window, in it, and what the shift brought to its end."""
        if not self.shift:
            return torch.zeros_like(place)
        return (place >= padded - self.window).long() + (place >= padded - self.shift).long()

    def _axis(self, length: int, like: Tensor) -> Axis:
        """Keys of every position along an axis, for :func:`gathered_windows`."""
        w = self.window
        padded = (length + w - 1) // w * w
        place = (torch.arange(length, device=like.device) - self.shift) % padded
        keys = (torch.div(place, w, rounding_mode="floor") * w).unsqueeze(1) + torch.arange(w, device=like.device)
        source = (keys + self.shift) % padded
        other = self._region(keys, padded) != self._region(place, padded).unsqueeze(1)
        return Axis(
            source=source.clamp(max=length - 1),
            outside=torch.zeros_like(other),
            masked=other | (source >= length),
            offset=place.unsqueeze(1) - keys + w - 1,
            base=2 * w - 1,
        )


class OCAB(Block):
    """Attention from w x w windows to the o x o windows around them, then an MLP.

    ``y = x + attention(norm1(x))``, ``out = y + mlp(norm2(y))``; o = w + int(w * overlap_ratio). Keys beyond the filled
    up map are zeros and count.
    """

    info = OCAB_INFO
    bias_index: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        num_heads: int = 6,
        window_size: int = 16,
        overlap_ratio: float = 0.5,
        mlp_ratio: float = 2.0,
    ) -> None:
        """Create the projections and the MLP.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            num_heads: Attention heads; divides C.
            window_size: Side w of the query windows.
            overlap_ratio: Key windows are ``int(w * overlap_ratio)`` larger, an even number.
            mlp_ratio: Hidden width of the MLP, as a multiple of C.

        Raises:
            BlockError: A setting does not work at this width.
        """
        settings = {
            "num_heads": num_heads,
            "window_size": window_size,
            "overlap_ratio": overlap_ratio,
            "mlp_ratio": mlp_ratio,
        }
        super().__init__(in_channels, out_channels, settings)
        c, w = in_channels, window_size
        self.heads, self.window, self.border = num_heads, w, overlap(w, overlap_ratio) // 2
        self.base = 2 * w + 2 * self.border - 1
        self.relative_position_bias_table = nn.Parameter(torch.empty(self.base**2, num_heads))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)
        self.norm1 = nn.LayerNorm(c)
        self.qkv = truncated_linear(c, 3 * c)
        self.proj = truncated_linear(c, c)
        self.norm2 = nn.LayerNorm(c)
        self.mlp = MLP(c, int(c * mlp_ratio))
        offset = torch.arange(w + 2 * self.border) - torch.arange(w)[:, None] + 1 - 2 * self.border  # key less query
        index = offset[:, None, :, None] * self.base + offset[None, :, None, :]
        self.register_buffer("bias_index", index.reshape(-1) % self.base**2, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        tokens = x.permute(0, 2, 3, 1).contiguous()
        tokens = tokens + self.proj(self._attend(self.qkv(self.norm1(tokens))))
        tokens = tokens + self.mlp(self.norm2(tokens))
        out: Tensor = tokens.permute(0, 3, 1, 2)
        return out.contiguous()

    def _attend(self, qkv: Tensor) -> Tensor:
        """Attend with ``(B, H, W, 3C)``; returns ``(B, H, W, C)``."""
        w, p, heads, (height, width), kind = self.window, self.border, self.heads, qkv.shape[1:3], qkv.dtype
        c = self.in_channels
        with no_autocast(qkv):
            qkv, table = widen(qkv), widen(self.relative_position_bias_table)
            if exporting():
                axes = (self._axis(height, qkv), self._axis(width, qkv))
                return gathered_windows(qkv, axes, table, heads).to(kind)
            bias = table[self.bias_index].reshape(1, w * w, -1, heads).permute(0, 3, 1, 2)
            whole = filled(qkv, w)
            q = to_windows(whole[..., :c], w).reshape(-1, w * w, heads, c // heads).transpose(1, 2)
            around = overlapping_windows(F.pad(whole[..., c:], (0, 0, p, p, p, p)), w, p)
            k, v = around.reshape(q.shape[0], -1, 2, heads, c // heads).permute(2, 0, 3, 1, 4).unbind()
            if one_graph() or height % w or width % w:
                down, across = (
                    self._hidden(length, padded, qkv)
                    for length, padded in zip((height, width), whole.shape[1:3], strict=True)
                )
                inside = (down[:, None] >= 0) & (across >= 0)
                hidden = (inside & (down[:, None] + across > 0)).to(bias.dtype)[None, :, :, None]
                bias = bias + MASKED * overlapping_windows(hidden, w, p).transpose(1, 2).unsqueeze(1)
            return from_windows(attend(q, k, v, bias).to(kind), height, width, w)[:, :height, :width]

    def _hidden(self, length: int, padded: int, like: Tensor) -> Tensor:
        """Along an axis with its borders: -1 beyond the filled up map, 1 where it was filled up, 0 on the map."""
        place = torch.arange(padded + 2 * self.border, device=like.device) - self.border
        return torch.where((place < 0) | (place >= padded), -1, (place >= length).long())

    def _axis(self, length: int, like: Tensor) -> Axis:
        """Keys of every position along an axis, for :func:`gathered_windows`."""
        w, p = self.window, self.border
        padded = (length + w - 1) // w * w
        place = torch.arange(length, device=like.device)
        step = torch.arange(w + 2 * p, device=like.device)
        source = (torch.div(place, w, rounding_mode="floor") * w - p).unsqueeze(1) + step
        return Axis(
            source=source.clamp(min=0, max=length - 1),
            outside=(source < 0) | (source >= padded),
            masked=source >= length,
            offset=step - (place % w).unsqueeze(1) + 1 - 2 * p,
            base=self.base,
        )


class WindowAttention(nn.Module):
    """The parameters of HAB's attention.

    Attributes:
        relative_position_bias_table: ``((2w - 1)², heads)``.
        qkv: C to 3C.
        proj: C to C.
    """

    def __init__(self, channels: int, offsets: int, heads: int) -> None:
        """Create table and projections."""
        super().__init__()
        self.relative_position_bias_table = nn.Parameter(torch.empty(offsets, heads))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)
        self.qkv = truncated_linear(channels, 3 * channels)
        self.proj = truncated_linear(channels, channels)
