"""FLA: focused linear attention, global attention at linear cost.

Paper: FLatten Transformer, arXiv 2308.00442, equations 4 to 9. Official repository:
https://github.com/LeapLabTHU/FLatten-Transformer, whose normaliser changed in May 2024; the same weights give other
outputs before and after. The default is the 2023 form in the class behind the YOLO articles (8.9 -> 9.1 GFLOPs);
``normaliser="mean"`` is the later one. Everything runs on maps ``(B, C, H, W)``, so any H x W works.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks import focused, focused_training, handwritten
from surgeon.blocks.catalog.fla import INFO
from surgeon.blocks.common import Block, PointwiseLinear, no_autocast, one_graph, resample, widen
from surgeon.blocks.focused import EPSILON
from surgeon.blocks.fresh import plus, times


class FLA(Block):
    """Focused linear attention.

    ``focus(t) = |t| t^p / |t^p|`` over all C channels, with ``t = (relu(.) + 1e-6) / softplus(scale)``; then per head
    ``o_i = (q_i·sum_n k_n v_nᵀ) / (q_i·sum_n k_n + 1e-6)``, plus a depthwise convolution of v whose weights all heads
    share; then the projection.
    """

    info = INFO

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        num_heads: int = 8,
        focusing_factor: int = 3,
        kernel_size: int = 5,
        normaliser: str = "sum",
        qkv_bias: bool = True,
        position: tuple[int, int] | None = None,
        sr_ratio: int = 1,
        project: bool = True,
        lepe: bool = False,
    ) -> None:
        """Create the projections, the shared depthwise convolution and the options' layers.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            num_heads: Attention heads; divides C.
            focusing_factor: Power p.
            kernel_size: Depthwise kernel on the values, odd.
            normaliser: ``sum`` (2023) or ``mean`` (2024).
            qkv_bias: Whether query, key and value have biases.
            position: Size ``(H0, W0)`` of a learned table that is added to the keys, stored for the keys' map; other
                maps interpolate it. None has no table.
            sr_ratio: Keys and values come from a map this many times smaller (PVT).
            project: Whether the output is projected.
            lepe: Whether a further depthwise 3x3 convolution of the values is added (CSwin).

        Raises:
            BlockError: A setting does not work at this width.
        """
        settings = {
            "num_heads": num_heads,
            "focusing_factor": focusing_factor,
            "kernel_size": kernel_size,
            "normaliser": normaliser,
            "qkv_bias": qkv_bias,
            "position": position,
            "sr_ratio": sr_ratio,
            "project": project,
            "lepe": lepe,
        }
        super().__init__(in_channels, out_channels, settings)
        c, d = in_channels, in_channels // num_heads
        self.num_heads, self.power, self.sr_ratio = num_heads, focusing_factor, sr_ratio
        self.mean_normaliser = normaliser == "mean"
        self.q = PointwiseLinear(c, c, bias=qkv_bias)
        self.kv = PointwiseLinear(c, 2 * c, bias=qkv_bias)
        self.proj = PointwiseLinear(c, c) if project else None
        self.dwc = nn.Conv2d(d, d, kernel_size, padding=kernel_size // 2, groups=d)
        self.scale = nn.Parameter(torch.zeros(c))
        self.get_v = nn.Conv2d(c, c, 3, padding=1, groups=c) if lepe else None
        self.sr = nn.Conv2d(c, c, sr_ratio, stride=sr_ratio) if sr_ratio > 1 else None
        self.norm = nn.LayerNorm(c) if sr_ratio > 1 else None
        self.grid: tuple[int, int] | None = self.settings["position"]
        self.positional_encoding: nn.Parameter | None = None
        if self.grid is not None:
            self.positional_encoding = nn.Parameter(torch.zeros(self.grid[0] * self.grid[1] * c))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        weights = self._plain_weights(x)
        if weights is not None:
            epsilon = EPSILON * x.shape[2] * x.shape[3] if self.mean_normaliser else EPSILON
            trained = torch.is_grad_enabled() and (x.requires_grad or any(one.requires_grad for one in weights))
            by_hand = focused_training.train if trained else focused.infer
            return by_hand(x, weights, self.num_heads, epsilon)
        q = self.q(x)
        k, v = self.kv(self._reduced(x)).chunk(2, 1)
        with no_autocast(x):
            # The powers and the normaliser leave fp16's range at ordinary activations.
            keys = widen(k)
            if self.positional_encoding is not None:
                keys = keys + self._positions(keys)
            queries, length = self._focus(widen(q))
            sharp, norm = self._focus(keys)
            out = self._attend(queries, length, times(norm, sharp), widen(v)).reshape(q.shape).to(v.dtype)
        if self.sr_ratio > 1:
            v = _stretch(v.flatten(2), q).reshape(q.shape)
        # Weights are shared across heads: heads join the batch.
        shared: Tensor = self.dwc(v.reshape(-1, self.dwc.in_channels, x.shape[2], x.shape[3]))
        out = plus(shared.reshape(q.shape), out)
        if self.get_v is not None:
            out = out + self.get_v(v)
        projected: Tensor = self.proj(out) if self.proj is not None else out
        return projected

    def _plain_weights(self, x: Tensor) -> focused.Weights | None:
        """The parameters, where the block can be run by hand (:mod:`surgeon.blocks.focused`) and nobody would notice.

        Only the form that the articles plant: without the options' layers, and to the third power.
        """
        if tuple(self._modules) != ("q", "kv", "proj", "dwc") or self.power != 3 or self.grid is not None:
            return None
        layers = [layer for layer in self._modules.values() if isinstance(layer, (PointwiseLinear, nn.Conv2d))]
        if len(layers) < 4 or not x.is_contiguous() or not handwritten.unobserved(layers):
            return None
        # Past nn.Module's look-ups, which are slow beside a small map.
        found = [one for layer in layers for one in layer._parameters.values() if one is not None]
        if len(found) != 8 or not handwritten.serves(x, self.scale, *found):
            return None
        return focused.Weights._make((*found, self.scale))

    def _reduced(self, x: Tensor) -> Tensor:
        """Shrink ``(B, C, H, W)`` by ``sr_ratio`` (rounded up) and normalise it, where keys come from a smaller map."""
        if self.sr is None or self.norm is None:
            return x
        # The extra border is read only where the ratio does not divide a side: no size enters the graph.
        border = self.sr_ratio - 1
        small: Tensor = self.sr(F.pad(x, (0, border, 0, border), mode="replicate"))
        tokens: Tensor = self.norm(small.permute(0, 2, 3, 1))
        return tokens.permute(0, 3, 1, 2).contiguous()

    def _positions(self, like: Tensor) -> Tensor:
        """Return the position table ``(C, H, W)`` for the map of ``like`` ``(B, C, H, W)``."""
        assert self.positional_encoding is not None and self.grid is not None
        tokens = self.positional_encoding.to(like.dtype).view(self.grid[0] * self.grid[1], -1)
        table = tokens.transpose(0, 1).reshape(-1, *self.grid)
        return resample(table, like.shape[2], like.shape[3])

    def _focus(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Sharpen directions over all channels of ``(B, C, H, W)``.

        Returns:
            A map of the same shape, and what each pixel is still to be multiplied with to keep its norm
            ``(B, 1, H, W)``.
        """
        scale = F.softplus(self.scale.to(t.dtype)).reshape(1, -1, 1, 1)
        if one_graph() or torch.is_grad_enabled():
            t = (F.relu(t) + EPSILON) / scale
            norm = _norm(t)
            # The power of the unit vector, not of t: t^p of a dead pixel underflows even in single precision.
            sharp = (t / norm) ** self.power
            return sharp, norm / _norm(sharp)
        # The same in two maps: on a CPU it is memory, not arithmetic, that these passes wait for.
        t = F.relu(t).add_(EPSILON).mul_(1 / scale)
        squares = t * t
        norm = squares.sum(1, keepdim=True).sqrt_()
        t.mul_(1 / norm)
        t = t.mul_(torch.mul(t, t, out=squares)) if self.power == 3 else t.pow_(self.power)
        return t, norm / torch.mul(t, t, out=squares).sum(1, keepdim=True).sqrt_()

    def _attend(self, q: Tensor, length: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attend.

        Args:
            q: Sharpened queries ``(B, C, H, W)``.
            length: What each of them is still to be multiplied with, ``(B, 1, H, W)``.
            k: Focused keys ``(B, C, H', W')``.
            v: Values ``(B, C, H', W')``.

        Returns:
            ``(B, heads, d, N)``.
        """
        d = self.dwc.in_channels
        q, k, v = (t.reshape(t.shape[0], self.num_heads, d, -1) for t in (q, k, v))
        length = length.flatten(2).unsqueeze(1)
        # The 2024 code divides sum and product by the number of keys: the same as a larger epsilon.
        epsilon = EPSILON * k.shape[3] if self.mean_normaliser else EPSILON
        # The queries' lengths would stand above and below the fraction: one pass over the map less.
        z = length / (torch.matmul(k.sum(3).unsqueeze(2), q) * length + epsilon)
        kv = torch.matmul(v, k.transpose(2, 3))
        if one_graph():
            return torch.matmul(kv, q) * z
        # One product of three, as the reference writes it: model.info() then prints the articles' figure.
        out: Tensor = torch.einsum("bhvk,bhkn,bhn->bhvn", kv, q, z.squeeze(2))
        return out


def _norm(t: Tensor) -> Tensor:
    """Norm over the channels ``(B, 1, H, W)`` of positive ``(B, C, H, W)``.

    Written out: torch's own norm over an inner axis is over ten times slower on a CPU.
    """
    return (t * t).sum(1, keepdim=True).sqrt()


def _stretch(values: Tensor, queries: Tensor) -> Tensor:
    """Resample ``(B, C, n)`` linearly along the flattened pixels to the N pixels of ``queries`` ``(B, C, H, W)``.

    The reference interpolates across row ends as well; kept, since its weights are trained with it.
    """
    stored, wanted = values.shape[2], queries.shape[2] * queries.shape[3]
    kind = torch.float64 if values.dtype == torch.float64 else torch.float32
    position = torch.arange(wanted, device=values.device, dtype=kind)
    last = torch.arange(stored, device=values.device)[-1:]
    position = torch.minimum(((position + 0.5) * (stored / wanted) - 0.5).clamp(min=0), last.to(kind))
    left = position.floor().long()
    right = torch.minimum(left + 1, last)
    weight = (position - left).to(values.dtype)
    return values.index_select(2, left) * (1 - weight) + values.index_select(2, right) * weight
