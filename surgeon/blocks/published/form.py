"""How a published class is described: its arguments to our settings, its tensors to our names and shapes.

The mapping of tensors only renames, reshapes and cuts, so it serves state dicts, gradients and buffers alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

Arguments = Mapping[str, Any]
Tensors = Mapping[str, Tensor]
Size = tuple[int, int] | None
"""Map size ``(H, W)`` at which the published class ran, where it is known."""


def no_settings(_arguments: Arguments, _size: Size) -> dict[str, Any]:
    """No setting follows."""
    return {}


def fixed(**settings: Any) -> Callable[[Arguments, Size], dict[str, Any]]:
    """Settings that the published class has built in."""
    return lambda _arguments, _size: dict(settings)


def same_tensors(tensors: Tensors, _size: Size) -> dict[str, Tensor]:
    """Names and shapes agree."""
    return dict(tensors)


def renamed(names: Mapping[str, str]) -> Callable[[Tensors, Size], dict[str, Tensor]]:
    """Tensors whose layer ``names`` gives another name, the last part (``weight``) aside; the others stay."""

    def rename(tensors: Tensors, _size: Size) -> dict[str, Tensor]:
        ours = {}
        for name, tensor in tensors.items():
            layer, _, leaf = name.rpartition(".")
            layer = names.get(layer, layer)
            ours[f"{layer}.{leaf}" if layer else leaf] = tensor
        return ours

    return rename


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """How one published class maps to ours.

    Attributes:
        block: The catalog's name.
        channels: Its arguments for the input and output width; one name serves both where it keeps channels. Empty
            where it takes none: the width is that of the recorded input then.
        output: The output width, where it follows from several arguments.
        names: Its arguments -> our settings, where the value stays.
        settings: Our settings that follow from its arguments and the map size, or are fixed.
        tensors: Its tensors -> ours.
        others: Its further arguments, read by ``settings`` or without effect on the numbers.
    """

    block: str
    channels: tuple[str, ...]
    output: Callable[[Arguments], int] | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    settings: Callable[[Arguments, Size], dict[str, Any]] = no_settings
    tensors: Callable[[Tensors, Size], dict[str, Tensor]] = same_tensors
    others: tuple[str, ...] = ()
