"""Runs a network without data and tells an observer of every call.

The observers need no more than this: another engine that reports the same calls may take its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_any, tree_map_only

from surgeon.errors import MeasurementError
from surgeon.profiler.flops.conventions.figure import Observation
from surgeon.profiler.flops.conventions.observer import MakeObserver, Observer
from surgeon.profiler.flops.copies import cpu_copy, meta_copy

Shape = tuple[int, int, int, int]
"""Image batch ``(B, C, H, W)``."""
Passes = Callable[[Shape, MakeObserver], Observation]
"""``passes(shape, observer)``: run the network once at that shape. Raises where it cannot run there."""


class TwinPasses:
    """Forward passes of one network, on a copy without data.

    Where the copy fails, a real pass on the CPU decides whether the network itself does; its error is the one raised.

    Args:
        network: It is only read.
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = network
        self._twins: dict[str, nn.Module] = {}

    def __call__(self, shape: Shape, observer: MakeObserver) -> Observation:
        """One pass.

        Raises:
            MeasurementError: The network cannot run on images of this shape.
        """
        try:
            return self._run("meta", shape, observer)
        except Exception:  # whatever meta tensors cannot do, a real pass can
            pass
        try:
            return self._run("cpu", shape, observer)
        except Exception as error:
            raise MeasurementError(
                f"the network cannot run on images of {shape[2]}x{shape[3]} pixels: {error}"
            ) from error

    def _run(self, device: str, shape: Shape, observer: MakeObserver) -> Observation:
        twin = self._twins.get(device)
        if twin is None:
            twin = self._twins[device] = (meta_copy if device == "meta" else cpu_copy)(self._network)
        watching = observer(twin)
        image = torch.zeros(shape, device=device)
        try:
            with torch.random.fork_rng(devices=[]), torch.no_grad(), _reported(twin, watching), _Functions(watching):
                twin(image)
        except Exception:
            self._twins.pop(device)  # it may have stopped half-way
            raise
        return watching.observation()


class _Functions(TorchFunctionMode):
    """Tells of every function call that user code makes."""

    def __init__(self, observer: Observer) -> None:
        super().__init__()
        self._observer = observer

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run it and report it."""
        kwargs = kwargs or {}
        if func is F.batch_norm and args[0].is_meta:  # the slowest operator without data; normalising keeps shapes
            return torch.empty_like(args[0])
        try:
            output = func(*args, **kwargs)
        except (RuntimeError, NotImplementedError):
            # A constant on the CPU (anchors, strides) met a tensor without data: take it as one too.
            if not tree_any(lambda leaf: isinstance(leaf, Tensor) and leaf.is_meta, (args, kwargs)):
                raise
            args, kwargs = tree_map_only(Tensor, _on_meta, (args, kwargs))
            output = func(*args, **kwargs)
        self._observer.function(func, args, kwargs, output)
        return output


def _on_meta(tensor: Tensor) -> Tensor:
    if tensor.is_meta or tensor.dim() == 0:
        return tensor
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")


@contextmanager
def _reported(network: nn.Module, observer: Observer) -> Iterator[None]:
    """Hooks on the copy. A call that raises is not reported as ended: thop does not see its end either."""
    handles = []

    def start(module: nn.Module, args: tuple[Any, ...]) -> None:
        observer.enter(module)

    def end(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        observer.leave(module, args, kwargs, output)

    try:
        for module in network.modules():
            handles.append(module.register_forward_pre_hook(start))
            handles.append(module.register_forward_hook(end, with_kwargs=True))
        yield
    finally:
        for handle in handles:
            handle.remove()
