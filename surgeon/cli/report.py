"""``surgeon report``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from surgeon.cli.choosing import Choosing, choosing
from surgeon.cli.command import Command
from surgeon.cli.counting import LISTS
from surgeon.cli.options import saying_nothing
from surgeon.cli.reporting import Reporting, reporting
from surgeon.errors import InputError

if TYPE_CHECKING:
    from surgeon.report.documents import Reportable
    from surgeon.report.opening import OpenedResult


@click.command("report", cls=Command)
@click.argument("files", nargs=-1, metavar="RESULT.json...")
@choosing
@click.option(
    "--map",
    "scores",
    multiple=True,
    metavar="MODEL=PERCENT",
    help="mAP of a network, for the column of a paper's table (.tex, .csv). Repeatable; surgeon measures none.",
)
@click.option("--all", "all_rows", is_flag=True, help="Show every row, not only those that changed.")
@click.option(
    "--by", type=click.Choice(LISTS), default="rows", show_default=True, help="What the table of a profile lists."
)
@click.option(
    "--schema", is_flag=True, help="Print the JSON schema of saved results (-o FILE: write it), and nothing else."
)
@reporting
@saying_nothing
def command(
    *,
    schema: bool,
    files: tuple[str, ...],
    choosing: Choosing,
    scores: tuple[str, ...],
    all_rows: bool,
    by: str,
    reporting: Reporting,
) -> int:
    """Render saved results again, in any format.

    RESULT.json is what --json or -o FILE.json wrote: a profile, a comparison, an edit, or a list of them. Several
    profiles stand side by side, the first as baseline: figures that are counted have a verdict, times of separate
    runs have none, and the report names the command that times them in pairs.

    Example:
        surgeon report result.json
        surgeon report result.json -o table.tex --map yolov8n=37.3
        surgeon report a.json b.json c.json --sort params -o models.csv
        surgeon report --schema > result.schema.json
    """
    from surgeon.cli.emit import emit_report, emit_text
    from surgeon.report.opening import open_file
    from surgeon.report.report import Report, kind_of

    if schema:
        from surgeon.report.schema import FILE

        emit_text(FILE.read_text("utf-8"), reporting)
        return 0
    if not files:
        raise click.UsageError("name a file that --json wrote", click.get_current_context())
    choice = choosing.choice()
    results = arranged([one for file in files for one in open_file(file)], choosing)
    _require_listed(by, results)
    reporting.require(*files, kinds=map(kind_of, results))
    report = Report(results=tuple(results), all_rows=all_rows, by=by, choice=choice, scores=_scores(scores))
    report.require_scores("--map")
    emit_report(report, reporting)
    return 0


def arranged(opened: Sequence[OpenedResult], choosing: Choosing) -> list[Reportable]:
    """The results as they are reported: profiles of several networks as one comparison, all others as they are.

    Raises:
        InputError: The profiles were measured with different settings, or there is nothing to choose from.
    """
    from surgeon.profiler.results import Comparison, ProfileResult
    from surgeon.report.choosing import side_by_side, with_baseline
    from surgeon.report.comparison import require_comparable

    profiles = [one for one in opened if isinstance(one, ProfileResult)]
    networks = {(one.name, one.source, one.params, one.yaml_sha256) for one in profiles}
    results: list[Reportable] = []
    for one in opened:
        if isinstance(one, Comparison):
            results.append(with_baseline(one, choosing.baseline))
        elif not isinstance(one, ProfileResult):
            results.append(one)
    if len(networks) > 1:
        compared = side_by_side(profiles, choosing.baseline)
        require_comparable(compared)
        return [compared, *results]
    if choosing.given and not any(isinstance(one, Comparison) for one in results):
        raise InputError("--baseline, --sort and --filter choose among several networks, and these files hold none")
    return [*profiles, *results]


def _require_listed(by: str, results: Sequence[Reportable]) -> None:
    """Refuse a list that was not saved.

    Raises:
        InputError: A profile has no modules or operators.
    """
    from surgeon.profiler.results import ProfileResult

    bare = (one for one in results if isinstance(one, ProfileResult) and one.detail is None)
    first = next(bare, None) if by in ("modules", "operators") else None
    if first is not None:
        raise InputError(
            f"--by {by}: {first.name} was saved without its {by}; "
            f"surgeon profile {first.source} --by {by} measures them"
        )


def _scores(texts: Sequence[str]) -> dict[str, float]:
    """``yolov8n=37.3`` as a name and a number.

    Raises:
        InputError: It is none.
    """
    scores = {}
    for text in texts:
        name, equals, value = text.rpartition("=")
        try:
            scores[name] = float(value)
        except ValueError:
            equals = ""
        if not equals:
            raise InputError(f"--map {text}: give a network and its mAP in per cent, such as yolov8n=37.3")
    return scores
