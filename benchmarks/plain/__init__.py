"""The blocks written down plainly: every product of the definition as its own operator, no fast form.

An independent second opinion, for numbers (in double precision), for counted operations and for speed. A module a
paper family, in it a function a block, named as the block: it takes one of our modules for its parameters and settings,
and a map ``(B, C, H, W)``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from surgeon.blocks.common import Block


def form(module: Block) -> Callable[[Block, Tensor], Tensor]:
    """The function of ``module``'s family: of the module and a map."""
    family = importlib.import_module(f"{__name__}.{type(module).__module__.rpartition('.')[2]}")
    found: Callable[[Block, Tensor], Tensor] = getattr(family, module.info.name)
    return found


def plain(module: Block, x: Tensor) -> Tensor:
    """Run the definition of ``module``'s family."""
    return form(module)(module, x)
