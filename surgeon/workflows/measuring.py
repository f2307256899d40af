"""profile · compare: what a network costs, and what an edit cost."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from surgeon.errors import InputError
from surgeon.profiler.results import Comparison, ProfileResult
from surgeon.profiler.settings import ProfileSettings
from surgeon.progress import begin
from surgeon.workflows.editing import SurgeryResult, tree

if TYPE_CHECKING:
    from surgeon.models.opened import OpenedModel
    from surgeon.profiler.subject import Subject


def profile(model: OpenedModel, settings: ProfileSettings, command: str | None = None) -> ProfileResult:
    """Measure a model.

    Raises:
        MeasurementError: This machine cannot measure what was asked.
    """
    from surgeon.profiler.measure import measure_subject

    result = measure_subject(subject_of(model, settings, command), settings)
    return _with_layers(result, model)


def compare(
    models: Sequence[OpenedModel],
    settings: ProfileSettings,
    *,
    renames: Sequence[dict[str, str]] = (),
    announce: Callable[[str], None] = begin,
    command: str | None = None,
) -> Comparison:
    """Measure a baseline and candidates under equal settings; their times are taken in pairs.

    Args:
        models: Baseline first.
        settings: What to measure.
        renames: For each candidate the map baseline row key → candidate row key, where an edit knows it.
        announce: Told in a few words what begins, for a progress line.
        command: What reproduces it on a command line.

    Raises:
        InputError: Fewer than two models.
        MeasurementError: This machine cannot measure what was asked.
    """
    from surgeon.profiler.measure import compare_modules

    if len(models) < 2:
        raise InputError("compare needs a baseline and at least one other model")
    subjects = [subject_of(model, settings) for model in models]
    comparison = compare_modules(subjects, settings, renames=renames, announce=announce, command=command)
    results = tuple(_with_layers(r, m) for r, m in zip(comparison.results, models, strict=True))
    return dataclasses.replace(comparison, results=results)


def require_room(model: OpenedModel, settings: ProfileSettings) -> None:
    """Refuse what the comparison at the end of an edit could not be timed with, before the edit.

    Args:
        model: The network before the edit.
        settings: What will be measured.

    Raises:
        MeasurementError: Memory holds no such batch.
    """
    from surgeon.profiler import measure

    measure.require_room(subject_of(model, settings), settings)


def compare_edit(
    result: SurgeryResult,
    settings: ProfileSettings,
    announce: Callable[[str], None] = begin,
    command: str | None = None,
    written: Path | None = None,
) -> Comparison:
    """The comparison at the end of an edit: rows are aligned by its rename map.

    Args:
        result: The edit.
        settings: What to measure.
        announce: Told in a few words what begins, for a progress line.
        command: What reproduces it on a command line.
        written: The file that the edited network was written to: source and hash of the candidate.
    """
    from surgeon.models.files import sha256

    old = [layer.key for layer in result.plan.before]
    new = [row.key for row in result.plan.rows]
    renames = {old[a]: new[b] for a, b in result.plan.renames.items()}
    models = (result.before, result.after)
    comparison = compare(models, settings, renames=(renames,), announce=announce, command=command)
    if written is None:
        return comparison
    before, after = comparison.results
    after = dataclasses.replace(after, source=str(written), source_sha256=sha256(written))
    return dataclasses.replace(comparison, results=(before, after))


def subject_of(model: OpenedModel, settings: ProfileSettings, command: str | None = None) -> Subject:
    """A model as the profiler sees it."""
    from surgeon.models.digest import yaml_digest
    from surgeon.models.family import family_of
    from surgeon.profiler.subject import Subject

    family = family_of(model)
    return Subject(
        module=model.module,
        graph=tree(model, settings.imgsz),
        name=model.name,
        source=model.source,
        source_sha256=None if model.keys else model.sha256,  # once edited it is not the file's network any more
        yaml_sha256=yaml_digest(model.module),
        task=model.task,
        command=command,
        ultralytics_gflops=family.reported_gflops,
        proxies=family.proxies,
        training_loss=family.training_loss,
        prepare=family.deployed(model.module),
        write_onnx=family.write_onnx,
    )


def _with_layers(result: ProfileResult, model: OpenedModel) -> ProfileResult:
    from surgeon.models.ultralytics import figures

    layers = figures.info_layers(model.module)
    return dataclasses.replace(result, model_layers=layers, recipe=_recipe_text(model))


def _recipe_text(model: OpenedModel) -> str | None:
    """The edits that a model records, as YAML; None for a model that surgeon never edited."""
    from surgeon.surgery.recipe_file import to_yaml
    from surgeon.workflows.history import history

    entries = history(model)
    return to_yaml([entry.recipe for entry in entries]) if entries else None
