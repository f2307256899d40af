"""What the runtimes of ONNX graphs have in common: a graph in a temporary folder, and packages that may be missing."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from torch import Tensor, nn

from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.variants.variant import WriteOnnx, only_float32

T = TypeVar("T")


def session_refusal(name: str, packages: Sequence[str], settings: ProfileSettings, write: WriteOnnx | None) -> str:
    """Why a runtime cannot be timed here; empty where it can.

    Args:
        name: Of the runtime.
        packages: What has to be installed.
        settings: Device and type.
        write: What exports the network, if anything does.
    """
    if settings.device != "cpu":
        return f"{name} is timed on the CPU only, and the device is {settings.device}"
    if write is None:
        return "nothing is known that exports this network to ONNX"
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        return f"{' and '.join(missing)} {verb} not installed: pip install {' '.join(missing)}"
    return only_float32(settings, name)


def exported(write: WriteOnnx, module: nn.Module, images: Tensor, load: Callable[[Path], T]) -> T:
    """Export a network, load the file, and remove it whatever happens.

    Args:
        write: Exports.
        module: The deployed network.
        images: An example batch.
        load: Reads the file completely.
    """
    with tempfile.TemporaryDirectory(prefix="surgeon-variant-") as folder:
        path = Path(folder) / "network.onnx"
        write(module, images, path)
        return load(path)
