"""Figures for Ultralytics' loggers: who is active, what each is given, and that training goes on whatever happens.

Ultralytics keeps its loggers off under pytest: here fakes stand in their modules. With the real TensorBoard and MLflow:
``tests/integration/test_experiment_loggers.py``.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import surgeon
from surgeon.errors import InputError
from surgeon.models.ultralytics import loggers
from surgeon.profiler.results import Comparison, ProfileResult
from surgeon.report.scalars import candidate_scalars, profile_scalars

PLACE = "ultralytics.utils.callbacks"


class Written:
    """Takes whatever is called on it: ``calls`` holds the name and arguments of each."""

    def __init__(self, path: str = "", calls: list[Any] | None = None) -> None:
        self.path, self.calls = path, [] if calls is None else calls

    def __getattr__(self, name: str) -> Written:
        return Written(f"{self.path}.{name}".lstrip("."), self.calls)

    def __call__(self, *args: Any, **kwargs: Any) -> Written:
        self.calls.append((self.path, args, kwargs))
        return self

    def __setitem__(self, name: str, value: Any) -> None:
        self.calls.append(("[]", (name, value), {}))


def scalar(name: str, call: str) -> Callable[[Written], dict[str, float]]:
    return lambda written: {args[0]: args[1] for path, args, _ in written.calls if path == call}


def metrics(call: str) -> Callable[[Written], dict[str, float]]:
    def read(written: Written) -> dict[str, float]:
        (found,) = [args[0] for path, args, _ in written.calls if path == call]
        return {name: value for name, value in found.items() if name != "surgeon/report"}

    return read


FAKES: dict[str, tuple[Callable[[Written], dict[str, Any]], Callable[[Written], dict[str, float]], str]] = {
    "tensorboard": (lambda w: {"WRITER": w}, scalar("tensorboard", "add_scalar"), "add_text"),
    "mlflow": (lambda w: {"mlflow": w}, metrics("log_metrics"), "log_text"),
    "wb": (lambda w: {"wb": SimpleNamespace(run=w)}, metrics("summary.update"), "summary.update"),
    "comet": (lambda w: {"comet_ml": w}, metrics("get_running_experiment.log_metrics"), "log_text"),
    "clearml": (
        lambda w: {"clearml": w, "Task": w},
        scalar("clearml", "current_task.get_logger.report_single_value"),
        "report_text",
    ),
    "dvc": (lambda w: {"live": w}, scalar("dvc", "log_metric"), ""),
    "neptune": (
        lambda w: {"run": w},
        lambda w: {args[0]: args[1] for path, args, _ in w.calls if path == "[]" and args[0] != "surgeon/report"},
        "[]",
    ),
}
"""Of each logger: the globals of Ultralytics' module, how its figures are read back, and what takes the report."""


class Yolo:
    """What `log_to_ultralytics` needs of an ``ultralytics.YOLO``."""

    def __init__(self) -> None:
        self.callbacks: dict[str, list[Any]] = {}

    def add_callback(self, event: str, function: Any) -> None:
        self.callbacks.setdefault(event, []).append(function)

    def train(self) -> None: ...

    def start(self, trainer: Any) -> None:
        for function in self.callbacks["on_train_start"]:
            function(trainer)


@pytest.fixture(scope="module")
def edited() -> Any:
    return surgeon.open("yolov8n.yaml").insert("simam", after=9)


@pytest.fixture
def trainer(edited: Any) -> Any:
    return SimpleNamespace(callbacks={}, args=SimpleNamespace(imgsz=32), model=edited.module)


@pytest.fixture
def activate(monkeypatch: pytest.MonkeyPatch, trainer: Any) -> Callable[..., Written]:
    """``activate(name)``: that logger's run has begun; returns what is written to it."""

    def start(name: str, written: Any = None) -> Written:
        written = written or Written()

        def own(trainer: Any) -> None: ...

        module = SimpleNamespace(callbacks={"on_fit_epoch_end": own}, **FAKES[name][0](written))
        monkeypatch.setitem(sys.modules, f"{PLACE}.{name}", module)
        trainer.callbacks.setdefault("on_fit_epoch_end", []).append(own)
        return written

    return start


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    from ultralytics.utils import LOGGER

    monkeypatch.setattr(LOGGER, "propagate", True)
    monkeypatch.setattr(LOGGER, "level", logging.INFO)
    return lambda: caplog.text


@pytest.fixture(scope="module")
def result(edited: Any) -> ProfileResult:
    return edited.profile(32, latency=False)


@pytest.mark.parametrize("name", FAKES)
def test_every_logger_is_given_the_figures_and_the_report(
    name: str, trainer: Any, activate: Callable[..., Written], result: ProfileResult
) -> None:
    written, yolo = activate(name), Yolo()
    surgeon.log_to_ultralytics(yolo, result)
    assert not written.calls, "nothing before the training starts"
    yolo.start(trainer)
    _, read, takes_report = FAKES[name]
    assert read(written) == profile_scalars(result)
    texts = [str(call) for call in written.calls if call[0].endswith(takes_report)]
    assert name == "dvc" or any("SimAM" in text for text in texts)


