"""timm's own attention modules as blocks: ``timm:eca``. An optional extra; our own names mean the authors' definitions.

timm (https://github.com/huggingface/pytorch-image-models, Apache-2.0) builds them by name, ``Class(channels,
**settings)``. Nothing is known of them before they are built: the checks of an edit decide, as for a user's class.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable

from torch import nn

from surgeon.blocks.catalog.settings import unknown
from surgeon.errors import BlockError

PACKAGE = "timm"
_KNOWN = "se ese eca ecam ceca ge gc gca cbam lcbam coord scoord ela strip sk splat lambda bottleneck halo nl bat"
"""Names that releases up to 1.0.31 know; `get_attn` tells which of them the installed one has, but lists none."""


def load(name: str) -> Callable[..., nn.Module]:
    """What builds an attention module of timm.

    Args:
        name: As timm's ``create_attn`` knows it (``eca``).

    Raises:
        BlockError: timm is not installed, or has no such module; the message lists those that it has.
    """
    try:
        # The package's attribute of this name is the function; the module has what the function asks.
        creating = importlib.import_module("timm.layers.create_attn")
    except ModuleNotFoundError as error:
        raise BlockError(f"timm:{name} needs timm, which is not installed: pip install 'yolo-surgeon[timm]'") from error
    get: Callable[[str], Callable[..., nn.Module]] = creating.get_attn
    try:
        return get(name)
    except AssertionError as error:
        raise BlockError(unknown("timm has no attention module", name, _installed(get))) from error


def _installed(get: Callable[[str], Callable[..., nn.Module]]) -> list[str]:
    """The names that the installed timm knows."""
    known = []
    for name in _KNOWN.split():
        try:
            get(name)
        except AssertionError:
            continue
        known.append(name)
    return known
