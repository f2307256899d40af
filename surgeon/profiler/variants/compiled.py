"""``torch.compile`` by Inductor."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.variants.fed import Shared, copy_of
from surgeon.profiler.variants.variant import Built

Compile = Callable[[nn.Module], Callable[[Tensor], Any]]


def inductor(network: nn.Module) -> Callable[[Tensor], Any]:
    """``torch.compile`` as shipped, for one image size."""
    compiled: Callable[[Tensor], Any] = torch.compile(network, dynamic=False)
    return compiled


class Compiled:
    """Compiled at its first run, which is part of the building.

    Args:
        compiler: Compiles a network.
        cxx: The C++ compiler that it needs on a CPU; by default the one that Inductor takes.
    """

    name = "compile"

    def __init__(self, compiler: Compile = inductor, cxx: str = "") -> None:
        self._compiler = compiler
        self._cxx = cxx or os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")

    def build(self, module: nn.Module, images: Tensor, settings: ProfileSettings) -> Built | str:
        """A copy, compiled, where there is a compiler."""
        if settings.device == "cpu" and shutil.which(self._cxx) is None:
            return f"Inductor compiles C++, and {self._cxx} is not installed; install it, or name another by CXX"
        call = self._compiler(copy_of(module))
        with torch.inference_mode():  # as it is timed: another grad mode compiles anew
            call(images)
        return Built(module=Shared(call), precision=settings.dtype, once=True)
