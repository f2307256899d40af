"""The entry point, and the one place where an error becomes a sentence and an exit code.

0 done · 1 a check or a budget failed · 2 usage or refused input · 3 internal error · 130 interrupted.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import traceback
from collections.abc import Sequence

import click

from surgeon.cli.command import HELP_NAMES
from surgeon.cli.completing import VARIABLE, end_soon
from surgeon.cli.group import LazyGroup
from surgeon.cli.hints import unknown_option
from surgeon.errors import SurgeonError

USAGE, INTERNAL, INTERRUPTED = 2, 3, 130
DEBUG = "SURGEON_DEBUG"
NEEDED = ("networkx", "numpy", "psutil", "rich", "thop", "torch", "torchvision", "ultralytics", "yaml")
"""Modules without which surgeon does not work, by whatever a broken installation lacks."""


@click.group("surgeon", cls=LazyGroup, invoke_without_command=True, context_settings={"help_option_names": HELP_NAMES})
@click.version_option(package_name="yolo-surgeon", prog_name="surgeon", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Plant attention blocks into YOLO networks without losing a weight, and measure what they cost.

    Example:
        surgeon insert --module gam --after backbone.9
        surgeon tree yolo11n.yaml
        surgeon compare before.pt after.pt
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: Arguments after the program's name; those of the process if None.

    Returns:
        The exit code.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if VARIABLE in os.environ:
        end_soon()
        cli.main(arguments, prog_name="surgeon", complete_var=VARIABLE)
    if sys.stdout is None:
        return _say("standard output is closed; send it to a file, or to /dev/null", USAGE)
    try:
        return _run(arguments)
    except BrokenPipeError:
        _forget_stdout()
        return 0
    except (KeyboardInterrupt, click.Abort):
        return _say("interrupted, nothing was written", INTERRUPTED)
    except Exception as error:
        return _failed(error)


def _failed(error: Exception) -> int:
    if isinstance(error, click.ClickException):
        return _say(_usage(error), USAGE)
    if isinstance(error, SurgeonError):
        return _say(str(error), error.exit_code)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
        _forget_stdout()
        return _say(f"cannot write to {error.filename or 'standard output'}: {error.strerror}", USAGE)
    return _unexpected(error)


def _unexpected(error: Exception) -> int:
    name = str(error.name).partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if name in NEEDED:
        return _say(f"{name} is not installed, or not whole: surgeon doctor says what is missing and what helps", USAGE)
    return _say(f"internal error: {type(error).__name__}: {error} - {_where_to_report()}", INTERNAL)


def _run(arguments: list[str]) -> int:
    try:
        with cli.make_context("surgeon", arguments) as context:
            code = cli.invoke(context)
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    sys.stdout.flush()
    return code if isinstance(code, int) else 0


def _say(sentence: str, code: int) -> int:
    """One line on stderr, whatever the sentence holds; the traceback before it where it was asked for."""
    if os.environ.get(DEBUG):
        traceback.print_exc()
    line = " ".join(sentence.split())
    safe = "".join(sign if sign.isprintable() else "?" for sign in line)
    with contextlib.suppress(OSError):
        click.echo(f"surgeon: {safe}", err=True)
    return code


def _usage(error: click.ClickException) -> str:
    message = unknown_option(error) if isinstance(error, click.NoSuchOption) else error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "surgeon"
    return f"{message[:1].lower()}{message[1:]}; see {path} --help"


def _where_to_report() -> str:
    """The project's issue tracker, as the installed package names it."""
    from importlib.metadata import PackageNotFoundError, metadata

    try:
        urls = [line.partition(",") for line in metadata("yolo-surgeon").get_all("Project-URL") or []]
    except PackageNotFoundError:
        urls = []
    known = {name.strip().lower(): url.strip() for name, _, url in urls}
    tracker = next((known[name] for name in ("issues", "bug tracker", "tracker") if name in known), "")
    place = f"the project's issue tracker{f', {tracker},' if tracker else ''}"
    return f"please report it to {place} with the traceback that {DEBUG}=1 prints"


def _forget_stdout() -> None:
    """Whoever read our output has left: keep Python's last flush from complaining."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


if __name__ == "__main__":
    sys.exit(main())
