"""Where the parts of a detection head lie that a block of kind ``head`` stands in for. Torch-free."""

from __future__ import annotations

from surgeon.blocks import catalog
from surgeon.blocks.naming import is_foreign
from surgeon.errors import PlanError
from surgeon.graph import Layer, LayerGraph
from surgeon.graph.modules import ModuleNode, ModuleTree
from surgeon.surgery.recipe import Edit, Insert, Remove, Replace

_BRANCHES = {"box": ("cv2",), "class": ("cv3",), "both": ("cv2", "cv3")}
"""Setting ``branch`` → the lists of a head's branches, one for each level, as Ultralytics' heads have them."""
_ONE_TO_ONE = "one2one_"


def is_head(edit: Edit) -> bool:
    """Whether an edit names a block that stands inside a head."""
    return not isinstance(edit, Remove) and not is_foreign(edit.module) and catalog.get(edit.module).kind == "head"


def insertion_refused(edit: Insert, graph: LayerGraph, tree: ModuleTree) -> PlanError:
    """Why a block that stands inside a head is not inserted anywhere, with the replacement that this network takes.

    Args:
        edit: Names the block.
        graph: The network's rows.
        tree: Its modules.
    """
    block = catalog.get(edit.module)
    at = Replace(module=edit.module, at="", settings=edit.settings)
    head = next((layer for layer in reversed(graph.layers) if _has_parts(tree, layer, at)), None)
    instead = f"{graph.name} has no head with branches like Ultralytics' Detect"
    if head is not None:
        only = sum(layer.kind == head.kind for layer in graph) == 1
        instead = f"surgeon replace --module {block.name} --at {head.kind if only else head.site} does that"
    return PlanError(f"{edit}: {block.title} stands in the branches of a detection head and nowhere else; {instead}")


def _has_parts(tree: ModuleTree, layer: Layer, edit: Replace) -> bool:
    try:
        return bool(parts_of_head(tree, tree[layer.path], edit))
    except PlanError:
        return False


def parts_of_head(tree: ModuleTree, head: ModuleNode, edit: Replace) -> tuple[ModuleNode, ...]:
    """Every module of the chosen branches but the last, which predicts.

    Args:
        tree: The network.
        head: The module that the edit names.
        edit: Its setting ``branch`` chooses.

    Raises:
        PlanError: The module has no such branches.
        BlockError: The settings are wrong.
    """
    branch = catalog.get(edit.module).resolve(1, 1, edit.settings).settings["branch"]
    names = [prefix + name for prefix in ("", _ONE_TO_ONE) for name in _BRANCHES[branch]]
    found: list[ModuleNode] = []
    for name in names:
        for level in tree.children(f"{head.path}.{name}"):
            found += tree.children(level.path)[:-1]
    if not found:
        raise PlanError(
            f"{head} has no {branch} branches ({', '.join(_BRANCHES[branch])}) as Ultralytics' Detect has them: "
            f"{edit.module} stands in the branches of such a head"
        )
    return tuple(found)
