"""The network as it is."""

from __future__ import annotations

from torch import Tensor, nn

from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.variants.names import EAGER
from surgeon.profiler.variants.variant import Built


class Eager:
    """The baseline."""

    name = EAGER

    def build(self, module: nn.Module, images: Tensor, settings: ProfileSettings) -> Built | str:
        """The network itself; timing copies it."""
        return Built(module=module, precision=settings.dtype)
