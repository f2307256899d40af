"""Blocks that live inside a module and run from its hook: no row is added, no index moves, every name stays.

A block becomes a child of the module it stands at and is run by a hook of ``yolo_surgeon``, so that it survives what
replaces a module's ``forward``: ``fuse()`` and exporters. A plain ``nn.Sequential`` runs its children itself, so there
the block becomes a further stage. What the record keeps of a graft is plain data, from which `replay` plants it again.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from surgeon.blocks.planted import PlantedBlock
from surgeon.errors import BlockError
from surgeon.graph import NewBlock, PlannedGraft
from surgeon.models.modules.reader import is_sequence
from yolo_surgeon import AFTER, BEFORE, HOOK_KEY, graft_after, graft_before

_ROW_ATTRIBUTES = ("i", "f", "type", "np")


def plant(block: NewBlock, network: nn.Module, key: str) -> PlantedBlock:
    """Build a block as the network's own: device, type, mode, and the BatchNorm settings of a rebuild.

    Its fresh weights follow from its key: the same edit writes the same weights, and equal blocks start differently.
    """
    c1, c2 = block.in_channels, block.out_channels
    planted = PlantedBlock(block.module, c1, c2, block.settings, block.start, seed=zlib.crc32(key.encode()))
    parameter = next(network.parameters(), torch.zeros(0))
    norm = next((m for m in network.modules() if isinstance(m, nn.BatchNorm2d)), None)
    if norm is not None:
        # A rebuild gives what is a BatchNorm2d, and no other, the network's eps and momentum.
        for m in planted.modules():
            if type(m) is nn.BatchNorm2d:
                m.eps, m.momentum = norm.eps, norm.momentum
    planted.to(device=parameter.device, dtype=parameter.dtype if parameter.is_floating_point() else torch.float32)
    return planted.train(network.training)


def apply_grafts(network: nn.Module, grafts: Sequence[PlannedGraft]) -> None:
    """Carry out grafts on a network, in place; their hosts are paths in this network."""
    for graft in grafts:
        block = None if graft.block is None else plant(graft.block, network, graft.key)
        attach(network, graft.host, graft.how, graft.name, block)


def entry_of(graft: PlannedGraft) -> dict[str, Any]:
    """What the record keeps of a graft, as plain data."""
    entry: dict[str, Any] = {"host": graft.host, "how": graft.how}
    if graft.name:
        entry["name"] = graft.name
    if graft.block is not None:
        entry.update(
            module=graft.block.module,
            channels=[graft.block.in_channels, graft.block.out_channels],
            start=graft.block.start,
            settings=dict(graft.block.settings),
        )
    return entry


def replay(network: nn.Module, entries: Iterable[Mapping[str, Any]], prefix: str = "") -> None:
    """Plant recorded grafts again, in a network that was built anew.

    Args:
        network: The network, or the part of it that ``prefix`` leads to.
        entries: As `entry_of` made them.
        prefix: What the hosts' paths begin with and the given network's do not (``model.``).

    Raises:
        BlockError: A recorded host is not there: the description was changed by hand.
    """
    for entry in entries:
        block = None
        if "module" in entry:
            c1, c2 = entry["channels"]
            settings, start = entry.get("settings") or {}, entry.get("start", "identity")
            seed = (torch.initial_seed() + zlib.crc32(f"{entry['host']}.{entry.get('name')}".encode())) % 2**63
            block = PlantedBlock(entry["module"], c1, c2, settings, start, seed=seed)
        attach(network, str(entry["host"]).removeprefix(prefix), entry["how"], entry.get("name", ""), block)


def attach(network: nn.Module, host: str, how: str, name: str, block: PlantedBlock | None) -> None:
    """Put a block at its host; a network that has it there already is an error of the caller.

    Raises:
        BlockError: There is no such host.
    """
    try:
        module = network.get_submodule(host)
    except AttributeError as error:
        raise BlockError(f"the record plants a block at {host}, which this network does not have") from error
    if how == "after" and block is not None:
        module.add_module(name, block)
        if not is_sequence(module):
            module._forward_hooks[HOOK_KEY] = graft_after
    elif how == "before" and block is not None:
        module.add_module(name, block)
        module._forward_pre_hooks[HOOK_KEY] = graft_before
    elif how in ("replace", "remove"):
        parent, _, child = host.rpartition(".")
        new: nn.Module = nn.Identity() if block is None else block
        vars(new).update({key: vars(module)[key] for key in _ROW_ATTRIBUTES if key in vars(module)})
        if "np" in vars(new):
            vars(new)["np"] = sum(p.numel() for p in new.parameters())
        if "type" in vars(new) and block is not None:
            vars(new)["type"] = f"yolo_surgeon.{block.block_name.rpartition(':')[2]}"
        new.train(module.training)
        network.get_submodule(parent)._modules[child] = new
    else:
        raise BlockError(f"the record plants a block {how!r} a module, which this surgeon does not know")


def detach(network: nn.Module, host: str, name: str) -> None:
    """Take a block away that `attach` put ``after`` or ``before`` its host; the hook goes with the last one."""
    module = network.get_submodule(host)
    del module._modules[name]
    for stem, hooks in ((AFTER, module._forward_hooks), (BEFORE, module._forward_pre_hooks)):
        if not any(child.startswith(stem) for child in module._modules):
            hooks.pop(HOOK_KEY, None)
