"""Row edits on paper: the rows of a network while the edits of a recipe are applied to them. Torch-free.

Every refusal that can be known from the graph and the blocks' closed forms is made here, before anything happens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surgeon.blocks import catalog
from surgeon.blocks.naming import display_name, is_foreign
from surgeon.errors import BlockError, PlanError
from surgeon.graph import IMAGE, Layer, LayerGraph, NewBlock, PlannedRow, Site
from surgeon.surgery.recipe import Edit, Insert, Remove, Replace


class Draft:
    """The rows while the edits of a recipe are applied to them, one after the other."""

    def __init__(self, graph: LayerGraph) -> None:
        self.graph = graph
        self.rows = [
            PlannedRow(key=layer.key, section=layer.section, inputs=layer.inputs, source=layer.index) for layer in graph
        ]
        self.notes: list[str] = []
        self._shape = {layer.key: layer.out_shape for layer in graph}
        self._last_after: dict[str, str] = {}

    def apply(self, edit: Edit, site: Site) -> None:
        """Carry out one edit at one site."""
        if not any(row.key == site.layer.key for row in self.rows):
            raise PlanError(f"{site} is removed by an earlier edit of the same command, so {edit} has no site")
        if isinstance(edit, Insert):
            # An edge is one input of its consumer.
            (self._insert_after if edit.after is not None else self._insert_before)(edit, site)
        elif isinstance(edit, Replace):
            self._replace(edit, site)
        else:
            self._remove(edit, site)

    def _insert_after(self, edit: Insert, site: Site) -> None:
        layer = site.layer
        if site.port is not None:
            raise PlanError(f"--after takes a row, {site} is one input of a row; use --before {layer.site}:{site.port}")
        if layer.index == self.graph.output.index:
            raise PlanError(
                f"{site} is the last row: nothing reads it; insert before it instead "
                f"(--before '{layer.kind}:*' plants one on each of its {len(layer.inputs)} inputs)"
            )
        channels = self._channels(layer.key, f"after {site}")
        # A second block after the same site goes behind the first, in the order of the command.
        source = self._last_after.get(layer.key, layer.key)
        row = self._new_row(edit, source, channels, layer.section)
        readers = [r for r in self.rows if source in r.inputs]
        if not readers:
            raise PlanError(f"nothing reads {site}, so a block after it would never run; {self._neighbours(layer)}")
        self.rows = [self._reading(r, source, row.key) if source in r.inputs else r for r in self.rows]
        self.rows.insert(self._position(source) + 1, row)
        self._last_after[layer.key] = row.key

    def _insert_before(self, edit: Insert, site: Site) -> None:
        layer = site.layer
        port = site.port
        if port is None:
            if len(layer.inputs) != 1:
                ports = ", ".join(f"{layer.site}:{n} ({self._label(key)})" for n, key in enumerate(layer.inputs))
                raise PlanError(f"{site} reads {len(layer.inputs)} rows; name one: {ports}, or {layer.site}:* for each")
            port = 0
        source = self.rows[self._position(layer.key)].inputs[port]
        if source == IMAGE and layer.index != 0:
            raise PlanError(f"{site} reads the image, and only the first row can; {self._neighbours(layer)}")
        channels = self._channels(source, f"before {site}")
        row = self._new_row(edit, source, channels, layer.section)
        at = self._position(layer.key)
        target = self.rows[at]
        inputs = (*target.inputs[:port], row.key, *target.inputs[port + 1 :])
        self.rows[at] = PlannedRow(
            key=target.key, section=target.section, inputs=inputs, source=target.source, block=target.block
        )
        self.rows.insert(at, row)

    def _replace(self, edit: Replace, site: Site) -> None:
        layer = site.layer
        self._refuse_port(edit, site)
        if layer.index == self.graph.output.index:
            raise PlanError(f"{site} is the head of {self.graph.name}, a block cannot stand in for it")
        row = self.rows[self._position(layer.key)]
        source = self._single_input(row, layer, "replaced")
        c1, c2 = self._channels(source, f"at {site}"), self._channels(layer.key, f"at {site}")
        self._same_size(source, layer, "a block in its place")
        try:
            block = self._block(edit.module, c1, c2, edit.settings, "paper")
        except BlockError as error:
            if c1 == c2:
                raise
            raise PlanError(f"{site} turns {c1} channels into {c2}: {error}") from error
        key = self._fresh_key(edit.module)
        self._shape[key] = self._shape[layer.key]
        at = self._position(layer.key)
        self.rows[at] = PlannedRow(key=key, section=row.section, inputs=row.inputs, block=block)
        self.rows = [self._reading(r, layer.key, key) for r in self.rows]

    def _remove(self, edit: Remove, site: Site) -> None:
        layer = site.layer
        self._refuse_port(edit, site)
        if layer.index == self.graph.output.index:
            raise PlanError(f"{site} is the head of {self.graph.name}, without it there is no output")
        row = self.rows[self._position(layer.key)]
        source = self._single_input(row, layer, "removed")
        if source == IMAGE:
            raise PlanError(f"{site} is the first row: the rows behind it cannot read the image")
        c1, c2 = self._channels(source, f"at {site}"), self._channels(layer.key, f"at {site}")
        if c1 != c2:
            raise PlanError(
                f"{site} turns {c1} channels into {c2}, what follows cannot read {self._label(source)} instead; "
                f"rows that keep their channels: {self._keepers()}"
            )
        self._same_size(source, layer, "its input in its place")
        del self.rows[self._position(layer.key)]
        self.rows = [self._reading(r, layer.key, source) for r in self.rows]

    # The facts an edit needs

    def _refuse_port(self, edit: Edit, site: Site) -> None:
        if site.port is not None:
            raise PlanError(f"{edit}: {site.layer.site}:{site.port} is one input of a row; --at takes a row")

    def _single_input(self, row: PlannedRow, layer: Layer, verb: str) -> str:
        if len(row.inputs) != 1:
            raise PlanError(
                f"{layer.site} ({layer.kind}) reads {len(row.inputs)} rows and cannot be {verb}: only a row with "
                f"a single input can; {self._neighbours(layer)}"
            )
        return row.inputs[0]

    def _channels(self, key: str, where: str) -> int:
        shape = self._shape.get(key)
        if key == IMAGE:
            raise PlanError(f"cannot plant a block {where}: it reads the image itself; the first site is after row 0")
        if shape is None or len(shape) != 4:
            layer = self.graph[key]
            raise PlanError(
                f"cannot plant a block {where}: the output of {layer.site} ({layer.kind}) is no single feature map; "
                f"{self._neighbours(layer)}"
            )
        return shape[1]

    def _same_size(self, source: str, layer: Layer, what: str) -> None:
        before, after = self._shape[source], self._shape[layer.key]
        assert before is not None and after is not None
        if before[2:] != after[2:]:
            raise PlanError(
                f"{layer.site} ({layer.kind}) changes the resolution from {before[2]}x{before[3]} to "
                f"{after[2]}x{after[3]}, {what} would not; rows that keep it: {self._keepers()}"
            )

    def _keepers(self) -> str:
        names = []
        for layer in self.graph.layers[1:-1]:
            if len(layer.inputs) == 1 and layer.is_feature_map:
                shape = self._shape.get(layer.inputs[0])
                if shape is not None and shape == layer.out_shape:
                    names.append(f"{layer.site} ({layer.kind})")
        return ", ".join(names[:8]) or "none"

    def _neighbours(self, layer: Layer) -> str:
        good = [
            x
            for x in self.graph.layers[:-1]
            if x.is_feature_map and x.index != layer.index and self.graph.consumers(x.key)
        ]
        good.sort(key=lambda x: abs(x.index - layer.index))
        names = ", ".join(f"{x.site} ({x.kind})" for x in sorted(good[:4], key=lambda x: x.index))
        return f"the nearest sites that work: {names}" if names else "this network has no site that works"

    def _label(self, key: str) -> str:
        if key == IMAGE:
            return "the image"
        if any(layer.key == key for layer in self.graph):
            layer = self.graph[key]
            return f"{layer.site} {layer.kind}"
        return key

    # Building rows

    def _new_row(self, edit: Insert, source: str, channels: int, section: str) -> PlannedRow:
        block = self._block(edit.module, channels, channels, edit.settings, edit.start)
        key = self._fresh_key(edit.module)
        self._shape[key] = self._shape[source]
        return PlannedRow(key=key, section=section, inputs=(source,), block=block)

    def _block(self, module: str, c1: int, c2: int, settings: Mapping[str, Any], start: str) -> NewBlock:
        if not is_foreign(module):
            info = catalog.get(module)
            resolved = info.resolve(c1, c2, settings)
            self.notes.extend(f"{info.title} at {c1} channels: {note}" for note in resolved.notes)
            module, settings = info.name, dict(resolved.settings)
            if settings.get("stride", 1) != 1:
                raise PlanError(f"{info.title} with stride {settings['stride']} changes the resolution; use stride 1")
        return NewBlock(module=module, in_channels=c1, out_channels=c2, settings=settings, start=start)

    def _fresh_key(self, module: str) -> str:
        taken = {row.key for row in self.rows} | {layer.key for layer in self.graph}
        stem = display_name(module).lower()
        number = 0
        while f"{stem}{number}" in taken:
            number += 1
        return f"{stem}{number}"

    def _position(self, key: str) -> int:
        return next(index for index, row in enumerate(self.rows) if row.key == key)

    @staticmethod
    def _reading(row: PlannedRow, old: str, new: str) -> PlannedRow:
        if old not in row.inputs:
            return row
        inputs = tuple(new if key == old else key for key in row.inputs)
        return PlannedRow(key=row.key, section=row.section, inputs=inputs, source=row.source, block=row.block)
