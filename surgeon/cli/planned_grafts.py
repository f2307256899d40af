"""The grafts of a plan for its reader: what would stand at which module."""

from __future__ import annotations

from typing import Any

from surgeon.blocks import catalog
from surgeon.blocks.naming import is_foreign
from surgeon.graph import NewBlock, PlannedGraft
from surgeon.report import units
from surgeon.report.tables import Column, Emphasis, Row, Table
from surgeon.surgery.new_blocks import describe
from surgeon.surgery.plan import SurgeryPlan

_COLUMNS = (
    Column(title="site"),
    Column(title="change"),
    Column(title="module", shrink_to=12, signed=True),
    Column(title="channels", role="number"),
    Column(title="params", role="number"),
)


def grafts_table(plan: SurgeryPlan) -> Table:
    """A line a graft; empty where there is none."""
    rows = tuple(_line(graft, plan) for graft in plan.grafts)
    unmoved = "; they move no row" if plan.before.has_rows else ""
    return Table(title=f"grafts ({len(rows)}{unmoved})" if rows else "", columns=_COLUMNS, rows=rows)


def grafts_data(plan: SurgeryPlan) -> list[dict[str, Any]]:
    """The same as plain JSON data."""
    return [
        {
            "key": graft.key,
            "site": site_of(graft.host, plan),
            "host": graft.host,
            "how": graft.how,
            "port": graft.port,
            "path": plan.moved(graft.path),
            **({} if graft.block is None else {"block": _block_data(graft.block)}),
        }
        for graft in plan.grafts
    ]


def site_of(path: str, plan: SurgeryPlan) -> str:
    """The address of a module, from its path."""
    for layer in plan.before:
        if path == layer.path or path.startswith(f"{layer.path}."):
            return layer.site + path.removeprefix(layer.path)
    return path


def _line(graft: PlannedGraft, plan: SurgeryPlan) -> Row:
    site = site_of(graft.host, plan)
    if graft.block is None:
        return Row(cells=(site, graft.how, "", "", ""), emphasis=Emphasis.REMOVED)
    block = graft.block
    port = "" if graft.port is None else f":{graft.port}"
    cells = (site + port, graft.how, describe(block), str(block.in_channels), _params(block))
    return Row(cells=cells, emphasis=Emphasis.ADDED)


def _params(block: NewBlock) -> str:
    """By the closed form of the catalog; of a user's class nothing is known unbuilt."""
    if is_foreign(block.module) or not isinstance(block.in_channels, int):
        return units.NOTHING
    cost = catalog.get(block.module).cost(block.in_channels, block.out_channels, 1, 1, block.settings)
    return units.count(cost.params)


def _block_data(block: NewBlock) -> dict[str, Any]:
    return {
        "module": block.module,
        "in_channels": block.in_channels,
        "out_channels": block.out_channels,
        "settings": dict(block.settings),
        "start": block.start,
    }
