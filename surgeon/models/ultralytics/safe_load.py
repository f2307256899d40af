"""Opening a checkpoint without letting it run code.

A ``.pt`` is a pickle, and a pickle is a program. It is read by torch's weights-only unpickler, which runs a few of its
opcodes only, with the names of `allow_list`; what comes out goes through `audit` before anybody calls it. Ultralytics'
own loader is never called: it installs the packages that a file names.

Internals used: ``torch.serialization.{get,clear,add}_safe_globals`` and ``get_unsafe_globals_in_checkpoint``
(torch 2.6); ``ultralytics.nn.tasks.temporary_modules(modules, attributes)`` (8.2.39), for full unpickling only.
"""

from __future__ import annotations

import contextlib
import pickle
import re
import threading
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from surgeon.errors import MissingDependencyError, ModelFileError, SurgeonError, UntrustedFileError
from surgeon.models import files
from surgeon.models.ultralytics.allow_list import AllowList, Entry
from surgeon.models.ultralytics.audit import audit
from surgeon.models.ultralytics.refusals import not_importable, refusal

_LOCK = threading.RLock()
_REFUSED_NAME = re.compile(r"GLOBAL (\S+)|function (\S+)|module (\S+) is blocked")
_READ_ERRORS = (pickle.UnpicklingError, RuntimeError, EOFError, OSError, zipfile.BadZipFile)


def load_checkpoint(path: Path | str, *, trust: bool = False, trust_modules: Sequence[str] = ()) -> dict[str, Any]:
    """Read a checkpoint onto the CPU, every tensor in the type it was saved in.

    Args:
        path: A ``.pt`` written by Ultralytics or surgeon, or a bare network written by ``torch.save``.
        trust: Unpickle in full, which lets the file run any code.
        trust_modules: Packages whose ``nn.Module`` classes the file may use; they are imported.

    Returns:
        The checkpoint as it was saved; a bare network as ``{"model": network}``. ``ema`` or ``model`` is a network.

    Raises:
        UntrustedFileError: The file needs code that nobody vouched for; the message names it and the flag.
        ModelFileError: The file is no checkpoint of a network.
        MissingDependencyError: This torch cannot read files safely, or a package is missing.
    """
    origin = str(path)
    files.require_checkpoint(path, legacy_ok=trust)
    loaded = _load_in_full(origin) if trust else _load_weights_only(origin, trust_modules)
    return _as_checkpoint(loaded, origin)


def network_of(checkpoint: dict[str, Any]) -> nn.Module:
    """The network that a checkpoint is used for: ``ema`` if present, else ``model``."""
    for key in ("ema", "model"):
        if isinstance(checkpoint.get(key), nn.Module):
            network: nn.Module = checkpoint[key]
            return network
    raise ModelFileError("the checkpoint holds no network")


def _load_weights_only(origin: str, trust_modules: Sequence[str]) -> Any:
    if not hasattr(torch.serialization, "get_unsafe_globals_in_checkpoint"):
        raise MissingDependencyError(
            f"opening {origin} without running its code needs torch 2.6 or newer, this is {torch.__version__}: "
            'pip install -U "torch>=2.6"'
        )
    allowed = AllowList(origin, trust_modules)
    try:
        with _registry() as register:
            entries, refused = allowed.entries(torch.serialization.get_unsafe_globals_in_checkpoint(origin))
            if refused:
                raise refusal(origin, refused)
            register(entries)
            loaded = torch.load(origin, map_location="cpu", weights_only=True)
    except SurgeonError:
        raise
    except pickle.UnpicklingError as error:
        raise _unpickling_error(origin, error) from error
    except _READ_ERRORS as error:
        raise ModelFileError(_damaged(origin, error)) from error
    except Exception as error:  # a hostile or broken pickle makes the unpickler raise anything
        raise ModelFileError(_damaged(origin, error)) from error
    finally:
        allowed.close()
    audit(loaded, origin, trust_modules)
    return loaded


