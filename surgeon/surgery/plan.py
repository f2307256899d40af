"""What a recipe means on one network: pure data, nothing is built or changed here. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass

from surgeon.errors import PlanError
from surgeon.graph import Layer, LayerGraph, PlannedGraft, PlannedRow
from surgeon.graph.modules import ModuleTree
from surgeon.surgery.draft import Draft
from surgeon.surgery.grafting import GraftDraft
from surgeon.surgery.places import Modules, Place, places_of
from surgeon.surgery.recipe import Edit, Insert, Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class SurgeryPlan:
    """An edit that the network can take.

    Attributes:
        before: The network as it is.
        recipe: What was asked.
        rows: The network as it will be, in execution order.
        grafts: Changes inside the module tree, which leave the rows as they are.
        keeps_output: Whether the edited network must give the original's output bit for bit.
        notes: What the reader should know: adapted settings, rewired consumers.
    """

    before: LayerGraph
    recipe: Recipe
    rows: tuple[PlannedRow, ...]
    keeps_output: bool
    grafts: tuple[PlannedGraft, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def new_keys(self) -> tuple[str, ...]:
        """Keys of the planted blocks."""
        return tuple(self.planted)

    @property
    def planted(self) -> dict[str, str]:
        """Key of each planted block → its path in the edited network's module tree."""
        rows = {row.key: self._row_path(i) for i, row in enumerate(self.rows) if row.block is not None}
        grafts = {graft.key: self.moved(graft.path) for graft in self.grafts if graft.block is not None}
        return rows | grafts

    @property
    def stand_ins(self) -> dict[str, str]:
        """Path of each block that replaces a module, in the edited network → the module's path in the original one."""
        paths = self.planted
        rows = {row.key: row.block for row in self.rows}
        blocks = rows | {graft.key: graft.block for graft in self.grafts}
        return {paths[key]: block.replaces for key, block in blocks.items() if block is not None and block.replaces}

    def moved(self, path: str) -> str:
        """Where a module of the original network stands in the edited one; its tensors' names move alike."""
        if self._renumbered:
            for old, new in self.renames.items():
                row = self.before.layers[old].path
                if path == row or path.startswith(f"{row}."):
                    return self._row_path(new) + path.removeprefix(row)
        return path

    @property
    def dropped_paths(self) -> tuple[str, ...]:
        """Paths, in the original network, of the modules that the edited one no longer has."""
        grafts = (graft.host for graft in self.grafts if graft.how in ("replace", "remove"))
        return (*(layer.path for layer in self.dropped), *grafts)

    def upstream(self, key: str) -> tuple[str, ...]:
        """Paths, in the edited network, of the modules whose output a planted block reads; empty where unknown."""
        positions = {row.key: index for index, row in enumerate(self.rows)}
        for graft in self.grafts:
            if graft.key == key:
                return (self.moved(graft.host),) if graft.how == "after" else ()
        return tuple(self._row_path(positions[k]) for k in self.rows[positions[key]].inputs if k in positions)

    @property
    def _renumbered(self) -> bool:
        return any(old != new for old, new in self.renames.items())

    def _row_path(self, index: int) -> str:
        return f"{self.before.layers[0].path.rpartition('.')[0]}.{index}"

    @property
    def renames(self) -> dict[int, int]:
        """Index of each surviving original row → its index in the edited network."""
        return {row.source: index for index, row in enumerate(self.rows) if row.source is not None}

    @property
    def dropped(self) -> tuple[Layer, ...]:
        """Original rows that the edited network no longer has."""
        kept = set(self.renames)
        return tuple(layer for layer in self.before if layer.index not in kept)


def make_plan(graph: LayerGraph, recipe: Recipe, modules: Modules | None = None) -> SurgeryPlan:
    """Work out what a recipe means on a network.

    Args:
        graph: The network's rows.
        recipe: What to do.
        modules: Reads the network's module tree, for sites inside rows; without it there are none.

    Raises:
        SiteError: A site does not exist or is ambiguous.
        BlockError: A block is unknown, or explicit settings do not fit the width.
        PlanError: The network cannot take the edit; the message names what would work.
    """
    reader = _Once(modules or (lambda: ModuleTree(name=graph.name, nodes=(), imgsz=graph.imgsz)))
    # Sites are resolved first: all of them count in the source's numbering.
    placed = [(edit, places_of(edit, graph, recipe, reader)) for edit in recipe.edits]
    draft = Draft(graph, adapt=recipe.adapt)
    for edit, places in placed:
        for place in places:
            if place.row is not None:
                draft.apply(edit, place.row)
    grafts: GraftDraft | None = None
    notes: list[str] = []
    for edit, places in placed:
        for place in places:
            if place.nested is not None:
                grafts = grafts or GraftDraft(graph, reader(), {row.key for row in draft.rows}, recipe.adapt)
                grafts.apply(edit, place.nested, place.how)
        notes += _explained(edit, places, graph.has_rows)
    planned = () if grafts is None else tuple(grafts.grafts)
    if grafts is not None:
        notes += grafts.notes
        _refuse_dropped_hosts(graph, draft, planned)
    return SurgeryPlan(
        before=graph,
        recipe=recipe,
        rows=tuple(draft.rows),
        grafts=planned,
        keeps_output=all(isinstance(edit, Insert) and edit.start == "identity" for edit in recipe.edits),
        notes=tuple(dict.fromkeys([*draft.notes, *notes])),
    )


def _explained(edit: Edit, places: tuple[Place, ...], has_rows: bool) -> list[str]:
    """Why an edit is made as a graft, in one sentence."""
    reasons = list(dict.fromkeys(place.reason for place in places if place.nested is not None))
    if not reasons:
        return []
    count, moves = (f"{len(places)} grafts", "they move") if len(places) > 1 else ("a graft", "it moves")
    unmoved = f"; {moves} no row" if has_rows else ""
    return [f"{edit}: {count}, {' and '.join(reasons)}{unmoved}."]


class _Once:
    """Reads the module tree at the first call and keeps it."""

    def __init__(self, read: Modules) -> None:
        self._read = read
        self._tree: ModuleTree | None = None

    def __call__(self) -> ModuleTree:
        if self._tree is None:
            self._tree = self._read()
        return self._tree


def _refuse_dropped_hosts(graph: LayerGraph, draft: Draft, grafts: tuple[PlannedGraft, ...]) -> None:
    kept = {row.source for row in draft.rows}
    for layer in graph:
        hosted = [graft for graft in grafts if graft.host == layer.path or graft.host.startswith(f"{layer.path}.")]
        if hosted and layer.index not in kept:
            raise PlanError(
                f"{layer.site} ({layer.kind}) is taken out, and {hosted[0].host} inside it cannot be edited"
            )
