"""OREPA: a convolution whose kernel is generated, at each step of training, from six branches.

Paper: Online Convolutional Re-parameterization, arXiv 2204.00826, section 3 and figure 4. Definition followed:
https://github.com/JUGGHM/OREPA_CVPR2022 (Apache-2.0), ``blocks.py``, classes ``OREPA`` and ``OREPA_1x1``. In evaluation
one plain convolution does the same: ``fused()``.

The kernel is computed in at least single precision, outside of autocast, where half precision made pastes diverge.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.catalog.orepa import INFO, POINT, inner_width
from surgeon.blocks.common import Block, no_autocast, widen
from surgeon.blocks.conv_norm import activated, folded

PER_CHANNEL = 8  # depthwise kernels of the separable branch per input channel


class _Generated(Block):
    """``out = activation(bn(conv(x, W)))`` with a kernel W that ``kernel()`` makes of the parameters."""

    bn: nn.BatchNorm2d
    vector: nn.Parameter

    def __init__(self, in_channels: int, out_channels: int | None, settings: Mapping[str, Any], *, prefix: str) -> None:
        super().__init__(in_channels, out_channels, settings)
        self._origin = f"{prefix}_origin"
        self.kernel_size: int = self.settings.get("kernel_size", 1)
        self.groups: int = self.settings.get("groups", 1)
        dilation = self.settings.get("dilation", 1)
        self._convolution = {
            "stride": self.settings["stride"],
            "padding": dilation * (self.kernel_size // 2),
            "dilation": dilation,
            "groups": self.groups,
        }

    @abstractmethod
    def kernel(self) -> Tensor:
        """The kernel ``(O, C / groups, k, k)`` that the branches amount to, in at least single precision."""

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, in_channels, H, W)`` to ``(B, out_channels, H', W')``, H' = (H - 1) // stride + 1."""
        y = F.conv2d(x, self.kernel().to(x.dtype), **self._convolution)
        return activated(self.bn, y, self.settings["activation"])

    def fused(self) -> nn.Conv2d:
        """The one convolution, with bias, that puts out the same in evaluation (before the activation).

        Returns:
            A new module on the same device and of the same type; this block stays as it is.
        """
        like = self.bn.weight
        conv = nn.Conv2d(
            self.in_channels,
            self.out_channels,
            self.kernel_size,
            **self._convolution,
            device=like.device,
            dtype=like.dtype,
        )
        assert conv.bias is not None
        with torch.no_grad():
            weight, bias = folded(self.kernel(), self.bn)
            conv.weight.copy_(weight)
            conv.bias.copy_(bias)
        return conv.train(self.training)

    def fuse_block(self) -> nn.Module:
        """The fused convolution with the activation behind it."""
        activation = self.settings["activation"]
        layers = {"relu": nn.ReLU, "silu": nn.SiLU}
        return nn.Sequential(self.fused(), layers[activation]()) if activation in layers else self.fused()

    def adopt(self, former: nn.Module) -> dict[str, str]:
        """Take over a plain convolution exactly: its kernel as the origin, the factors of the other branches 0.

        Args:
            former: An ``nn.Conv2d``, or a module of ``conv`` and perhaps ``bn``, of our widths, kernel size, stride,
                padding, dilation and groups. Of anything else nothing is taken.

        Returns:
            Our tensor -> the former's tensor. A convolution without BatchNorm leaves its bias in ours, whose factor is
            then that of the running statistics, so that evaluation is the same.
        """
        inner = "" if isinstance(former, nn.Conv2d) else "conv."
        conv, norm = (former if not inner else getattr(former, "conv", None)), getattr(former, "bn", None)
        bias = getattr(conv, "bias", None)
        if not isinstance(conv, nn.Conv2d) or not self._is_like(conv):
            return {}
        if not isinstance(norm, nn.BatchNorm2d | None) or (norm is not None and (bias is not None or not norm.affine)):
            return {}
        names = {self._origin: f"{inner}weight"}
        with torch.no_grad():
            self.get_parameter(self._origin).copy_(conv.weight)
            self.vector.zero_()[0] = 1
            if norm is not None:
                self.bn.load_state_dict(norm.state_dict())
                self.bn.eps, self.bn.momentum = norm.eps, norm.momentum
                return names | {f"bn.{name}": f"bn.{name}" for name in norm.state_dict()}
            self.bn.reset_parameters()
            assert self.bn.running_var is not None
            self.bn.weight.copy_((self.bn.running_var + self.bn.eps).sqrt())
            if bias is not None:
                self.bn.bias.copy_(bias)
                names["bn.bias"] = f"{inner}bias"
        return names

    def _is_like(self, conv: nn.Conv2d) -> bool:
        """Whether a convolution has our shape and slides as ours does."""
        ours = {key: (value, value) for key, value in self._convolution.items() if key != "groups"}
        return (
            conv.weight.shape == self.get_parameter(self._origin).shape
            and conv.groups == self.groups
            and conv.padding_mode == "zeros"
            and all(getattr(conv, key) == value for key, value in ours.items())
        )


