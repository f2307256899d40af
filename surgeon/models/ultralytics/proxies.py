"""The small images from which Ultralytics extrapolates the GFLOPs that it prints.

Internals used: ``ultralytics.utils.torch_utils.get_flops`` as of 8.4.190, whose ``min_cells`` comes from
``RTDETRDecoder.num_queries`` and ``.nl`` (8.0.111); ``BaseModel.stride`` (8.0.0).
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

_CELL = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyImages:
    """Images one cell high.

    Attributes:
        stride: Side of a cell in pixels.
        min_cells: Width of the first image in cells; the following ones are one cell wider each.
        channels: Channels of the image.
    """

    stride: int
    min_cells: int
    channels: int


def proxy_images(module: nn.Module) -> ProxyImages:
    """The images that the installed Ultralytics takes for a network.

    Raises:
        IndexError, StopIteration: It takes none, and prints no figure: the first parameter belongs to no convolution,
            or there is none.
    """
    from ultralytics.nn.modules.head import RTDETRDecoder

    stride = getattr(module, "stride", None)
    decoders = [m for m in module.modules() if isinstance(m, RTDETRDecoder)]
    return ProxyImages(
        stride=_CELL if stride is None else max(int(stride.max()), _CELL),
        # A cell holds (4^levels - 1) / 3 anchors, and a decoder selects as many as it has queries.
        min_cells=max((-(-3 * d.num_queries // (4**d.nl - 1)) for d in decoders), default=1),
        channels=int(next(module.parameters()).shape[1]),
    )
