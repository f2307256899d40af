"""From the addresses of an edit to the places it means, and which of the two modes serves each. Torch-free."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from surgeon.errors import AmbiguousSiteError, PlanError, SiteError
from surgeon.graph import Layer, LayerGraph, Site, resolve
from surgeon.graph.modules import ModuleTree
from surgeon.graph.nested import NestedSite, resolve_nested
from surgeon.surgery.heads import insertion_refused, is_head, parts_of_head
from surgeon.surgery.inside import places_inside
from surgeon.surgery.recipe import Edit, Insert, Recipe, Replace

Modules = Callable[[], ModuleTree]
"""Reads the module tree, which costs a forward pass: called only where it is needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One place of one edit.

    Attributes:
        how: ``after``, ``before``, ``replace`` or ``remove``.
        row: The row, where the edit is made among the rows.
        nested: The module, where it is made as a graft.
        reason: Why it is a graft, for the plan.
    """

    how: str
    row: Site | None = None
    nested: NestedSite | None = None
    reason: str = ""


def places_of(edit: Edit, graph: LayerGraph, recipe: Recipe, modules: Modules) -> tuple[Place, ...]:
    """Every place that an edit means, in execution order.

    Raises:
        SiteError: A site does not exist or is ambiguous.
        PlanError: Row mode was asked where only a graft can be, or a block of a head is to be inserted.
    """
    if isinstance(edit, Insert) and is_head(edit):
        raise insertion_refused(edit, graph, modules())
    if isinstance(edit, Insert) and edit.inside is not None:
        reason = f"as what lies inside {edit.inside} is no row"
        if recipe.mode == "row":
            raise PlanError(f"{edit}: what lies inside {edit.inside} is no row; leave --mode row out")
        found = places_inside(modules(), edit.inside)
        return tuple(Place(how=how, nested=NestedSite(node=node), reason=reason) for how, node in found)
    how = _how(edit)
    if isinstance(edit, Insert) and edit.edge is not None:
        return tuple(_place(how, site, graph, recipe, modules) for site in edge_ports(graph, edit.edge))
    address = _address(edit)
    if is_head(edit):
        return _inside_head(edit, graph, recipe, modules)
    try:
        rows = resolve(graph, address)
    except SiteError as error:
        if "names" in str(error) and f"{graph.unit}s of" in str(error):
            raise  # ambiguous among the rows: what lies inside them is not meant
        reason = f"its site lies inside a {graph.unit}"
        return tuple(Place(how=how, nested=site, reason=reason) for site in _nested(address, recipe, modules, error))
    return tuple(_place(how, site, graph, recipe, modules) for site in rows)


def _inside_head(edit: Edit, graph: LayerGraph, recipe: Recipe, modules: Modules) -> tuple[Place, ...]:
    assert isinstance(edit, Replace)
    reason = "the branches of a head lie inside its row"
    if recipe.mode == "row":
        raise PlanError(f"{edit}: {reason}; leave --mode row out")
    tree = modules()
    heads = [tree[site.layer.path] for site in resolve(graph, edit.at)]
    parts = [part for head in heads for part in parts_of_head(tree, head, edit)]
    return tuple(Place(how="replace", nested=NestedSite(node=part), reason=reason) for part in parts)


def edge_ports(graph: LayerGraph, edge: tuple[str, str]) -> tuple[Site, ...]:
    """The inputs of the second row that read the first.

    Raises:
        SiteError: One of the two names no single row.
        PlanError: The second does not read the first.
    """
    producer, consumer = (_single(graph, text) for text in edge)
    ports = tuple(Site(layer=consumer, port=n) for n, key in enumerate(consumer.inputs) if key == producer.key)
    if not ports:
        by_key = {layer.key: layer for layer in graph}
        reads = ", ".join(_named(by_key[key]) if key in by_key else "the image" for key in consumer.inputs)
        readers = ", ".join(map(_named, graph.consumers(producer.key))) or "nothing"
        raise PlanError(
            f"there is no edge {edge[0]}->{edge[1]}: {_named(consumer)} reads {reads}, and {_named(producer)} is read "
            f"by {readers}"
        )
    return ports


def _named(layer: Layer) -> str:
    return f"{layer.site} ({layer.kind})"


def _single(graph: LayerGraph, text: str) -> Layer:
    sites = resolve(graph, text)
    if len(sites) > 1 or sites[0].port is not None:
        raise SiteError(f"an edge goes from one row to another, {text!r} names {len(sites)} places of {graph.name}")
    return sites[0].layer


def _place(how: str, site: Site, graph: LayerGraph, recipe: Recipe, modules: Modules) -> Place:
    if graph.has_rows and recipe.mode != "graft" and not (graph.family != "ultralytics" and how == "replace"):
        return Place(how=how, row=site)
    if graph.has_rows and recipe.mode != "graft":
        # A parser takes a row's width from its own table of classes, and only Ultralytics' has a neutral one.
        if recipe.mode == "row":
            raise PlanError(f"among {graph.family} a block replaces a row as a graft; leave --mode row out")
        nested = NestedSite(node=modules()[site.layer.path], port=site.port)
        return Place(how=how, nested=nested, reason=f"as {graph.family} cannot describe a row that changes the width")
    if recipe.mode == "row":
        raise PlanError(f"{graph.name} is no list of rows, a block cannot become one; leave --mode row out")
    reason = "as --mode graft asks" if graph.has_rows else f"as {graph.name} is no list of rows"
    node = modules()[site.layer.path]
    if site.port is not None and not node.keywords and len(node.inputs) != len(site.layer.inputs):
        raise PlanError(
            f"{site.layer.site} ({site.layer.kind}) computes from {len(site.layer.inputs)} stages, but is called with "
            f"{len(node.inputs)} tensor(s): between them stands a function, where no block can be grafted; --before "
            f"{site.layer.site} takes what it is called with"
        )
    return Place(how=how, nested=NestedSite(node=node, port=site.port), reason=reason)


def _nested(address: str, recipe: Recipe, modules: Modules, error: SiteError) -> tuple[NestedSite, ...]:
    tree = modules()
    try:
        found = resolve_nested(tree, address)
    except AmbiguousSiteError:
        raise
    except SiteError as nested:
        # A path says more in the tree's own words, a mistyped row or kind in those of the rows.
        raise (nested if address.count(".") > 1 else error) from None
    if recipe.mode == "row":
        raise PlanError(f"{found[0]} lies inside a row: a block there cannot become a row; leave --mode row out")
    return found


def _how(edit: Edit) -> str:
    if isinstance(edit, Insert):
        return "after" if edit.after is not None else "before"
    return "replace" if isinstance(edit, Replace) else "remove"


def _address(edit: Edit) -> str:
    if isinstance(edit, Insert):
        return edit.after if edit.after is not None else str(edit.before)
    return edit.at
