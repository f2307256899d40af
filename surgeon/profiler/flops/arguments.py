"""What a module was called with, in the order of its forward method, however the caller spelled it."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn


def in_order(module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, ...]:
    """The arguments of a call in the order in which the class's ``forward`` declares them; defaults are left out."""
    if not kwargs:
        return tuple(args)
    with contextlib.suppress(TypeError, ValueError):  # no signature, or an instance with a forward of its own
        bound = inspect.signature(type(module).forward).bind(module, *args, **kwargs)
        return (*bound.args[1:], *bound.kwargs.values())
    return (*args, *kwargs.values())
