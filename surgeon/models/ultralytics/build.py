"""Building Ultralytics networks from a ``model.yaml``: new ones, and edited ones again.

Internals used: the model classes of ``ultralytics.nn.tasks``, DetectionModel, SegmentationModel and
ClassificationModel (8.0.0), PoseModel (8.0.66), RTDETRDetectionModel (8.0.111), OBBModel (8.0.235), WorldModel
(8.1.14), YOLOEModel (8.3.99), SemanticSegmentationModel (8.4.52), DepthModel (8.4.104); their constructors ``(cfg,
ch, nc, verbose)`` and ``BaseModel.load(weights, verbose)`` (8.0.0), which takes over class branches by name since
8.4.91; ``model.yaml["channels"]`` (8.3.112); ``BaseModel.info`` (8.0.0);
``ultralytics.utils.LOGGER`` (8.0.136) and ``DEFAULT_CFG_DICT`` (8.0.35).
"""

from __future__ import annotations

import contextlib
import copy
import functools
import logging
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from surgeon.errors import ModelFileError
from surgeon.models.ultralytics import autoload, yaml_source
from surgeon.models.ultralytics.default_activation import default_activation_kept
from surgeon.models.ultralytics.skeleton import skeleton

SEED = 0
"""Seed of the weights of a model built from a YAML."""


def build_from_yaml(d: Mapping[str, Any], origin: str) -> nn.Module:
    """Build a network with seed 0, leaving the caller's random state as it was.

    Args:
        d: A ``model.yaml`` that `check_model_yaml` has passed.
        origin: The file it came from, for messages.

    Raises:
        ModelFileError: This Ultralytics cannot build it.
    """
    from ultralytics.nn import tasks
    from ultralytics.utils import DEFAULT_CFG_DICT

    task = yaml_source.task_of(d, origin)
    model_class = getattr(tasks, task.network, None)
    if model_class is None:
        raise ModelFileError(f"{origin} needs {task.network}, which this Ultralytics does not have: update ultralytics")
    try:
        module = _construct(model_class, d)
    except ModelFileError:
        raise
    except Exception as error:  # Ultralytics raises whatever a row's constructor raises
        raise ModelFileError(f"Ultralytics cannot build {origin}: {_first_line(error)}") from error
    # The attributes that ultralytics.YOLO gives a network it builds; its exporter and trainer read them.
    vars(module).update(args={**DEFAULT_CFG_DICT, "task": task.task, "model": origin}, task=task.task)
    return module


def rebuild(module: nn.Module, d: Mapping[str, Any] | None = None) -> nn.Module:
    """Do to a network what the trainer does: build it again from ``model.yaml``, then load its weights by name.

    Loading is part of it: since 8.4.190 ``BaseModel.load`` rebuilds the class branch of a head whose width came from
    another number of classes, as every checkpoint has that was fine-tuned from COCO weights.

    Args:
        module: The network.
        d: Build from this instead of ``module.yaml``.
    """
    rebuilt = _construct(type(module), module.yaml if d is None else d)  # type: ignore[arg-type]
    return _loaded(rebuilt, module)


def rebuild_to_look_at(module: nn.Module, d: Mapping[str, Any] | None = None) -> nn.Module:
    """The same network as `rebuild`, faster and without a second copy of the weights.

    It shares its tensors with the network it comes from: it may be run in evaluation mode and compared, not changed.
    Tensors that a rebuild would leave at their random initial values hold NaN.
    """
    cfg: Mapping[str, Any] = module.yaml if d is None else d  # type: ignore[assignment]
    try:
        with skeleton():
            rebuilt = _construct(type(module), cfg)
    except Exception:  # a constructor that looks at its values; where it fails in earnest, so does the next line
        rebuilt = _construct(type(module), cfg)
    # The tensors that are loaded take the places of those they would be copied into.
    vars(rebuilt)["load_state_dict"] = functools.partial(rebuilt.load_state_dict, assign=True)
    loaded = _loaded(rebuilt, module)
    del vars(rebuilt)["load_state_dict"]
    return loaded


def _loaded(rebuilt: nn.Module, module: nn.Module) -> nn.Module:
    parameter = next(module.parameters())
    device, dtype = parameter.device, parameter.dtype
    if any(p.is_floating_point() and p.dtype != torch.float32 for p in module.parameters()):
        module = copy.deepcopy(module)  # load() turns what it loads from into float32, in place
    with quiet(), torch.random.fork_rng(devices=[]):
        rebuilt.load(module, verbose=False)  # type: ignore[operator]
    moved = any(p.device != device or p.dtype != dtype for p in rebuilt.parameters() if p.is_floating_point())
    return rebuilt.to(device=device, dtype=dtype) if moved else rebuilt


def _construct(model_class: type[nn.Module], d: Mapping[str, Any]) -> nn.Module:
    autoload.install()
    cfg = copy.deepcopy(dict(d))
    with quiet(), torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(SEED)
        with _unannounced(model_class), default_activation_kept():
            module: nn.Module = model_class(cfg, ch=cfg.get("channels") or 3, verbose=False)
    return module


@contextlib.contextmanager
def _unannounced(model_class: type[nn.Module]) -> Iterator[None]:
    """Build a classifier without counting its FLOPs.

    Its constructor prints them though it was told to be silent, by running the network at 640: with global attention
    on a large map that takes minutes.
    """
    name = "info"
    own = vars(model_class).get(name)
    setattr(model_class, name, lambda *_, **__: None)
    try:
        yield
    finally:
        if own is None:
            delattr(model_class, name)
        else:
            setattr(model_class, name, own)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep Ultralytics' log to errors for a while."""
    from ultralytics.utils import LOGGER

    level = LOGGER.level
    LOGGER.setLevel(logging.ERROR)
    try:
        yield
    finally:
        LOGGER.setLevel(level)


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
