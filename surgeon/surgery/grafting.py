"""Grafts on paper: which module each block stands at, and every refusal that the module tree can tell. Torch-free."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from surgeon.blocks.naming import display_name
from surgeon.errors import BlockError, PlanError
from surgeon.graph import LayerGraph, NewBlock, PlannedGraft
from surgeon.graph.modules import ModuleNode, ModuleTree
from surgeon.graph.nested import NestedSite
from surgeon.surgery.new_blocks import Former, Refused, adapter, describe, may_resample, new_block
from surgeon.surgery.recipe import Edit, Insert, Remove, Replace

AFTER, BEFORE = "surgeon_after_", "surgeon_before_"


class GraftDraft:
    """The grafts of a recipe, collected one after the other.

    Args:
        graph: The network's rows or stages.
        tree: Its modules.
        taken: Keys that are in use.
        adapt: Whether a 1x1 convolution may stand in for a removed module that changes the width.
    """

    def __init__(self, graph: LayerGraph, tree: ModuleTree, taken: set[str], adapt: bool = False) -> None:
        self.graph = graph
        self.tree = tree
        self.grafts: list[PlannedGraft] = []
        self.notes: list[str] = []
        self._taken = taken
        self._adapt = adapt
        self._gone: set[str] = set()

    def apply(self, edit: Edit, site: NestedSite, how: str) -> None:
        """Plan one graft: ``how`` is ``after``, ``before``, ``replace`` or ``remove``.

        Raises:
            PlanError: The module cannot take it; the message names what would.
            BlockError: The block's explicit settings do not fit the width.
        """
        node = site.node
        self._refuse(node, how, edit)
        if how == "after":
            self._after(edit, site)
        elif how == "before":
            self._before(edit, site)
        else:
            self._swap(edit, site)

    def _after(self, edit: Edit, site: NestedSite) -> None:
        assert isinstance(edit, Insert)
        node = site.node
        if site.port is not None:
            raise PlanError(f"--after takes a module, {site} is one input of it; use --before {node.site}:{site.port}")
        if not node.is_feature_map:
            raise PlanError(f"cannot plant a block after {node}: {_output_of(node)}; {self._neighbours(node)}")
        assert node.out_shape is not None
        if node.stages and self._in_head(node):  # heads index their branches: the last convolution must stay the last
            last = self.tree.children(node.path)[-1]
            self.apply(edit, NestedSite(node=last), "after")
            return
        self._add(edit, node, "after", node.out_shape[1], None)

    def _before(self, edit: Edit, site: NestedSite) -> None:
        assert isinstance(edit, Insert)
        node, port = site.node, site.port
        if node.keywords:
            raise PlanError(f"cannot plant a block before {node}: {_keywords(node)}; {self._neighbours(node)}")
        if port is None:
            if len(node.inputs) != 1:
                raise PlanError(
                    f"{node} takes {len(node.inputs)} inputs; name one, {node.site}:0 to "
                    f"{node.site}:{len(node.inputs) - 1}, or {node.site}:* for each"
                )
            port = 0
        shape = node.inputs[port]
        if shape is None or len(shape) != 4:
            raise PlanError(
                f"cannot plant a block before {node}: its input is no feature map; {self._neighbours(node)}"
            )
        if node.stages:  # a further child of a sequence would run last: its first stage takes the block
            first = self.tree.children(node.path)[0]
            self.apply(edit, NestedSite(node=first, port=port if first.stages else 0), "before")
            return
        self._add(edit, node, "before", shape[1], port)

    def _swap(self, edit: Edit, site: NestedSite) -> None:
        node = site.node
        verb = "replaced" if isinstance(edit, Replace) else "removed"
        if site.port is not None:
            raise PlanError(f"{edit}: {site} is one input of a module; --at takes a module")
        if node.keywords:
            raise PlanError(f"{node} cannot be {verb}: {_keywords(node)}; {self._neighbours(node)}")
        source = node.inputs[0] if len(node.inputs) == 1 else None
        if source is None or len(source) != 4 or not node.is_feature_map:
            raise PlanError(
                f"{node} cannot be {verb}: only a module that turns one feature map into one can; "
                f"{self._neighbours(node)}"
            )
        assert node.out_shape is not None
        if lost := [g.host for g in self.grafts if g.host == node.path or g.host.startswith(f"{node.path}.")]:
            raise PlanError(f"{node} cannot be {verb}: an earlier edit of the same command changes {lost[0]}")
        c1, c2 = source[1], node.out_shape[1]
        if source[2:] != node.out_shape[2:] and not (isinstance(edit, Replace) and may_resample(edit.module)):
            raise PlanError(
                f"{node} changes the resolution from {source[2]}x{source[3]} to {node.out_shape[2]}x"
                f"{node.out_shape[3]}, what stands in for it would not; {self._neighbours(node)}"
            )
        if isinstance(edit, Remove) and c1 != c2:
            if not self._adapt:
                raise PlanError(
                    f"{node} turns {c1} channels into {c2}, what follows cannot read its input instead (--adapt puts a "
                    "1x1 convolution in its place)"
                )
            between = adapter(c1, c2)
            self.notes.append(f"{describe(between)} in the place of {node}.")
            self.grafts.append(PlannedGraft(key=self._fresh("adapter"), host=node.path, how="replace", block=between))
        elif isinstance(edit, Remove):
            key = self._fresh("removed")
            self.grafts.append(PlannedGraft(key=key, host=node.path, how="remove"))
        else:
            assert isinstance(edit, Replace)
            former = Former(ratio=_ratio(source, node.out_shape), convolution=node.convolution)
            block = self._block(edit, (c1, c2), "paper", node, former)
            self.grafts.append(PlannedGraft(key=self._key(edit.module), host=node.path, how="replace", block=block))
        self._gone.add(node.path)

    def _add(self, edit: Insert, node: ModuleNode, how: str, channels: int, port: int | None) -> None:
        block = self._block(edit, (channels, channels), edit.start, node)
        taken = {child.path.rpartition(".")[2] for child in self.tree.children(node.path)}
        taken |= {graft.name for graft in self.grafts if graft.host == node.path}
        stem = AFTER if how == "after" else f"{BEFORE}{port or 0}_"
        name = next(name for n in range(len(taken) + 1) if (name := f"{stem}{n}") not in taken)
        graft = PlannedGraft(key=self._key(edit.module), host=node.path, how=how, name=name, port=port, block=block)
        self.grafts.append(graft)

    def _block(
        self,
        edit: Insert | Replace,
        widths: tuple[int, int],
        start: str,
        node: ModuleNode,
        former: Former | None = None,
    ) -> NewBlock:
        c1, c2 = widths
        try:
            block, notes = new_block(edit, c1, c2, start=start, former=former)
        except Refused as error:
            raise PlanError(f"{node} cannot be replaced: {error}") from error
        except BlockError as error:
            if c1 == c2:
                raise
            rows_only = "; --adapt serves rows only, conv1x1 changes the width" if self._adapt else ""
            said = f"{node} turns {c1} channels into {c2}: {str(error).rstrip('.')}{rows_only}"
            raise PlanError(said) from error
        self.notes.extend(notes)
        return replace(block, replaces=node.path) if isinstance(edit, Replace) else block

    # What cannot be a host

    def _refuse(self, node: ModuleNode, how: str, edit: Edit) -> None:
        # What a parent removes is gone with everything inside it.
        if any(node.path == gone or node.path.startswith(f"{gone}.") for gone in self._gone):
            raise PlanError(f"{node} is gone by an earlier edit of the same command, so {edit} has no site")
        if node.planted:
            raise PlanError(f"{node} is, or lies in, a block that surgeon planted; {self._neighbours(node)}")
        if node.names > 1:
            raise PlanError(
                f"{node} is one module under {node.names} names of {self.graph.name}: a block there would stand at all "
                f"of them; {self._neighbours(node)}"
            )
        if node.calls == 0:
            raise PlanError(
                f"{node} is not called in inference (its parent calls .forward() or uses it in training only), so a "
                f"block there would never run; {self._neighbours(node)}"
            )
        if node.calls > 1:
            raise PlanError(
                f"{node} is called {node.calls} times in one pass, and a block there would run as often; "
                f"{self._neighbours(node)}"
            )
        if node.folded_by is not None:
            around = self.tree[node.folded_by]
            raise PlanError(
                f"{node} is a part that fuse() folds away when {around} is deployed; use {around.site} itself"
            )
        # Without rows the last stage is whatever stands last: a map that it puts out is one like any other.
        is_head = node.path == self.graph.output.path and (self.graph.has_rows or not node.is_feature_map)
        if how == "after" and is_head:
            ports = f" (--before '{node.site}:*' plants one on each of its {len(node.inputs)} inputs)"
            raise PlanError(f"{node} is the head: nothing reads it; insert before it instead{ports}")
        if how in ("replace", "remove") and is_head:
            raise PlanError(f"{node} is the head of {self.graph.name}, nothing can stand in for it")

    def _neighbours(self, node: ModuleNode) -> str:
        """The nearest modules of the tree that can take a block behind them."""
        order = {n.path: i for i, n in enumerate(self.tree.nodes)}
        good = [n for n in self.tree if self._takes_block(n) and n.path != node.path]
        good.sort(key=lambda n: abs(order[n.path] - order[node.path]))
        names = ", ".join(map(str, sorted(good[:4], key=lambda n: order[n.path])))
        return f"the nearest sites that work: {names}" if names else "this network has no site that works"

    def _takes_block(self, node: ModuleNode) -> bool:
        free = not node.planted and node.names == 1 and node.calls == 1 and node.folded_by is None
        return free and node.is_feature_map and node.path != self.graph.output.path and not self._in_head(node)

    def _in_head(self, node: ModuleNode) -> bool:
        return node.path.startswith(f"{self.graph.output.path}.")

    def _key(self, module: str) -> str:
        return self._fresh(display_name(module).lower())

    def _fresh(self, stem: str) -> str:
        key = next(key for n in range(len(self._taken) + 1) if (key := f"{stem}{n}") not in self._taken)
        self._taken.add(key)
        return key


def _ratio(before: tuple[int, ...], after: tuple[int, ...]) -> Fraction:
    """Height of an input over that of the output; 0 where the two sides change differently."""
    height, width = Fraction(before[2], after[2]), Fraction(before[3], after[3])
    return height if height == width else Fraction(0)


def _keywords(node: ModuleNode) -> str:
    return f"it is called with {', '.join(node.keywords)}=…, and a graft serves what is passed by position"


def _output_of(node: ModuleNode) -> str:
    if node.out_shape is None:
        return "it puts out no single tensor"
    return f"it puts out a tensor of {len(node.out_shape)} dimensions, no feature map"
