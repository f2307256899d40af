"""What the library's functions take, in the forms that users write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from surgeon.errors import InputError
from surgeon.surgery.consent import require_consent
from surgeon.surgery.recipe import Recipe
from surgeon.surgery.recipe_file import load_recipes


def edge_of(edge: Sequence[str | int] | None) -> tuple[str, str] | None:
    """Producer and consumer of a connection, ``(9, 21)`` or ``"9->21"``.

    Raises:
        InputError: There are not two.
    """
    if edge is None:
        return None
    ends = [str(end).strip() for end in (edge.split("->") if isinstance(edge, str) else edge)]
    if len(ends) != 2:
        raise InputError(f"edge {edge!r} is no edge: give producer and consumer, (9, 21)")
    return ends[0], ends[1]


def recipes_of(
    recipe: Recipe | Sequence[Recipe] | str | Path, trust_modules: Sequence[str], *, planning: bool = False
) -> Sequence[Recipe]:
    """The recipes of any of these; of a plan the last one imports nothing, so that it needs no consent.

    Raises:
        InputError: A file holds none, or names code that nobody vouched for.
    """
    if isinstance(recipe, Recipe):
        return (recipe,)
    if not isinstance(recipe, str | Path):
        return recipe
    loaded = load_recipes(recipe)
    for one in loaded[:-1] if planning else loaded:
        require_consent(one, str(recipe), trust_modules)
    return loaded


def size(imgsz: int | str | Sequence[int]) -> tuple[int, int]:
    """An image side, ``(H, W)`` or ``"480x640"`` as ``(H, W)``.

    Raises:
        InputError: It is none of these.
    """
    parts = imgsz.lower().split("x") if isinstance(imgsz, str) else [imgsz] if isinstance(imgsz, int) else list(imgsz)
    try:
        sides = [int(part) for part in parts]
    except (TypeError, ValueError):
        sides = []
    if len(sides) not in (1, 2) or min(sides) < 1:
        raise InputError(f"imgsz {imgsz!r} is no image size: give a side (640), (height, width) or '480x640'")
    return sides[0], sides[-1]
