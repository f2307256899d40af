"""DRConv: a convolution with several kernels, made of each image, of which every pixel takes one.

Paper: Dynamic Region-Aware Convolution, arXiv 2003.12243, equations 2 to 5. The authors' code
(https://github.com/megvii-research/DRConv) needs an operator for CUDA and gets its regions from outside; followed is
the form in circulation, https://github.com/shallowtoil/DRConv-PyTorch.

In evaluation on a CPU each pixel is convolved with its own kernel alone. In training every region's map is needed, for
the gradient of the choice: forwards the best region alone counts, backwards the softmax over all of them.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.catalog.drconv import INFO
from surgeon.blocks.common import Block, averaging, no_autocast, one_graph, widen


class DRConv(Block):
    """``out[p] = conv(x, K[argmax guide(x)[p]])[p]`` with ``K = W2 sigmoid(W1 pool(x))`` for each region."""

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
    ) -> None:
        """Create the guide and the two layers that make the kernels.

        Args:
            in_channels: Channels C of the input.
            out_channels: Channels O of the output; None keeps them.
            kernel_size: Odd size k of the kernels, and of the map that they are made of.
            region_num: Number of kernels for an image.
            stride: Step of the convolution.
            padding: Zeros around the map; None takes what keeps its size, ``dilation * (k - 1) / 2``.
            dilation: Distance between the kernels' taps.

        Raises:
            BlockError: A setting does not work.
        """
        given = {"kernel_size": kernel_size, "region_num": region_num, "stride": stride}
        super().__init__(in_channels, out_channels, given | {"padding": padding, "dilation": dilation})
        self.kernel_size, self.regions = kernel_size, region_num
        self.stride, self.dilation = stride, dilation
        self.padding = dilation * (kernel_size // 2) if padding is None else padding
        made = region_num * self.out_channels * in_channels
        self.conv_kernel = nn.ModuleDict(
            {
                "1": nn.Conv2d(in_channels, region_num**2, 1),
                "3": nn.Conv2d(region_num**2, made, 1, groups=region_num),
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
        with no_autocast(x):
            weight, bias = widen(self.conv_guide.weight), widen(cast(Tensor, self.conv_guide.bias))
            return F.conv2d(widen(x), weight, bias, self.stride, self.padding, self.dilation)

    def _summary(self, x: Tensor) -> Tensor:
        """What the kernels are made of: ``(B, R * R, k, k)``, R channels a region."""
        k = self.kernel_size
        if one_graph():
            rows, columns = averaging(x.shape[2], k, x), averaging(x.shape[3], k, x)
            pooled = rows @ x @ columns.transpose(0, 1)
        else:
            pooled = F.adaptive_avg_pool2d(x, k)
        summary: Tensor = self.conv_kernel["1"](pooled).sigmoid()
        return summary

    def _all_regions(self, x: Tensor, summary: Tensor) -> Tensor:
        """Convolve with every region's kernel: ``(B, R, O, H', W')``."""
        k, outputs = self.kernel_size, self.regions * self.out_channels
        kernels = self.conv_kernel["3"](summary).reshape(-1, self.in_channels, k, k).to(x.dtype)
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
        batch, count = len(x), self.regions
        layer = cast(nn.Conv2d, self.conv_kernel["3"])
        weight, bias = layer.weight.view(count, -1, count), cast(Tensor, layer.bias).view(count, 1, -1)
        # The same layer as a product that lays out each tap's matrix (O, C): (B, R, k * k, O * C).
        taps = summary.reshape(batch, count, count, -1).transpose(2, 3) @ weight.transpose(1, 2) + bias
        taps = taps.view(batch, count, -1, self.out_channels, self.in_channels).to(x.dtype)
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
