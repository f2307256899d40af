"""Reading an Ultralytics network into a `LayerGraph`.

Internals used: the rows' attributes ``i``, ``f`` (source rows, relative where negative) and ``type`` (8.0.0);
``model.yaml["backbone"]``, whose length divides the sections (8.0.0), and ``model.yaml["channels"]`` (8.3.112).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from torch import Tensor, nn

from surgeon.blocks.naming import display_name
from surgeon.blocks.planted import PlantedBlock
from surgeon.errors import ModelFileError
from surgeon.graph import IMAGE, Layer, LayerGraph
from surgeon.models.modules.convolutions import convolution_of
from surgeon.models.probing import Enough, probe


def read_graph(module: nn.Module, name: str, imgsz: tuple[int, int], keys: tuple[str, ...] = ()) -> LayerGraph:
    """The rows of a network with the shapes they have at an image size.

    Args:
        module: An Ultralytics model (``BaseModel``).
        name: Display name.
        imgsz: Image size ``(H, W)`` in pixels.
        keys: Stable keys of the rows; ``row0``, ``row1`` … where none are given.

    Raises:
        ModelFileError: The network has no rows, or cannot run at this size.
    """
    rows = list(rows_of(module))
    keys = keys or tuple(f"row{i}" for i in range(len(rows)))
    shapes = output_shapes(module, imgsz)
    backbone = len(module.yaml["backbone"])  # type: ignore[index]
    layers = []
    for index, row in enumerate(rows):
        section = "backbone" if index < backbone else "head"
        layers.append(
            Layer(
                key=keys[index],
                index=index,
                kind=kind_of(row),
                path=f"model.{index}",
                section=section,
                section_index=index if section == "backbone" else index - backbone,
                inputs=tuple(IMAGE if source < 0 else keys[source] for source in sources_of(row, index)),
                takes_list=isinstance(row.f, list),
                params=sum(p.numel() for p in row.parameters()),
                out_shape=shapes.get(index),
                planted=isinstance(row, PlantedBlock),
                shared_with=tuple(i for i, other in enumerate(rows) if other is row and i != index),
                convolution=convolution_of(row),
            )
        )
    return LayerGraph(
        name=name, family="ultralytics", layers=tuple(layers), imgsz=imgsz, in_channels=in_channels(module)
    )


def rows_of(module: nn.Module) -> nn.Sequential:
    """The rows of a network.

    Raises:
        ModelFileError: It is no Ultralytics network.
    """
    rows = getattr(module, "model", None)
    if not isinstance(rows, nn.Sequential) or not all(hasattr(row, "f") and hasattr(row, "i") for row in rows):
        raise ModelFileError(f"{type(module).__name__} is no Ultralytics network: it has no rows with .i and .f")
    return rows


def sources_of(row: nn.Module, index: int) -> tuple[int, ...]:
    """Absolute indices of the rows that a row reads; -1 is the image."""
    f: Any = row.f
    sources = f if isinstance(f, list) else [f]
    return tuple(int(s) if s >= 0 else index + int(s) for s in sources)


def kind_of(row: nn.Module) -> str:
    """The class name that users know a row by; of repeated rows the class that is repeated."""
    if isinstance(row, PlantedBlock):
        return display_name(row.block_name)
    if type(row) is nn.Sequential and len(row) and all(type(child) is type(row[0]) for child in row):
        return type(row[0]).__name__
    return type(row).__name__


def output_shapes(module: nn.Module, imgsz: tuple[int, int]) -> dict[int, tuple[int, ...]]:
    """Output shapes ``(1, C, H, W)`` of the rows before the head, by row.

    Raises:
        ModelFileError: The network cannot run at this size.
    """
    rows = rows_of(module)
    shapes: dict[int, tuple[int, ...]] = {}
    # One module may stand at several rows (its .i then tells of one only): its calls come in their order.
    positions: dict[nn.Module, list[int]] = {}
    for index, row in enumerate(rows[:-1]):
        positions.setdefault(row, []).append(index)
    calls: Counter[nn.Module] = Counter()

    def begin() -> None:
        shapes.clear()
        calls.clear()

    def note(row: nn.Module, _: Any, output: Any) -> None:
        if isinstance(output, Tensor) and calls[row] < len(positions[row]):
            shapes[positions[row][calls[row]]] = tuple(output.shape)
        calls[row] += 1

    def stop(*_: Any) -> None:
        raise Enough  # the head's own output is no feature map

    handles = [row.register_forward_hook(note) for row in positions]
    handles.append(rows[-1].register_forward_pre_hook(stop))
    try:
        probe(module, imgsz, in_channels(module), begin=begin)
    except Exception as error:
        stride = max_stride(module)
        if imgsz[0] % stride or imgsz[1] % stride:
            raise ModelFileError(
                f"the network cannot run at {imgsz[0]}x{imgsz[1]}: sides must be multiples of {stride}"
            ) from error
        reason = "".join(str(error).strip().splitlines()[:1])
        raise ModelFileError(f"the network cannot run at {imgsz[0]}x{imgsz[1]}: {reason}") from error
    finally:
        for handle in handles:
            handle.remove()
    return shapes


def in_channels(module: nn.Module) -> int:
    """Channels of the image that the network reads."""
    return int(getattr(module, "yaml", {}).get("channels") or 3)


def max_stride(module: nn.Module) -> int:
    """Largest stride of the network, 32 where it does not say."""
    stride = getattr(module, "stride", None)
    return max(int(stride.max()), 32) if isinstance(stride, Tensor) else 32
