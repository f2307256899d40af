"""What every block is made of: the base class and the few operations that all families must do the same way.

Nothing here knows a particular block. The rules behind these helpers: one traced graph serves every map size, low
precision is widened where sums or exponentials need it, and a profiler sees the definition's cost.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from surgeon.blocks.catalog.info import BlockCost, BlockInfo

_NOTHING: AbstractContextManager[None] = nullcontext()


class Block(nn.Module):
    """Base of the catalog's modules: checked settings, and the cost of the definition.

    Attributes:
        info: The catalog entry of the family.
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        settings: Every setting with the value in use.
    """

    info: ClassVar[BlockInfo]

    def __init__(self, in_channels: int, out_channels: int | None, settings: Mapping[str, Any]) -> None:
        """Check the settings against the catalog.

        Args:
            in_channels: Channels of the input.
            out_channels: Channels of the output; None keeps them.
            settings: The constructor's settings, all of them explicit.

        Raises:
            BlockError: A setting does not work at this width; the message names the values that do.
        """
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = in_channels if out_channels is None else out_channels
        self.settings = dict(self.info.resolve(self.in_channels, self.out_channels, settings).settings)

    def definition_cost(self, height: int, width: int) -> BlockCost:
        """Cost of the published definition for one image, whatever kernel runs it.

        Args:
            height: Input height in pixels.
            width: Input width in pixels.
        """
        return self.info.cost(self.in_channels, self.out_channels, height, width, self.settings)

    def adopt(self, former: nn.Module) -> dict[str, str]:
        """Take over what a replaced module knows and this block can hold exactly, under another name.

        Called on a fresh block after tensors of equal name and shape were taken over; a family overrides it where an
        exact mapping exists (a re-parametrised convolution takes the kernel of the one that it replaces).

        Args:
            former: The module that the block replaces.

        Returns:
            Our tensor -> the former's tensor, for each one that was set; nothing by default.
        """
        return {}

    def fuse_block(self) -> nn.Module | None:
        """The simpler module that puts out the same in evaluation, where the family has a form for training alone.

        Returns:
            A module from ``(B, C, H, W)`` to the same as this one, which stays as it is; None where there is none.
        """
        return None

    def behind_gate(self) -> None:
        """Get ready for a closed gate, right after construction.

        A block that its authors let start as the identity overrides it, and draws the weights that are zero. Else gate
        and block wait for each other, each without a gradient, and neither ever learns.
        """

    def extra_repr(self) -> str:
        """Show widths and settings."""
        shown = ", ".join(f"{key}={value!r}" for key, value in self.settings.items())
        return f"{self.in_channels}, {self.out_channels}, {shown}"


class PointwiseLinear(nn.Linear):
    """``nn.Linear`` over the channels of a map ``(B, C, H, W)``, run as a 1x1 convolution.

    Names and shapes of the parameters stay those of the reference's Linear, and the permuted copies to channels-last
    tokens and back disappear.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Map ``(B, in_features, H, W)`` to ``(B, out_features, H, W)``."""
        return F.conv2d(input, self.weight[:, :, None, None], self.bias)


class ChannelConv1d(nn.Module):
    """One kernel that slides over a sequence, as ``nn.Conv1d(1, 1, k, padding=k // 2, bias=False)`` does.

    Its weight ``(k,)`` is flat: some releases' Muon takes no tensor of three dimensions.
    """

    def __init__(self, kernel_size: int) -> None:
        """Create the kernel, initialised as ``nn.Conv1d`` is.

        Args:
            kernel_size: Its odd length k.
        """
        super().__init__()
        self.weight = nn.Parameter(torch.empty(kernel_size).uniform_(-1, 1) / math.sqrt(kernel_size))

    def forward(self, x: Tensor) -> Tensor:
        """Map sequences ``(B, L)`` to ``(B, L)``, zeros beyond both ends."""
        weight = self.weight.view(1, 1, -1)
        return F.conv1d(x.unsqueeze(1), weight, padding=weight.shape[2] // 2).squeeze(1)


def averaging(length: int, wanted: int, like: Tensor) -> Tensor:
    """Weights ``(wanted, length)`` of adaptive average pooling along one axis.

    Row i averages ``[floor(i * length / wanted), ceil((i + 1) * length / wanted))``. A matrix rather than the
    operator: ONNX knows adaptive pooling only to divisors, and a traced one freezes its sizes.

    Args:
        length: Length of the pooled axis; a traced size is fine.
        wanted: Number of averages.
        like: Tensor that gives device and floating-point type.
    """
    target = torch.arange(wanted, device=like.device)
    source = torch.arange(length, device=like.device)
    first = torch.div(target * length, wanted, rounding_mode="floor")
    last = torch.div((target + 1) * length + wanted - 1, wanted, rounding_mode="floor")
    inside = (source[None, :] >= first[:, None]) & (source[None, :] < last[:, None])
    return inside.to(like.dtype) / (last - first)[:, None].to(like.dtype)


def neighbours(x: Tensor, kernel: int, dilation: int = 1) -> Iterator[Tensor]:
    """Yield ``(B, C, H, W)`` as each of the ``kernel``² neighbours sees it, row by row; zeros beyond the border.

    Views of one padded map, not ``F.unfold``: no copy per neighbour, and no size enters a traced graph.

    Args:
        x: The map.
        kernel: Side of the neighbourhood, odd.
        dilation: Step between neighbours.
    """
    last = dilation * (kernel - 1)
    starts = range(0, last + 1, dilation)
    padded = F.pad(x, (last // 2,) * 4)
    for top in starts:
        rows = padded[:, :, top : (top - last) or None]
        for left in starts:
            yield rows[:, :, :, left : (left - last) or None]


def batch_norm(norm: _BatchNorm, x: Tensor) -> Tensor:
    """Apply a BatchNorm, also to a training batch that holds one value per channel.

    Such a batch has no variance, and torch refuses it. Then the running statistics serve, and stay as they are.

    Args:
        norm: The layer; a plain BatchNorm2d (or 1d), so that hooks and Ultralytics' settings reach it.
        x: Map ``(B, C, H, W)``, or vectors ``(B, C)``.
    """
    if norm.training and x.numel() == norm.num_features and norm.running_mean is not None:
        return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, False, 0.0, norm.eps)
    y: Tensor = norm(x)
    return y


def widen(x: Tensor) -> Tensor:
    """Return ``x`` in at least single precision."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def no_autocast(x: Tensor) -> AbstractContextManager[Any]:
    """Open a region in which autocast does not narrow what :func:`widen` widened."""
    if not torch._C._is_any_autocast_enabled():  # nearly always, and what follows takes as long as a small operator
        return _NOTHING
    kind = x.device.type
    if kind != "meta" and torch.is_autocast_enabled(
        kind
    ):  # the meta device knows no autocast, and refuses the question
        return torch.autocast(kind, enabled=False)
    # Who follows a step of CUDA's without its device has CUDA's autocast switched on all the same.
    if kind != "cuda" and torch.is_autocast_enabled("cuda"):
        return torch.autocast("cuda", enabled=False)
    return _NOTHING


def sigmoid_gate(x: Tensor, logits: Tensor) -> Tensor:
    """Return ``x * sigmoid(logits)``; without gradients the fresh ``logits`` are overwritten, which spares two maps.

    Args:
        x: Map ``(B, C, H, W)``.
        logits: What the caller computed for this call alone; any shape that broadcasts to the map.
    """
    if torch.is_grad_enabled() or one_graph() or logits.shape != x.shape or logits.dtype != x.dtype:
        return x * logits.sigmoid()
    return logits.sigmoid_().mul_(x)


def scaled(own: Tensor, factor: Tensor) -> Tensor:
    """Return ``own * factor``; without gradients in the memory of ``own``, which the caller computed for this alone."""
    if torch.is_grad_enabled() or one_graph() or factor.dtype != own.dtype:
        return own * factor
    return own.mul_(factor)


def peak(x: Tensor, dim: int | tuple[int, int], *, keepdim: bool = False) -> Tensor:
    """Maximum over one axis, or over both of the map ``(2, 3)``.

    The reduction without indices is many times faster forwards, the one with indices up to twice backwards.
    """
    if not torch.is_grad_enabled() or one_graph():
        return x.amax(dim, keepdim=keepdim)
    if isinstance(dim, int):
        return x.max(dim, keepdim=keepdim).values
    top = x.flatten(2).max(2).values
    return top[:, :, None, None] if keepdim else top


def freedom(x: Tensor) -> Any:
    """Pixels of a map ``(B, C, H, W)`` less one, as an unbiased variance divides; 1 for a single pixel.

    A number, or what stands for it while a graph is recorded.
    """
    less = x.shape[2] * x.shape[3] - 1
    if isinstance(less, int):
        return max(less, 1)
    return less.clamp(min=1) if isinstance(less, Tensor) else torch.sym_max(less, 1)


def tracing() -> bool:
    """Whether the tracer of the legacy ONNX export (or ``torch.jit.trace``) is recording."""
    return bool(torch.jit.is_tracing())  # type: ignore[attr-defined, no-untyped-call]


def one_graph() -> bool:
    """Whether a graph is being recorded that must serve every map size: then no path may depend on a size."""
    # The legacy ONNX export traces, the newer one compiles: asking torch.onnx besides costs more than a small operator.
    return torch.compiler.is_compiling() or tracing()


def resampling(stored: int, wanted: int, like: Tensor) -> Tensor:
    """Weights ``(wanted, stored)`` of linear resampling between two lengths (pixel centres, edges held).

    A matrix rather than an interpolation operator: it exports with any size, is deterministic backwards on CUDA, and
    is exactly the identity where both lengths agree.

    Args:
        stored: Length of the stored axis.
        wanted: Length of the axis to fill; a traced size is fine.
        like: Tensor that gives device and floating-point type.
    """
    target = torch.arange(wanted, device=like.device, dtype=like.dtype)
    source = torch.arange(stored, device=like.device, dtype=like.dtype)
    centre = ((target + 0.5) * (stored / wanted) - 0.5).clamp(0, stored - 1)
    return (1 - (centre[:, None] - source[None, :]).abs()).clamp(min=0)


def resample(table: Tensor, height: int, width: int) -> Tensor:
    """Resample a position table ``(C, H0, W0)`` linearly to ``(C, height, width)``; exact at its own size."""
    if not one_graph() and (height, width) == tuple(table.shape[1:]):
        return table
    count = table.shape[0]
    rows = resampling(table.shape[1], height, table).expand(count, -1, -1)
    columns = resampling(table.shape[2], width, table).transpose(0, 1).expand(count, -1, -1)
    return torch.bmm(torch.bmm(rows, table), columns)
