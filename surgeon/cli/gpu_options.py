"""Options of a measurement that only a CUDA device has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click


@dataclass(frozen=True, slots=True, kw_only=True)
class OnGpu:
    """What is to be measured on a GPU beyond what is measured anywhere."""

    cold: bool = False
    cuda_graph: bool = False
    energy: bool = False

    def gpu_settings(self, device: str) -> dict[str, Any]:
        """The settings of the same names.

        Raises:
            click.UsageError: Something is asked for, and the device is no CUDA device.
        """
        flags = self.gpu_words()
        if flags and not device.startswith("cuda"):
            raise click.UsageError(
                f"{' '.join(flags)}: only a CUDA device has that, and the device is {device}; add --device cuda"
            )
        return {"cold": self.cold, "cuda_graph": self.cuda_graph, "energy": self.energy}

    def gpu_words(self) -> list[str]:
        """The same as words of a command line."""
        return ["--cold"] * self.cold + ["--cuda-graph"] * self.cuda_graph + ["--energy"] * self.energy


def gpu_options() -> tuple[Callable[..., Any], ...]:
    """The decorators that add them."""
    return (
        click.option(
            "--cold",
            is_flag=True,
            help="CUDA: empty the L2 cache before every run. Right for a single block that will find it cold; a "
            "network's layers find what the one before left there, and emptying hides what launches cost.",
        ),
        click.option("--cuda-graph", is_flag=True, help="CUDA: time the replay of a CUDA graph beside the forward."),
        click.option(
            "--energy",
            is_flag=True,
            help="CUDA: measure the card's energy for one run too, 4 seconds a network beyond the time budget.",
        ),
    )
