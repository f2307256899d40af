"""Which names of a checkpoint are resolved, and to what: the allow-list of the weights-only loader.

Torch's restricted unpickler lets a file *call* whatever is allowed. A constructor is code: ``DetectionModel({...})``
evaluates the activation of its yaml, ``TorchVision("resnet18")`` downloads. So no real class is ever reachable by its
name: a name stands for a stand-in whose only ability is to make an uninitialised instance, and the real class is
listed under a name that no pickle can spell, which lets torch give that instance its state. Functions are replaced by
checked ones of this file, which stop working when the load ends. What is left for a hostile file to store as a hook
or as ``forward``: ``forward`` methods of networks, and torch's own tensor constructors.

Resolves names only; it reads no file and touches no registry.

Internals used: the module paths that checkpoints pickle, ``ultralytics.nn.tasks`` (8.0.0), the package
``ultralytics.nn.modules`` (8.0.98), ``ultralytics.utils.loss`` and ``.tal`` (8.0.136; before it
``ultralytics.yolo.utils``); ``IterableSimpleNamespace`` (8.0.35); the aliases of ``temporary_modules`` for YOLOv10
(8.2.38).
"""

from __future__ import annotations

import importlib
import pathlib
import re
import types
from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from surgeon.errors import UntrustedFileError
from surgeon.models.ultralytics.consent import check_payload, within
from surgeon.models.ultralytics.numpy_values import NumpyArray, NumpyType, empty_array, numeric_type, scalar
from surgeon.models.ultralytics.refusals import not_importable

_LAYER_PACKAGES = ("torch.nn.modules", "ultralytics.nn.modules", "ultralytics.nn.tasks")
_LOSS_MODULES = ("ultralytics.utils.loss", "ultralytics.utils.tal")
_TRANSFORMS = "torchvision.transforms.transforms"
_TRANSFORM_NAMES = ("Compose", "Normalize", "Resize", "CenterCrop", "ToTensor")
_INTERPOLATION = "torchvision.transforms.functional.InterpolationMode"
_ALIASES = {
    "ultralytics.nn.modules.block.Silence": "torch.nn.modules.linear.Identity",
    "ultralytics.nn.tasks.YOLOv10DetectionModel": "ultralytics.nn.tasks.DetectionModel",
    "ultralytics.utils.loss.v10DetectLoss": "ultralytics.utils.loss.E2EDetectLoss",
}
_OLD_PACKAGE, _NEW_PACKAGE = "ultralytics.yolo.utils.", "ultralytics.utils."
_FORWARD = re.compile(r"forward(_[a-z0-9_]+)?")

Entry = tuple[Any, str]


class StandIn(type):
    """Type of the stand-ins of classes; ``real`` is the class that one stands for."""

    real: type

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """Refuse: calling it would run a constructor."""
        raise UntrustedFileError(f"the file calls the constructor of {cls.real.__qualname__}, which no save writes")


_GRAFT_HOOKS = ("yolo_surgeon.graft_after", "yolo_surgeon.graft_before")


class _Interpolation:
    """Stands for torchvision's enum: called with a value it gives the member."""

    def __call__(self, mode: str) -> Any:
        InterpolationMode = importlib.import_module("torchvision.transforms.functional").InterpolationMode

        return InterpolationMode(mode)


class GraftHook:
    """Stands for a hook of ``yolo_surgeon`` while a file is read: it can be stored, and calling it fails.

    The audit puts the function in its place, where a graft's hook belongs.
    """

    def __init__(self, name: str) -> None:
        self.name = name.rpartition(".")[2]


