"""The group of commands: each is imported when it is called, and listed without being imported."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast

import click

from surgeon.cli.command import keep_examples

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "insert": "Plant blocks into a network.",
        "replace": "Put blocks in the place of rows.",
        "remove": "Take rows out of a network.",
        "apply": "Carry out the edits of a recipe file.",
        "recipe": "Extract the recipe of a network that surgeon has edited.",
        "undo": "Take the last edit of a network back.",
        "diff": "Show how two networks differ.",
        "tree": "List every site of a network.",
        "profile": "Measure one network.",
        "compare": "Measure networks against a baseline.",
        "report": "Render saved results again, in any format.",
        "trace": "Record what runs when, by row, for a trace viewer.",
        "check": "Hold networks to a budget, for continuous integration.",
        "blocks": "List the blocks that can be planted.",
        "yolo": "Run the yolo command with surgeon's blocks known to it.",
        "autoload": "Make surgeon's blocks known to the stock yolo command.",
        "doctor": "Look for what is wrong with this installation, and say what helps.",
        "completion": "Print the script that lets a shell complete surgeon's words.",
        "env": "Show the versions and the machine, for a report.",
    }
)
"""Every command with its first sentence, which a test keeps equal to its help."""


class LazyGroup(click.Group):
    """Imports ``surgeon.cli.<command>`` on demand; its commands are `COMMANDS`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.help = keep_examples(self.help)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        return cast(click.Command, importlib.import_module(f"surgeon.cli.{cmd_name}").command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or name the nearest ones."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            near = difflib.get_close_matches(name, COMMANDS, n=3, cutoff=0.5) or list(COMMANDS)
            raise click.UsageError(f"There is no command {name!r}, but there is {', '.join(near)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list without importing a command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))
