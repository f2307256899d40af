"""GE: gather the context of the whole map or of its parts, and gate the channels by it.

Paper: Gather-Excite, arXiv 1810.12348, section 3. Definition followed: timm's ``layers/gather_excite.py`` (Apache-2.0),
https://github.com/huggingface/pytorch-image-models. The sigmoid is taken before the gates are spread over the map,
which is the same for fewer values. ``torch.export`` wants maps of more than ``extent`` pixels a side: it tells a single
part from several.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.catalog.ge import INFO, hidden_width, steps
from surgeon.blocks.common import Block, peak, scaled, tracing
from surgeon.blocks.conv_norm import activated


class GatherExcite(Block):
    """``out = x * sigmoid(nearest(fc2(relu(fc1(gathered)))))``.

    ``gathered`` is the mean over the map, the mean over windows of ``2 extent - 1`` pixels every ``extent`` pixels
    (padding not counted), or what depthwise convolutions of stride 2 make of the map.
    """

    info = INFO

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        extent: int = 0,
        extra_params: bool = False,
        use_mlp: bool = True,
        add_maxpool: bool = False,
        rd_ratio: float = 0.0625,
        rd_channels: int | None = None,
        rd_divisor: int = 1,
    ) -> None:
        """Create the gathering convolutions and the two layers, where there are any.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            extent: Pixels a side that share one gate; 0 is the whole map.
            extra_params: Gather by convolutions.
            use_mlp: Put two layers between gathering and gate.
            add_maxpool: Gather half the average and half the maximum.
            rd_ratio: Hidden width over C.
            rd_channels: Hidden width; None takes ``rd_ratio``.
            rd_divisor: ``rd_ratio`` is rounded to a multiple of it.

        Raises:
            BlockError: A setting does not work.
        """
        given = {
            "extent": extent,
            "extra_params": extra_params,
            "use_mlp": use_mlp,
            "add_maxpool": add_maxpool,
            "rd_ratio": rd_ratio,
            "rd_channels": rd_channels,
            "rd_divisor": rd_divisor,
        }
        super().__init__(in_channels, out_channels, given)
        self.extent, self.add_maxpool = int(self.settings["extent"]), add_maxpool
        count, hidden = steps(self.settings), hidden_width(in_channels, self.settings)
        self.convs = nn.ModuleList(
            nn.Conv2d(in_channels, in_channels, 3, stride=2, padding=1, groups=in_channels, bias=False)
            for _ in range(count)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(in_channels) for _ in range(count))
        self.use_mlp = use_mlp
        if use_mlp:
            self.fc1 = nn.Conv2d(in_channels, hidden, 1)
            self.fc2 = nn.Conv2d(hidden, in_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        gate = self._gather(x)
        if self.use_mlp:
            gate = self.fc2(F.relu(self.fc1(gate)))
        gate = gate.sigmoid()
        return scaled(_spread(gate, x), x) if self.extent else x * gate

    def _gather(self, x: Tensor) -> Tensor:
        """The context, a map that is smaller by ``extent``, or a single pixel."""
        if not self.extent:
            mean = x.mean((2, 3), keepdim=True)
            return 0.5 * (mean + peak(x, (2, 3), keepdim=True)) if self.add_maxpool else mean
        if self.convs:
            last = len(self.convs) - 1
            for index, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
                assert isinstance(norm, nn.BatchNorm2d)
                x = activated(norm, conv(x), "relu" if index < last else "none")
            return x
        window, padding = 2 * self.extent - 1, self.extent - 1
        mean = F.avg_pool2d(x, window, self.extent, padding, count_include_pad=False)
        return 0.5 * (mean + F.max_pool2d(x, window, self.extent, padding)) if self.add_maxpool else mean


def _spread(gate: Tensor, x: Tensor) -> Tensor:
    """Repeat each gate over its part of the map, ``(B, C, H, W)``."""
    if not tracing():
        return F.interpolate(gate, size=x.shape[2:])
    # ONNX's resize rounds otherwise at some sizes (230 rows from 58): torch's own rows and columns, in its arithmetic.
    for dim in (2, 3):
        stored, wanted = gate.shape[dim], x.shape[dim]
        source = torch.arange(wanted, device=x.device).float() * (stored / wanted)
        gate = gate.index_select(dim, source.long().clamp(max=stored - 1))
    return gate
