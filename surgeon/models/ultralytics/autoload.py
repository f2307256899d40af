"""Registering surgeon's blocks with Ultralytics the moment it is imported, and not before.

Imports neither torch nor ultralytics: an interpreter that enabled `surgeon autoload` runs this at every start.

Internals used: the module ``ultralytics.nn.tasks`` (8.0.0).
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from types import ModuleType

_TASKS = "ultralytics.nn.tasks"


def install() -> None:
    """Make Ultralytics able to build networks that surgeon edited: at once if it is loaded, else when it gets loaded.

    Calling it again changes nothing.
    """
    tasks = sys.modules.get(_TASKS)
    if tasks is not None and hasattr(tasks, "parse_model"):
        _register(tasks)
    elif not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def _register(tasks: ModuleType) -> None:
    from surgeon.models.ultralytics import registration

    registration.register(tasks)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds ``ultralytics.nn.tasks`` as the others would, and registers after it has run."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Wrap the real spec's loader; None for every other module."""
        if fullname != _TASKS:
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(importlib.abc.Loader):
    def __init__(self, loader: importlib.abc.Loader) -> None:
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        _register(module)
