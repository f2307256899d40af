"""Records what a block's plain form calls: the operators in order, with what each reads. It draws and names nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


@dataclass(frozen=True, slots=True, kw_only=True)
class Ref:
    """A tensor that a call reads.

    Attributes:
        kind: ``input`` (the block's), ``call`` (a result), ``parameter``, or ``constant``.
        index: Number of the call; -1 otherwise.
        part: Which of the call's results.
        name: Name of the parameter or buffer.
        shape: Its shape.
    """

    kind: str
    index: int = -1
    part: int = 0
    name: str = ""
    shape: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of an operator.

    Attributes:
        op: Its plain name (``conv2d``, ``mul``).
        args: What it was called with, each tensor as a :class:`Ref`.
        kwargs: The same for keyword arguments.
        shapes: Of its results.
    """

    op: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    shapes: tuple[tuple[int, ...], ...]

    def refs(self) -> Iterator[Ref]:
        """Every tensor that it reads, in order."""
        return _refs((self.args, self.kwargs))


class _Recorder(TorchFunctionMode):
    """Sees every call of PyTorch's functions; what they call inside is hidden."""

    def __init__(self, known: Mapping[int, Ref]) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self._known = dict(known)
        self._alive: list[Tensor] = []  # an id may be given out again once its tensor is gone

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run the call and write it down if tensors come out."""
        kwargs = dict(kwargs or {})
        read = tuple(self._written(item) for item in args)
        keywords = {key: self._written(item) for key, item in kwargs.items()}
        out = func(*args, **kwargs)
        op = _plain_name(func)
        # An assignment to a part returns nothing: what was written to is its result.
        results = [args[0]] if op == "setitem" else [item for item in _leaves(out) if isinstance(item, Tensor)]
        if results and not (op in ("data", "get") or func.__name__ == "__get__"):
            shapes = tuple(tuple(result.shape) for result in results)
            self.calls.append(Call(op=op, args=read, kwargs=keywords, shapes=shapes))
            for part, result in enumerate(results):
                ref = Ref(kind="call", index=len(self.calls) - 1, part=part, shape=shapes[part])
                self._known[id(result)] = ref
                self._alive.append(result)
        elif results:  # .data and the like: another view of the same tensor
            self._known[id(results[0])] = self.ref(args[0])
            self._alive.append(results[0])
        return out

    def _written(self, item: Any) -> Any:
        if isinstance(item, Tensor):
            return self.ref(item)
        if isinstance(item, list | tuple):
            return tuple(self._written(one) for one in item)
        return item

    def ref(self, tensor: Tensor) -> Ref:
        """What is known of a tensor."""
        return self._known.get(id(tensor)) or Ref(kind="constant", shape=tuple(tensor.shape))


def trace(run: Callable[[Any, Tensor], Tensor], module: nn.Module, x: Tensor) -> tuple[tuple[Call, ...], Ref]:
    """Record what ``run(module, x)`` calls.

    Args:
        run: The plain form.
        module: The block whose parameters it takes.
        x: A map ``(1, C, H, W)``.

    Returns:
        The calls in order, and the result among theirs.
    """
    known = {id(x): Ref(kind="input", shape=tuple(x.shape))}
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        known[id(tensor)] = Ref(kind="parameter", name=name, shape=tuple(tensor.shape))
    recorder = _Recorder(known)
    with torch.no_grad(), recorder:
        out = run(module, x)
    return tuple(recorder.calls), recorder.ref(out)


def _plain_name(func: Callable[..., Any]) -> str:
    """``__rsub__`` and ``softmax_`` as ``rsub`` and ``softmax``."""
    return str(func.__name__).strip("_")


def _leaves(item: Any) -> Iterator[Any]:
    if isinstance(item, list | tuple):
        for one in item:
            yield from _leaves(one)
    else:
        yield item


def _refs(item: Any) -> Iterator[Ref]:
    if isinstance(item, Ref):
        yield item
    elif isinstance(item, Mapping):
        for one in item.values():
            yield from _refs(one)
    elif isinstance(item, list | tuple):
        for one in item:
            yield from _refs(one)
