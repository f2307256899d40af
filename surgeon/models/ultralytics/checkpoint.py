"""From a loaded checkpoint, or a live network, to an `OpenedModel`.

Internals used: the checkpoint keys ``ema``, ``model``, ``optimizer``, ``train_args``, ``epoch`` (8.0.0; since 8.1.39
``model`` is None beside ``ema``).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from surgeon.errors import ModelFileError
from surgeon.models import files
from surgeon.models.foreign import opening as foreign
from surgeon.models.opened import OpenedModel
from surgeon.models.ultralytics import drift, reader, safe_load, yaml_source
from surgeon.models.ultralytics.presence import require_recorded_blocks


def open_checkpoint(path: Path, *, trust: bool, trust_modules: Sequence[str]) -> OpenedModel:
    """Open a ``.pt``.

    Raises:
        ModelFileError: It is no checkpoint of an Ultralytics network.
        UntrustedFileError: It needs classes that nobody vouched for.
    """
    loaded = safe_load.load_checkpoint(path, trust=trust, trust_modules=trust_modules)
    module = safe_load.network_of(loaded)
    which = "ema" if module is loaded.get("ema") else "model"
    notes = [f"the {which} weights of the checkpoint are edited"] if which == "ema" else []
    if loaded.get("optimizer") is not None:
        notes.append("the optimizer state is dropped: an edited file starts a new training, it resumes none")
    if not is_ultralytics(module):
        return foreign.open_loaded(module, path, notes)
    _refuse_unusable(module, str(path))
    require_recorded_blocks(module, str(path))
    dtype = next((str(p.dtype).removeprefix("torch.") for p in module.parameters()), "float32")
    module = module.float().eval()
    if dtype != "float32":
        notes.append(f"the file holds {dtype} weights; they are written as float32, which loses nothing")
    _require_gradients(module)
    train_args = dict(loaded.get("train_args") or {})
    vars(module).update(args={**dict(vars(module).get("args") or {}), **train_args})
    return OpenedModel(
        name=path.stem,
        module=module,
        source=str(path),
        task=_task(module),
        path=path,
        sha256=files.sha256(path),
        dtype=dtype,
        checkpoint={"train_args": train_args},
        drift=drift.find_drift(module),
        notes=tuple(notes),
    )


def open_live(module: nn.Module) -> OpenedModel:
    """Open a live network; it is copied, so that what happens to it later does not matter here.

    Raises:
        ModelFileError: It is no Ultralytics network.
    """
    name = type(module).__name__
    if not is_ultralytics(module):
        return foreign.open_live(module)
    _refuse_unusable(module, f"this {name}")
    require_recorded_blocks(module, f"this {name}")
    yaml_file = str(module.yaml.get("yaml_file") or name)  # type: ignore[union-attr,operator]
    with torch.no_grad():
        own = copy.deepcopy(module)
    return OpenedModel(
        name=Path(yaml_file).stem, module=own, source=f"live {name}", task=_task(own), drift=drift.find_drift(own)
    )


def is_ultralytics(module: nn.Module) -> bool:
    """Whether a network is one of Ultralytics' own classes, or of a class derived from them."""
    return any(cls.__module__.startswith("ultralytics.") for cls in type(module).__mro__)


def _require_gradients(module: nn.Module) -> None:
    """Undo what Ultralytics does to the weights it saves, all of which it marks as not trainable.

    The trainer sets the flags anew; it always leaves the DFL's fixed weights out.
    """
    if any(p.requires_grad for p in module.parameters()):
        return
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(parameter.is_floating_point() and ".dfl" not in name)


def _refuse_unusable(module: nn.Module, origin: str) -> None:
    if not isinstance(getattr(module, "yaml", None), dict):
        raise ModelFileError(
            f"{origin} holds a {type(module).__name__} without model.yaml: surgeon edits Ultralytics networks"
        )
    reader.rows_of(module)
    if getattr(module, "is_fused", lambda: False)():
        raise ModelFileError(f"{origin} is fused (BatchNorm folded) for inference: open the unfused checkpoint instead")


def _task(module: nn.Module) -> str:
    task = str(getattr(module, "task", None) or yaml_source.task_of(module.yaml).task)  # type: ignore[arg-type]
    vars(module).update(task=task)
    return task
