"""What a user asks for, as data: edits in the order they were given. `recipe_file` reads it from files. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from surgeon.errors import RecipeError

RECIPE_VERSION = 1
MODES = ("auto", "row", "graft")
STARTS = ("identity", "paper")


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
        if self.start not in STARTS:
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
        """Plain data, as in a recipe file; what has its default value is left out."""
        mode = {} if self.mode == "auto" else {"mode": self.mode}
        adapt = {"adapt": True} if self.adapt else {}
        edits = [_edit_to_dict(edit) for edit in self.edits]
        return {"surgeon_recipe": RECIPE_VERSION, **mode, **adapt, "edits": edits}


def _edit_to_dict(edit: Edit) -> dict[str, Any]:
    if isinstance(edit, Remove):
        return {"remove": edit.at}
    settings = {"set": dict(edit.settings)} if edit.settings else {}
    if isinstance(edit, Replace):
        return {"replace": edit.module, "at": edit.at, **settings}
    edge = None if edit.edge is None else list(edit.edge)
    places = {"after": edit.after, "before": edit.before, "edge": edge, "inside": edit.inside}
    place = {name: site for name, site in places.items() if site is not None}
    return {"insert": edit.module, **place, "start": edit.start, **settings}


def _settings_text(settings: Mapping[str, Any]) -> str:
    return f" ({', '.join(f'{key}={value}' for key, value in settings.items())})" if settings else ""
