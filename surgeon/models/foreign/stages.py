"""A network without rows as a graph of its stages: which modules run, in which order, and who reads whom.

Neither torch.fx nor torch.export traces these networks in reasonable time, so one evaluation pass is watched: every
tensor carries the set of stages it was computed from, through whatever functions stand between the modules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from surgeon.blocks.planted import PlantedBlock
from surgeon.errors import ModelFileError
from surgeon.graph import IMAGE, Layer, LayerGraph
from surgeon.models.modules.reader import image_channels, kind_of
from surgeon.models.probing import evaluating

FAMILY = "modules"


def read_stages(module: nn.Module, name: str, imgsz: tuple[int, int]) -> LayerGraph:
    """The stages of any network with the shapes they have at an image size.

    A stage is the largest module that puts out one tensor: what puts out several is shown by its parts.

    Args:
        module: The network, called as ``module(image)``.
        name: Display name.
        imgsz: Image size ``(H, W)`` in pixels.

    Raises:
        ModelFileError: It cannot run at this size, or it has no modules.
    """
    parameter = next(module.parameters(), torch.zeros(0))
    image = torch.zeros(1, image_channels(module), *imgsz, device=parameter.device, dtype=parameter.dtype)
    try:
        with evaluating(module), torch.no_grad():
            paths = _stage_paths(module, image)
            flow = _Flow(module, paths, image)
    except Exception as error:  # a network raises what it likes
        reason = "".join(str(error).strip().splitlines()[:1]) or type(error).__name__
        raise ModelFileError(f"the network cannot run at {imgsz[0]}x{imgsz[1]}: {reason}") from error
    if not flow.order:
        raise ModelFileError(f"this {type(module).__name__} has no modules that a block could stand at")
    layers = tuple(
        Layer(
            key=path,
            index=index,
            kind=kind_of(module.get_submodule(path)),
            path=path,
            section="",
            section_index=index,
            inputs=tuple(key for key in flow.inputs[path] if key == IMAGE or key in flow.order[:index]),
            takes_list=flow.takes_list[path],
            params=sum(p.numel() for p in module.get_submodule(path).parameters()),
            out_shape=flow.shapes[path],
            planted=isinstance(module.get_submodule(path), PlantedBlock),
        )
        for index, path in enumerate(flow.order)
    )
    return LayerGraph(name=name, family=FAMILY, layers=layers, imgsz=imgsz)


def _stage_paths(module: nn.Module, image: Tensor) -> list[str]:
    """Paths of the stages: from the root downwards, the first modules that put out a single tensor."""
    results: dict[int, Any] = {}
    handles = [m.register_forward_hook(lambda m, _, out: results.update({id(m): out})) for m in module.modules()]
    try:
        module(image)
    finally:
        for handle in handles:
            handle.remove()
    last = next((path for path, m in reversed(list(module.named_children())) if id(m) in results), "")

    def walk(parent: nn.Module, prefix: str) -> Iterator[str]:
        children = [(f"{prefix}{name}", child) for name, child in parent.named_children()]
        only = len([1 for _, child in children if id(child) in results]) == 1
        for path, child in children:
            called = id(child) in results
            inside = any(True for _ in child.children()) and not isinstance(child, PlantedBlock)
            single = isinstance(results.get(id(child)), Tensor)
            if called and (not inside or (single and not only) or (path == last and not only)):
                yield path
            elif inside:
                yield from walk(child, f"{path}.")
            elif called:
                yield path

    return list(walk(module, ""))


class _Flow(TorchFunctionMode):
    """One pass in which every tensor knows the stages it comes from."""

    def __init__(self, module: nn.Module, paths: list[str], image: Tensor) -> None:
        super().__init__()
        self.order: list[str] = []
        self.inputs: dict[str, tuple[str, ...]] = {}
        self.shapes: dict[str, tuple[int, ...] | None] = {}
        self.takes_list: dict[str, bool] = {}
        self._sources: dict[int, tuple[str, ...]] = {id(image): (IMAGE,)}
        self._alive: list[Tensor] = [image]
        handles = []
        for path in paths:
            stage = module.get_submodule(path)
            handles.append(stage.register_forward_pre_hook(self._before(path)))
            handles.append(stage.register_forward_hook(self._after(path), prepend=False))
        try:
            with self:
                module(image)
        finally:
            for handle in handles:
                handle.remove()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run a function; what it returns comes from where its arguments come from."""
        result = func(*args, **(kwargs or {}))
        found = tuple(dict.fromkeys(s for t in _tensors((args, kwargs)) for s in self._sources.get(id(t), ())))
        for tensor in _tensors(result):
            self._mark(tensor, tuple(dict.fromkeys((*self._sources.get(id(tensor), ()), *found))))
        return result

    def _before(self, path: str) -> Any:
        def note(_: nn.Module, args: tuple[Any, ...]) -> None:
            if path in self.inputs:
                return
            tensors = list(_tensors(args))
            self.inputs[path] = tuple(dict.fromkeys(s for t in tensors for s in self._sources.get(id(t), ())))
            self.takes_list[path] = len(tensors) > 1

        return note

    def _after(self, path: str) -> Any:
        def note(_: nn.Module, __: Any, output: Any) -> None:
            if path not in self.order:
                self.order.append(path)
                self.shapes[path] = tuple(output.shape) if isinstance(output, Tensor) else None
            for tensor in _tensors(output):
                self._mark(tensor, (path,))

        return note

    def _mark(self, tensor: Tensor, sources: tuple[str, ...]) -> None:
        self._sources[id(tensor)] = sources
        self._alive.append(tensor)  # an id belongs to its tensor only as long as that lives


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)
