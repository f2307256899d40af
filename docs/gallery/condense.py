"""From recorded calls to the few boxes of a drawing: layout hidden, chains merged, constants named in place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from docs.gallery.dims import Sizes
from docs.gallery.labels import LAYERS, NORMS, SPLITS, label
from docs.gallery.reading import Reader
from docs.gallery.trace import Call, Ref

LINE_LENGTH = 24
"""Characters up to which what is merged stands in the same line."""


@dataclass(slots=True, kw_only=True)
class Box:
    """One box of a drawing.

    Attributes:
        lines: What it says.
        name: The layer in it, as the block names it.
        shape: Its output's shape, where that differs from what goes in.
        kind: ``end`` (input and output), ``layer`` (holds parameters), ``join`` (several inputs), ``step``, or
            ``weight`` (a parameter from which a kernel is made).
        sources: Keys of the boxes that it reads.
    """

    lines: list[str]
    name: str = ""
    shape: str = ""
    kind: str = "step"
    sources: list[str] = field(default_factory=list)


def condense(first: tuple[Call, ...], second: tuple[Call, ...], end: Ref, sizes: Sizes) -> dict[str, Box]:
    """Make the boxes of a block out of its two recordings.

    Args:
        first: Calls at the first size.
        second: Calls at the second; the same operators.
        end: The result.
        sizes: The two sizes.

    Returns:
        Key -> box, each after those that it reads; ``x`` first, ``y`` last.
    """
    reader = Reader(first, second)
    boxes = {"x": Box(lines=["x"], shape="C × H × W", kind="end")}
    for index, calls in enumerate(reader.pairs):
        if reader.has_box(index):
            for key, box in _boxes(reader, calls, sizes):
                boxes.setdefault(key if key else str(index), box)
    shape = sizes.shape(*(pair.shapes[end.part] for pair in reader.pairs[end.index]))
    boxes["y"] = Box(lines=["y"], shape=shape, kind="end", sources=[_key(reader.source(end))])
    _only_needed(boxes)
    _merge(boxes)
    _shorten(boxes)
    return boxes


def _boxes(reader: Reader, calls: tuple[Call, Call], sizes: Sizes) -> Iterator[tuple[str, Box]]:
    """The box of a call, under an empty key, after those of the parameters that are drawn."""
    call = calls[0]
    refs = reader.content(call)
    shown = [ref for ref in refs if reader.shown(ref)]
    names = list(dict.fromkeys(name for ref in refs if not reader.shown(ref) for name in reader.parameters(ref)))
    layer = call.op in LAYERS or call.op in NORMS
    constants = "" if layer else ", ".join(_constants(reader, refs)) or reader.origin(refs)
    text = label(calls, sizes, reader.shown, constants)
    pads = {pad for ref in shown for pad in reader.pads(ref)}
    box = Box(lines=[text, *sorted(pads)])
    sources = [reader.source(ref) for ref in shown]
    for source in sources:
        if source.kind == "parameter":
            yield _key(source), Box(lines=[_plain(source.name)], kind="weight")
    if call.op == "setitem":  # a copy whose parts were shifted: what it was copied from
        sources = sources[:1]
    box.sources = list(dict.fromkeys(_key(source) for source in sources))
    if layer:
        weights = [name for name in names if "weight" in name] or names
        box.name = ", ".join(dict.fromkeys(_plain(name) for name in weights))
    box.kind = "layer" if call.op in LAYERS else "join" if len(box.sources) > 1 else "step"
    before = {_bare(ref.shape) for ref in (*shown, *sources)}
    if _bare(call.shapes[0]) not in before and call.op not in SPLITS:
        box.shape = sizes.shape(call.shapes[0], calls[1].shapes[0])
    yield "", box


def _constants(reader: Reader, refs: list[Ref]) -> list[str]:
    """What is said of operands without a box: a parameter's own name, the layers of what is made of several."""
    words: list[str] = []
    for ref in refs:
        if not reader.shown(ref):
            parameter = reader.parameter(ref)
            words += [parameter] if parameter else map(_plain, reader.parameters(ref))
    return list(dict.fromkeys(words))


def _merge(boxes: dict[str, Box]) -> None:
    """Write what follows alone into the box before it, sums of sums into one, splits of one map into one."""
    for key in list(boxes):
        box = boxes[key]
        if key == "y" or not box.sources:
            continue
        readers = {source: sum(source in other.sources for other in boxes.values()) for source in box.sources}
        if box.lines == ["split"]:
            before = boxes[box.sources[0]]
            twin = next((k for k, b in boxes.items() if b.lines == ["split"] and b.sources == box.sources), key)
            if before.lines[-1] == "split":
                _replace(boxes, key, box.sources[0])
            elif twin != key:
                _replace(boxes, key, twin)
        elif box.lines == ["+"] and box.kind == "join":
            _flatten(boxes, box, readers)
        elif box.kind == "step" and len(box.sources) == 1 and not box.shape:
            before = boxes[box.sources[0]]
            if readers[box.sources[0]] == 1 and before.kind != "end" and before.lines != ["split"]:
                _append(before, box)
                _replace(boxes, key, box.sources[0])


def _flatten(boxes: dict[str, Box], box: Box, readers: dict[str, int]) -> None:
    """Add up what a sum that nothing else reads adds up."""
    flat: list[str] = []
    for source in box.sources:
        inner = boxes[source]
        if inner.lines == ["+"] and inner.kind == "join" and readers[source] == 1:
            flat += inner.sources
            del boxes[source]
        else:
            flat.append(source)
    box.sources = flat


def _append(before: Box, box: Box) -> None:
    for text in box.lines:
        if text == before.lines[-1]:
            continue
        if len(before.lines) > 1 and len(before.lines[-1]) + len(text) < LINE_LENGTH:
            before.lines[-1] += f", {text}"
        else:
            before.lines.append(text)
    if box.name and before.name and box.name not in before.name.split(", ") and before.kind != "layer":
        before.name += f", {box.name}"
    before.name = before.name or box.name


def _shorten(boxes: dict[str, Box]) -> None:
    """Leave out what the names of a kernel's parameters begin with alike."""
    names = [box.lines[0] for box in boxes.values() if box.kind == "weight" and box.lines[0].startswith("weight_")]
    common = "_".join(names[0].split("_")[:2]) + "_" if names else ""
    if names and all(name.startswith(common) for name in names):
        for box in boxes.values():
            box.lines = [line.replace(common, "…") for line in box.lines]


def _replace(boxes: dict[str, Box], key: str, by: str) -> None:
    del boxes[key]
    for other in boxes.values():
        other.sources = list(dict.fromkeys(by if source == key else source for source in other.sources))


def _only_needed(boxes: dict[str, Box]) -> None:
    needed, todo = {"x", "y"}, ["y"]
    while todo:
        for source in boxes[todo.pop()].sources:
            if source not in needed:
                needed.add(source)
                todo.append(source)
    for key in set(boxes) - needed:
        del boxes[key]


def _key(ref: Ref) -> str:
    return "x" if ref.kind == "input" else str(ref.index) if ref.kind == "call" else ref.name


def _bare(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without order and ones: what no transposition changes."""
    return tuple(sorted(size for size in shape if size != 1))


def _plain(name: str) -> str:
    """The layer of a parameter (``conv1`` for ``conv1.weight``), or the parameter that stands alone."""
    owner, _, own = name.rpartition(".")
    return owner if owner and own in ("weight", "bias", "pos_embed", "running_mean", "running_var") else name
