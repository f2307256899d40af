"""The result objects as the library hands them out: the same data, able to show themselves.

In a notebook as HTML, under ``rich.print`` as the terminal report, under ``print`` as the same text. The data types
themselves know nothing of reports.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, TypeVar

from surgeon.gate.judge import CheckResult
from surgeon.graph import LayerGraph
from surgeon.profiler.deployed.figures import DeployedComparison
from surgeon.profiler.results import Comparison, ProfileResult
from surgeon.report.diff import ModelDiff
from surgeon.report.edit import EditReport

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pandas import DataFrame
    from rich.console import Console, ConsoleOptions
    from rich.text import Text

T = TypeVar("T")


class _Shown:
    """What a result needs to show itself."""

    __slots__ = ()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """HTML, Markdown, LaTeX and plain text, for notebooks."""
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


class _Figures(_Shown):
    """What measured networks can do besides: be records, a data frame, a file of any format."""

    __slots__ = ()

    def records(self, by: str = "networks") -> list[dict[str, Any]]:
        """Flat records of raw values with units in the names.

        Args:
            by: ``networks``, or ``rows`` for a record a row of each network.

        Raises:
            InputError: ``by`` is neither.
        """
        from surgeon.report.records import records

        return records([self], by)  # type: ignore[list-item]

    def to_pandas(self, by: str = "networks") -> DataFrame:
        """The records as a pandas data frame.

        Args:
            by: As for `records`.

        Raises:
            MissingDependencyError: pandas is not installed.
        """
        from surgeon.report.records import data_frame

        return data_frame(self.records(by))

    def save(
        self,
        path: str | Path,
        *,
        format: str | None = None,
        force: bool = False,
        map: Mapping[str, float] | None = None,
    ) -> Path:
        """Write the report in the format of the file's suffix: ``.html .md .tex .csv .json .mmd`` and more.

        Args:
            path: The file.
            format: A format's name, whatever the suffix.
            force: Replace a file that exists.
            map: mAP in per cent by a network's name, for a column of ``.tex`` and ``.csv``; nothing measures it.

        Raises:
            OutputError: It exists, cannot be written, or its suffix names no format.
            InputError: ``map`` names a network that there is not, or holds no percentage.
        """
        from surgeon.report.report import Report
        from surgeon.report.writing import save

        report = Report(results=(self,), scores=dict(map or {}))  # type: ignore[arg-type]
        report.require_scores("map")
        return save(report, path, format=format, force=force)


class ShownProfile(_Figures, ProfileResult):
    """A `ProfileResult` that shows itself."""

    __slots__ = ()


class ShownComparison(_Figures, Comparison):
    """A `Comparison` that shows itself."""

    __slots__ = ()


class ShownDiff(_Shown, ModelDiff):
    """A `ModelDiff` that shows itself."""

    __slots__ = ()


class ShownCheck(_Shown, CheckResult):
    """A `CheckResult` that shows itself."""

    __slots__ = ()


class ShownGraph(_Shown, LayerGraph):
    """A `LayerGraph` that shows itself."""

    __slots__ = ()


class ShownDeployed(_Shown, DeployedComparison):
    """A `DeployedComparison` that shows itself."""

    __slots__ = ()


class ShownEdit(_Shown, EditReport):
    """An `EditReport` that shows itself."""

    __slots__ = ()


_SHOWN: dict[type, type[_Shown]] = {
    ProfileResult: ShownProfile,
    Comparison: ShownComparison,
    DeployedComparison: ShownDeployed,
    EditReport: ShownEdit,
}


def open_results(path: str | Path) -> tuple[ShownProfile | ShownComparison | ShownDeployed | ShownEdit, ...]:
    """Results that ``--json`` or ``.save("result.json")`` wrote, able to show themselves again.

    Args:
        path: A profile, a comparison, an edit, or a list of them.

    Raises:
        InputError: It cannot be read, or holds none of these.
    """
    from surgeon.report.opening import open_file

    return tuple(shown(_SHOWN[type(one)], one) for one in open_file(path))  # type: ignore[misc]


def shown(kind: type[T], result: Any) -> T:
    """The same data as ``kind``, one of this file's classes."""
    return kind(**{f.name: getattr(result, f.name) for f in dataclasses.fields(result) if f.init})
