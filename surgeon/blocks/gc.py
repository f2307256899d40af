"""GC: one attention-weighted sum over the map, which gates every pixel or is added to it.

Paper: GCNet, arXiv 1904.11492, equation 5 and figure 4d. Definition followed: timm's ``layers/global_context.py``
(Apache-2.0), https://github.com/huggingface/pytorch-image-models.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.catalog.gc import INFO, hidden_width
from surgeon.blocks.common import Block, no_autocast, one_graph, widen
from surgeon.blocks.fresh import unwatched

EPSILON = 1e-6  # of timm's layer norm


class GlobalContext(Block):
    """``context = sum over pixels of softmax(conv_attn(x)) * x``; ``out = x * sigmoid(mlp_scale(context))``.

    With ``fuse_add``, ``mlp_add(context)`` is added. An ``mlp`` is a layer, a layer norm, a ReLU and a layer.
    """

    info = INFO

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        use_attn: bool = True,
        fuse_add: bool = False,
        fuse_scale: bool = True,
        rd_ratio: float = 0.125,
        rd_channels: int | None = None,
        rd_divisor: int = 1,
    ) -> None:
        """Create the attention and the mlps.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            use_attn: Weight the pixels by an attention; otherwise the context is their mean.
            fuse_add: Add the context.
            fuse_scale: Gate by the context.
            rd_ratio: Hidden width over C.
            rd_channels: Hidden width; None takes ``rd_ratio``.
            rd_divisor: ``rd_ratio`` is rounded to a multiple of it.

        Raises:
            BlockError: A setting does not work at this width.
        """
        given = {
            "use_attn": use_attn,
            "fuse_add": fuse_add,
            "fuse_scale": fuse_scale,
            "rd_ratio": rd_ratio,
            "rd_channels": rd_channels,
            "rd_divisor": rd_divisor,
        }
        super().__init__(in_channels, out_channels, given)
        hidden = hidden_width(in_channels, self.settings)
        self.conv_attn = nn.Conv2d(in_channels, 1, 1) if use_attn else None
        self.mlp_add = _Mlp(in_channels, hidden) if fuse_add else None
        self.mlp_scale = _Mlp(in_channels, hidden) if fuse_scale else None
        if self.conv_attn is not None:
            nn.init.kaiming_normal_(self.conv_attn.weight, nonlinearity="relu")
        if self.mlp_add is not None:
            nn.init.zeros_(self.mlp_add.fc2.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        context = self._context(x)
        if self.mlp_scale is not None:
            x = x * self.mlp_scale(context).sigmoid()[:, :, None, None]
        if self.mlp_add is not None:
            x = x + self.mlp_add(context)[:, :, None, None]
        return x

    def _context(self, x: Tensor) -> Tensor:
        """One vector ``(B, C)`` for the map."""
        if self.conv_attn is None:
            return x.mean((2, 3))
        weights = widen(self._logits(x, self.conv_attn)).softmax(2).to(x.dtype)
        return torch.bmm(x.flatten(2), weights.transpose(1, 2)).squeeze(2)

    def _logits(self, x: Tensor, layer: nn.Conv2d) -> Tensor:
        """What the softmax takes, ``(B, 1, N)``."""
        if torch.is_grad_enabled() or one_graph() or not unwatched(layer) or layer.bias is None:
            logits: Tensor = layer(x)
            return logits.flatten(2)
        # A convolution with one output channel reads the map a seventh slower than the product that it is.
        return torch.matmul(layer.weight.view(1, -1), x.flatten(2)).add_(layer.bias)


class _Mlp(nn.Module):
    """``fc2(relu(norm(fc1(context))))``."""

    def __init__(self, channels: int, hidden: int) -> None:
        """Create both layers and the norm between them."""
        super().__init__()
        self.fc1 = nn.Linear(channels, hidden)
        self.norm = nn.LayerNorm(hidden, eps=EPSILON)
        self.fc2 = nn.Linear(hidden, channels)

    def forward(self, context: Tensor) -> Tensor:
        """Map ``(B, C)`` to ``(B, C)``."""
        hidden = self.fc1(context)
        with no_autocast(hidden):
            norm = self.norm
            wide = widen(hidden)
            normed = F.layer_norm(wide, norm.normalized_shape, widen(norm.weight), widen(norm.bias), norm.eps)
        out: Tensor = self.fc2(F.relu(normed.to(hidden.dtype)))
        return out
