"""What the four editing commands share: open, plan, edit, save, compare, report.

The order is the promise: whatever can be refused is refused before a file exists, and once the files exist nothing
that follows, a failing comparison or Ctrl-C, takes them away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from surgeon import workflows
from surgeon.cli.command import given_line
from surgeon.cli.emit import emit_data, emit_report
from surgeon.cli.opening import make_folder_importable, open_models, require_measurable
from surgeon.cli.options import EditJob
from surgeon.cli.reporting import EditReporting
from surgeon.errors import SurgeonError
from surgeon.profiler.settings import ProfileSettings
from surgeon.report.edit import EditReport
from surgeon.report.report import Report
from surgeon.surgery.recipe import Recipe, Remove
from surgeon.workflows.reporting import report_of

if TYPE_CHECKING:
    from surgeon.models.opened import OpenedModel

DONE, INTERRUPTED = 0, 130
CUT_SHORT = "The timing was interrupted; what had been measured stands, and the files are complete."
NOT_TIMED = "The comparison was interrupted before anything was measured; the files are complete."


def carry_out(recipe: Recipe | Sequence[Recipe], job: EditJob) -> int:
    """Run an editing command to its report; several recipes are carried out one after the other.

    Returns:
        The exit code: 130 where the user interrupted the comparison; the files are complete then.

    Raises:
        SurgeonError: It was refused, and nothing was written; or the comparison failed, and the message says what
            was written.
    """
    settings = replace(job.measuring.only_settings(), **job.roof.roof_settings())
    workflows.require_level(job.writing.checks)
    for one in (recipe,) if isinstance(recipe, Recipe) else recipe:
        _require_blocks(one)
    reporting = _reporting(job)
    reporting.require(job.model, kinds=["edit"])
    with job.talk.working():
        opened = open_models([job.model], job.trust)[0]
        require_measurable([opened], [settings])
    if job.writing.dry_run:
        _show_plan(recipe, opened, settings, job)
        return DONE
    with job.talk.working():
        report, failure = _edit(recipe, opened, settings, job)
    chosen = reporting.chosen
    if report.comparison is None and chosen is not None and chosen.needs_figures:
        job.talk.say(f"nothing was measured, so there is no report as {chosen.name}")
        reporting = replace(reporting, output=None, format=None)
    try:
        emit_report(Report(results=(report,), all_rows=job.showing.all_rows), reporting)
    except KeyboardInterrupt:
        job.talk.say(f"interrupted while the report was printed; {' and '.join(report.outputs)} are complete")
        return INTERRUPTED
    if failure is not None:
        raise failure
    cut_short = NOT_TIMED in report.notes or (report.comparison is not None and report.comparison.interrupted)
    return INTERRUPTED if cut_short else DONE


def _reporting(job: EditJob) -> EditReporting:
    """Where the report of an edit goes; a dry run has none but its plan.

    Raises:
        click.UsageError: A dry run was asked for a report.
    """
    showing = job.showing
    if job.writing.dry_run and (showing.report is not None or showing.format is not None):
        raise click.UsageError("--dry-run writes nothing: leave --report and --format out; --json - has the plan")
    return EditReporting(json=showing.json, output=showing.report, format=showing.format, force=job.writing.force)


def _require_blocks(recipe: Recipe) -> None:
    """Refuse unknown blocks before torch is loaded; make the user's own importable."""
    from surgeon.blocks import catalog

    for edit in recipe.edits:
        if isinstance(edit, Remove):
            continue
        if ":" in edit.module:
            make_folder_importable()
        else:
            catalog.get(edit.module)


def _show_plan(recipe: Recipe | Sequence[Recipe], opened: OpenedModel, settings: ProfileSettings, job: EditJob) -> None:
    from surgeon.cli.planned import plan_data, plan_document

    with job.talk.working():
        planned = workflows.plan(opened, recipe, force=job.writing.force)
        out = str(workflows.check_output(opened, planned, job.writing.out, force=job.writing.force))
        graph = workflows.tree(opened, settings.imgsz)
    document = plan_document(planned, graph, out, opened.notes)
    emit_data(document, plan_data(planned, graph, out, opened.notes), job.showing.json)


def _edit(
    recipe: Recipe | Sequence[Recipe], opened: OpenedModel, settings: ProfileSettings, job: EditJob
) -> tuple[EditReport, SurgeonError | None]:
    """Edit, save, compare; a comparison that failed comes back as the error to end with."""
    planned = workflows.plan(opened, recipe, force=job.writing.force)
    workflows.check_output(opened, planned, job.writing.out, force=job.writing.force)
    workflows.require_room(opened, settings)
    result = workflows.edit(opened, recipe, force=job.writing.force, checks=job.writing.checks)
    paths = workflows.save(result.after, job.writing.out, force=job.writing.force)
    after = replace(result.after, name=paths[0].stem)
    result = replace(result, after=after)
    report = report_of(result, paths)
    try:
        job.talk.say(f"wrote {' and '.join(report.outputs)}")
        comparison = workflows.compare_edit(result, settings, command=given_line(), written=paths[0])
    except KeyboardInterrupt:
        return replace(report, notes=(*report.notes, NOT_TIMED)), None
    except Exception as error:
        failure = _after_writing(error, paths)
        return replace(report, notes=(*report.notes, f"The comparison failed: {error}")), failure
    notes = (*report.notes, CUT_SHORT) if comparison.interrupted else report.notes
    return replace(report, comparison=comparison, notes=notes), None


def _after_writing(error: Exception, paths: tuple[Path, ...]) -> SurgeonError:
    """The error to end with when the files are there and complete."""
    kind = type(error) if isinstance(error, SurgeonError) else SurgeonError
    reason = str(error) if isinstance(error, SurgeonError) else f"{type(error).__name__}: {error}"
    failure = kind(f"{' and '.join(map(str, paths))} are written and complete, but their comparison failed: {reason}")
    failure.__cause__ = error
    return failure