@contextlib.contextmanager
def _registry() -> Iterator[Any]:
    """An empty registry of safe globals for one load; afterwards it is what it was.

    The registry belongs to the process. Names that others registered are set aside: they may stand for real classes.
    """
    serialization = torch.serialization
    ours: list[Entry] = []

    def register(entries: Sequence[Entry]) -> None:
        ours.extend(entries)
        serialization.add_safe_globals(list(entries))

    with _LOCK:
        before = serialization.get_safe_globals()
        serialization.clear_safe_globals()
        try:
            yield register
        finally:
            meanwhile = [entry for entry in serialization.get_safe_globals() if entry not in ours]
            serialization.clear_safe_globals()
            serialization.add_safe_globals([*before, *meanwhile])


def _load_in_full(origin: str) -> Any:
    from ultralytics.nn.tasks import temporary_modules

    modules = {
        "ultralytics.yolo.utils": "ultralytics.utils",
        "ultralytics.yolo.v8": "ultralytics.models.yolo",
        "ultralytics.yolo.data": "ultralytics.data",
    }
    attributes = {
        "ultralytics.nn.modules.block.Silence": "torch.nn.Identity",
        "ultralytics.nn.tasks.YOLOv10DetectionModel": "ultralytics.nn.tasks.DetectionModel",
        "ultralytics.utils.loss.v10DetectLoss": "ultralytics.utils.loss.E2EDetectLoss",
    }
    try:
        with _LOCK, temporary_modules(modules, attributes):
            return torch.load(origin, map_location="cpu", weights_only=False)
    except ModuleNotFoundError as error:
        raise not_importable(origin, error.name or "", error) from error
    except SurgeonError:
        raise
    except Exception as error:  # the file's own code may raise anything
        raise ModelFileError(_damaged(origin, error)) from error


def _as_checkpoint(loaded: Any, origin: str) -> dict[str, Any]:
    if isinstance(loaded, nn.Module):
        return {"model": _inner(loaded)}
    if not isinstance(loaded, dict):
        raise ModelFileError(f"{origin} holds a {type(loaded).__name__}, not a network: save it with YOLO(...).save()")
    candidates = [loaded[key] for key in ("ema", "model") if loaded.get(key) is not None]
    if candidates and isinstance(candidates[0], nn.Module):
        return dict(loaded)
    weights = [loaded, *candidates, *(loaded.get(key) for key in ("state_dict", "model_state_dict"))]
    if any(_is_state_dict(value) for value in weights):
        raise ModelFileError(
            f"{origin} holds weights without a network: build it, load these weights into it and save that: "
            'm = YOLO("model.yaml"); m.model.load_state_dict(...); m.save("model.pt"), or, of another repository, '
            'torch.save(network, "model.pt")'
        )
    if "ema" in loaded or "model" in loaded:
        raise ModelFileError(
            f"{origin} holds no network: its ema and model are empty; use the run's best.pt or last.pt"
        )
    keys = ", ".join(str(key) for key in list(loaded)[:5]) or "nothing"
    raise ModelFileError(f"{origin} is a dict with {keys}, but neither ema nor model: save it with YOLO(...).save()")


def _inner(network: nn.Module) -> nn.Module:
    """The network inside a ``YOLO`` object, which full unpickling also reads."""
    inner = getattr(network, "model", None)
    is_facade = any(cls.__module__ == "ultralytics.engine.model" for cls in type(network).__mro__)
    return inner if is_facade and isinstance(inner, nn.Module) else network


def _is_state_dict(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(isinstance(item, torch.Tensor) for item in value.values())


def _unpickling_error(origin: str, error: pickle.UnpicklingError) -> ModelFileError:
    found = _REFUSED_NAME.search(str(error))
    if found:
        return refusal(origin, [next(group for group in found.groups() if group).strip("`'\".")])
    if "unsupported" in str(error).lower() or "can only" in str(error).lower():
        return UntrustedFileError(
            f"{origin} uses pickle operations that no torch.save writes ({_reason(error)}); --trust unpickles the file "
            "in full, which lets it run any code with your rights"
        )
    return ModelFileError(_damaged(origin, error))


def _damaged(origin: str, error: BaseException) -> str:
    return f"{origin} cannot be read, it is damaged or incomplete ({_reason(error)}): download or save it again"


def _reason(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    detail = next((line for line in lines if "WeightsUnpickler error" in line), lines[0] if lines else "")
    return f"{type(error).__name__}: {detail}"[:200] if detail else type(error).__name__
