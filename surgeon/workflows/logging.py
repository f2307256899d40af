"""What a network costs, beside the curves of its training: figures to whichever of Ultralytics' loggers is active."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from surgeon.errors import InputError
from surgeon.profiler.results import Comparison, ProfileResult
from surgeon.profiler.settings import ProfileSettings
from surgeon.report.documents import document_of
from surgeon.report.formats.markdown import to_markdown
from surgeon.report.scalars import candidate_scalars, profile_scalars
from surgeon.workflows.editing import open_model
from surgeon.workflows.history import history, undo
from surgeon.workflows.measuring import compare, profile

if TYPE_CHECKING:
    from surgeon.models.opened import OpenedModel


def log_to_ultralytics(yolo: Any, result: ProfileResult | Comparison | None = None) -> None:
    """Log figures and report when training starts; nothing that goes wrong there stops the training.

    Args:
        yolo: The ``ultralytics.YOLO`` that is going to be trained.
        result: What to log; of a comparison the first candidate beside the baseline. By default the network is
            counted when training starts, as it is trained: at its image size, with its number of classes, and beside
            the network before surgeon's edits where it records some. Nothing is timed then.

    Raises:
        InputError: The object is no ``ultralytics.YOLO``, or the result none that surgeon made.
    """
    from surgeon.models.ultralytics import loggers

    if result is not None and not isinstance(result, ProfileResult | Comparison):
        raise InputError(
            f"a {type(result).__name__} cannot be logged: give what surgeon.compare or Model.profile returned, "
            "or nothing"
        )

    def callback(trainer: Any) -> None:  # a function: Ultralytics copies whatever else it is given
        if not loggers.is_first_process():
            return
        try:
            _log(trainer, result)
        except Exception as error:
            loggers.warn(f"nothing was logged ({type(error).__name__}: {error})")

    loggers.at_train_start(yolo, callback)


def measured(network: Any, imgsz: tuple[int, int]) -> ProfileResult | Comparison:
    """The figures of a network as it is trained, beside those before surgeon's edits where they can be taken back."""
    opened = open_model(network)
    settings = ProfileSettings(imgsz=imgsz, latency=False)
    before = _before(opened)
    if before is None:
        return profile(opened, settings)
    former = dataclasses.replace(before, name=f"{opened.name} before surgeon's edits")
    trained = dataclasses.replace(opened, name=f"{opened.name} as trained")
    return compare([former, trained], settings)


def _before(opened: OpenedModel) -> OpenedModel | None:
    """The network before surgeon's edits; None where it records none, or what they dropped is not at hand."""
    try:
        return undo(opened, steps=None).after if history(opened) else None
    except Exception as error:
        from surgeon.models.ultralytics import loggers

        loggers.warn(f"logged without the network before the edit ({error})")
        return None


def _log(trainer: Any, result: ProfileResult | Comparison | None) -> None:
    from surgeon.models.ultralytics import loggers

    found = list(loggers.active(trainer))
    if not found:
        loggers.inform("no experiment logger is active, nothing was logged; see yolo settings")
        return
    if result is None:
        result = measured(loggers.network_of(trainer), loggers.image_size_of(trainer))
    scalars = profile_scalars(result) if isinstance(result, ProfileResult) else candidate_scalars(result)
    report = to_markdown(document_of(result))
    for name, log in found:
        try:
            log(scalars, report)
        except Exception as error:
            loggers.warn(f"{name} did not take the figures ({type(error).__name__}: {error})")
        else:
            loggers.inform(f"{len(scalars)} figures logged to {name}")