class AllowList:
    """The names that one load may use.

    Args:
        origin: The file, for messages.
        trust_modules: Packages whose ``nn.Module`` classes the user allowed; they are imported when a name asks.
    """

    def __init__(self, origin: str, trust_modules: Sequence[str] = ()) -> None:
        self.origin = origin
        self.trust_modules = tuple(trust_modules)
        self._open = True
        self._functions: dict[str, tuple[Callable[..., Any], type | None]] = {
            "builtins.getattr": (self._getattr, None),
            "numpy.dtype": (self._dtype, NumpyType),
            "numpy.core.multiarray.scalar": (self._scalar, None),
            "numpy._core.multiarray.scalar": (self._scalar, None),
            "numpy.core.multiarray._reconstruct": (self._array, NumpyArray),
            "numpy._core.multiarray._reconstruct": (self._array, NumpyArray),
            "numpy.ndarray": (self._ndarray, None),
            "yolo_surgeon.restore": (self._restore, None),
            "yolo_surgeon.restore_foreign": (self._restore, None),
        }
        for module in ("pathlib", "pathlib._local"):
            for name in ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath", "Path"):
                self._functions[f"{module}.{name}"] = (self._path, None)

    def entries(self, names: Sequence[str]) -> tuple[list[Entry], list[str]]:
        """Resolve the names that a file asks for.

        Returns:
            The pairs for ``torch.serialization.add_safe_globals``, and the names that are not allowed.
        """
        found: list[Entry] = []
        refused: list[str] = []
        for name in sorted(names):
            pairs = self._resolve(name)
            found.extend(pairs)
            if not pairs:
                refused.append(name)
        return found, refused

    def close(self) -> None:
        """End the load: from here on the functions that the file may have stored refuse to work."""
        self._open = False

    def _resolve(self, name: str) -> list[Entry]:
        if name == _INTERPOLATION:
            return [(_Interpolation(), name)]
        if name in _GRAFT_HOOKS:
            return [(GraftHook(name), name)]
        if name in self._functions:
            function, state_of = self._functions[name]
            return [(self._while_open(function), name), *([_hidden(state_of)] if state_of else [])]
        current = _ALIASES.get(name, name)
        if current.startswith(_OLD_PACKAGE):
            current = _NEW_PACKAGE + current.removeprefix(_OLD_PACKAGE)
        if current == "ultralytics.utils.IterableSimpleNamespace":
            from ultralytics.utils import IterableSimpleNamespace

            def namespace() -> Any:
                return IterableSimpleNamespace()

            return [(self._while_open(namespace), name), _hidden(IterableSimpleNamespace)]
        real = self._class(current)
        return [(_stand_in(real), name), _hidden(real)] if real is not None else []

    def _class(self, name: str) -> type | None:
        module, _, attribute = name.rpartition(".")
        trusted = next((package for package in self.trust_modules if within(module, package)), None)
        if trusted is None and not _is_known(module, attribute):
            return None
        real = _look_up(module, attribute, self.origin, must_import=trusted is not None)
        if not isinstance(real, type) or any("__new__" in vars(c) for c in real.__mro__[:-1]):
            return None
        if module in _LOSS_MODULES or module == _TRANSFORMS:
            return real if real.__module__ == module and type(real) is type else None
        homes = _LAYER_PACKAGES if trusted is None else (trusted,)
        at_home = any(within(real.__module__, home) for home in homes)
        return real if issubclass(real, nn.Module) and at_home else None

    def _while_open(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            if not self._open:
                raise UntrustedFileError(f"{self.origin} stored a function of the loader and something called it")
            try:
                return function(*args)
            except (TypeError, AttributeError, LookupError, OverflowError) as error:
                raise UntrustedFileError(f"{self.origin} calls {function.__name__} as no save does: {error}") from error

        return call

    def _getattr(self, owner: Any, name: str) -> Any:
        """``getattr`` for the forms that saved networks hold: ``forward`` methods, and the interpolation's members."""
        if isinstance(owner, _Interpolation):
            return owner(name.lower())
        of_class = isinstance(owner, StandIn)
        real = owner.real if of_class else type(owner)
        if isinstance(name, str) and _FORWARD.fullmatch(name) and issubclass(real, nn.Module):
            function = next((vars(cls)[name] for cls in real.__mro__ if name in vars(cls)), None)
            if isinstance(function, types.FunctionType):
                return function if of_class else types.MethodType(function, owner)
        raise UntrustedFileError(
            f"{self.origin} reads the attribute {name!r} of {real.__name__} while it is opened, as files do that hold "
            "a class inside a class; only --trust opens it, which lets it run any code with your rights"
        )

    def _dtype(self, code: str, align: bool = False, copy: bool = True) -> NumpyType:
        return numeric_type(code, self.origin)

    def _scalar(self, kind: NumpyType, raw: bytes) -> Any:
        return scalar(kind, raw, self.origin)

    def _array(self, kind: Any, shape: Any, code: Any) -> NumpyArray:
        return empty_array()

    def _ndarray(self, *_: Any) -> Any:
        raise UntrustedFileError(f"{self.origin} calls the constructor of numpy.ndarray, which no save writes")

    def _path(self, *parts: str) -> pathlib.Path:
        return pathlib.Path("/".join(parts) if not parts or parts[0] != "/" else "/" + "/".join(parts[1:]))

    def _restore(self, payload: Any) -> Any:
        check_payload(payload, self.origin, self.trust_modules)
        import yolo_surgeon

        is_foreign = ":" in payload["name"]
        return (yolo_surgeon.restore_foreign if is_foreign else yolo_surgeon.restore)(payload)


def _is_known(module: str, attribute: str) -> bool:
    if module == _TRANSFORMS:
        return attribute in _TRANSFORM_NAMES
    return module in _LOSS_MODULES or any(within(module, package) for package in _LAYER_PACKAGES)


def _look_up(module: str, attribute: str, origin: str, *, must_import: bool) -> Any:
    try:
        return vars(importlib.import_module(module)).get(attribute)
    except Exception as error:  # importing runs the package's own code, which may raise anything
        if not must_import and isinstance(error, ImportError):
            return None
        raise not_importable(origin, module, error) from error


def _hidden(real: type) -> Entry:
    # The restricted unpickler reads names line by line, so no pickle can spell a line break.
    return real, f"\n{real.__module__}.{real.__qualname__}"


def _stand_in(real: type) -> StandIn:
    def new(cls: type, *args: Any) -> Any:
        if args:
            raise UntrustedFileError(f"the file passes arguments to {real.__qualname__}, which no save writes")
        return object.__new__(real)

    return StandIn(real.__name__, (), {"__new__": new, "real": real, "__module__": real.__module__})
