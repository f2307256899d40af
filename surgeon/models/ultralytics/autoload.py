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

_PARSERS = ("ultralytics.nn.tasks", "yolov5.models.yolo", "yolo9.models.yolo", "models.yolo")
"""Modules with a ``parse_model``: Ultralytics', and those of the YOLOv5, YOLOv7 and YOLOv9 repositories."""


def install() -> None:
    """Make the frameworks able to build networks that surgeon edited: at once if loaded, else when they get loaded.

    Calling it again changes nothing.
    """
    for name in _PARSERS:
        parser = sys.modules.get(name)
        if parser is not None and hasattr(parser, "parse_model"):
            _register(parser)
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def _register(parser: ModuleType) -> None:
    from surgeon.models.ultralytics import registration

    # Whoever is importing that module right now needs this package, which calls here; that caller registers afterwards.
    if hasattr(registration, "register"):
        registration.register(parser)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the modules that have a ``parse_model`` as the others would, and registers after they have run."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Wrap the real spec's loader; None for every other module."""
        if fullname not in _PARSERS:
            return None
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
        if hasattr(module, "parse_model"):
            _register(module)
