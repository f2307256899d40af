"""What a user asks for, as data: edits in the order they were given. Torch-free.

As a file::

    surgeon_recipe: 1
    edits:
      - insert: gam
        after: backbone.9
        set: {rate: 4}
      - replace: lska
        at: SPPF
      - remove: head.2
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from surgeon.errors import RecipeError

RECIPE_VERSION = 1
MODES = ("auto", "row", "graft")
_MAX_BYTES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Insert:
    """Plant a block on the connections of a site.

    Attributes:
        module: Catalog name, or ``package.module:Class``.
        after: Every consumer of this site reads the block instead. Exactly one of the four places is set.
        before: Only what this site reads changes.
        edge: Producer and consumer: only the connection between them changes.
        inside: Every module of this kind, at the place where the literature puts attention inside it.
        settings: Explicit constructor settings.
        start: ``identity`` or ``paper``.
    """

    module: str
    after: str | None = None
    before: str | None = None
    edge: tuple[str, str] | None = None
    inside: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    start: str = "identity"

    def __post_init__(self) -> None:
        """Refuse an insertion at no site, or at two."""
        if sum(place is not None for place in (self.after, self.before, self.edge, self.inside)) != 1:
            raise RecipeError(f"insert {self.module} needs one site, not both or none: after, before, edge or inside")
        if self.start not in ("identity", "paper"):
            raise RecipeError(f"insert {self.module}: start is identity or paper, not {self.start!r}")

    def __str__(self) -> str:
        """The edit as a phrase."""
        return f"insert {self.module} {self.where}{_settings_text(self.settings)}, start {self.start}"

    @property
    def where(self) -> str:
        """The place as a phrase."""
        if self.edge is not None:
            return f"on the edge {self.edge[0]}->{self.edge[1]}"
        places = {"after": self.after, "before": self.before, "inside": self.inside}
        return next(f"{name} {site}" for name, site in places.items() if site is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replace:
    """Put a block in the place of a row; its inputs and consumers stay."""

    module: str
    at: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """The edit as a phrase."""
        return f"replace {self.at} by {self.module}{_settings_text(self.settings)}, start paper"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """Take a row out; its consumers read its single input."""

    at: str

    def __str__(self) -> str:
        """The edit as a phrase."""
        return f"remove {self.at}"


Edit = Insert | Replace | Remove


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Edits of one command; all their sites count in the source's numbering.

    Attributes:
        edits: In their order.
        mode: ``row`` (a block becomes a row of its own), ``graft`` (rows and indices stay, a block becomes a child
            of the module it stands at) or ``auto``: rows where the network has them and the site is one.
        adapt: Whether a 1x1 convolution may adapt the width where a replacement or a removal changes it.
    """

    edits: tuple[Edit, ...]
    mode: str = "auto"
    adapt: bool = False

    def __post_init__(self) -> None:
        """Refuse an empty recipe, and an unknown mode."""
        if not self.edits:
            raise RecipeError("the recipe holds no edit")
        if self.mode not in MODES:
            raise RecipeError(f"mode {self.mode!r} is unknown: {', '.join(MODES)}")

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as in a recipe file."""
        return {"surgeon_recipe": RECIPE_VERSION, "edits": [_edit_to_dict(edit) for edit in self.edits]}

    def to_yaml(self) -> str:
        """The text of a recipe file."""
        return yaml.safe_dump(self.to_dict(), sort_keys=False)


def load_recipe(path: str | Path) -> Recipe:
    """Read a recipe file. It is untrusted: plain YAML data, no tags that build objects.

    Raises:
        RecipeError: The file is missing or is no recipe; the message says where.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise RecipeError(f"{path} is larger than {_MAX_BYTES} bytes: no recipe")
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RecipeError(f"there is no recipe {path}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise RecipeError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    try:
        return recipe_from_dict(data)
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from error


def recipe_from_dict(data: Any) -> Recipe:
    """The inverse of `Recipe.to_dict`.

    Raises:
        RecipeError: The data is no recipe.
    """
    if not isinstance(data, dict) or "edits" not in data:
        raise RecipeError("a recipe is a mapping with surgeon_recipe: 1 and a list of edits")
    if data.get("surgeon_recipe") != RECIPE_VERSION:
        raise RecipeError(f"surgeon_recipe is {data.get('surgeon_recipe')!r}, this surgeon reads {RECIPE_VERSION}")
    if unknown := sorted(str(key) for key in set(data) - {"surgeon_recipe", "edits"}):
        raise RecipeError(f"unknown key {unknown[0]!r}; a recipe has surgeon_recipe and edits")
    edits = data["edits"]
    if not isinstance(edits, list):
        raise RecipeError("edits is a list")
    return Recipe(edits=tuple(_edit_from_dict(edit, number) for number, edit in enumerate(edits, start=1)))


_KEYS = {
    "insert": {"insert", "after", "before", "set", "start"},
    "replace": {"replace", "at", "set"},
    "remove": {"remove"},
}


def _edit_from_dict(edit: Any, number: int) -> Edit:
    verbs = [verb for verb in _KEYS if isinstance(edit, dict) and verb in edit]
    if len(verbs) != 1:
        raise RecipeError(f"edit {number} begins with one of insert, replace, remove")
    verb = verbs[0]
    if unknown := sorted(str(key) for key in set(edit) - _KEYS[verb]):
        raise RecipeError(f"edit {number}: unknown key {unknown[0]!r}; {verb} takes {', '.join(sorted(_KEYS[verb]))}")
    settings = edit.get("set") or {}
    if not isinstance(settings, dict) or not all(isinstance(key, str) for key in settings):
        raise RecipeError(f"edit {number}: set is a mapping of setting to value")
    for key in {"insert", "replace", "remove", "after", "before", "at"} & set(edit):
        if not isinstance(edit[key], str | int) or isinstance(edit[key], bool):
            raise RecipeError(f"edit {number}: {key} is a name, not {edit[key]!r}")
    sites = {key: str(edit[key]) for key in ("after", "before", "at") if key in edit}
    try:
        if verb == "insert":
            start = str(edit.get("start", "identity"))
            after, before = sites.get("after"), sites.get("before")
            return Insert(module=str(edit["insert"]), after=after, before=before, settings=settings, start=start)
        if verb == "replace":
            if "at" not in sites:
                raise RecipeError("replace needs at: SITE")
            return Replace(module=str(edit["replace"]), settings=settings, **sites)
        return Remove(at=str(edit["remove"]))
    except RecipeError as error:
        raise RecipeError(f"edit {number}: {error}") from error


def _edit_to_dict(edit: Edit) -> dict[str, Any]:
    if isinstance(edit, Remove):
        return {"remove": edit.at}
    settings = {"set": dict(edit.settings)} if edit.settings else {}
    if isinstance(edit, Replace):
        return {"replace": edit.module, "at": edit.at, **settings}
    site = {"after": edit.after} if edit.after is not None else {"before": edit.before}
    return {"insert": edit.module, **site, "start": edit.start, **settings}


def _settings_text(settings: Mapping[str, Any]) -> str:
    return f" ({', '.join(f'{key}={value}' for key, value in settings.items())})" if settings else ""
