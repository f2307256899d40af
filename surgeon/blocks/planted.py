"""The module that stands in a network where a block was planted: the block, its gate, and how both are pickled.

Pickles hold no path of surgeon's own code but ``yolo_surgeon.restore``: the block's name, its settings and its
tensors. So files written today load after the code has moved, and a weights-only loader has one name to allow. A
user's own class goes through ``yolo_surgeon.restore_foreign``, which imports it: no loader allows that unasked.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from surgeon.blocks import factory
from surgeon.blocks.common import Block
from surgeon.blocks.factory import Channels
from surgeon.blocks.gate import GATE_NAME, closed_gate, gated
from surgeon.blocks.naming import is_foreign
from surgeon.errors import BlockError

PAYLOAD_VERSION = 1
_ROW_ATTRIBUTES = ("i", "f", "type", "np")


class PlantedBlock(nn.Module):
    """A block in its place in a network.

    Args:
        name: Catalog name (``gam``), or ``package.module:Class`` for a user's own.
        in_channels: Channels C of the feature map it reads, ``(B, C, H, W)``; of each, for a block that takes a list.
        out_channels: Channels of its output.
        settings: The block's constructor settings, all of them plain data.
        start: ``identity`` (a closed gate) or ``paper`` (the block as published).
        seed: Of the fresh weights; None for the caller's random state, which two blocks in a row would share.

    Raises:
        BlockError: The block cannot be built, or an identity start was asked where channels change.

    Building consumes no random numbers of the caller: whatever is initialised after it is as if it were not there.
    Without that no ablation is fair.
    """

    def __init__(
        self,
        name: str,
        in_channels: Channels,
        out_channels: int,
        settings: Mapping[str, Any],
        start: str = "identity",
        *,
        seed: int | None = None,
    ) -> None:
        super().__init__()
        if start not in ("identity", "paper"):
            raise BlockError(f"start {start!r} is unknown: identity or paper")
        if start == "identity" and in_channels != out_channels:
            raise BlockError(
                f"{name} from {in_channels} to {out_channels} channels cannot start as the identity; use start paper"
            )
        in_channels = in_channels if isinstance(in_channels, int) else list(in_channels)
        self.block_name = name
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.settings = dict(settings)
        self.start = start
        self.fused = False
        with torch.random.fork_rng(devices=[]):
            if seed is not None:
                torch.manual_seed(seed)
            self.block = build_block(name, in_channels, out_channels, settings)
            if start == "identity" and isinstance(self.block, Block):
                self.block.behind_gate()
        self.register_parameter(GATE_NAME, closed_gate(out_channels) if start == "identity" else None)

    @property
    def gate(self) -> nn.Parameter | None:
        """The gate's values ``(C,)``; None for a block planted as published."""
        gate: nn.Parameter | None = getattr(self, GATE_NAME)
        return gate

    @property
    def conv(self) -> PlantedBlock:
        """Itself: Ultralytics asks the first module of a head's branch for ``conv.in_channels`` at every load."""
        return self

    def forward(self, x: Tensor | list[Tensor]) -> Tensor:
        """Apply the block through its gate.

        Args:
            x: Feature map ``(B, C, H, W)``; a list of them for a block that takes a list, which has no gate.

        Returns:
            Feature map ``(B, C_out, H, W)``.
        """
        gate = self.gate
        fx: Tensor = self.block(x)
        return fx if gate is None or not isinstance(x, Tensor) else gated(x, fx, gate)

    def fuse(self) -> None:
        """Put the block's simpler form for inference in its place, where it has one (`Block.fuse_block`)."""
        simpler = self.block.fuse_block() if isinstance(self.block, Block) else None
        if simpler is not None:
            self.block = simpler.train(self.training)
            self.fused = True

    def extra_repr(self) -> str:
        """The name and start, for ``print(model)``."""
        return f"{self.block_name}, start={self.start}"

    def __deepcopy__(self, memo: dict[int, Any]) -> PlantedBlock:
        """Copy as ``nn.Module`` does; `__reduce_ex__` would rebuild the block from its payload instead."""
        new = self.__class__.__new__(self.__class__)
        memo[id(self)] = new
        new.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return new

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        """Pickle as a call of ``yolo_surgeon.restore`` with plain data and tensors."""
        import yolo_surgeon

        function = yolo_surgeon.restore_foreign if is_foreign(self.block_name) else yolo_surgeon.restore
        return function, (self.payload(),)

    def payload(self) -> dict[str, Any]:
        """Everything needed to rebuild the module, as plain data and tensors."""
        norms = {n: m for n, m in self.named_modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)}
        return {
            "version": PAYLOAD_VERSION,
            "name": self.block_name,
            "in_channels": self.in_channels,
            "out_channels": self.out_channels,
            "settings": dict(self.settings),
            "start": self.start,
            "training": self.training,
            **({"fused": True} if self.fused else {}),
            "tensors": dict(self.state_dict(keep_vars=False)),
            "frozen": [n for n, p in self.named_parameters() if not p.requires_grad],
            "norms": {n: (m.eps, m.momentum) for n, m in norms.items()},
            # In its own dict: every Module has a method `type`.
            "row": {n: vars(self)[n] for n in _ROW_ATTRIBUTES if n in vars(self)},
        }


