"""What the page says of one result: sections with titles, in the order of the page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from surgeon.profiler.deployed.figures import DeployedComparison
from surgeon.profiler.fingerprint.data import Environment
from surgeon.profiler.results import Comparison, ProfileResult
from surgeon.report.comparison import candidate_labels
from surgeon.report.documents import Reportable, document_of
from surgeon.report.edit import EditReport
from surgeon.report.environment import environment_document, environment_items, source_items
from surgeon.report.page.differences import differences_html
from surgeon.report.page.parts import command_html, facts_html, part_html
from surgeon.report.page.views import View, comparison_views, profile_view, rows_html, view_html
from surgeon.report.tables import Facts, Notes, Part, Table

_REPRODUCE = "Reproduce: "
_SHOWN_ELSEWHERE = ("totals", "environment", "notes", "roof", "about the roofline")


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading and what stands under it.

    Attributes:
        title: The heading.
        html: The rest; nothing is shown where it is empty.
        beside: Whether it may stand beside another one; of these the first takes one side.
    """

    title: str
    html: str
    beside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """What is said of one result.

    Attributes:
        title: Its heading.
        lines: The conditions, under the heading.
        sections: The rest.
        views: The networks it shows.
    """

    title: str
    lines: tuple[str, ...]
    sections: tuple[Section, ...]
    views: tuple[View, ...] = ()


def article_of(result: Reportable, ids: str, level: int) -> Article:
    """The article of any result.

    Args:
        result: What to show.
        ids: Prefix of ids, its own on the page.
        level: Of the headings of its sections.

    Raises:
        InputError: A comparison whose settings differ.
    """
    if isinstance(result, ProfileResult):
        return _profile(result, ids, level)
    if isinstance(result, Comparison):
        return _comparison(result, ids, level)
    if isinstance(result, EditReport) and result.comparison is not None:
        return _edit(result, result.comparison, ids, level)
    if isinstance(result, DeployedComparison):
        return _deployed(result)
    document = document_of(result, all_rows=True)
    sections = (Section(title="report", html=_parts(document.parts)),)
    return Article(title=document.title, lines=document.lines, sections=sections)


def _profile(result: ProfileResult, ids: str, level: int) -> Article:
    document = document_of(result)
    view = profile_view(result, ids)
    totals = next(part for part in document.parts if isinstance(part, Facts) and part.title == "totals")
    others = [
        part
        for part in document.parts
        if part.title not in _SHOWN_ELSEWHERE and part.title != view.table.title and not _is_roofline(part)
    ]
    notes = _noted(part for part in document.parts if part.title == "notes")
    sections = (
        Section(title="summary", html=_summary(facts_html(totals), notes)),
        Section(title="network", html=view_html(view, level + 1)),
        Section(title=f"{view.unit}s", html=rows_html(view), beside=True),
        Section(title="more figures", html=_parts(others), beside=True),
        *_provenance((result,), result.command, level),
    )
    return Article(title=document.title, lines=document.lines, sections=sections, views=(view,))


def _comparison(comparison: Comparison, ids: str, level: int) -> Article:
    document = document_of(comparison)
    views = comparison_views(comparison, ids)
    # Behind the summary, of several candidates two tables, come their rows, which the page shows whole, and the notes.
    summary = document.parts[: 1 if len(views) == 1 else 2]
    sections = (
        Section(title="summary", html=_summary(_parts(summary), _noted(document.parts[-1:]))),
        *_views(views, level),
        *_provenance(comparison.results, comparison.command, level),
    )
    return Article(title=document.title, lines=document.lines, sections=sections, views=views)


def _edit(report: EditReport, comparison: Comparison, ids: str, level: int) -> Article:
    """The comparison, and around it what was changed and what was checked."""
    inner = _comparison(comparison, ids, level)
    document = document_of(report)
    compared = document_of(comparison)
    own = [part for part in document.parts if part not in compared.parts and part.title != compared.title]
    wide = tuple(section for section in inner.sections if not section.beside)
    rows, *rest = (section for section in inner.sections if section.beside)
    sections = (*wide, rows, Section(title="edit", html=_parts(own), beside=True), *rest)
    return Article(title=document.title, lines=(*document.lines, *inner.lines), sections=sections, views=inner.views)


def _views(views: Sequence[View], level: int) -> tuple[Section, ...]:
    """The networks; of several the first is open."""
    if len(views) == 1:
        return (
            Section(title="network", html=view_html(views[0], level + 1)),
            Section(title=views[0].table.title, html=rows_html(views[0]), beside=True),
        )
    found = []
    for number, view in enumerate(views):
        inner = f"{view_html(view, level + 1)}<h{level + 1}>{escape(view.table.title)}</h{level + 1}>{rows_html(view)}"
        state = " open" if number == 0 else ""
        found.append(f'<details class="network"{state}><summary>{escape(view.label)}</summary>{inner}</details>')
    return (Section(title="networks", html="".join(found)),)


def _provenance(results: Sequence[ProfileResult], command: str | None, level: int) -> Iterable[Section]:
    """Where it was measured, which edit made the network, and the command that measures it again."""
    sources = [item for result in results for item in source_items(result)]
    yield Section(title="environment", html=_environment(results[-1].environment, sources), beside=True)
    recipes = [
        f"<h{level + 1}>{escape(result.name)}</h{level + 1}>{command_html(result.recipe)}"
        for result in results
        if result.recipe
    ]
    yield Section(title="recipe", html="".join(recipes), beside=True)
    yield Section(title="reproduce", html=command_html(command) if command else "", beside=True)


def _environment(environment: Environment, sources: Sequence[tuple[str, str]]) -> str:
    items = (*environment_items(environment), *sources)
    full = "".join(part_html(part) for part in environment_document(environment).parts)
    return f"{facts_html(Facts(title='', items=items))}<details><summary>the machine in full</summary>{full}</details>"


def _deployed(result: DeployedComparison) -> Article:
    """Files whose rows nobody knows: their times and sizes, no drawing and no roofline."""
    document = document_of(result)
    labels = candidate_labels(result.models)
    pairs = tuple(
        Section(title=f"paired differences of {label}", html=differences_html(paired, label), beside=True)
        for label, paired in zip(labels[1:], result.paired, strict=True)
    )
    sections = (
        Section(title="summary", html=_summary(_parts(document.tables), _noted(document.parts))),
        *pairs,
        Section(
            title="environment",
            html=_environment(result.environment, [item for one in result.models for item in source_items(one)]),
            beside=True,
        ),
        Section(title="reproduce", html=command_html(result.command) if result.command else "", beside=True),
    )
    return Article(title=document.title, lines=document.lines, sections=sections)


def _summary(figures: str, notes: str) -> str:
    """Figures and what to know of them, side by side where there is room."""
    return f'<div class="summary"><div>{figures}</div><div>{notes}</div></div>'


def _is_roofline(part: Part) -> bool:
    return isinstance(part, Table | Notes) and part.title.partition(",")[0] == "roofline"


def _noted(parts: Iterable[Part]) -> str:
    """Sentences but the command, which has a section of its own."""
    sentences = [text for part in parts if isinstance(part, Notes) for text in part.sentences]
    kept = tuple(text for text in sentences if not text.startswith(_REPRODUCE))
    return part_html(Notes(title="", sentences=kept))


def _parts(parts: Iterable[Part]) -> str:
    return "".join(part_html(part) for part in parts)
