"""DRConv: a convolution with several kernels, made of each image, of which every pixel takes one.

Paper: Dynamic Region-Aware Convolution, arXiv 2003.12243, equations 2 to 5. The authors' code
(https://github.com/megvii-research/DRConv, Apache-2.0) needs an operator for CUDA and gets its regions from outside;
followed is the form in circulation, https://github.com/shallowtoil/DRConv-PyTorch. ``variant="official"`` makes the
kernels as the authors' code does, and the regions as their network does.

In evaluation on a CPU each pixel is convolved with its own kernel alone. In training every region's map is needed, for
the gradient of the choice: forwards the best region alone counts, backwards the softmax over all of them.
"""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.catalog.drconv import INFO
from surgeon.blocks.common import Block, averaging, no_autocast, one_graph, widen


class DRConv(Block):
    """``out[p] = conv(x, K[argmax guide(x)[p]])[p]`` with a kernel K for each region, made of the whole map.

    ``shallowtoil``: ``K = W2 sigmoid(W1 pool(x))``, x pooled to the size of the kernel.
    ``official``: ``K = 2 / num_w * W sigmoid(routing_fc(mean(x)))``, a mixture of num_w learned kernels.
    """

    info = INFO

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        kernel_size: int = 3,
        region_num: int = 8,
        stride: int = 1,
        padding: int | None = None,
        dilation: int = 1,
        variant: str = "shallowtoil",
        num_w: int = 8,
    ) -> None:
        """Create the guide and the layers that make the kernels.

        Args:
            in_channels: Channels C of the input.
            out_channels: Channels O of the output; None keeps them.
            kernel_size: Odd size k of the kernels, and of the map that they are made of.
            region_num: Number of kernels for an image.
            stride: Step of the convolution.
            padding: Zeros around the map; None takes what keeps its size, ``dilation * (k - 1) / 2``.
            dilation: Distance between the kernels' taps.
            variant: ``shallowtoil`` or ``official``.
            num_w: Learned kernels that the official variant mixes.

        Raises:
            BlockError: A setting does not work.
        """
        given: dict[str, Any] = {"kernel_size": kernel_size, "region_num": region_num, "stride": stride}
        given |= {"padding": padding, "dilation": dilation, "variant": variant, "num_w": num_w}
        super().__init__(in_channels, out_channels, given)
        self.kernel_size, self.regions = kernel_size, region_num
        self.stride, self.dilation = stride, dilation
        self.padding = dilation * (kernel_size // 2) if padding is None else padding
        self.official = variant == "official"
        made = self.out_channels * in_channels
        if self.official:
            bound = math.sqrt(6 / (in_channels * kernel_size**2))
            self.weight = nn.Parameter(torch.empty(made * kernel_size**2, num_w).uniform_(-bound, bound))
            self.routing_fc = nn.Linear(in_channels, region_num * num_w)
            nn.init.normal_(self.routing_fc.weight, std=0.01)
            nn.init.zeros_(self.routing_fc.bias)
            self.masknet = nn.Conv2d(in_channels, region_num, 1, stride, bias=False)
            return
        self.conv_kernel = nn.ModuleDict(
            {
                "1": nn.Conv2d(in_channels, region_num**2, 1),
                "3": nn.Conv2d(region_num**2, region_num * made, 1, groups=region_num),
            }
        )
        self.conv_guide = nn.Conv2d(in_channels, region_num, kernel_size, stride, self.padding, dilation)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, O, H', W')``, with the default padding H' = (H - 1) // stride + 1."""
        guide, summary = self._guide(x), self._summary(x)
        learns = torch.is_grad_enabled() and (x.requires_grad or guide.requires_grad or summary.requires_grad)
        if x.device.type in ("cpu", "meta") and not (learns or one_graph()):
            return self._by_region(x, summary, guide.argmax(1))
        maps = self._all_regions(x, summary)
        best = torch.arange(self.regions, device=x.device).view(1, -1, 1, 1) == guide.argmax(1, keepdim=True)
        share = best.to(guide.dtype)
        if learns:
            soft = guide.softmax(1)
            share = share + (soft - soft.detach())
        return (maps * share.to(maps.dtype).unsqueeze(2)).sum(1)

    def _guide(self, x: Tensor) -> Tensor:
        """Each pixel's liking for each region ``(B, R, H', W')``, in at least single precision: it decides."""
        layer = self.masknet if self.official else self.conv_guide
        bias = None if layer.bias is None else widen(layer.bias)
        with no_autocast(x):
            return F.conv2d(widen(x), widen(layer.weight), bias, self.stride, layer.padding, layer.dilation)

    def _summary(self, x: Tensor) -> Tensor:
        """What the kernels are made of: ``(B, R * R, k, k)``, R channels a region; official: ``(B, R, num_w)``."""
        summary: Tensor
        if self.official:
            mixture = self.routing_fc(x.mean((2, 3))).sigmoid().reshape(-1, self.regions, self.settings["num_w"])
            summary = 2 / self.settings["num_w"] * mixture
        elif one_graph():
            rows, columns = (averaging(side, self.kernel_size, x) for side in x.shape[2:])
            summary = self.conv_kernel["1"](rows @ x @ columns.transpose(0, 1)).sigmoid()
        else:
            summary = self.conv_kernel["1"](F.adaptive_avg_pool2d(x, self.kernel_size)).sigmoid()
        return summary

    def _kernels(self, summary: Tensor) -> Tensor:
        """The kernels ``(B * R * O, C, k, k)``."""
        made: Tensor = summary @ self.weight.t() if self.official else self.conv_kernel["3"](summary)
        return made.reshape(-1, self.in_channels, self.kernel_size, self.kernel_size)

    def _taps(self, summary: Tensor) -> Tensor:
        """The kernels as a matrix for each tap: ``(B, R, k * k, O, C)``."""
        batch, count, widths = len(summary), self.regions, (self.out_channels, self.in_channels)
        if self.official:
            return self._kernels(summary).view(batch, count, *widths, -1).permute(0, 1, 4, 2, 3).contiguous()
        layer = cast(nn.Conv2d, self.conv_kernel["3"])
        weight, bias = layer.weight.view(count, -1, count), cast(Tensor, layer.bias).view(count, 1, -1)
        taps = summary.reshape(batch, count, count, -1).transpose(2, 3) @ weight.transpose(1, 2) + bias
        return taps.view(batch, count, -1, *widths)

    def _all_regions(self, x: Tensor, summary: Tensor) -> Tensor:
        """Convolve with every region's kernel: ``(B, R, O, H', W')``."""
        k, outputs = self.kernel_size, self.regions * self.out_channels
        kernels = self._kernels(summary).to(x.dtype)
        if not one_graph():
            batch, _, height, width = x.shape
            side_by_side = x.reshape(1, -1, height, width)
            y = F.conv2d(side_by_side, kernels, None, self.stride, self.padding, self.dilation, batch)
        else:  # a graph fixes the number of groups, so windows are gathered and multiplied
            windows = self._windows(x)
            y = kernels.reshape(-1, outputs, self.in_channels * k * k) @ windows.flatten(3).flatten(1, 2)
        height, width = ((n + 2 * self.padding - self.dilation * (k - 1) - 1) // self.stride + 1 for n in x.shape[2:])
        return y.reshape(-1, self.regions, self.out_channels, height, width)

    def _windows(self, x: Tensor) -> Tensor:
        """What each tap reads of each channel: ``(B, C, k * k, H', W')``."""
        padded = F.pad(x, (self.padding,) * 4)
        reach = self.dilation * (self.kernel_size - 1)
        height, width = padded.shape[2] - reach, padded.shape[3] - reach
        steps = range(0, reach + 1, self.dilation)
        shifted = [
            padded[:, :, top : top + height : self.stride, left : left + width : self.stride]
            for top in steps
            for left in steps
        ]
        return torch.stack(shifted, 2)

    def _by_region(self, x: Tensor, summary: Tensor, choice: Tensor) -> Tensor:
        """Convolve each pixel with the kernel of its region ``choice`` ``(B, H', W')`` alone."""
        taps = self._taps(summary).to(x.dtype)
        padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, *(self.padding,) * 4)).contiguous()
        height, width = choice.shape[1:]
        row = padded.shape[2]
        down, across = (self.stride * torch.arange(side, device=x.device) for side in (height, width))
        starts = (down[:, None] * row + across).flatten()
        spread = range(0, self.dilation * self.kernel_size, self.dilation)
        steps = [top * row + left for top in spread for left in spread]
        images = []
        for source, kernels, regions in zip(padded.flatten(1, 2), taps, choice.flatten(1), strict=True):
            order, pieces = _pixels_by_region(regions, self.regions)
            parts = []
            for kernel, pixels in zip(kernels, torch.split(order, pieces), strict=False):
                first = starts.index_select(0, pixels)
                y = source.index_select(0, first + steps[0]) @ kernel[0].t()
                for step, tap in zip(steps[1:], kernel[1:], strict=True):
                    y = torch.addmm(y, source.index_select(0, first + step), tap.t())
                parts.append(y)
            images.append(torch.cat(parts).index_select(0, order.argsort()).t())
        return torch.stack(images).view(-1, self.out_channels, height, width)


def _pixels_by_region(regions: Tensor, count: int) -> tuple[Tensor, list[int]]:
    """Pixels in the order of their regions, and how many each has; a tensor without data counts as one region."""
    if regions.is_meta:
        return torch.empty_like(regions), [len(regions)]
    return regions.argsort(stable=True), torch.bincount(regions, minlength=count).tolist()
