"""How far a piece of work is, told to whoever listens. Imports nothing of surgeon and nothing heavy.

Work says `begin("timing yolov8n")` and, between two runs, `reached(0.4)`. Nobody listens unless somebody asked for it
with `told`; then both are a look-up. Nothing here may be called inside an interval that is timed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol


class Listener(Protocol):
    """Who is told."""

    def begin(self, what: str, *, early: bool = False) -> None:
        """A step begins, and the one before it has ended."""

    def reached(self, part: float) -> None:
        """How much of the step is done, from 0 to 1."""


_listener: ContextVar[Listener | None] = ContextVar("surgeon.progress", default=None)


def begin(what: str, *, early: bool = False) -> None:
    """Say that a step begins.

    Args:
        what: The step in a few words, ``timing yolov8n``.
        early: Whether the input may still be refused. No line is written for it then, so that a refusal is the only
            one; on a terminal it is shown as long as it lasts.
    """
    told_now = _listener.get()
    if told_now is not None:
        told_now.begin(what, early=early)


def reached(done: float, whole: float = 1.0) -> None:
    """Say how much of the step is done.

    Args:
        done: So much of it.
        whole: All of it, in the same unit.
    """
    told_now = _listener.get()
    if told_now is not None:
        told_now.reached(min(max(done / whole, 0.0), 1.0) if whole > 0 else 1.0)


def listener() -> Listener | None:
    """Who is told now."""
    return _listener.get()


@contextmanager
def told(whom: Listener | None) -> Iterator[None]:
    """Have a listener told as long as the context lasts; None for nobody."""
    token = _listener.set(whom)
    try:
        yield
    finally:
        _listener.reset(token)
