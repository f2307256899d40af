"""The ``model.yaml`` inside a checkpoint, read without torch and without running anything. For completion only.

A pickle names classes and calls them. Here every name stands for `_Inert`, which keeps the state that it is given and
does nothing else; tensors are not read at all.

Internals used: a checkpoint's ``ema`` or ``model`` is the network, whose attribute ``yaml`` is its description (8.0.0).
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_MAX_BYTES = 16 << 20


class _Inert:
    """Stands for whatever a pickle names: may be called, filled and asked for nothing."""

    state: Any = None

    def __new__(cls, *_: Any, **__: Any) -> _Inert:
        return object.__new__(cls)

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, _: Any, __: Any) -> None:
        """An item of a mapping that is not kept."""

    def append(self, _: Any) -> None:
        """An item of a list that is not kept."""

    add = extend = append


class _Reader(pickle.Unpickler):
    def find_class(self, _: str, __: str) -> Any:
        return _Inert

    def persistent_load(self, _: Any) -> None:
        return None


def description_in(path: Path) -> Mapping[str, Any]:
    """The description of the network in a ``.pt``; empty where there is none to be found. Raises nothing."""
    try:
        with zipfile.ZipFile(path) as archive:
            entry = next(info for info in archive.infolist() if info.filename.endswith("/data.pkl"))
            if entry.file_size > _MAX_BYTES or entry.compress_type != zipfile.ZIP_STORED:
                return {}
            with archive.open(entry) as stream:
                loaded = _Reader(stream).load()
    except Exception:  # a damaged or hostile file may raise anything, and there is nobody to tell
        return {}
    networks = (loaded.get("ema"), loaded.get("model")) if isinstance(loaded, dict) else (loaded,)
    for network in networks:
        state = network.state if isinstance(network, _Inert) else None
        found = state.get("yaml") if isinstance(state, dict) else None
        if isinstance(found, dict):
            return found
    return {}
