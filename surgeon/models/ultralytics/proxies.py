"""The small images from which Ultralytics extrapolates the GFLOPs that it prints.

Internals used: ``ultralytics.utils.torch_utils.get_flops`` as of 8.4.190, whose ``min_cells`` comes from
``RTDETRDecoder.num_queries`` and ``.nl`` (8.0.111); ``BaseModel.stride`` (8.0.0); ``thop.profile`` of ultralytics-thop
2.2 with ``min_cells``.
"""

from __future__ import annotations

from torch import nn

from surgeon.models.proxies import ProxyImages

_CELL = 32


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


def takes_proxy_images() -> bool:
    """Whether the installed Ultralytics and thop extrapolate in the way that is known here.

    Older ones take one image, or square ones; their figure has to be asked for.
    """
    import inspect

    from ultralytics.utils.torch_utils import get_flops

    try:
        import thop

        parameters = inspect.signature(thop.profile).parameters
    except (ImportError, AttributeError):
        return False
    return {"stride", "min_cells"} <= set(parameters) and "min_cells" in get_flops.__code__.co_varnames
