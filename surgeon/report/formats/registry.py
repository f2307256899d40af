"""Every format by name and suffix. A renderer is imported when it is used."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from surgeon.errors import InputError, OutputError

if TYPE_CHECKING:
    from surgeon.report.report import Report

_ANYTHING = frozenset({"profile", "comparison", "deployed", "edit", "diff", "tree", "block"})
_NETWORKS = frozenset({"profile", "comparison", "edit"})
_TIMED = _NETWORKS | {"deployed"}
_HERE = "surgeon.report.formats"


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One format.

    Attributes:
        name: What ``--format`` takes.
        suffixes: File names that end so are written in it.
        renderer: ``module:function``; the function takes a `Report` and returns text.
        what: For the list of formats.
        kinds: Results that it can show (`surgeon.report.report.kind_of`).
    """

    name: str
    suffixes: tuple[str, ...]
    renderer: str
    what: str
    kinds: frozenset[str] = _ANYTHING

    @property
    def needs_figures(self) -> bool:
        """Whether it shows what was measured and nothing else."""
        return self.kinds <= _TIMED


FORMATS: tuple[Format, ...] = (
    Format(name="text", suffixes=(".txt",), renderer=f"{_HERE}.console:render", what="as on a terminal, 120 columns"),
    Format(
        name="markdown",
        suffixes=(".md", ".markdown"),
        renderer=f"{_HERE}.markdown:render",
        what="pipe tables, as GitHub shows",
    ),
    Format(
        name="html",
        suffixes=(".html", ".htm"),
        renderer=f"{_HERE}.html:render",
        what="one page with pictures, which loads nothing",
        kinds=_TIMED,
    ),
    Format(
        name="json",
        suffixes=(".json",),
        renderer=f"{_HERE}.machine:render",
        what="every fact; surgeon report opens it again",
    ),
    Format(
        name="latex",
        suffixes=(".tex",),
        renderer=f"{_HERE}.latex:render",
        what="booktabs; networks as a paper's ablation table",
    ),
    Format(
        name="csv", suffixes=(".csv",), renderer=f"{_HERE}.comma:networks", what="one record a network", kinds=_NETWORKS
    ),
    Format(
        name="csv-rows",
        suffixes=(".rows.csv",),
        renderer=f"{_HERE}.comma:rows",
        what="one record a row of each network",
        kinds=_NETWORKS,
    ),
    Format(
        name="mermaid",
        suffixes=(".mmd", ".mermaid"),
        renderer=f"{_HERE}.mermaid:render",
        what="a flow chart as text, for a pull request",
        kinds=_NETWORKS,
    ),
    Format(
        name="model-explorer",
        suffixes=(".model-explorer.json",),
        renderer=f"{_HERE}.model_explorer:render",
        what="graphs for Google's Model Explorer",
        kinds=_NETWORKS,
    ),
    *(
        Format(
            name=f"node-data-{figure}",
            suffixes=(f".{figure}.node-data.json",),
            renderer=f"{_HERE}.model_explorer:{figure}",
            what=f"{figure} of the rows, to lay over those graphs",
            kinds=_NETWORKS,
        )
        for figure in ("params", "gflops", "latency")
    ),
)
"""In the order in which messages name them."""


def named(name: str) -> Format:
    """The format of a name, or of a suffix in its place: ``md`` is markdown.

    Raises:
        InputError: There is none.
    """
    wanted = name.strip().lower()
    suffix = f".{wanted.removeprefix('.')}"
    found = next((one for one in FORMATS if one.name == wanted or suffix in one.suffixes), None)
    if found is not None:
        return found
    names = [one.name for one in FORMATS]
    near = difflib.get_close_matches(wanted, names, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise InputError(f"there is no format {name!r}, but there are {', '.join(names)}{hint}")


def of_file(name: str, option: str = "-o") -> Format:
    """The format of a file's suffix; the longest one that fits counts (``.rows.csv`` before ``.csv``).

    Raises:
        OutputError: No format has it.
    """
    fitting = [(suffix, one) for one in FORMATS for suffix in one.suffixes if name.lower().endswith(suffix)]
    if fitting:
        return max(fitting, key=lambda pair: len(pair[0]))[1]
    known = ", ".join(suffix for one in FORMATS for suffix in one.suffixes)
    raise OutputError(f"{option} {name}: its ending names no format; known are {known}, or say --format NAME")


def require(chosen: Format, kinds: Iterable[str]) -> None:
    """Refuse results that a format cannot show.

    Args:
        chosen: The format.
        kinds: Of the results.

    Raises:
        InputError: One of them is not among its kinds.
    """
    missing = next((kind for kind in kinds if kind not in chosen.kinds), None)
    if missing is not None:
        able = ", ".join(one.name for one in FORMATS if missing in one.kinds)
        raise InputError(f"{chosen.name} cannot show a {missing}; these can: {able}")


def render(report: Report, chosen: Format) -> str:
    """A report as text in a format.

    Raises:
        InputError: The format cannot show these results.
    """
    from surgeon.report.report import kind_of

    require(chosen, map(kind_of, report.results))
    module, _, function = chosen.renderer.partition(":")
    text: str = getattr(importlib.import_module(module), function)(report)
    return text
