"""A network as data: rows (layers) and who reads whom.

Pure data: no torch, no Ultralytics. networkx does the graph algorithms.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from surgeon.graph.convolution import Convolution

if TYPE_CHECKING:
    import networkx as nx

IMAGE = "image"
"""Key of the network's input; it is no layer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One row of a network.

    Attributes:
        key: Stable name of the row; it survives renumbering by an edit (``row9`` stays ``row9``).
        index: Absolute row number, from 0.
        kind: Class name of the module (``SPPF``), or the block's display name (``GAM``) for a planted one.
        path: Path in the module tree (``model.9``).
        section: ``backbone`` or ``head``, as the model's YAML divides it; empty where there is no such description.
        section_index: Row number within the section, from 0.
        inputs: Keys of what it reads, in order; `IMAGE` is the network's input.
        takes_list: Whether it is called with a list of tensors (Concat, Detect).
        params: Number of parameters.
        out_shape: Output shape ``(B, C, H, W)`` at the size the graph was read at; None where the output is no
            single tensor.
        planted: Whether surgeon put it there.
        shared_with: Indices of the other rows that are this very module object.
        convolution: What it is as a convolution; None where it is none.
    """

    key: str
    index: int
    kind: str
    path: str
    section: str
    section_index: int
    inputs: tuple[str, ...]
    takes_list: bool = False
    params: int = 0
    out_shape: tuple[int, ...] | None = None
    planted: bool = False
    shared_with: tuple[int, ...] = ()
    convolution: Convolution | None = None

    @property
    def site(self) -> str:
        """The address that users type: ``backbone.9``; the path where the network has no sections."""
        return f"{self.section}.{self.section_index}" if self.section else self.path

    @property
    def is_feature_map(self) -> bool:
        """Whether the output is one tensor ``(B, C, H, W)``."""
        return self.out_shape is not None and len(self.out_shape) == 4

    @property
    def channels(self) -> int:
        """Output channels C.

        Raises:
            ValueError: The output is no feature map.
        """
        if self.out_shape is None or len(self.out_shape) != 4:
            raise ValueError(f"{self.site} ({self.kind}) has no feature map as output")
        return self.out_shape[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerGraph:
    """The rows of a network in execution order.

    Attributes:
        name: Display name of the model (``yolov8n``).
        family: Which reader produced it (``ultralytics``).
        layers: All rows.
        imgsz: Image size ``(H, W)`` in pixels at which `Layer.out_shape` was read.
        in_channels: Channels of the image.
    """

    name: str
    family: str
    layers: tuple[Layer, ...]
    imgsz: tuple[int, int]
    in_channels: int = 3
    _by_key: dict[str, Layer] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the layers and refuse graphs that no network can have."""
        by_key = {layer.key: layer for layer in self.layers}
        if len(by_key) != len(self.layers):
            raise ValueError(f"{self.name}: two rows have the same key")
        object.__setattr__(self, "_by_key", by_key)
        seen = {IMAGE}
        for position, layer in enumerate(self.layers):
            if layer.index != position:
                raise ValueError(f"{self.name}: row {layer.key} has index {layer.index}, expected {position}")
            unknown = [key for key in layer.inputs if key not in seen]
            if unknown:
                raise ValueError(f"{self.name}: row {layer.key} reads {unknown}, which no earlier row produces")
            seen.add(layer.key)

    def __iter__(self) -> Iterator[Layer]:
        """Iterate the rows in execution order."""
        return iter(self.layers)

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.layers)

    def __getitem__(self, key: str) -> Layer:
        """The row with this stable key."""
        return self._by_key[key]

    @property
    def has_rows(self) -> bool:
        """Whether the network is a list of rows, so that a block can become a row of its own."""
        return all(layer.section for layer in self.layers)

    @property
    def unit(self) -> str:
        """What messages call a layer of it: a row of a description, or a stage."""
        return "row" if self.has_rows else "stage"

    @property
    def output(self) -> Layer:
        """The last row: the detection head or the classifier."""
        return self.layers[-1]

    def consumers(self, key: str) -> tuple[Layer, ...]:
        """The rows that read ``key``, in execution order."""
        return tuple(layer for layer in self.layers if key in layer.inputs)

    def to_networkx(self) -> nx.DiGraph[str]:
        """The same graph for networkx: nodes are keys, each with its `Layer` as attribute ``layer``."""
        import networkx as nx

        graph: nx.DiGraph[str] = nx.DiGraph(name=self.name)
        for layer in self.layers:
            graph.add_node(layer.key, layer=layer)
        for layer in self.layers:
            graph.add_edges_from((source, layer.key) for source in layer.inputs)
        return graph
