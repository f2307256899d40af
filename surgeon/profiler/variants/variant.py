"""What a variant is: something that makes of a deployed network another that runs the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch import Tensor, nn

from surgeon.profiler.settings import ProfileSettings

WriteOnnx = Callable[[nn.Module, Tensor, Path], None]
"""``write(module, images, path)``: the ONNX graph of a deployed network at the size of the images."""

TOLERANCES = {"float32": 1e-4, "float16": 3e-2, "bfloat16": 2e-1}
"""Relative difference of outputs that a precision explains, over the depth of a network: float32 only sums in another
order, float16 rounds by 2^-11 and bfloat16 by 2^-8 at every operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A variant that can be run.

    Attributes:
        module: Takes the images ``(B, C, H, W)`` as eager does, and always gets the same ones. A deep copy of it must
            run the same; what cannot be copied gives itself and is `once`.
        precision: In what it computes; names its tolerance.
        once: Whether a deep copy is the object itself.
    """

    module: nn.Module
    precision: str
    once: bool = False


class Variant(Protocol):
    """Builds one variant; stateless."""

    @property
    def name(self) -> str:
        """Its name, of `surgeon.profiler.variants.names.VARIANTS`."""

    def build(self, module: nn.Module, images: Tensor, settings: ProfileSettings) -> Built | str:
        """Build it of a copy.

        Args:
            module: The deployed network; only read.
            images: Image batch ``(B, C, H, W)`` of its type and device.
            settings: Device, type and threads.

        Returns:
            What runs, or why there is none: no sentence, it follows the name and a colon. Whatever is raised is
            reported likewise.
        """


def only_float32(settings: ProfileSettings, what: str) -> str:
    """Why ``what`` has no place beside an eager network of another type; empty where it has."""
    return "" if settings.dtype == "float32" else f"{what} is timed against eager in float32, not in {settings.dtype}"
