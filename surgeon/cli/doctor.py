"""``surgeon doctor``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from surgeon.cli.command import Command
from surgeon.cli.options import Saving, saving, talking
from surgeon.cli.talk import Talk

if TYPE_CHECKING:
    from surgeon.cli.precedence import Setting
    from surgeon.doctor.finding import Finding


class Steady(Command):
    """A command that no file of settings can stop."""

    def _settings(self, ctx: click.Context) -> dict[str, Setting]:
        return {}


@click.command("doctor", cls=Steady)
@click.option("--quick", is_flag=True, help="Import nothing: a second instead of ten, and less is found.")
@saving
@talking
def command(*, quick: bool, saving: Saving, talk: Talk) -> int:
    """Look for what is wrong with this installation, and say what helps.

    Packages and their versions, packages that overwrite each other, PyTorch against torchvision and the graphics
    driver, whether each can be imported, folders that cannot be written, files of settings, optional parts. Changes
    nothing. Exit code 0: nothing is broken; 1: something is.

    Example:
        surgeon doctor
        surgeon doctor --quick --json -
    """
    from surgeon.doctor.examine import examine
    from surgeon.doctor.finding import Level, broken

    saving.require_free()
    findings: list[Finding] = []
    if not quick:
        talk.say("importing torch, torchvision, thop and ultralytics in processes of their own")
    findings += examine(Path(), importing=not quick)
    findings += [*_autoload(), *_settings()]
    try:
        _show(findings, saving)
    except ImportError as error:  # what is missing may be what reports are made with
        findings.append(broken("report", f"cannot be made: {error}", "pip install --force-reinstall yolo-surgeon"))
        for one in findings:
            click.echo(f"{one.level.value}: {one.subject}: {one.text}{f': {one.remedy}' if one.remedy else ''}")
    return 1 if any(one.level is Level.BROKEN for one in findings) else 0


def _show(findings: Sequence[Finding], saving: Saving) -> None:
    from surgeon.cli.emit import emit_data
    from surgeon.report.doctor import doctor_data, doctor_document

    emit_data(doctor_document(findings), doctor_data(findings), saving.json)


def _autoload() -> Iterator[Finding]:
    """Whether the stock yolo command knows surgeon's blocks."""
    from surgeon.cli import start_up
    from surgeon.doctor.finding import advice, fine

    remedy = "surgeon autoload --enable"
    if start_up.enabled():
        yield fine("autoload", f"enabled, {start_up.path()}")
    elif start_up.path().exists():
        yield advice("autoload", f"{start_up.path()} is another version's, or damaged", remedy)
    else:
        yield advice("autoload", "off: the stock yolo command cannot build the .yaml files that surgeon writes", remedy)


def _settings() -> Iterator[Finding]:
    """Whether every command can read the files of settings, and every budget can be read."""
    import importlib

    from surgeon.cli import precedence
    from surgeon.cli.group import COMMANDS
    from surgeon.doctor.finding import broken, fine
    from surgeon.errors import InputError
    from surgeon.gate.budget_file import find_budgets, load_budgets

    files = [name for name in precedence.FILES if Path(name).is_file()]
    wrong: dict[str, None] = {}
    for name in COMMANDS:
        try:
            precedence.settings_of(importlib.import_module(f"surgeon.cli.{name}").command, tuple(COMMANDS))
        except InputError as error:
            wrong[str(error)] = None
    try:
        path = find_budgets(Path())
        for table in load_budgets(path) if path is not None else ():
            table.budget({}, {})
    except InputError as error:
        wrong[str(error)] = None
    for sentence in wrong:
        yield broken("settings", sentence, "correct the file, or move it away")
    if files and not wrong:
        yield fine("settings", f"{' and '.join(files)} can be read")
