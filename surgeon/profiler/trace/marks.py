"""Marks rows and inserted blocks while they run, so that the profiler's events carry their names.

Hooks only, on the copy that is traced, and only while the trace is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch.autograd.profiler import record_function

from surgeon.profiler.trace.data import Label


class _Marker:
    """The marks of one module object; where it stands in several rows, its calls take their labels in turn."""

    def __init__(self, labels: Sequence[Label]) -> None:
        self._names = [label.name for label in labels]
        self._calls = 0
        self._open: list[Any] = []

    def begin(self, *_: Any) -> None:
        mark: Any = record_function(self._names[self._calls % len(self._names)])
        self._calls += 1
        mark.__enter__()
        self._open.append(mark)

    def end(self, *_: Any) -> None:
        if self._open:
            self._open.pop().__exit__(None, None, None)

    def reset(self) -> None:
        """Forget calls that never ended, before the next run."""
        self._calls = 0
        self._open.clear()


class Marks:
    """The marks of a network."""

    def __init__(self, markers: Sequence[_Marker]) -> None:
        self._markers = markers

    def new_run(self) -> None:
        """Begin a run: the first call of each module takes its first label again."""
        for marker in self._markers:
            marker.reset()


@contextmanager
def marked(network: nn.Module, labels: Sequence[Label]) -> Iterator[Marks]:
    """Mark modules as long as the context lasts.

    Args:
        network: The network that is run; its hooks are as before afterwards.
        labels: What to mark, in execution order; paths that the network lacks are left out.
    """
    known = dict(network.named_modules(remove_duplicate=False))
    by_module: dict[nn.Module, list[Label]] = {}
    for label in labels:
        if label.path in known:
            by_module.setdefault(known[label.path], []).append(label)
    handles: list[Any] = []
    markers = []
    try:
        for module, own in by_module.items():
            marker = _Marker(own)
            markers.append(marker)
            # Around every other hook: a graft that runs from a hook of its row belongs to the row.
            handles.append(module.register_forward_pre_hook(marker.begin, prepend=True))
            handles.append(module.register_forward_hook(marker.end, always_call=True))
        yield Marks(markers)
    finally:
        for handle in handles:
            handle.remove()