def restore(payload: Mapping[str, Any]) -> PlantedBlock:
    """Rebuild a planted block from `PlantedBlock.payload`.

    Raises:
        BlockError: The file was written by a newer surgeon, or its tensors are not those of the block.
    """
    if is_foreign(payload["name"]):
        raise BlockError(f"the file plants {payload['name']!r}, which is no block of surgeon's catalog")
    return _restore(payload)


def _restore(payload: Mapping[str, Any]) -> PlantedBlock:
    if payload.get("version") != PAYLOAD_VERSION:
        raise BlockError(
            f"the file holds a planted block in format {payload.get('version')!r}, this surgeon reads "
            f"{PAYLOAD_VERSION}: update yolo-surgeon"
        )
    planted = PlantedBlock(
        payload["name"], payload["in_channels"], payload["out_channels"], payload["settings"], payload["start"]
    )
    if payload.get("fused"):
        planted.fuse()
    try:
        planted.load_state_dict(payload["tensors"], strict=True, assign=True)
    except RuntimeError as error:
        raise BlockError(f"the tensors of a planted {payload['name']} are not those of this block: {error}") from error
    frozen = set(payload["frozen"])
    for name, parameter in planted.named_parameters():
        parameter.requires_grad_(name not in frozen)
    for name, (eps, momentum) in payload["norms"].items():
        norm = planted.get_submodule(name)
        norm.eps, norm.momentum = eps, momentum
    for name in _ROW_ATTRIBUTES:
        if name in payload["row"]:
            setattr(planted, name, payload["row"][name])
    return planted.train(payload["training"])


def restore_foreign(payload: Mapping[str, Any], trusted: Sequence[str] | None = None) -> PlantedBlock:
    """`restore` for a user's own class: imports its module.

    Args:
        payload: See `PlantedBlock.payload`.
        trusted: Packages that may be imported; None where the caller runs the file's code anyway (full unpickling).

    Raises:
        BlockError: The class is in none of the packages.
    """
    name = payload["name"]
    if trusted is not None and not any(name.partition(":")[0].split(".")[0] == package for package in trusted):
        raise BlockError(
            f"the file plants {name}, whose code is imported only with --trust-module {name.split('.')[0]}"
        )
    return _restore(payload)


def build_block(name: str, in_channels: Channels, out_channels: int, settings: Mapping[str, Any]) -> nn.Module:
    """Build a catalog block, or a user's own class by ``package.module:Class``.

    Raises:
        BlockError: There is no such block, or the settings do not fit.
    """
    if is_foreign(name):
        return factory.build(factory.load_factory(name), in_channels, out_channels, **settings)
    return factory.create(name, in_channels, out_channels, **settings)


def is_planted(module: nn.Module) -> bool:
    """Whether surgeon planted this module."""
    return isinstance(module, PlantedBlock)
