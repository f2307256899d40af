"""``surgeon check``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from surgeon.cli.command import Command, given_line, settings_in_use
from surgeon.cli.completing import ModelName
from surgeon.cli.gate_options import NAMES, gate_options
from surgeon.cli.options import STDOUT, Trust, require_free_file, talking, trusting
from surgeon.cli.talk import Talk
from surgeon.errors import BudgetError

if TYPE_CHECKING:
    from surgeon.gate.budget_of import Given
    from surgeon.gate.judge import CheckResult, Judged, Verdict
    from surgeon.report.tables import Document

SUMMARY = "GITHUB_STEP_SUMMARY"
"""The variable by which a CI service names the file that it shows beside a step."""


@click.command("check", cls=Command)
@click.argument("models", nargs=-1, type=ModelName(), metavar="[MODEL]...")
@gate_options
@click.option(
    "--json", type=click.Path(), metavar="FILE", help="Write the verdicts as JSON; - for standard output, alone there."
)
@click.option("--junit", type=click.Path(), metavar="FILE.xml", help="Write them as a JUnit report too.")
@click.option("--force", is_flag=True, help="Replace an existing --json or --junit file.")
@trusting
@talking
def command(
    *,
    models: tuple[str, ...],
    budget: str | None,
    json: str | None,
    junit: str | None,
    force: bool,
    trust: Trust,
    talk: Talk,
    **stated: Any,
) -> int:
    """Hold networks to a budget, for continuous integration.

    Limits come from the [[budget]] tables of surgeon.toml or pyproject.toml, or from options. Counts are exact: they
    are kept or broken. A latency is timed against the baseline in this process and judged by its interval: within
    the limit as a whole it passes, beyond it as a whole it fails, else it is inconclusive. Without MODEL the globs of
    the budgets find the files. Exit code 0: kept; 1: over budget; 2: refused; 3: an error of surgeon's own. An
    inconclusive latency returns 0 with a warning; --on-inconclusive fail makes that 1, pass leaves the warning out.

    Example:
        surgeon check best.pt --max-flops 9.2G --max-params 3.5M imgsz=640
        surgeon check --budget surgeon.toml --junit check.xml
        surgeon check after.pt --baseline before.pt --max-latency-ratio 1.05
    """
    from surgeon import workflows
    from surgeon.cli.opening import make_folder_importable
    from surgeon.gate.budgets import budgets_of
    from surgeon.gate.matching import jobs_for

    over, under = _stated(stated)
    jobs, idle = jobs_for(models, budgets_of(budget, over, under))
    _require_files(json, junit, [job.model for job in jobs], force=force)
    if trust.trust_modules:
        make_folder_importable()
    with talk.working():
        result = workflows.check(
            jobs,
            trust=trust.trust,
            trust_modules=trust.trust_modules,
            command=given_line(),
            notes=tuple(idle),
        )
    _tell(result, json, junit, talk)
    if result.interrupted:
        return 130
    if result.kept and result.unanswered:
        one, verdict = result.unanswered[0]
        raise BudgetError(f"{verdict.limit.where}: there is no such figure of {one.model}: {verdict.found.reason}")
    return 0 if result.kept else 1


def _stated(stated: dict[str, Any]) -> tuple[dict[str, Given], dict[str, Given]]:
    """The options that were given, and what the environment or a file says for those that were not."""
    from surgeon.gate.budget_of import Given

    settings = settings_in_use(click.get_current_context())
    over: dict[str, Given] = {}
    under: dict[str, Given] = {}
    for name, key in NAMES.items():
        if stated[name] is None:
            continue
        if name not in settings:
            over[key] = Given(stated[name], f"--{key}")
        else:
            under[key] = Given(stated[name], settings[name].where)
    return over, under


def _require_files(json: str | None, junit: str | None, models: list[str], *, force: bool) -> None:
    """Refuse files that are in the way, before anything is spent."""
    if junit == STDOUT:
        raise click.UsageError("--junit - : the report needs a file; --json - goes to standard output")
    if junit is not None and junit == json:
        raise click.UsageError(f"--json and --junit name the same file, {json}")
    for name, option in ((json, "--json"), (junit, "--junit")):
        if name is not None and name != STDOUT:
            require_free_file(name, option, models, force=force)


def _tell(result: CheckResult, json: str | None, junit: str | None, talk: Talk) -> None:
    """Every form of the result that was asked for; the files first, so that a closed pipe cannot lose them."""
    from surgeon.cli.emit import emit_data
    from surgeon.report.check import check_data, check_document, sentence, summary

    document = check_document(result)
    if junit is not None:
        from surgeon.report.junit import to_junit
        from surgeon.report.writing import write_whole

        text = to_junit(result)
        write_whole(Path(junit), lambda path: path.write_text(text, encoding="utf-8"), "--junit")
        talk.say(f"wrote {junit}")
    _to_step_summary(document, talk)
    emit_data(document, check_data(result) if json is not None else None, json)
    for one, verdict in _doubtful(result):
        talk.say(f"inconclusive: {one.model}: {sentence(verdict, one)}")
    if result.interrupted:
        talk.say(f"interrupted; what was judged stands: {summary(result)}")


def _doubtful(result: CheckResult) -> list[tuple[Judged, Verdict]]:
    """What the user is to be warned of, as the budget wants it."""
    from surgeon.gate.judge import Outcome

    return [
        (one, verdict)
        for one in result.judged
        for verdict in one.verdicts
        if verdict.outcome is Outcome.INCONCLUSIVE and not verdict.unanswered and one.budget.on_inconclusive == "warn"
    ]


def _to_step_summary(document: Document, talk: Talk) -> None:
    """Append the report to the CI's step summary; a summary that cannot be written breaks no build."""
    path = os.environ.get(SUMMARY)
    if not path:
        return
    from surgeon.report.formats.markdown import to_markdown

    try:
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(to_markdown(document) + "\n")
    except OSError as error:
        talk.say(f"the step summary {path} cannot be written: {error.strerror or error}")
    else:
        talk.say(f"added the report to the step summary, {path}")
