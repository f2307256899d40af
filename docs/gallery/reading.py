"""Two recordings of one block, read as one graph: what depends on the input, and which calls deserve a box."""

from __future__ import annotations

from collections.abc import Iterator

from docs.gallery.labels import LAYOUT
from docs.gallery.trace import Call, Ref

#: Operators whose later operands lend a type or a size, not numbers.
_LENDERS = frozenset({"to", "type_as", "expand_as", "view_as", "reshape_as", "zeros_like", "ones_like", "full_like"})
#: What numbers that depend on nothing are, by an operator that made them.
_ORIGINS = {"masked_fill": "mask", "sin": "positions"}
_UNTOUCHABLE = frozenset({"setitem", "clone"})


class Reader:
    """A graph of calls.

    Attributes:
        pairs: Each call as recorded at the two sizes.
    """

    def __init__(self, first: tuple[Call, ...], second: tuple[Call, ...]) -> None:
        """Read two recordings.

        Raises:
            ValueError: They hold different operators.
        """
        if [call.op for call in first] != [call.op for call in second]:
            raise ValueError("The plain form calls other operators at another size: its graph cannot be drawn once.")
        self.pairs = list(zip(first, second, strict=True))
        self._same = self._repeated()
        self._moves: list[bool] = []
        self._names: list[tuple[str, ...]] = []
        self._ops: list[frozenset[str]] = []
        for call in first:
            refs = self.content(call)
            self._moves.append(any(self.moving(ref) for ref in refs))
            self._names.append(tuple(dict.fromkeys(name for ref in refs for name in self.parameters(ref))))
            upstream = [self._ops[ref.index] for ref in refs if ref.kind == "call" and not self.moving(ref)]
            self._ops.append(frozenset({call.op}).union(*upstream))
        self._kernels = set(self._generated())

    def content(self, call: Call) -> list[Ref]:
        """What a call reads numbers of; repeated calls are one."""
        refs = list(call.refs())
        if call.op in _LENDERS:
            refs = refs[:1] if call.op in LAYOUT else []
        return [self._first(ref) for ref in refs]

    def moving(self, ref: Ref) -> bool:
        """Whether a tensor depends on the block's input."""
        return ref.kind == "input" or (ref.kind == "call" and self._moves[ref.index])

    def shown(self, ref: Ref) -> bool:
        """Whether a tensor is drawn: it depends on the input, or a kernel is made of it."""
        drawn = ref.kind == "call" and ref.index in self._kernels
        return self.moving(ref) or drawn or (ref.kind == "parameter" and ref.name in self._sources)

    def parameters(self, ref: Ref) -> tuple[str, ...]:
        """Names of the parameters that a tensor is made of, as far as no box stands between."""
        if ref.kind == "parameter":
            return (ref.name,)
        return self._names[ref.index] if ref.kind == "call" and not self.moving(ref) else ()

    def parameter(self, ref: Ref) -> str:
        """The parameter that a tensor is, laid out anew or not; empty where it is none."""
        while ref.kind == "call" and self.pairs[ref.index][0].op in LAYOUT | {"getitem"}:
            ref = next(self.pairs[ref.index][0].refs())
        return ref.name

    def origin(self, refs: list[Ref]) -> str:
        """What the constants among operands are; empty where that is not known."""
        ops = [self._ops[ref.index] for ref in refs if ref.kind == "call" and not self.shown(ref)]
        return next((word for made in ops for op, word in _ORIGINS.items() if op in made), "")

    def has_box(self, index: int) -> bool:
        """Whether a call is drawn by a box of its own."""
        if self._same.get(index, index) != index or not self.shown(Ref(kind="call", index=index)):
            return False
        return self.source(Ref(kind="call", index=index)).index == index

    def source(self, ref: Ref) -> Ref:
        """The nearest tensor upstream that has a box."""
        while ref.kind == "call" and not self._own_box(ref.index):
            ref = next(item for item in self.content(self.pairs[ref.index][0]) if self.shown(item))
        return ref

    def pads(self, ref: Ref) -> Iterator[str]:
        """Paddings other than with zeros on the way to the nearest box."""
        while ref.kind == "call" and not self._own_box(ref.index):
            call = self.pairs[ref.index][0]
            mode = call.kwargs.get("mode", "constant")
            if call.op == "pad" and mode != "constant":
                yield f"{mode} padding"
            ref = next(item for item in self.content(call) if self.shown(item))

    def _own_box(self, index: int) -> bool:
        """Whether a call does more than lay numbers out anew, cut padding off or add nothing."""
        call = self.pairs[index][0]
        before = next(call.refs()).shape
        if call.op in ("getitem", "interpolate", "chunk"):
            return _bare(call.shapes[0]) != _bare(before)
        if call.op == "add":
            return not any(isinstance(item, int | float) and item == 0 for item in call.args)
        if call.op == "roll":
            return any(call.args[1])
        return call.op not in LAYOUT and call.op != "pad"

    def _first(self, ref: Ref) -> Ref:
        if ref.kind != "call" or ref.index not in self._same:
            return ref
        return Ref(kind="call", index=self._same[ref.index], part=ref.part, shape=ref.shape)

    def _repeated(self) -> dict[int, int]:
        """Calls that compute again what an earlier one computed -> that earlier one."""
        same: dict[int, int] = {}
        seen: dict[str, int] = {}
        for index, (call, _) in enumerate(self.pairs):
            text = repr((call.op, self._canonical(call.args, same), self._canonical(tuple(call.kwargs.items()), same)))
            if call.op not in _UNTOUCHABLE and (earlier := seen.setdefault(text, index)) != index:
                same[index] = earlier
        return same

    def _canonical(self, item: object, same: dict[int, int]) -> object:
        if isinstance(item, Ref) and item.kind == "call":
            return ("call", same.get(item.index, item.index), item.part)
        if isinstance(item, Ref) and item.kind == "constant":
            return ("constant", id(item))
        if isinstance(item, tuple):
            return tuple(self._canonical(one, same) for one in item)
        return item

    def _generated(self) -> Iterator[int]:
        """Calls that make a convolution's kernel of several parameters; sets the parameters that are drawn."""
        self._sources: set[str] = set()
        todo = []
        for call, _ in self.pairs:
            if call.op == "conv2d" and isinstance(call.args[1], Ref):
                weight = call.args[1]
                if weight.kind == "call" and not self.moving(weight) and len(self.parameters(weight)) > 1:
                    todo.append(weight.index)
        while todo:
            index = todo.pop()
            refs = self.content(self.pairs[index][0])
            # A call of a lone factor (a row of a table of factors) stays a constant, named where it is used.
            if all(ref.kind == "parameter" and len(ref.shape) <= 2 for ref in refs):
                continue
            yield index
            for ref in refs:
                if ref.kind == "call":
                    todo.append(ref.index)
                elif ref.kind == "parameter" and len(ref.shape) > 2:
                    self._sources.add(ref.name)


def _bare(shape: tuple[int, ...]) -> list[int]:
    return [size for size in shape if size != 1]
