"""What to say of a file whose names are not loaded: what it needs, and the narrowest way that would open it.

Looks modules up without importing them.
"""

from __future__ import annotations

import _compat_pickle
import importlib.util
import sys
from collections.abc import Sequence

from surgeon.errors import MissingDependencyError, UntrustedFileError

_UNNAMEABLE = sys.stdlib_module_names | {"torch", "numpy", "ultralytics", "__main__", "__builtin__"}
"""Packages that nobody vouches for as a whole."""
_NETWORKS = ("torchvision.models.", "torchvision.ops.")
_CLONES = {
    "models": "the folder that holds models/: a clone of the YOLOv5, YOLOv7 or YOLOv9 repository, or the yolov5 "
    "package's own: PYTHONPATH=/path/to/yolov5",
}
_DISTRIBUTIONS = {"yolov5": "yolov5", "yolo9": "yolo9", "yolox": "yolox"}


def refusal(origin: str, names: Sequence[str]) -> UntrustedFileError:
    """The error for a file that needs more: what it names, and the narrowest flag that would open it."""
    names = [_as_now(name) for name in names]
    first = ", ".join(sorted(names)[:3])
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    what = (
        f"{origin} needs {len(names)} name{'s' * (len(names) != 1)} that surgeon does not load unasked ({first}{more})"
    )
    last_resort = "--trust unpickles the file in full, which lets it run any code with your rights"
    packages = {name.partition(".")[0] for name in names}
    trainable = not packages & _UNNAMEABLE and all(
        name.startswith(_NETWORKS) for name in names if name.startswith("torchvision.")
    )
    if "__main__" in packages:
        way = f"classes of __main__ cannot be found again: define them in a module and save anew; {last_resort}"
    elif trainable:
        flags = " ".join(f"--trust-module {package}" for package in sorted(packages))
        clone = " of the original YOLOv5, YOLOv7 or YOLOv9 repository" if packages == {"models"} else ""
        which = " and ".join(repr(package) for package in sorted(packages))
        plural = "s" if len(packages) > 1 else ""
        way = f"if you trust the package{plural} {which}{clone}, pass {flags} (its code is imported{_where(packages)})"
        way = f"{way}; {last_resort}"
    elif packages & (sys.stdlib_module_names - {"builtins"}):
        way = f"no network needs these, so the file is damaged or hostile; {last_resort}"
    else:
        way = last_resort
    return UntrustedFileError(f"{what}: {way}")


def not_importable(origin: str, module: str, error: BaseException) -> MissingDependencyError:
    """The error for a module that a file needs, that the user vouched for, and that cannot be imported."""
    package = module.partition(".")[0]
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing and (missing in (package, module) or module.startswith(f"{missing}.")):
        return MissingDependencyError(f"{origin} needs the module {module!r}, which is not found: {_remedy(package)}")
    if missing:
        return MissingDependencyError(
            f"{origin} needs the module {module!r}, which itself imports {missing!r}, and that is not installed: "
            f"pip install {missing.partition('.')[0]}"
        )
    reason = "".join(str(error).strip().splitlines()[:1]) or type(error).__name__
    return MissingDependencyError(f"{origin} needs the module {module!r}, which fails when it is imported: {reason}")


def _where(packages: set[str]) -> str:
    missing = [package for package in sorted(packages) if not _is_found(package)]
    return f"; it is not found now: {_remedy(missing[0])}" if missing else ""


def _is_found(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):  # a package that something else made by hand
        return package in sys.modules


def _remedy(package: str) -> str:
    """How a package becomes importable."""
    if package in _CLONES:
        return f"set PYTHONPATH to {_CLONES[package]}"
    if package in _DISTRIBUTIONS:
        return f"pip install --no-deps {_DISTRIBUTIONS[package]}, or set PYTHONPATH to the folder that holds {package}/"
    return f"install it, or set PYTHONPATH to the folder that holds {package}"


def _as_now(name: str) -> str:
    """The name as Python 3 spells it; pickles of protocol 2 hold those of Python 2 (``commands`` for subprocess)."""
    module, _, attribute = name.rpartition(".")
    return f"{_compat_pickle.IMPORT_MAPPING.get(module, module)}.{attribute}"
