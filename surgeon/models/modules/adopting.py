"""What a block takes over from the module that it replaces: tensors of equal name and shape, and exact equivalents."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from surgeon.blocks.common import Block
from surgeon.blocks.planted import PlantedBlock


def adopt_tensors(before: nn.Module, after: nn.Module, stand_ins: Mapping[str, str]) -> dict[str, str]:
    """Give blocks what they can hold of the modules that they replace, in place.

    Args:
        before: The network before the edit; it is not changed.
        after: The edited network.
        stand_ins: Path of a planted block in it → path, in the former network, of the module that it replaces.

    Returns:
        Name of a tensor in the former network → its name in the edited one.
    """
    adopted: dict[str, str] = {}
    for path, replaced in stand_ins.items():
        planted, former = after.get_submodule(path), before.get_submodule(replaced)
        assert isinstance(planted, PlantedBlock)
        for ours, theirs in _adopted_by(planted.block, former).items():
            adopted[f"{replaced}.{theirs}"] = f"{path}.block.{ours}"
    return adopted


def _adopted_by(block: nn.Module, former: nn.Module) -> dict[str, str]:
    """Our tensor → the former's tensor, each set already."""
    ours, theirs = block.state_dict(), former.state_dict()
    equal = [name for name, tensor in ours.items() if name in theirs and theirs[name].shape == tensor.shape]
    with torch.no_grad():
        for name in equal:
            ours[name].copy_(theirs[name])
        exact = block.adopt(former) if isinstance(block, Block) else {}
    return {**{name: name for name in equal}, **exact}
