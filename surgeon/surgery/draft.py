"""Row edits on paper: the rows of a network while the edits of a recipe are applied to them. Torch-free.

Every refusal that can be known from the graph and the blocks' closed forms is made here, before anything happens.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

from surgeon.blocks.naming import display_name, is_foreign
from surgeon.errors import BlockError, PlanError
from surgeon.graph import IMAGE, Layer, LayerGraph, NewBlock, PlannedRow, Site
from surgeon.surgery.nearest import nearest_sites
from surgeon.surgery.new_blocks import Former, Refused, adapter, changes_channels, describe, may_resample, new_block
from surgeon.surgery.recipe import Edit, Insert, Remove, Replace

TEXT_MAKERS = ("ImagePoolingAttn",)
"""Kinds of rows whose output takes the place of the network's text features."""
TEXT_GUIDED = ("C2fAttn", *TEXT_MAKERS)
"""Kinds of rows that their network calls with its text features besides what they read."""


class Draft:
    """The rows while the edits of a recipe are applied to them, one after the other.

    Args:
        graph: The network.
        adapt: Whether a 1x1 convolution may adapt the width where an edit changes it.
    """

    def __init__(self, graph: LayerGraph, *, adapt: bool = False) -> None:
        self.graph = graph
        self.rows = [
            PlannedRow(key=layer.key, section=layer.section, inputs=layer.inputs, source=layer.index, like=layer.key)
            for layer in graph
        ]
        self.notes: list[str] = []
        self._adapt = adapt
        self._shape: dict[str, tuple[int, ...] | None] = {layer.key: layer.out_shape for layer in graph}
        self._shape[IMAGE] = (1, graph.in_channels, *graph.imgsz)
        self._last_after: dict[str, str] = {}

    def apply(self, edit: Edit, site: Site) -> None:
        """Carry out one edit at one site.

        Raises:
            PlanError: The site cannot take it; the message names the nearest sites that can.
            BlockError: There is no such block, or its explicit settings do not fit the width.
        """
        if not any(row.key == site.layer.key for row in self.rows):
            raise PlanError(f"{site} is removed by an earlier edit of the same command, so {edit} has no site")
        try:
            self._carry_out(edit, site)
        except Refused as refused:
            if not refused.nearest:
                raise PlanError(str(refused)) from refused
            inputs = isinstance(edit, Insert) and edit.after is None
            near = nearest_sites(self.graph, site, lambda other: self._takes(edit, other), inputs=inputs)
            raise PlanError(f"{refused}; {near}") from refused

    def _takes(self, edit: Edit, site: Site) -> bool:
        """Whether a site surely takes an edit: tried on a fresh draft; what only a check can tell does not count."""
        layer = site.layer
        if not isinstance(edit, Insert):
            one = len(layer.inputs) == 1 and layer.out_shape is not None
            kept = one and self._shape.get(layer.inputs[0]) == layer.out_shape
            if not kept and (is_foreign(edit.module) if isinstance(edit, Replace) else not self._adapt):
                return False
        try:
            Draft(self.graph, adapt=self._adapt)._carry_out(edit, site)
        except (Refused, BlockError):
            return False
        return True

    def _carry_out(self, edit: Edit, site: Site) -> None:
        if site.layer.shared_with:
            other = self.graph.layers[site.layer.shared_with[0]]
            raise Refused(
                f"{site} is one module object with {other.site} ({other.kind}), and its number and sources are "
                "attributes of that object: an edit at one place would change the other"
            )
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
            raise Refused(
                f"--after takes a row, {site} is one input of a row; use --before {layer.site}:{site.port}",
                nearest=False,
            )
        if layer.index == self.graph.output.index:
            raise Refused(
                f"{site} is the last row: nothing reads it; insert before it instead "
                f"(--before '{layer.kind}:*' plants one on each of its {len(layer.inputs)} inputs)"
            )
        self._require_map(layer.key, f"after {site}")
        # A second block after the same site goes behind the first, in the order of the command.
        source = self._last_after.get(layer.key, layer.key)
        readers = [r for r in self.rows if source in r.inputs]
        if not readers:
            raise Refused(f"nothing reads {site}, so a block after it would never run")
        row = self._inserted(edit, source, layer.section)
        self._redirect(source, row.key)
        self.rows.insert(self._position(source) + 1, row)
        self._last_after[layer.key] = row.key

    def _insert_before(self, edit: Insert, site: Site) -> None:
        layer, port = site.layer, site.port
        if port is None:
            if len(layer.inputs) != 1:
                ports = ", ".join(f"{layer.site}:{n} ({self._label(key)})" for n, key in enumerate(layer.inputs))
                raise Refused(
                    f"{site} reads {len(layer.inputs)} rows; name one: {ports}, or {layer.site}:* for each",
                    nearest=False,
                )
            port = 0
        source = self.rows[self._position(layer.key)].inputs[port]
        if source == IMAGE:
            raise Refused(f"cannot plant a block before {site}: it reads the image itself")
        if layer.kind in TEXT_MAKERS:
            raise Refused(f"cannot plant a block before {site}: what it reads only changes the text features")
        self._require_map(source, f"before {site}")
        row = self._inserted(edit, source, layer.section)
        at = self._position(layer.key)
        target = self.rows[at]
        self.rows[at] = replace(target, inputs=(*target.inputs[:port], row.key, *target.inputs[port + 1 :]))
        self.rows.insert(at, row)

    def _inserted(self, edit: Insert, source: str, section: str) -> PlannedRow:
        channels = self._require_map(source, f"at {source}")
        block = self._new(edit, channels, channels)
        return self._row(display_name(edit.module), block, (source,), section, self._like(source))

    def _replace(self, edit: Replace, site: Site) -> None:
        layer = site.layer
        self._require_whole_row(edit, site, "a block cannot stand in for it")
        inputs = self.rows[self._position(layer.key)].inputs
        c2 = self._require_map(layer.key, f"in the place of {site}")
        widths = tuple(self._require_map(key, f"in the place of {site}") for key in inputs)
        if len(inputs) > 1:
            try:
                block = self._new(edit, widths, c2)
            except Refused as refused:
                raise Refused(f"{site} reads {len(inputs)} rows and cannot be replaced: {refused}") from refused
            self._stand_in(layer, [(display_name(edit.module), block)])
            return
        c1, ratio = widths[0], self._ratio(inputs[0], layer.key)
        if ratio != 1 and not may_resample(edit.module):
            raise Refused(f"{self._resolution(inputs[0], layer)}, {edit.module} in its place would not")
        try:
            self._stand_in(layer, self._chain(edit, layer, c1, c2, Former(ratio=ratio, convolution=layer.convolution)))
        except Refused as refused:
            said = f"{self._resolution(inputs[0], layer)}: {refused}" if ratio != 1 else str(refused)
            raise Refused(said, nearest=refused.nearest) from refused

    def _chain(self, edit: Replace, layer: Layer, c1: int, c2: int, former: Former) -> list[tuple[str, NewBlock]]:
        """The blocks that stand in for a row: one, or one and its adapter."""
        name = display_name(edit.module)
        if c1 == c2 or not self._adapt or changes_channels(edit.module):
            try:
                return [(name, replace(self._new(edit, c1, c2, former), replaces=layer.path))]
            except BlockError as error:
                if c1 == c2 or changes_channels(edit.module):
                    raise
                raise Refused(
                    f"{layer.site} ({layer.kind}) turns {c1} channels into {c2}: {str(error).rstrip('.')} "
                    "(--adapt lets a 1x1 convolution change the width beside it)"
                ) from error
        # The adapter costs the same on either side; the block, often quadratic in its width, belongs on the narrow one.
        narrow = min(c1, c2)
        block = replace(self._new(edit, narrow, narrow, former), replaces=layer.path)
        between = adapter(c1, c2)
        self.notes.append(
            f"{describe(between)} {'behind' if c1 == narrow else 'before'} {name} at {layer.site} ({layer.kind}): "
            f"{name} runs at {narrow} channels, the narrower side."
        )
        chain = [(name, block), ("adapter", between)]
        return chain if c1 == narrow else chain[::-1]

    def _remove(self, edit: Remove, site: Site) -> None:
        layer = site.layer
        self._require_whole_row(edit, site, "without it there is no output")
        inputs = self.rows[self._position(layer.key)].inputs
        if len(inputs) > 1:
            raise Refused(f"{site} reads {len(inputs)} rows and cannot be removed: only a row with a single input can")
        if inputs[0] == IMAGE:
            raise Refused(f"{site} is the first row: the rows behind it cannot read the image")
        c1, c2 = (self._require_map(key, f"in the place of {site}") for key in (inputs[0], layer.key))
        if self._ratio(inputs[0], layer.key) != 1:
            raise Refused(f"{self._resolution(inputs[0], layer)}, its input in its place would not")
        if c1 == c2:
            del self.rows[self._position(layer.key)]
            self._redirect(layer.key, inputs[0])
            return
        if not self._adapt:
            raise Refused(
                f"{site} turns {c1} channels into {c2}, what follows cannot read {self._label(inputs[0])} instead "
                "(--adapt puts a 1x1 convolution in its place)"
            )
        self.notes.append(f"{describe(adapter(c1, c2))} in the place of {site}.")
        self._stand_in(layer, [("adapter", adapter(c1, c2))])

    # The facts an edit needs

    def _require_whole_row(self, edit: Edit, site: Site, otherwise: str) -> None:
        layer = site.layer
        if site.port is not None:
            raise Refused(f"{edit}: {layer.site}:{site.port} is one input of a row; --at takes a row", nearest=False)
        if layer.index == self.graph.output.index:
            raise Refused(f"{site} is the head of {self.graph.name}, {otherwise}")
        if layer.kind in TEXT_GUIDED:
            raise Refused(
                f"{site} is guided by text: the network calls it with its text features too, which would be lost"
            )

    def _require_map(self, key: str, where: str) -> int:
        """Channels of what a row reads or puts out, which must be one feature map."""
        shape = self._shape[key]
        if shape is not None and len(shape) == 4:
            return shape[1]
        what = "several tensors" if shape is None else f"a tensor of {len(shape)} dimensions"
        if self.graph[key].kind in TEXT_MAKERS:
            what = "text features"
        raise Refused(
            f"cannot plant a block {where}: the output of {self._label(key)} is no single feature map but {what}"
        )

    def _ratio(self, source: str, key: str) -> Fraction:
        """Height of a row's input over that of its output; 0 where the two sides change differently."""
        before, after = self._shape[source], self._shape[key]
        assert before is not None and after is not None
        height, width = Fraction(before[2], after[2]), Fraction(before[3], after[3])
        return height if height == width else Fraction(0)

    def _resolution(self, source: str, layer: Layer) -> str:
        before, after = self._shape[source], self._shape[layer.key]
        assert before is not None and after is not None
        return (
            f"{layer.site} ({layer.kind}) changes the resolution from {before[2]}x{before[3]} to {after[2]}x{after[3]} "
            f"(of an image of {self.graph.imgsz[0]}x{self.graph.imgsz[1]})"
        )

    def _label(self, key: str) -> str:
        if key == IMAGE:
            return "the image"
        if any(layer.key == key for layer in self.graph):
            return f"{self.graph[key].site} {self.graph[key].kind}"
        return key

    # Building rows

    def _new(
        self, edit: Insert | Replace, c1: int | tuple[int, ...], c2: int, former: Former | None = None
    ) -> NewBlock:
        start = edit.start if isinstance(edit, Insert) else "paper"
        block, notes = new_block(edit, c1, c2, start=start, former=former)
        self.notes.extend(notes)
        return block

    def _stand_in(self, layer: Layer, chain: Iterable[tuple[str, NewBlock]]) -> None:
        """Put blocks, one reading the other, in the place of a row."""
        at = self._position(layer.key)
        old = self.rows.pop(at)
        inputs, resampled = old.inputs, False
        for stem, block in chain:
            resampled = resampled or not block.adapter or inputs != old.inputs
            like = layer.key if resampled else self._like(old.inputs[0])
            row = self._row(stem, block, inputs, old.section, like)
            self.rows.insert(at, row)
            at, inputs = at + 1, (row.key,)
        self._redirect(layer.key, inputs[0])

    def _row(self, stem: str, block: NewBlock, inputs: tuple[str, ...], section: str, like: str) -> PlannedRow:
        taken = {row.key for row in self.rows} | {layer.key for layer in self.graph}
        key = next(key for n in range(len(taken) + 1) if (key := f"{stem.lower()}{n}") not in taken)
        size = self._shape[like] or (1, 0)
        self._shape[key] = (1, block.out_channels, *size[2:])
        return PlannedRow(key=key, section=section, inputs=inputs, block=block, like=like)

    def _like(self, key: str) -> str:
        return next((row.like for row in self.rows if row.key == key), key)

    def _position(self, key: str) -> int:
        return next(index for index, row in enumerate(self.rows) if row.key == key)

    def _redirect(self, old: str, new: str) -> None:
        """Let whoever reads one row read another."""
        self.rows = [
            replace(row, inputs=tuple(new if key == old else key for key in row.inputs)) if old in row.inputs else row
            for row in self.rows
        ]
