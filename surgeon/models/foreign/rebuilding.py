"""Building a network of another repository again: by its own parser where it has rows, else out of its own file."""

from __future__ import annotations

import contextlib
import copy
import inspect
import io
import logging
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import torch
from torch import nn

from surgeon.errors import ModelFileError
from surgeon.models.ultralytics import registration


def rebuild(module: nn.Module) -> nn.Module:
    """Do to a network what its repository's trainer does: build it from ``model.yaml``, then load its weights by name.

    A network without such a description is what its file gives back: it is pickled and read again.
    """
    parser = parser_of(module)
    if parser is None:
        return from_file(module)
    registration.register(parser)
    parameter = next(module.parameters())
    with quiet(), torch.random.fork_rng(devices=[]), torch.enable_grad():
        rebuilt = _construct(type(module), module.yaml)
    rebuilt.load_state_dict(module.state_dict(), strict=False)
    return rebuilt.to(device=parameter.device, dtype=parameter.dtype)


def parser_of(module: nn.Module) -> ModuleType | None:
    """The Python module whose ``parse_model`` builds this network's rows; None where there is none."""
    home = sys.modules.get(type(module).__module__)
    described = isinstance(getattr(module, "yaml", None), dict)
    return home if described and home is not None and hasattr(home, "parse_model") else None


def from_file(module: nn.Module) -> nn.Module:
    """What a file of this network gives back; only our own bytes are unpickled.

    Raises:
        ModelFileError: It cannot be saved: a class inside a function, a lambda, an open file.
    """
    memory = io.BytesIO()
    try:
        torch.save(module, memory)
    except Exception as error:  # a network may hold anything
        reason = "".join(str(error).strip().splitlines()[:1]) or type(error).__name__
        raise ModelFileError(
            f"this {type(module).__name__} could not be saved after an edit: {reason}; its classes and functions must "
            "stand at the top level of an importable module"
        ) from error
    memory.seek(0)
    loaded: nn.Module = torch.load(memory, map_location="cpu", weights_only=False)
    parameter = next(module.parameters(), torch.zeros(0))
    return loaded.to(device=parameter.device)


def _construct(kind: type[nn.Module], description: Any) -> nn.Module:
    d = copy.deepcopy(dict(description))
    named = inspect.signature(kind).parameters
    channels = {"ch": d["ch"]} if "ch" in named and isinstance(d.get("ch"), int) else {}
    return kind(d, **channels)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep these repositories' tables of rows out of the output: they log them, or print them."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(disabled)
