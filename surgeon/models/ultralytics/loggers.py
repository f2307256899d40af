"""Ultralytics' experiment loggers: which are active in a training, and how each takes figures and a text.

Internals used: the modules ``ultralytics.utils.callbacks.{tensorboard,mlflow,wb,comet,clearml,dvc,neptune}`` and their
globals ``WRITER``, ``mlflow``, ``wb``, ``comet_ml``, ``Task``, ``live``, ``run`` (8.0.100; 8.4.190 has no neptune);
``Model.add_callback(event, function)``, ``trainer.callbacks``, ``trainer.args.imgsz``, ``trainer.model`` (8.0.0).

A logger is active when its callbacks are among the trainer's and its own run has begun; MLflow's begins last, so that
nothing can be logged before ``on_train_start``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import nn

from surgeon.errors import InputError

EVENT = "on_train_start"
REPORT = "surgeon/report"

Scalars = Mapping[str, float]
Log = Callable[[Scalars, str], None]
"""``log(scalars, report)``: writes both to one logger."""


def at_train_start(yolo: Any, callback: Callable[[Any], None]) -> None:
    """Have a function called with the trainer once every logger's run has begun.

    Raises:
        InputError: The object is no ``ultralytics.YOLO`` or its like.
    """
    if not callable(getattr(yolo, "add_callback", None)) or not callable(getattr(yolo, "train", None)):
        raise InputError(
            f"a {type(yolo).__name__} is not trained by Ultralytics: give the YOLO object that you call .train() on, "
            "surgeon.log_to_ultralytics(YOLO('yolov8n-gam.pt'))"
        )
    yolo.add_callback(EVENT, callback)


def is_first_process() -> bool:
    """Whether this process logs: of several that train together, the first."""
    from ultralytics.utils import RANK

    return RANK in (-1, 0)


def network_of(trainer: Any) -> nn.Module:
    """The network that is trained, without what distributed training or compiling wrapped around it."""
    model: nn.Module = trainer.model
    while isinstance(inner := getattr(model, "_orig_mod", getattr(model, "module", None)), nn.Module):
        model = inner
    return model


def image_size_of(trainer: Any) -> tuple[int, int]:
    """The image size that is trained at, ``(H, W)``."""
    size = trainer.args.imgsz
    sides = [int(side) for side in size] if isinstance(size, list | tuple) else [int(size)]
    return sides[0], sides[-1]


def active(trainer: Any) -> Iterator[tuple[str, Log]]:
    """The loggers that are active in a training."""
    registered = [function for functions in trainer.callbacks.values() for function in functions]
    for name, find in _LOGGERS.items():
        module = sys.modules.get(f"ultralytics.utils.callbacks.{name}")
        own = [] if module is None else list((getattr(module, "callbacks", None) or {}).values())
        if any(function in registered for function in own):
            log = find(module)
            if log is not None:
                yield name, log


def warn(text: str) -> None:
    """A warning in Ultralytics' own log."""
    from ultralytics.utils import LOGGER

    LOGGER.warning(f"surgeon: {text}")


def inform(text: str) -> None:
    """A line in Ultralytics' own log."""
    from ultralytics.utils import LOGGER

    LOGGER.info(f"surgeon: {text}")


def _tensorboard(module: Any) -> Log | None:
    writer = module.WRITER
    if not writer:
        return None

    def log(scalars: Scalars, report: str) -> None:
        for name, value in scalars.items():
            writer.add_scalar(name, value, 0)
        writer.add_text(REPORT, report, 0)

    return log


def _mlflow(module: Any) -> Log | None:
    mlflow = module.mlflow
    if not mlflow or mlflow.active_run() is None:
        return None

    def log(scalars: Scalars, report: str) -> None:
        mlflow.log_metrics(dict(scalars), step=0)
        mlflow.log_text(report, f"{REPORT}.md")

    return log


def _wandb(module: Any) -> Log | None:
    run = module.wb.run if module.wb else None
    if not run:
        return None

    def log(scalars: Scalars, report: str) -> None:
        run.summary.update({**scalars, REPORT: report})

    return log


def _comet(module: Any) -> Log | None:
    comet = module.comet_ml
    find = getattr(comet, "get_running_experiment", None) or getattr(comet, "get_global_experiment", None)
    experiment = find() if find else None
    if not experiment:
        return None

    def log(scalars: Scalars, report: str) -> None:
        experiment.log_metrics(dict(scalars), step=0)
        experiment.log_text(report, step=0, metadata={"name": REPORT})

    return log


def _clearml(module: Any) -> Log | None:
    task = module.Task.current_task() if module.clearml else None
    if not task:
        return None

    def log(scalars: Scalars, report: str) -> None:
        logger = task.get_logger()
        for name, value in scalars.items():
            logger.report_single_value(name, value)
        logger.report_text(report)

    return log


def _dvc(module: Any) -> Log | None:
    live = module.live
    if not live:
        return None

    def log(scalars: Scalars, report: str) -> None:
        del report  # DVCLive has no texts
        for name, value in scalars.items():
            live.log_metric(name, value, plot=False)

    return log


def _neptune(module: Any) -> Log | None:
    run = module.run
    if not run:
        return None

    def log(scalars: Scalars, report: str) -> None:
        for name, value in {**scalars, REPORT: report}.items():
            run[name] = value

    return log


_LOGGERS: Mapping[str, Callable[[Any], Log | None]] = {
    "tensorboard": _tensorboard,
    "mlflow": _mlflow,
    "wb": _wandb,
    "comet": _comet,
    "clearml": _clearml,
    "dvc": _dvc,
    "neptune": _neptune,
}
"""By the name of Ultralytics' module."""
