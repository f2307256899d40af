"""Reading the module tree of any network: shapes, calls and shared modules, from one evaluation pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from surgeon.blocks.naming import display_name
from surgeon.blocks.planted import PlantedBlock
from surgeon.errors import ModelFileError
from surgeon.graph import LayerGraph
from surgeon.graph.modules import ModuleNode, ModuleTree, Shape
from surgeon.models.modules.convolutions import convolution_of
from surgeon.models.probing import probe

_REWRITERS = ("forward_fuse", "fuse_convs", "switch_to_deploy", "fuse_repvgg_block", "reparameterize")
"""Methods by which ``fuse()`` of YOLO repositories folds a module's parts into one convolution."""


def read_modules(module: nn.Module, graph: LayerGraph, imgsz: tuple[int, int], channels: int) -> ModuleTree:
    """Every module of a network that lies in one of the graph's layers, with the shapes of one evaluation pass.

    Args:
        module: The network; it is not changed.
        graph: Its layers, which give the addresses.
        imgsz: Image size ``(H, W)`` in pixels.
        channels: Channels of the image.

    Raises:
        ModelFileError: The network cannot run at this size.
    """
    calls = _watch(module, imgsz, channels)
    names = Counter(id(m) for _, m in module.named_modules(remove_duplicate=False))
    sites = {layer.path: layer.site for layer in graph} if graph.has_rows else {}
    folded: dict[str, str] = {}
    planted: set[str] = set()
    nodes = []
    for path, child in module.named_modules(remove_duplicate=False):
        parent = path.rpartition(".")[0]
        row = next((row for row in sites if path == row or path.startswith(f"{row}.")), None)
        if parent in folded:
            folded[path] = folded[parent]
        if parent in planted or isinstance(child, PlantedBlock):
            planted.add(path)
        if path and (row is not None or not sites):
            call = calls.get(id(child))
            nodes.append(
                ModuleNode(
                    path=path,
                    site=path if row is None else sites[row] + path.removeprefix(row),
                    kind=kind_of(child),
                    depth=path.count(".") - (0 if row is None else row.count(".")),
                    params=sum(p.numel() for p in child.parameters()),
                    calls=0 if call is None else call.count,
                    inputs=() if call is None else call.inputs,
                    keywords=() if call is None else call.keywords,
                    out_shape=None if call is None else call.output,
                    names=names[id(child)],
                    stages=is_sequence(child),
                    planted=path in planted,
                    folded_by=folded.get(path),
                    convolution=convolution_of(child),
                )
            )
        if path and path not in folded and _is_rewritten(child, path == graph.output.path):
            folded[path] = path
    return ModuleTree(name=graph.name, nodes=tuple(nodes), imgsz=imgsz)


def kind_of(module: nn.Module) -> str:
    """The class name that users know a module by; of a planted block the block's."""
    return display_name(module.block_name) if isinstance(module, PlantedBlock) else type(module).__name__


def is_sequence(module: nn.Module) -> bool:
    """Whether a module runs its children one after the other, so that a further child becomes a stage."""
    return isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward


def image_channels(module: nn.Module) -> int:
    """Channels of the image: what the model's own ``yaml`` says, else those of its first convolution, else 3."""
    yaml = getattr(module, "yaml", None)
    if isinstance(yaml, Mapping) and isinstance(yaml.get("channels") or yaml.get("ch"), int):
        return int(yaml.get("channels") or yaml["ch"])
    first = next((m for m in module.modules() if isinstance(m, nn.Conv2d)), None)
    return 3 if first is None else first.in_channels


def _is_rewritten(module: nn.Module, is_head: bool) -> bool:
    # A head's fuse() drops branches that inference does not call; a module's own parts are what is folded.
    return any(hasattr(module, name) for name in _REWRITERS) or (not is_head and hasattr(module, "fuse"))


class _Call:
    """What one module was given and returned in its first call, and how often it was called."""

    __slots__ = ("count", "inputs", "keywords", "output")

    def __init__(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any) -> None:
        self.count = 1
        self.inputs = tuple(_shape(x) for x in inputs_of(args))
        self.keywords = tuple(name for name, value in kwargs.items() if isinstance(value, Tensor))
        self.output = _shape(output)


def _watch(module: nn.Module, imgsz: tuple[int, int], channels: int) -> dict[int, _Call]:
    calls: dict[int, _Call] = {}

    def note(child: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        if call := calls.get(id(child)):
            call.count += 1
            return
        calls[id(child)] = _Call(args, kwargs, output)

    handles = [child.register_forward_hook(note, with_kwargs=True) for child in module.modules()]
    try:
        probe(module, imgsz, channels, begin=calls.clear)
    except Exception as error:  # a network raises what it likes
        reason = "".join(str(error).strip().splitlines()[:1]) or type(error).__name__
        raise ModelFileError(f"the network cannot run at {imgsz[0]}x{imgsz[1]}: {reason}") from error
    finally:
        for handle in handles:
            handle.remove()
    return calls


def inputs_of(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The positional inputs of a call; of a single list argument its elements."""
    if len(args) == 1 and isinstance(args[0], list | tuple):
        return tuple(args[0])
    return args


def _shape(value: Any) -> Shape | None:
    return tuple(value.shape) if isinstance(value, torch.Tensor) else None
