"""One evaluation pass through a network with hooks in place, as cheap as it can be had.

A real pass where that is quick, else one on the meta device, whose first use costs seconds of imports and no
arithmetic; where one refuses, the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

_QUICK = 15_000_000 * 640 * 640
"""Parameters × pixels below which a forward pass takes less than the imports of the meta device."""


class Enough(Exception):
    """Raised by a hook that has seen all it wants: the rest of the pass is skipped."""


def probe(module: nn.Module, imgsz: tuple[int, int], channels: int, begin: Callable[[], object] = lambda: None) -> None:
    """Run a network once on an empty image; hooks that the caller registered see it pass.

    Args:
        module: The network; its modes are put back.
        imgsz: Image size ``(H, W)`` in pixels.
        channels: Channels of the image.
        begin: Called before each attempt, to forget what a failed one left.

    Raises:
        Exception: What the network raises at this size, where both ways fail.
    """
    parameter = next(module.parameters(), torch.zeros(0))
    size = (1, channels, *imgsz)
    ways: list[dict[str, Any]] = [{"device": parameter.device, "dtype": parameter.dtype}, {"device": "meta"}]
    if sum(p.numel() for p in module.parameters()) * imgsz[0] * imgsz[1] > _QUICK:
        ways.reverse()
    for way in ways:
        begin()
        try:
            with evaluating(module), torch.no_grad():
                _run(module, torch.zeros(size, **way))
            return
        except Enough:
            return
        except Exception:  # any operator without a meta kernel, any size that does not fit
            if way is ways[-1]:
                raise


def _run(module: nn.Module, image: Tensor) -> None:
    if image.is_meta:
        tensors = {n: t.to("meta") for n, t in [*module.named_parameters(), *module.named_buffers()]}
        torch.func.functional_call(module, tensors, (image,))
    else:
        module(image)


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode for a while; every submodule gets its own mode back."""
    modes = [(m, m.training) for m in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for m, training in modes:
            m.training = training


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Every tensor in what a network takes or returns: in lists, tuples and mappings, however deep."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tensors_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors_in(item)