def test_an_edited_network_is_counted_beside_the_one_before_the_edit(
    trainer: Any, edited: Any, activate: Callable[..., Written]
) -> None:
    written, yolo = activate("tensorboard"), Yolo()
    surgeon.log_to_ultralytics(yolo)
    random_before = torch.get_rng_state()
    yolo.start(trainer)
    assert torch.equal(torch.get_rng_state(), random_before), "the training's random numbers stay as they were"
    figures = FAKES["tensorboard"][1](written)
    stock = surgeon.open("yolov8n.yaml").profile(32, latency=False)
    assert figures["surgeon/baseline/params"] == stock.params
    assert figures["surgeon/params"] == sum(p.numel() for p in edited.module.parameters())
    assert figures["surgeon/params_ratio"] == figures["surgeon/params"] / stock.params
    assert figures["surgeon/gflops"] == pytest.approx(figures["surgeon/gmacs"] * 2)
    assert not any("latency" in figure for figure in figures), "nothing was timed"


def test_a_plain_network_is_counted_alone(trainer: Any, activate: Callable[..., Written]) -> None:
    trainer.model = surgeon.open("yolov8n.yaml").module
    written, yolo = activate("mlflow"), Yolo()
    surgeon.log_to_ultralytics(yolo)
    yolo.start(trainer)
    figures = FAKES["mlflow"][1](written)
    assert figures["surgeon/params"] > 3e6 and not any("baseline" in name for name in figures)


def test_what_wraps_the_network_is_taken_off(trainer: Any) -> None:
    network = trainer.model
    trainer.model = torch.nn.Module()
    trainer.model._orig_mod = torch.nn.Module()
    trainer.model._orig_mod.module = network
    assert loggers.network_of(trainer) is network
    trainer.args.imgsz = [64, 32]
    assert loggers.image_size_of(trainer) == (64, 32)


def test_a_logger_that_is_switched_off_or_has_no_run_gets_nothing(
    trainer: Any, activate: Callable[..., Written], monkeypatch: pytest.MonkeyPatch, result: Any, said: Any
) -> None:
    written, yolo = activate("mlflow"), Yolo()
    trainer.callbacks.clear()  # as with yolo settings mlflow=False
    idle = SimpleNamespace(callbacks={"on_fit_epoch_end": len}, WRITER=None)
    monkeypatch.setitem(sys.modules, f"{PLACE}.tensorboard", idle)
    trainer.callbacks["on_fit_epoch_end"] = [len]
    surgeon.log_to_ultralytics(yolo, result)
    yolo.start(trainer)
    assert not written.calls
    assert "no experiment logger is active, nothing was logged" in said()


def test_one_logger_that_fails_stops_neither_the_others_nor_the_training(
    trainer: Any, activate: Callable[..., Written], result: Any, said: Any
) -> None:
    class Failing(Written):
        def __getattr__(self, name: str) -> Any:
            raise ConnectionError("no route to host")

    activate("tensorboard", Failing())
    written, yolo = activate("dvc"), Yolo()
    surgeon.log_to_ultralytics(yolo, result)
    yolo.start(trainer)
    assert FAKES["dvc"][1](written) == profile_scalars(result)
    assert "tensorboard did not take the figures (ConnectionError: no route to host)" in said()


def test_a_network_that_cannot_be_counted_stops_no_training(
    trainer: Any, activate: Callable[..., Written], said: Any
) -> None:
    written, yolo = activate("mlflow"), Yolo()
    trainer.args.imgsz = "large"
    surgeon.log_to_ultralytics(yolo)
    yolo.start(trainer)
    assert "nothing was logged (ValueError" in said()
    assert [call[0] for call in written.calls] == ["active_run"]


def test_of_several_processes_the_first_logs(
    trainer: Any, activate: Callable[..., Written], result: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ultralytics.utils

    monkeypatch.setattr(ultralytics.utils, "RANK", 1)
    written, yolo = activate("mlflow"), Yolo()
    surgeon.log_to_ultralytics(yolo, result)
    yolo.start(trainer)
    assert not written.calls


def test_a_comparison_s_latencies_are_logged(result: ProfileResult) -> None:
    paired: Any = SimpleNamespace(ratio=1.2, ratio_low=1.1, ratio_high=1.3)
    figures = candidate_scalars(Comparison(results=(result, result), paired=(paired,)))
    assert (figures["surgeon/latency_ratio"], figures["surgeon/params_ratio"]) == (1.2, 1.0)
    assert (figures["surgeon/latency_ratio_low95"], figures["surgeon/latency_ratio_high95"]) == (1.1, 1.3)


@pytest.mark.parametrize("given", [object(), torch.nn.Identity(), "yolov8n.pt"])
def test_what_is_not_trained_by_ultralytics_is_refused(given: Any) -> None:
    with pytest.raises(InputError, match="is not trained by Ultralytics: give the YOLO object"):
        surgeon.log_to_ultralytics(given)


def test_what_is_no_result_is_refused() -> None:
    with pytest.raises(InputError, match="a dict cannot be logged"):
        surgeon.log_to_ultralytics(Yolo(), {"params": 1})  # type: ignore[arg-type]
