"""Where the parts of a detection head lie that a block of kind ``head`` stands in for. Torch-free."""

from __future__ import annotations

from surgeon.blocks import catalog
from surgeon.blocks.naming import is_foreign
from surgeon.errors import PlanError
from surgeon.graph.modules import ModuleNode, ModuleTree
from surgeon.surgery.recipe import Edit, Replace

_BRANCHES = {"box": ("cv2",), "class": ("cv3",), "both": ("cv2", "cv3")}
"""Setting ``branch`` → the lists of a head's branches, one for each level, as Ultralytics' heads have them."""
_ONE_TO_ONE = "one2one_"


def is_head(edit: Edit) -> bool:
    """Whether an edit replaces the inside of a head."""
    return isinstance(edit, Replace) and not is_foreign(edit.module) and catalog.get(edit.module).kind == "head"


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
