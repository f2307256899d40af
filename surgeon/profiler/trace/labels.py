"""What is marked in a network: its rows, and the blocks that surgeon planted inside them."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from surgeon.blocks.naming import display_name
from surgeon.blocks.planted import PlantedBlock
from surgeon.profiler.results import ProfileResult
from surgeon.profiler.trace.data import Label

_INSERTED = " [inserted]"


def labels_of(module: nn.Module, profile: ProfileResult, paths: dict[str, str]) -> tuple[Label, ...]:
    """The labels of a network, rows in execution order.

    Args:
        module: The network as trained.
        profile: What was counted of it.
        paths: Module path of each row by its key.
    """
    rows = [
        Label(
            name=f"row {row.index} {row.kind}{_INSERTED * row.planted}",
            path=paths[row.key],
            kind=row.kind,
            planted=row.planted,
            is_row=True,
            site=row.site,
            params=row.params,
            macs=row.macs,
            out_shape=row.out_shape,
        )
        for row in profile.layers
    ]
    return (*rows, *_grafts(module, profile, {row.path for row in rows}))


def has_grafts(module: nn.Module, rows: set[str]) -> bool:
    """Whether blocks stand inside rows, so that their MACs are in no row's figure alone."""
    return any(isinstance(m, PlantedBlock) and path not in rows for path, m in module.named_modules())


def _grafts(module: nn.Module, profile: ProfileResult, rows: set[str]) -> Iterator[Label]:
    counted = {} if profile.detail is None else {one.path: one.macs for one in profile.detail.modules}
    for path, block in module.named_modules():
        if isinstance(block, PlantedBlock) and path not in rows:
            kind = display_name(block.block_name)
            yield Label(
                name=f"graft {path} {kind}{_INSERTED}",
                path=path,
                kind=kind,
                planted=True,
                is_row=False,
                site=path,
                params=sum(p.numel() for p in block.parameters()),
                macs=counted.get(path),
            )
