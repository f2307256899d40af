"""From a loaded or live network of another repository to an `OpenedModel`."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from torch import nn

from surgeon.errors import ModelFileError
from surgeon.models import files
from surgeon.models.foreign.rebuilding import parser_of, rebuild
from surgeon.models.opened import OpenedModel
from surgeon.models.probing import evaluating
from surgeon.models.ultralytics.drift import Drift, lost_tensors
from surgeon.models.ultralytics.presence import require_recorded_blocks

FAMILY = "foreign"
_TRIAL = (224, 224)
"""An image size that most networks can run: a multiple of 32, and the one fixed size that is common."""


def open_loaded(module: nn.Module, path: Path, notes: list[str]) -> OpenedModel:
    """Open a network that a file held.

    Raises:
        ModelFileError: It is fused, or nothing that surgeon can edit.
    """
    dtype = next((str(p.dtype).removeprefix("torch.") for p in module.parameters()), "float32")
    if dtype != "float32":
        notes.append(f"the file holds {dtype} weights; they are written as float32, which loses nothing")
    module = module.float().eval()
    if not any(p.requires_grad for p in module.parameters()):
        module.requires_grad_(True)
    return _opened(module, path.stem, str(path), path=path, sha256=files.sha256(path), dtype=dtype, notes=notes)


def open_live(module: nn.Module) -> OpenedModel:
    """Open a live network; it is copied, so that what happens to it later does not matter here.

    Raises:
        ModelFileError: It cannot be copied, is fused, or nothing that surgeon can edit.
    """
    name = type(module).__name__
    try:
        with torch.no_grad():
            own = copy.deepcopy(module)
    except Exception as error:  # a network may hold anything
        raise ModelFileError(f"this {name} cannot be copied: {error}") from error
    described = getattr(module, "yaml_file", None)
    return _opened(own, Path(described).stem if isinstance(described, str) else name.lower(), f"live {name}", notes=[])


def _opened(module: nn.Module, name: str, source: str, *, notes: list[str], **origin: Any) -> OpenedModel:
    _refuse_fused(module, source)
    require_recorded_blocks(module, source)
    if not isinstance(getattr(module, "yaml", None), dict):
        # A network without a description: what it reads, and later the record, will stand there.
        vars(module)["yaml"] = {"channels": _channels(module, source)}
    # What stock code of old repositories lacks on a current torch, which their own loaders patch as well.
    for m in module.modules():
        if isinstance(m, nn.Upsample) and not hasattr(m, "recompute_scale_factor"):
            m.recompute_scale_factor = None
    origin_name = type(module).__module__.partition(".")[0]
    how = "by its own parser" if parser_of(module) is not None else "whole: it has no description to rebuild it from"
    notes.append(f"a network of {origin_name}, saved {how}" if "whole" in how else f"a network of {origin_name}")
    drift = _drift(module)
    return OpenedModel(
        name=name, module=module, source=source, task="detect", family=FAMILY, drift=drift, notes=tuple(notes), **origin
    )


def _channels(module: nn.Module, source: str) -> int:
    """Channels of the image, found by trying: a first convolution may stand behind a space-to-depth stage."""
    first = next((m.in_channels for m in module.modules() if isinstance(m, nn.Conv2d)), 3)
    parameter = next(module.parameters(), torch.zeros(0))
    reason = ""
    for channels in dict.fromkeys((first, 3, 1, 4)):
        try:
            with evaluating(module), torch.no_grad():
                module(torch.zeros(1, channels, *_TRIAL, device=parameter.device, dtype=parameter.dtype))
            return channels
        except Exception as error:  # a network raises what it likes
            reason = reason or "".join(str(error).strip().splitlines()[:1])
    raise ModelFileError(
        f"{source} cannot be run as network(image) on an image of {_TRIAL[0]}x{_TRIAL[1]} with {first} or 3 channels: "
        f"{reason}; wrap it in a module that can"
    )


def _drift(module: nn.Module) -> Drift | None:
    """What a rebuild by the repository's parser would lose; None where there is none."""
    if parser_of(module) is None:
        return None
    try:
        lost = lost_tensors(module, rebuild(module))
    except Exception as error:  # a description that its own repository cannot build any more
        raise ModelFileError(
            f"the repository of this {type(module).__name__} cannot build its own model.yaml: {error}"
        ) from error
    return Drift(lost=lost, unrestored=lost)


def _refuse_fused(module: nn.Module, source: str) -> None:
    """A network whose convolutions lost their BatchNorm would train without it."""
    fused = getattr(module, "is_fused", None)
    convs = [m for m in module.modules() if type(m).__name__ == "Conv" and hasattr(m, "conv")]
    if (callable(fused) and fused()) or (convs and not any(hasattr(m, "bn") for m in convs)):
        raise ModelFileError(f"{source} is fused (BatchNorm folded) for inference: open the unfused checkpoint instead")
