"""``surgeon autoload``."""

from __future__ import annotations

import click

from surgeon.cli.command import Command
from surgeon.cli.options import saying_nothing


@click.command("autoload", cls=Command)
@click.option("--enable", "action", flag_value="enable", help="Switch it on for this Python environment.")
@click.option("--disable", "action", flag_value="disable", help="Switch it off.")
@click.option("--status", "action", flag_value="status", default=True, help="Say whether it is on (the default).")
@saying_nothing
def command(*, action: str) -> None:
    """Make surgeon's blocks known to the stock yolo command.

    Puts one small file into the site-packages of this Python environment. From then on every program there that
    imports Ultralytics can build the .yaml files that surgeon writes. It costs no noticeable time at start-up, and does
    nothing once surgeon is uninstalled.

    Example:
        surgeon autoload --enable
    """
    from surgeon.cli import start_up

    if action == "enable":
        start_up.enable()
    elif action == "disable":
        start_up.disable()
    path = start_up.path()
    click.echo(f"autoload is {'enabled: ' if start_up.enabled() else 'disabled, there is no '}{path}")
