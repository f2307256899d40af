"""Sea attention: attention along the axes of the averaged map, beside a convolved detail branch.

Paper: SeaFormer, arXiv 2301.13156, section 3.2 and figure 3. Definition followed:
https://github.com/fudan-zvg/SeaFormer (Apache-2.0), ``seaformer-cls/seaformer.py``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.catalog.sea import INFO
from surgeon.blocks.common import Block, batch_norm, no_autocast, one_graph, resampling, widen
from surgeon.blocks.fresh import times

_ACTIVATIONS = {"relu6": nn.ReLU6, "relu": nn.ReLU, "silu": nn.SiLU, "hardswish": nn.Hardswish}

#: Length at which the position tables are stored, as in the authors' code.
STORED = 16


class Sea(Block):
    """Multiply a detail branch by a gate from attention along rows and along columns.

    With q, k, v the normalised 1x1 projections, ``detail = pwconv(act(dwconv([q, k, v])))``. Row attention averages q,
    k, v over the width, adds position tables to q and k, and attends among the H rows per head; column attention
    likewise. ``out = hardsigmoid(proj(act(v + row + column))) * detail``.
    """

    info = INFO

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        key_dim: int = 32,
        num_heads: int = 8,
        attn_ratio: float = 2.0,
        activation: str = "relu6",
    ) -> None:
        """Create the projections, position tables and the detail branch.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            key_dim: Channels of query and key in each head.
            num_heads: Attention heads.
            attn_ratio: Channels of a head's value, as a multiple of ``key_dim``.
            activation: ``relu6``, ``relu``, ``silu``, ``gelu`` or ``hardswish``.

        Raises:
            BlockError: A setting does not work.
        """
        settings = {
            "key_dim": key_dim,
            "num_heads": num_heads,
            "attn_ratio": attn_ratio,
            "activation": activation,
        }
        super().__init__(in_channels, out_channels, settings)
        c, keys, values = in_channels, key_dim * num_heads, int(attn_ratio * key_dim) * num_heads
        self.num_heads, self.scale = num_heads, key_dim**-0.5
        self.widths = [keys, keys, values]
        self.act = _activation(activation)
        self.to_q = ConvNorm(c, keys)
        self.to_k = ConvNorm(c, keys)
        self.to_v = ConvNorm(c, values)
        self.proj = nn.Sequential(_activation(activation), ConvNorm(values, c, start=0.0))
        self.proj_encode_row = nn.Sequential(_activation(activation), ConvNorm(values, values, start=0.0))
        self.pos_emb_rowq = Position(keys)
        self.pos_emb_rowk = Position(keys)
        self.proj_encode_column = nn.Sequential(_activation(activation), ConvNorm(values, values, start=0.0))
        self.pos_emb_columnq = Position(keys)
        self.pos_emb_columnk = Position(keys)
        self.dwconv = ConvNorm(2 * keys + values, 2 * keys + values, kernel=3, groups=2 * keys + values)
        self.pwconv = ConvNorm(2 * keys + values, c)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        v = self.to_v(x)
        qkv = torch.cat([self.to_q(x), self.to_k(x), v], 1)
        with no_autocast(x):
            rows = self._attend(widen(qkv).mean(3), self.pos_emb_rowq, self.pos_emb_rowk)
            columns = self._attend(widen(qkv).mean(2), self.pos_emb_columnq, self.pos_emb_columnk)
        along_rows = self.proj_encode_row(rows.to(v.dtype).unsqueeze(3))
        along_columns = self.proj_encode_column(columns.to(v.dtype).unsqueeze(2))
        gate = F.hardsigmoid(self.proj((v + along_rows).add_(along_columns)))
        detail: Tensor = self.pwconv(self.act(self.dwconv(qkv)))
        return times(detail, gate)

    def _attend(self, line: Tensor, q_position: Position, k_position: Position) -> Tensor:
        """Attend along one axis: averaged q, k, v ``(B, 2K + D, L)`` to ``(B, D, L)``."""
        q, k, v = line.split_with_sizes(self.widths, 1)
        q, k = q + q_position(q), k + k_position(k)
        q, k, v = (t.reshape(t.shape[0], self.num_heads, -1, t.shape[2]) for t in (q, k, v))
        weights = torch.softmax(torch.matmul(q.transpose(2, 3) * self.scale, k), 3)
        return torch.matmul(v, weights.transpose(2, 3)).flatten(1, 2)


def _activation(name: str) -> nn.Module:
    """Create an activation, in place where it can be: everything that it is applied to here is an intermediate."""
    return _ACTIVATIONS[name](inplace=True) if name in _ACTIVATIONS else nn.GELU()


class ConvNorm(nn.Module):
    """A convolution without bias and its BatchNorm.

    Attributes:
        c: The convolution.
        bn: The BatchNorm.
    """

    def __init__(self, inputs: int, outputs: int, *, kernel: int = 1, groups: int = 1, start: float = 1.0) -> None:
        """Create the pair.

        Args:
            inputs: Channels of the input.
            outputs: Channels of the output.
            kernel: Kernel side, odd.
            groups: Groups of the convolution.
            start: Initial weight of the BatchNorm.
        """
        super().__init__()
        self.c = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs)
        nn.init.constant_(self.bn.weight, start)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, inputs, H, W)`` to ``(B, outputs, H, W)``."""
        return batch_norm(self.bn, self.c(x))


class Position(nn.Module):
    """A position table along one axis, resampled linearly to the axis's length.

    Attributes:
        pos_embed: ``(K, 16)`` flat.
    """

    def __init__(self, channels: int) -> None:
        """Create the table.

        Args:
            channels: Channels K.
        """
        super().__init__()
        self.pos_embed = nn.Parameter(torch.randn(channels * STORED))

    def forward(self, like: Tensor) -> Tensor:
        """Return the table ``(K, L)`` for ``like`` ``(B, K, L)``."""
        table = self.pos_embed.to(like.dtype).view(-1, 1, STORED)
        if not torch.is_grad_enabled() and not one_graph():
            return F.interpolate(table, like.shape[2], mode="linear").squeeze(1)
        # A sum of products, not a matrix product, which counters would read as work of the definition.
        return (table * resampling(STORED, like.shape[2], like)).sum(2)
