"""CoT: local aggregation whose weights come from the input and its static context.

Paper: Contextual Transformer Networks, arXiv 2107.12292, section 3.2 and figure 2. Definition followed:
https://github.com/JDAI-CV/CoTNet (Apache-2.0), class ``CotLayer`` of ``models/cotnet.py``. ``paste`` is what circulates
as CoTAttention, another operator.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.catalog.cot import INFO, hidden
from surgeon.blocks.common import Block, batch_norm, neighbours, no_autocast, widen


class CoT(Block):
    """Mix a static context k with a local aggregation y.

    ``k = relu(bn(key_embed(x)))``; w = ``embed([x, k])``, one set of kernel² weights for the channels of equal index
    modulo C / share_planes. ``y = silu(bn(sum_taps w * v))`` with v = ``conv1x1(x)``; ``out = z0 * y + z1 * k`` with
    z0, z1 a softmax of ``se(mean(y + k))``.
    ``paste``: ``out = k + softmax_pixels(mean_taps(attention_embed([k, x]))) * v``.
    """

    info = INFO

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        kernel_size: int = 3,
        key_groups: int = 4,
        share_planes: int = 8,
        variant: str = "official",
    ) -> None:
        """Create the key, weight, value and selection layers.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            kernel_size: Side of the neighbourhood, odd.
            key_groups: Groups of the key convolution; divides C.
            share_planes: Channels that share one set of local weights; divides C.
            variant: ``official`` or ``paste``.

        Raises:
            BlockError: A setting does not work at this width.
        """
        settings = {
            "kernel_size": kernel_size,
            "key_groups": key_groups,
            "share_planes": share_planes,
            "variant": variant,
        }
        super().__init__(in_channels, out_channels, settings)
        c, taps = in_channels, kernel_size**2
        inner, attention = hidden(c)
        self.kernel_size, self.paste = kernel_size, variant == "paste"
        key = nn.Conv2d(c, c, kernel_size, padding=kernel_size // 2, groups=key_groups, bias=False)
        self.key_embed = nn.Sequential(key, nn.BatchNorm2d(c), nn.ReLU())
        if self.paste:
            self.value_embed = nn.Sequential(nn.Conv2d(c, c, 1, bias=False), nn.BatchNorm2d(c))
            self.attention_embed = nn.Sequential(*_squeeze(2 * c, inner, bias=False), nn.Conv2d(inner, taps * c, 1))
            return
        self.sets = c // share_planes
        self.embed = nn.Sequential(
            *_squeeze(2 * c, inner, bias=False),
            nn.Conv2d(inner, taps * self.sets, 1),
            nn.GroupNorm(self.sets, taps * self.sets),
        )
        self.conv1x1 = nn.Sequential(nn.Conv2d(c, c, 1, bias=False), nn.BatchNorm2d(c))
        self.bn = nn.BatchNorm2d(c)
        self.act = nn.SiLU()
        self.se = nn.Sequential(*_squeeze(c, attention, bias=True), nn.Conv2d(attention, 2 * c, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        k = _run(self.key_embed, x)
        if self.paste:
            return self._paste(x, k)
        weights = _run(self.embed, torch.cat([x, k], 1)).to(k.dtype)  # on CUDA, autocast widens GroupNorm
        y: Tensor = self.act(batch_norm(self.bn, self._aggregate(_run(self.conv1x1, x), weights)))
        logits = _run(self.se, (y + k).mean((2, 3), keepdim=True))
        first, second = logits.reshape(x.shape[0], -1, 2).unbind(2)
        share = torch.sigmoid(first - second)[:, :, None, None]  # the softmax of two
        return torch.lerp(k, y, share.to(k.dtype))

    def _aggregate(self, v: Tensor, weights: Tensor) -> Tensor:
        """Sum the neighbours of v ``(B, C, H, W)`` with weights ``(B, sets * taps, H, W)``."""
        shared = (v.shape[0], -1, self.sets, v.shape[2], v.shape[3])
        taps = weights.reshape(v.shape[0], 1, self.sets, self.kernel_size**2, *v.shape[2:]).unbind(3)
        out = None
        for weight, near in zip(taps, neighbours(v, self.kernel_size), strict=True):
            values = near.reshape(shared)
            out = values * weight if out is None else torch.addcmul(out, values, weight)
        assert out is not None
        return out.reshape(v.shape)

    def _paste(self, x: Tensor, k: Tensor) -> Tensor:
        """Add the value, weighted by a softmax over all pixels, to the context k ``(B, C, H, W)``."""
        v = _run(self.value_embed, x)
        inner = _run(self.attention_embed[:3], torch.cat([k, x], 1))
        last = self.attention_embed[3]
        assert isinstance(last, nn.Conv2d) and last.bias is not None
        # The mean over the taps commutes with the layer: average its rows, not its output.
        rows = last.weight.reshape(v.shape[1], -1, last.in_channels).mean(1)[:, :, None, None]
        logits = F.conv2d(inner, rows, last.bias.reshape(v.shape[1], -1).mean(1))
        with no_autocast(x):
            shares = torch.softmax(widen(logits).flatten(2), 2).reshape(v.shape)
            out = widen(k) + shares * widen(v)
        return out.to(v.dtype)


def _squeeze(inputs: int, outputs: int, *, bias: bool) -> tuple[nn.Module, nn.Module, nn.Module]:
    """Create a 1x1 convolution, its BatchNorm and a ReLU."""
    return nn.Conv2d(inputs, outputs, 1, bias=bias), nn.BatchNorm2d(outputs), nn.ReLU()


def _run(layers: nn.Sequential, x: Tensor) -> Tensor:
    """Apply layers one after the other, BatchNorm as :func:`batch_norm` does."""
    for layer in layers:
        x = batch_norm(layer, x) if isinstance(layer, nn.BatchNorm2d) else layer(x)
    return x
