"""AIFI: the encoder layer of RT-DETR over all pixels of a map.

Paper: DETRs Beat YOLOs on Real-time Object Detection, arXiv 2304.08069, section 4.2. Definition followed:
https://github.com/ultralytics/ultralytics, ``nn/modules/transformer.py``, with its parameter names. Time grows with
(H·W)²; memory does not, by torch's fused kernel.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.catalog.aifi import INFO
from surgeon.blocks.common import Block, no_autocast, tracing, widen

_ACTIVATIONS = {"gelu": nn.GELU, "relu": nn.ReLU, "silu": nn.SiLU}

#: Base of the wavelengths.
TEMPERATURE = 10000.0


class AIFI(Block):
    """Self-attention and feed-forward layers, each with a residual and a LayerNorm.

    ``x = norm1(x + attention(x + p, x + p, x))``, ``out = norm2(x + fc2(act(fc1(x))))`` on tokens, p the positions
    ``[sin yω, cos yω, sin xω, cos xω]``, ``ω_i = 10000^(-4i/C)``; ``normalize_before`` normalises the branches' inputs
    instead.
    """

    info = INFO

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        cm: int = 2048,
        num_heads: int = 8,
        dropout: float = 0.0,
        act: str = "gelu",
        normalize_before: bool = False,
        variant: str = "ultralytics",
    ) -> None:
        """Create the attention and feed-forward layers.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            cm: Hidden width of the feed-forward layers.
            num_heads: Attention heads; divides C.
            dropout: Dropout of the attention weights, the hidden layer and both branches.
            act: ``gelu``, ``relu`` or ``silu``.
            normalize_before: Whether the norms stand before the branches.
            variant: ``ultralytics`` or ``legacy``, the order of positions in older copies.

        Raises:
            BlockError: A setting does not work at this width.
        """
        settings = {
            "cm": cm,
            "num_heads": num_heads,
            "dropout": dropout,
            "act": act,
            "normalize_before": normalize_before,
            "variant": variant,
        }
        super().__init__(in_channels, out_channels, settings)
        c = in_channels
        self.normalize_before, self.legacy = normalize_before, variant == "legacy"
        self.ma = Attention(c, num_heads, dropout)
        self.fc1 = nn.Linear(c, cm)
        self.fc2 = nn.Linear(cm, c)
        self.norm1 = nn.LayerNorm(c)
        self.norm2 = nn.LayerNorm(c)
        self.dropout = nn.Dropout(dropout)
        self.dropout1 = nn.Dropout(dropout)
        self.dropout2 = nn.Dropout(dropout)
        self.act = _ACTIVATIONS[act]()

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        tokens = x.flatten(2).transpose(1, 2).contiguous()
        place = _positions(x, self.in_channels, legacy=self.legacy)
        if self.normalize_before:
            tokens = tokens + self.dropout1(self._attention(self.norm1(tokens), place))
            tokens = tokens + self.dropout2(self._feed(self.norm2(tokens)))
        else:
            tokens = self.norm1(tokens + self.dropout1(self._attention(tokens, place)))
            tokens = self.norm2(tokens + self.dropout2(self._feed(tokens)))
        out: Tensor = tokens.transpose(1, 2).reshape(x.shape)
        return out.contiguous()

    def _attention(self, tokens: Tensor, place: Tensor) -> Tensor:
        """Attend among tokens ``(B, N, C)``, positions ``(N, C)`` on queries and keys."""
        attended: Tensor = self.ma(tokens + place.to(tokens.dtype), tokens)
        return attended

    def _feed(self, tokens: Tensor) -> Tensor:
        """Run the feed-forward layers on ``(B, N, C)``."""
        out: Tensor = self.fc2(self.dropout(self.act(self.fc1(tokens))))
        return out


class Attention(nn.Module):
    """The parameters of ``nn.MultiheadAttention``, on queries and keys of one source.

    Attributes:
        in_proj_weight: ``(3C, C)``: query, key, value.
        in_proj_bias: ``(3C,)``.
        out_proj: C to C.
    """

    def __init__(self, channels: int, heads: int, dropout: float) -> None:
        """Create the projections.

        Args:
            channels: Channels C.
            heads: Attention heads; divides C.
            dropout: Dropout of the attention weights.
        """
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.in_proj_weight = nn.Parameter(torch.empty(3 * channels, channels))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * channels))
        self.out_proj = nn.Linear(channels, channels)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, placed: Tensor, tokens: Tensor) -> Tensor:
        """Attend with queries and keys from ``placed`` and values from ``tokens``, ``(B, N, C)`` each."""
        c = self.out_proj.in_features
        q, k = F.linear(placed, self.in_proj_weight[: 2 * c], self.in_proj_bias[: 2 * c]).chunk(2, 2)
        v = F.linear(tokens, self.in_proj_weight[2 * c :], self.in_proj_bias[2 * c :])
        kind = v.dtype
        with no_autocast(tokens):
            heads = (tokens.shape[0], -1, self.heads, c // self.heads)
            q, k, v = (widen(t).reshape(heads).transpose(1, 2) for t in (q, k, v))
            if tracing():
                logits = torch.matmul(q * q.shape[3] ** -0.5, k.transpose(2, 3))
                out = torch.matmul(F.dropout(torch.softmax(logits, 3), self.dropout, self.training), v)
            else:
                dropout = self.dropout if self.training else 0.0
                out = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout)
        projected: Tensor = self.out_proj(out.transpose(1, 2).flatten(2).to(kind))
        return projected


def _positions(x: Tensor, channels: int, *, legacy: bool) -> Tensor:
    """Sine and cosine positions ``(N, C)`` of the map ``(B, C, H, W)``; channels beyond a multiple of 4 hold zero."""
    quarter = channels // 4
    kind = torch.float64 if x.dtype == torch.float64 else torch.float32
    omega = 1 / TEMPERATURE ** (torch.arange(quarter, device=x.device, dtype=kind) / max(1, quarter))
    token = torch.arange(x.shape[2] * x.shape[3], device=x.device)
    line = x.shape[2] if legacy else x.shape[3]
    down = torch.div(token, line, rounding_mode="floor").to(kind)
    across = (token % line).to(kind)
    y, x_ = (axis.unsqueeze(1) * omega for axis in (down, across))
    place = torch.cat([torch.sin(y), torch.cos(y), torch.sin(x_), torch.cos(x_)], 1)
    return F.pad(place, (0, channels - 4 * quarter))
