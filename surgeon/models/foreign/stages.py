"""A network without rows as a graph of its stages: which modules run, in which order, and who reads whom.

Neither torch.fx nor torch.export traces these networks in reasonable time, so one evaluation pass is watched: every
tensor carries the set of stages it was computed from, through whatever functions stand between the modules.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary

from surgeon.blocks.planted import PlantedBlock
from surgeon.errors import ModelFileError
from surgeon.graph import IMAGE, Layer, LayerGraph
from surgeon.models.modules.convolutions import convolution_of
from surgeon.models.modules.reader import image_channels, is_sequence, kind_of
from surgeon.models.probing import probe, tensors_in


def read_stages(module: nn.Module, name: str, imgsz: tuple[int, int]) -> LayerGraph:
    """The stages of any network with the shapes they have at an image size.

    A stage is the largest module that puts out one tensor: what puts out several is shown by its parts, and so is a
    plain sequence that holds most of the network.

    Args:
        module: The network, called as ``module(image)``.
        name: Display name.
        imgsz: Image size ``(H, W)`` in pixels.

    Raises:
        ModelFileError: It cannot run at this size, or it has no modules.
    """
    channels = image_channels(module)
    try:
        flow = _Flow(module, _stage_paths(module, imgsz, channels), imgsz, channels)
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
            convolution=convolution_of(module.get_submodule(path)),
        )
        for index, path in enumerate(flow.order)
    )
    return LayerGraph(
        name=name, family=f"stages of {type(module).__module__}", layers=layers, imgsz=imgsz, in_channels=channels
    )


def _stage_paths(module: nn.Module, imgsz: tuple[int, int], channels: int) -> list[str]:
    """Paths of the stages: from the root downwards, the first modules that put out a single tensor."""
    single: dict[int, bool] = {}
    finished: list[int] = []

    def note(m: nn.Module, _: Any, output: Any) -> None:
        single[id(m)] = isinstance(output, Tensor)
        finished.append(id(m))

    handles = [m.register_forward_hook(note) for m in module.modules()]

    def forget() -> None:
        single.clear()
        finished.clear()

    try:
        probe(module, imgsz, channels, begin=forget)
    finally:
        for handle in handles:
            handle.remove()
    when = {key: number for number, key in enumerate(finished)}
    seen: set[int] = set()

    def most_of_it(child: nn.Module) -> bool:
        return is_sequence(child) and 2 * sum(id(m) in single for m in child.modules()) > len(single)

    def walk(parent: nn.Module, prefix: str, *, tail: bool) -> Iterator[str]:
        ran = [(f"{prefix}{n}", c) for n, c in parent.named_children() if any(id(m) in single for m in c.modules())]
        last = max((c for _, c in ran), key=lambda c: max(when.get(id(m), -1) for m in c.modules()), default=None)
        for path, child in ran:
            if id(child) in seen:
                continue  # one module under several names: its first stands for all
            seen.add(id(child))
            only, is_head = len(ran) == 1, tail and child is last
            whole = not list(child.children()) or isinstance(child, PlantedBlock)
            # The head is a stage, whatever it puts out.
            whole = whole or (not only and (is_head or (single.get(id(child), False) and not most_of_it(child))))
            if whole and id(child) in single:
                yield path
            else:
                yield from walk(child, f"{path}.", tail=is_head)

    return list(walk(module, "", tail=True))


class _Flow(TorchFunctionMode):
    """One pass in which every tensor knows the stages it comes from."""

    def __init__(self, module: nn.Module, paths: list[str], imgsz: tuple[int, int], channels: int) -> None:
        super().__init__()
        self._forget()
        handles = [module.register_forward_pre_hook(self._begin)]
        for path in paths:
            stage = module.get_submodule(path)
            handles.append(stage.register_forward_pre_hook(self._before(path), with_kwargs=True))
            handles.append(stage.register_forward_hook(self._after(path)))
        try:
            with self:
                probe(module, imgsz, channels, begin=self._forget)
        finally:
            for handle in handles:
                handle.remove()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run a function; what it returns comes from where its arguments come from."""
        result = func(*args, **(kwargs or {}))
        found = tuple(dict.fromkeys(s for t in tensors_in((args, kwargs)) for s in self._sources.get(t, ())))
        for tensor in tensors_in(result):
            self._sources[tensor] = tuple(dict.fromkeys((*self._sources.get(tensor, ()), *found)))
        return result

    def _forget(self) -> None:
        self.order: list[str] = []
        self.inputs: dict[str, tuple[str, ...]] = {}
        self.shapes: dict[str, tuple[int, ...] | None] = {}
        self.takes_list: dict[str, bool] = {}
        self._sources: Any = WeakTensorKeyDictionary()

    def _begin(self, _: nn.Module, args: tuple[Any, ...]) -> None:
        for tensor in tensors_in(args):
            self._sources[tensor] = (IMAGE,)

    def _before(self, path: str) -> Any:
        def note(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if path in self.inputs:
                return
            tensors = list(tensors_in((args, kwargs)))
            self.inputs[path] = tuple(dict.fromkeys(s for t in tensors for s in self._sources.get(t, ())))
            self.takes_list[path] = len(tensors) > 1

        return note

    def _after(self, path: str) -> Any:
        def note(_: nn.Module, __: Any, output: Any) -> None:
            if path not in self.order:
                self.order.append(path)
                self.shapes[path] = tuple(output.shape) if isinstance(output, Tensor) else None
            for tensor in tensors_in(output):
                self._sources[tensor] = (path,)

        return note
