"""``surgeon completion``."""

from __future__ import annotations

import click

from surgeon.cli.command import Command
from surgeon.cli.options import saying_nothing


@click.command("completion", cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@saying_nothing
def command(*, shell: str) -> None:
    """Print the script that lets a shell complete surgeon's words.

    Commands, options, blocks, the sites of the model that is named, model files and the names that ship with
    Ultralytics. Put the line below into ~/.bashrc or ~/.zshrc; fish reads a file of its own.

    Example:
        eval "$(surgeon completion bash)"
        eval "$(surgeon completion zsh)"
        surgeon completion fish > ~/.config/fish/completions/surgeon.fish
    """
    from click.shell_completion import ShellComplete, get_completion_class

    from surgeon.cli.completing import VARIABLE
    from surgeon.cli.main import cli

    kind = get_completion_class(shell)
    assert kind is not None, "click knows the three shells"
    # The base class writes the script; bash's own asks a bash for its version first, which need not be this machine's.
    click.echo(ShellComplete.source(kind(cli, {}, "surgeon", VARIABLE)))
