"""``surgeon blocks``."""

from __future__ import annotations

import click

from surgeon.cli.command import Command
from surgeon.cli.options import Saving, saving, saying_nothing
from surgeon.cli.values import BlockName


@click.command("blocks", cls=Command)
@click.argument("name", required=False, type=BlockName(), metavar="[NAME]")
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="Only blocks of this kind; may be repeated.")
@click.option("--keeps-shape", is_flag=True, help="Only blocks whose output has the shape of their input.")
@click.option("--match", metavar="TEXT", help="Only blocks with this text in name, alias, summary or paper.")
@saving
@saying_nothing
def command(*, name: str | None, kinds: tuple[str, ...], keeps_shape: bool, match: str | None, saving: Saving) -> None:
    """List the blocks that can be planted.

    With a NAME: the settings of that block, their defaults and what they mean.

    Example:
        surgeon blocks
        surgeon blocks --kind convolution
        surgeon blocks gam
    """
    from surgeon.blocks import catalog
    from surgeon.blocks.catalog.matching import matching
    from surgeon.cli.emit import emit_data
    from surgeon.report.formats.machine import blocks_to_dict
    from surgeon.report.listing import block_card, blocks_table

    saving.require_free()
    if name is None:
        found = matching(catalog.all_blocks(), kinds=kinds, keeps_shape=keeps_shape, text=match or "")
        emit_data(blocks_table(found), blocks_to_dict(found), saving.json)
        return
    if kinds or keeps_shape or match:
        raise click.UsageError("--kind, --keeps-shape and --match choose from the list; leave NAME out")
    info = catalog.get(name)
    emit_data(block_card(info), blocks_to_dict([info]), saving.json)
