"""SENetV2: the published classes that hold these weights."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from surgeon.blocks.published.form import Reference, Size, Tensors, fixed


def _joined(branches: tuple[str, ...], last: str) -> Callable[[Tensors, Size], dict[str, Tensor]]:
    """The four layers as one, in the order in which their outputs are concatenated."""

    def join(tensors: Tensors, _size: Size) -> dict[str, Tensor]:
        ours = {}
        for leaf in ("weight", "bias"):
            parts = [tensors[f"{branch}.{leaf}"] for branch in branches if f"{branch}.{leaf}" in tensors]
            if parts:
                ours[f"func1.{leaf}"] = torch.cat(parts)
            if f"{last}.{leaf}" in tensors:
                ours[f"func2.{leaf}"] = tensors[f"{last}.{leaf}"]
        return ours

    return join


CASES: dict[str, Reference] = {
    "senetv2.keras": Reference(
        block="senetv2",
        channels=("out",),
        names={"red": "reduction"},
        tensors=_joined(("func1a", "func1b", "func1c", "func1d"), "func2"),
    ),
    "senetv2.sae": Reference(
        block="senetv2",
        channels=("in_channel",),
        names={"reduction": "reduction"},
        settings=fixed(variant="sae"),
        tensors=_joined(("fc1.0", "fc2.0", "fc3.0", "fc4.0"), "fc.0"),
    ),
}
