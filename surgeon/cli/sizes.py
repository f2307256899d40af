"""Several image sizes and batches in one command: a result each, and what an interrupt leaves of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from surgeon.profiler.settings import ProfileSettings


class Measured(Protocol):
    """A result that knows whether the user cut it short."""

    @property
    def interrupted(self) -> bool:
        """Whether timing was cut short by the user."""


Result = TypeVar("Result", bound=Measured)


def one_a_size(
    settings: Sequence[ProfileSettings], measure: Callable[[ProfileSettings, str], Result]
) -> tuple[list[Result], bool]:
    """One result a size, and whether it was cut short: then what was measured until then is kept.

    Args:
        settings: Of each size.
        measure: Makes one result; told the size in words, ``640x640, batch 1 (1 of 2)``.

    Raises:
        KeyboardInterrupt: Interrupted before anything was measured.
    """
    results: list[Result] = []
    for number, one in enumerate(settings, start=1):
        place = f" ({number} of {len(settings)})" if len(settings) > 1 else ""
        try:
            results.append(measure(one, f"{one.imgsz[0]}x{one.imgsz[1]}, batch {one.batch}{place}"))
        except KeyboardInterrupt:
            if not results:
                raise
            return results, True
        if results[-1].interrupted:
            return results, True
    return results, False