class OREPA(_Generated):
    """``W = v0 origin + v1 avg + v2 frequency prior + v3 (A Z) + v4 1x1 + v5 separable``, v a factor per output."""

    info = INFO
    id_tensor: Tensor
    weight_orepa_avg_avg: Tensor
    weight_orepa_prior: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        kernel_size: int = 3,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        activation: str = "none",
    ) -> None:
        """Create the branches and the BatchNorm.

        Args:
            in_channels: Channels C of the input.
            out_channels: Channels O of the output; None keeps them.
            kernel_size: Odd size k.
            stride: Step of the convolution.
            dilation: Distance between taps; the padding keeps the map.
            groups: Divides both widths.
            activation: ``none`` as the authors have it, ``relu`` or ``silu``.

        Raises:
            BlockError: A setting does not work at these widths.
        """
        given = {"kernel_size": kernel_size, "stride": stride, "dilation": dilation, "groups": groups}
        super().__init__(in_channels, out_channels, given | {"activation": activation}, prefix="weight_orepa")
        c, o, k, per_group = in_channels, self.out_channels, kernel_size, in_channels // groups
        t = inner_width(c, groups)
        self.weight_orepa_origin = _uniform(o, per_group, k, k)
        self.weight_orepa_avg_conv = _uniform(o, per_group, 1, 1)
        self.weight_orepa_pfir_conv = _uniform(o, per_group, 1, 1)
        self.weight_orepa_1x1 = _uniform(o, per_group, 1, 1)
        self.weight_orepa_1x1_kxk_idconv1 = nn.Parameter(torch.zeros(t, per_group, 1, 1))
        self.weight_orepa_1x1_kxk_conv2 = _uniform(o, t // groups, k, k)
        self.weight_orepa_gconv_dw = _uniform(PER_CHANNEL * c, 1, k, k)
        self.weight_orepa_gconv_pw = _uniform(o, PER_CHANNEL * per_group, 1, 1)
        self.vector = nn.Parameter(torch.tensor([0.25, 0.25, 0.0, 0.5, 1.0, 0.5])[:, None].repeat(1, o))
        self.register_buffer("weight_orepa_avg_avg", torch.full((k, k), 1 / k**2))
        self.register_buffer("id_tensor", torch.eye(per_group).repeat(t // per_group, 1)[:, :, None, None])
        self.register_buffer("weight_orepa_prior", _prior(o, k))
        self.bn = nn.BatchNorm2d(o)

    def kernel(self) -> Tensor:
        """The kernel ``(O, C / groups, k, k)`` that the branches amount to, in at least single precision."""
        with no_autocast(self.vector):
            v, o, g, k = widen(self.vector)[:, :, None, None], self.out_channels, self.groups, self.kernel_size
            per_group, taps = self.in_channels // g, k * k
            inner = widen(self.weight_orepa_1x1_kxk_idconv1 + self.id_tensor).view(g, -1, per_group)
            outer = widen(self.weight_orepa_1x1_kxk_conv2).view(g, o // g, -1, taps)
            squeezed = torch.einsum("gti,gotk->goik", inner, outer).reshape(o, per_group, taps)
            # Row n of gconv_pw serves output (n % g) * O / g + n // g.
            points = widen(self.weight_orepa_gconv_pw).view(o // g, g, per_group, PER_CHANNEL)
            depths = widen(self.weight_orepa_gconv_dw).view(g, per_group, PER_CHANNEL, taps)
            separable = torch.einsum("ogie,giek->goik", points, depths).reshape(o, per_group, taps)
            average, prior, centre = (
                widen(weight).flatten(1)[:, :, None]
                for weight in (self.weight_orepa_avg_conv, self.weight_orepa_pfir_conv, self.weight_orepa_1x1)
            )
            kernel = v[0] * widen(self.weight_orepa_origin).flatten(2)
            kernel = kernel + v[3] * squeezed + v[5] * separable
            kernel = kernel + v[1] * average * widen(self.weight_orepa_avg_avg).flatten()
            kernel = kernel + v[2] * prior * widen(self.weight_orepa_prior).view(o, 1, taps)
            kernel = kernel + F.pad(v[4] * centre, (taps // 2, taps // 2))
            return kernel.view(o, per_group, k, k)


class OREPA1x1(_Generated):
    """``W = v0 origin + v1 (conv2 conv1)``, the form for kernels of size 1."""

    info = POINT

    def __init__(
        self, in_channels: int, out_channels: int | None = None, *, stride: int = 1, activation: str = "none"
    ) -> None:
        """Create the two branches and the BatchNorm.

        Args:
            in_channels: Channels C of the input.
            out_channels: Channels O of the output; None keeps them.
            stride: Step of the convolution.
            activation: ``none`` as the authors have it, ``relu`` or ``silu``.

        Raises:
            BlockError: A setting does not work.
        """
        settings = {"stride": stride, "activation": activation}
        super().__init__(in_channels, out_channels, settings, prefix="weight_or1x1")
        c, o = in_channels, self.out_channels
        t = min(c, o)
        self.weight_or1x1_origin = _uniform(o, c, 1, 1, slope=1.0)
        first, second = _uniform(t, c, 1, 1, slope=1.0), _uniform(o, t, 1, 1, slope=1.0)
        with torch.no_grad():
            square = first if o > c else second
            square.copy_(torch.eye(t)[:, :, None, None])
        self.weight_or1x1_l2i_conv1, self.weight_or1x1_l2i_conv2 = first, second
        self.vector = nn.Parameter(torch.tensor([1.0, 0.5])[:, None].repeat(1, o))
        self.bn = nn.BatchNorm2d(o)

    def kernel(self) -> Tensor:
        """The kernel ``(O, C, 1, 1)`` that the branches amount to, in at least single precision."""
        with no_autocast(self.vector):
            v = widen(self.vector)[:, :, None]
            first, second = widen(self.weight_or1x1_l2i_conv1), widen(self.weight_or1x1_l2i_conv2)
            kernel = v[0] * widen(self.weight_or1x1_origin).flatten(1) + v[1] * (second.flatten(1) @ first.flatten(1))
            return kernel[:, :, None, None]


def _uniform(*shape: int, slope: float = 0.0) -> nn.Parameter:
    """A weight of Kaiming's uniform distribution."""
    weight = nn.Parameter(torch.empty(shape))
    nn.init.kaiming_uniform_(weight, a=slope)
    return weight


def _prior(outputs: int, size: int) -> Tensor:
    """Cosines of rising frequency along rows, for the other half of the outputs along columns; flat ``(O * k * k,)``.

    The authors fill the upper left 3x3 alone and leave the rest of a larger kernel to chance; this is theirs at k = 3.
    """
    half = outputs / 2
    frequencies = [i + 1 if i < half else i + 1 - half for i in range(outputs)]
    waves = [[math.cos(math.pi * (y + 0.5) * frequency / size) for y in range(size)] for frequency in frequencies]
    table = torch.tensor(waves)
    rows = torch.tensor([i < half for i in range(outputs)])[:, None, None]
    return torch.where(rows, table[:, :, None], table[:, None, :]).expand(-1, size, size).reshape(-1)
