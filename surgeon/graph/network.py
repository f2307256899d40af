"""What the checks of an edit need of a live network, whatever framework it comes from.

A protocol only: no torch here, so tensors and modules are ``Any``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol


class Network(Protocol):
    """A live network, opened for checking; every method leaves it as it was."""

    @property
    def module(self) -> Any:
        """The ``nn.Module``."""

    @property
    def in_channels(self) -> int:
        """Channels of the image it reads."""

    @property
    def max_stride(self) -> int:
        """Largest stride; image sides are multiples of it."""

    def observe(self, image: Any) -> tuple[list[Any], list[Any]]:
        """One pass in evaluation mode: every tensor that the network puts out, and the feature maps entering its head.

        Both have gradients where these are enabled.

        Args:
            image: ``(B, C, H, W)``, of the parameters' device and type.
        """

    def wiring(self) -> Sequence[tuple[int, Any]]:
        """Row numbers and sources as the rows carry them, then the rows whose output is kept."""

    def rebuilt(self) -> Network:
        """The network that the framework's trainer builds from this one's own description and weights.

        Without a description it is what its file gives back.
        """

    @property
    def described(self) -> bool:
        """Whether there is a description to rebuild it from."""

    def copied(self) -> Network:
        """An independent copy in float32 on the CPU, which may be changed."""

    def deployed(self) -> Network | None:
        """A float32 copy in the form it is deployed in, BatchNorm folded; None where the framework has no such form."""

    def exportable(self) -> Network:
        """A float32 copy that puts out what an exported graph does; nothing is folded."""

    def export(self, path: Path, image: Any, *, dynamic: bool) -> None:
        """Write the ONNX graph that the framework's exporter makes.

        Its outputs are those of `exportable` and then what enters the head.

        Args:
            path: The file.
            image: An example, ``(B, C, H, W)``, float32 on the CPU.
            dynamic: Whether batch, height and width stay open.
        """

    def train_outputs(self, image: Any) -> list[Any]:
        """Every tensor put out in training mode under seed 0; for copies, it moves running statistics."""

    def first_losses(self, image: Any) -> list[Any] | None:
        """The framework's own loss of a made-up batch of two under seed 0; for copies, it moves running statistics.

        None where the framework has no loss, or none that can be computed without its dataset.
        """

    def outputs_of(self, path: Path, image: Any) -> list[Any]:
        """What a fresh process with only the framework puts out, having loaded a file written for this network.

        Raises:
            CheckError: It cannot load or run it; the message is its last line.
        """
