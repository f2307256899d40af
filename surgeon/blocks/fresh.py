"""Sums and products into a tensor that was just made and that nobody else holds.

On a CPU a second large allocation takes longer than the arithmetic: its pages are mapped at the first write. Only in
inference, where no gradient needs the old values, and outside graphs, which plan their memory themselves. ``fresh`` has
the shape of the result; never give what a layer read or put out: a hook may have kept it (see `unheard`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from surgeon.blocks.common import one_graph


def times(x: Tensor, fresh: Tensor) -> Tensor:
    """Return ``x * fresh``."""
    return fresh.mul_(x) if _reusable(x, fresh) else x * fresh


def plus(x: Tensor, fresh: Tensor) -> Tensor:
    """Return ``x + fresh``."""
    return fresh.add_(x) if _reusable(x, fresh) else x + fresh


def plus_product(fresh: Tensor, x: Tensor, factor: Tensor) -> Tensor:
    """Return ``fresh + x * factor``."""
    return fresh.addcmul_(x, factor) if _reusable(x, fresh) else torch.addcmul(fresh, x, factor)


def unheard(layer: nn.Module) -> bool:
    """Whether no forward hook keeps what ``layer`` puts out, so that it may be written into."""
    return not layer._forward_hooks and not nn.modules.module._global_forward_hooks


def unwatched(layer: nn.Module) -> bool:
    """Whether nobody would notice that ``layer`` is not called: no hook, and nothing in the place of its forward."""
    everywhere = nn.modules.module
    return not (
        layer._forward_hooks
        or layer._forward_pre_hooks
        or everywhere._global_forward_hooks
        or everywhere._global_forward_pre_hooks
        or "forward" in layer.__dict__
    )


def _reusable(x: Tensor, fresh: Tensor) -> bool:
    """Whether the result, which has the shape of ``fresh``, may take its place."""
    return not one_graph() and not torch.is_grad_enabled() and fresh.dtype == x.dtype
