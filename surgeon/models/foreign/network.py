"""A network of another repository as the checks of an edit see it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from surgeon.models.foreign.rebuilding import rebuild
from surgeon.models.modules.reader import image_channels
from surgeon.models.probing import evaluating


class ForeignNetwork:
    """Implements `surgeon.graph.network.Network`.

    Args:
        module: The network.
        head: Path of its last stage, whose inputs are the feature maps that enter the head.
        stride: Largest stride; image sides are multiples of it.
    """

    def __init__(self, module: nn.Module, head: str, stride: int) -> None:
        self._module = module
        self._head = head
        self._stride = stride

    @property
    def module(self) -> nn.Module:
        """The ``nn.Module``."""
        return self._module

    @property
    def in_channels(self) -> int:
        """Channels of the image it reads."""
        return image_channels(self._module)

    @property
    def max_stride(self) -> int:
        """Largest stride; image sides are multiples of it."""
        return self._stride

    def observe(self, image: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Every tensor that the network puts out in evaluation mode, and the feature maps that enter its last stage."""
        features: list[Tensor] = []

        def take(_: nn.Module, args: Any) -> None:
            features.extend(_tensors(args))

        handle = self._module.get_submodule(self._head).register_forward_pre_hook(take)
        try:
            with self._undisturbed():
                outputs = list(_tensors(self._module(image)))
        finally:
            handle.remove()
        return outputs, features

    def wiring(self) -> Sequence[tuple[int, Any]]:
        """``(i, f)`` of each row and the set of kept rows; the names of all modules where there are no rows."""
        rows = getattr(self._module, "model", None)
        if isinstance(rows, nn.Sequential) and hasattr(self._module, "save"):
            return [*((int(r.i), r.f) for r in rows), (-1, sorted(set(self._module.save)))]  # type: ignore[arg-type]
        return list(enumerate(name for name, _ in self._module.named_modules()))

    def rebuilt(self) -> ForeignNetwork:
        """The network that its repository's parser builds from ``model.yaml``, or that its own file gives back."""
        return ForeignNetwork(rebuild(self._module), self._head, self._stride)

    @contextlib.contextmanager
    def _undisturbed(self) -> Iterator[None]:
        """Evaluation mode; what heads keep between calls (grids, sizes) as plain attributes is put back."""
        kept = {m: {k: list(v) if type(v) is list else v for k, v in vars(m).items()} for m in self._module.modules()}
        try:
            with evaluating(self._module):
                yield
        finally:
            for m, state in kept.items():
                training = m.training
                vars(m).clear()
                vars(m).update(state)
                m.training = training


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)
