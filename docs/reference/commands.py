"""Every command's help, as a page."""

from __future__ import annotations

import click

from surgeon.cli.main import cli

WIDTH = 84
_HEAD = """# Every command

Exit codes: 0 done, 1 a check or a budget failed, 2 usage or refused input (one sentence on stderr; nothing is
written), 3 internal error, 130 interrupted. Results go to stdout, everything else to stderr. Options may stand in the
environment or in a file: [settings](settings.md).
"""


def commands_page() -> str:
    """The page: for each command what ``--help`` prints, in the order in which ``surgeon --help`` lists them."""
    parts = [_HEAD]
    # click keeps the first --help it makes for a command, so the names must be those of the real command line.
    with click.Context(
        cli, info_name="surgeon", terminal_width=WIDTH, max_content_width=WIDTH, **cli.context_settings
    ) as parent:
        for name in cli.list_commands(parent):
            command = cli.get_command(parent, name)
            assert command is not None, name
            with click.Context(
                command, info_name=name, parent=parent, terminal_width=WIDTH, max_content_width=WIDTH
            ) as context:
                parts.append(f"## surgeon {name}\n\n```text\n{command.get_help(context).rstrip()}\n```\n")
    return "\n".join(parts)
