"""The result objects as the library hands them out: the same data, able to show themselves.

In a notebook as HTML, under ``rich.print`` as the terminal report, under ``print`` as the same text. The data types
themselves know nothing of reports.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, TypeVar

from surgeon.graph import LayerGraph
from surgeon.profiler.results import Comparison, ProfileResult
from surgeon.report.diff import ModelDiff

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, ConsoleOptions
    from rich.text import Text

T = TypeVar("T")


class _Shown:
    """What a result needs to show itself."""

    __slots__ = ()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """HTML, Markdown and plain text, for notebooks."""
        from surgeon.report.notebook import mimebundle

        return mimebundle(self)  # type: ignore[arg-type]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """The terminal report, for ``rich.print``."""
        from rich.text import Text

        yield Text(self._text(options.max_width), no_wrap=True)

    def __str__(self) -> str:
        return self._text(120)

    def _text(self, width: int) -> str:
        from surgeon.report.documents import document_of
        from surgeon.report.formats.console import to_text

        return to_text(document_of(self), width=width)  # type: ignore[arg-type]


class ShownProfile(_Shown, ProfileResult):
    """A `ProfileResult` that shows itself."""

    __slots__ = ()


class ShownComparison(_Shown, Comparison):
    """A `Comparison` that shows itself."""

    __slots__ = ()


class ShownDiff(_Shown, ModelDiff):
    """A `ModelDiff` that shows itself."""

    __slots__ = ()


class ShownGraph(_Shown, LayerGraph):
    """A `LayerGraph` that shows itself."""

    __slots__ = ()


def shown(kind: type[T], result: Any) -> T:
    """The same data as ``kind``, one of this file's classes."""
    return kind(**{f.name: getattr(result, f.name) for f in dataclasses.fields(result) if f.init})
