"""The module tree of a network as data: what stands where, what goes in and what comes out. Torch-free.

Rows (`LayerGraph`) are what a YAML shows; this is what lies inside them, and all there is where a network has no rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from surgeon.graph.convolution import Convolution

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleNode:
    """One module under one of its names.

    Attributes:
        path: Path in the module tree (``model.4.m.0.cv2``).
        site: The address that users type (``backbone.4.m.0.cv2``); the path where the network has no rows.
        kind: Class name.
        depth: Levels below the rows, or below the root; a row has 0.
        params: Number of parameters, those of its children included.
        calls: How often one evaluation pass calls it; a module that a parent calls by ``.forward()`` counts as 0.
        inputs: Shapes of the tensors of its first call, in order; of a list argument its elements. None where an
            argument is no tensor.
        keywords: Names under which its first call was given further tensors.
        out_shape: Shape of what it returns; None where that is no single tensor.
        names: Under how many names the same module stands in the network.
        stages: Whether it is a plain sequence, whose children run one after the other.
        planted: Whether surgeon planted it, or it lies inside such a block.
        folded_by: Path of the module around it whose parts ``fuse()`` rewrites; None where nothing would.
        convolution: What it is as a convolution; None where it is none.
    """

    path: str
    site: str
    kind: str
    depth: int
    params: int = 0
    calls: int = 0
    inputs: tuple[Shape | None, ...] = ()
    keywords: tuple[str, ...] = ()
    out_shape: Shape | None = None
    names: int = 1
    stages: bool = False
    planted: bool = False
    folded_by: str | None = None
    convolution: Convolution | None = None

    @property
    def is_feature_map(self) -> bool:
        """Whether the output is one tensor ``(B, C, H, W)``."""
        return self.out_shape is not None and len(self.out_shape) == 4

    def __str__(self) -> str:
        """The address with the kind, for messages."""
        return f"{self.site} ({self.kind})"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleTree:
    """Every module of a network, parents before children, in the order of the tree.

    Attributes:
        name: Display name of the model.
        nodes: All modules but the root.
        imgsz: Image size ``(H, W)`` in pixels at which shapes were read.
    """

    name: str
    nodes: tuple[ModuleNode, ...]
    imgsz: tuple[int, int]
    _by_path: dict[str, ModuleNode] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the modules by path."""
        object.__setattr__(self, "_by_path", {node.path: node for node in self.nodes})

    def __iter__(self) -> Iterator[ModuleNode]:
        """Iterate the modules, parents before children."""
        return iter(self.nodes)

    def __getitem__(self, path: str) -> ModuleNode:
        """The module at a path."""
        return self._by_path[path]

    def get(self, path: str) -> ModuleNode | None:
        """The module at a path, None where there is none."""
        return self._by_path.get(path)

    def children(self, path: str) -> tuple[ModuleNode, ...]:
        """The modules directly below a path."""
        level = path.count(".") + 1
        return tuple(node for node in self.below(path) if node.path.count(".") == level)

    def below(self, path: str) -> tuple[ModuleNode, ...]:
        """All modules inside the one at a path."""
        return tuple(node for node in self.nodes if node.path.startswith(f"{path}."))
