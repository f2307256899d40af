"""``surgeon blocks``."""

from __future__ import annotations

import click

from surgeon.cli.command import Command
from surgeon.cli.options import Saving, saving
from surgeon.cli.values import BlockName


@click.command("blocks", cls=Command)
@click.argument("name", required=False, type=BlockName(), metavar="[NAME]")
@saving
def command(*, name: str | None, saving: Saving) -> None:
    """List the blocks that can be planted.

    With a NAME: the settings of that block, their defaults and what they mean.

    Example:
        surgeon blocks
        surgeon blocks gam
    """
    from surgeon.blocks import catalog
    from surgeon.cli.emit import emit_data
    from surgeon.report.listing import block_card, blocks_table
    from surgeon.report.machine import blocks_to_dict

    saving.require_free()
    if name is None:
        emit_data(blocks_table(catalog.all_blocks()), blocks_to_dict(catalog.all_blocks()), saving.json)
        return
    info = catalog.get(name)
    emit_data(block_card(info), blocks_to_dict([info]), saving.json)
