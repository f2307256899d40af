"""Where an option's value comes from when it is not on the command line.

In this order: ``SURGEON_PROFILE_IMGSZ``, ``SURGEON_IMGSZ``; the table ``[profile]`` of ``surgeon.toml``, its top level;
``[tool.surgeon.profile]`` of ``pyproject.toml``, ``[tool.surgeon]``; the default. The files are those of the working
directory. What a file says is checked before anything runs: an unknown key is refused by its name.

Files never loosen what is trusted, and replace nothing: ``--trust``, ``--trust-module`` and ``--force`` are for the
command line, as are the edits themselves.
"""

from __future__ import annotations

import difflib
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from surgeon.errors import InputError

PREFIX = "SURGEON_"
FILES = ("surgeon.toml", "pyproject.toml")
_BUDGETS = "budget"
_ON_COMMAND_LINE = frozenset({"trust", "trust-module", "force", "help", "version"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A value that was not given on the command line.

    Attributes:
        key: Of the option, ``imgsz``.
        value: As it was written.
        where: Where: ``SURGEON_IMGSZ``, or ``surgeon.toml, profile.imgsz``.
    """

    key: str
    value: Any
    where: str


def settings_of(
    command: click.Command,
    commands: Sequence[str],
    *,
    folder: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> dict[str, Setting]:
    """What the environment and the files say for a command.

    Args:
        command: It.
        commands: Names of all commands, which a file may have tables for.
        folder: Where the files are, by default the working directory.
        environ: By default this process's.

    Returns:
        By the parameter's name.

    Raises:
        InputError: A file is no TOML, or has a key that is none.
    """
    folder, environ = Path() if folder is None else folder, os.environ if environ is None else environ
    options = _options(command)
    found: dict[str, Setting] = {}
    for name in reversed(FILES):
        path = folder / name
        if path.is_file():
            found |= _of_file(path, command, options, commands)
    for key, option in options.items():
        for prefix in (PREFIX, f"{PREFIX}{_shouted(str(command.name))}_"):
            variable = prefix + _shouted(key)
            if environ.get(variable):
                found[str(option.name)] = Setting(key=key, value=environ[variable], where=variable)
    return found


def words_of(command: click.Command, settings: Mapping[str, Setting]) -> list[str]:
    """The same as words of a command line, for a command that reproduces a result elsewhere."""
    words: list[str] = []
    for key, option in _options(command).items():
        if option.name not in settings:
            continue
        value = settings[option.name].value
        if not option.is_flag:
            words += [f"--{key}", str(value)]
        elif click.BOOL.convert(value, option, None):
            words.append(f"--{key}")
        else:
            words += option.secondary_opts[:1]
    return words


def shown(settings: Mapping[str, Setting]) -> Iterator[str]:
    """One line a value, for ``-v``."""
    for setting in settings.values():
        yield f"--{setting.key} {shlex.quote(str(setting.value))} comes from {setting.where}"


def _options(command: click.Command) -> dict[str, click.Option]:
    """The options that may be set elsewhere, by key; of several that set the same value the first."""
    found: dict[str, click.Option] = {}
    taken: set[str | None] = set()
    for param in command.params:
        if not isinstance(param, click.Option) or not param.expose_value or param.name in taken:
            continue
        key = next((name.removeprefix("--") for name in param.opts if name.startswith("--")), "")
        picks_word = param.is_flag and not param.is_bool_flag
        if key and key not in _ON_COMMAND_LINE and not picks_word and not param.multiple:
            found[key] = param
            taken.add(param.name)
    return found


def _of_file(
    path: Path, command: click.Command, options: Mapping[str, click.Option], commands: Sequence[str]
) -> dict[str, Setting]:
    from surgeon.gate.toml_file import read_toml, shown

    data = read_toml(path)
    general: dict[str, Setting] = {}
    for written, value in data.items():
        if written == _BUDGETS and isinstance(value, list):
            continue
        if written in commands:
            if not isinstance(value, dict):
                raise InputError(f"{shown(path, written)}: this is the table of surgeon {written}, not {value!r}")
            continue
        key = written.replace("_", "-")
        if key in options:
            general[str(options[key].name)] = Setting(key=key, value=_plain(value), where=shown(path, written))
        elif not any(key in _options(other) for other in _others(commands)):
            raise InputError(f"{shown(path, written)}: {_unknown(key, commands)}")
    table = data.get(str(command.name), {})
    own: dict[str, Setting] = {}
    for written, value in table.items():
        key = written.replace("_", "-")
        where = shown(path, f"{command.name}.{written}")
        if key not in options:
            raise InputError(f"{where}: {_unknown_of(command, key, options)}")
        own[str(options[key].name)] = Setting(key=key, value=_plain(value), where=where)
    return general | own


def _others(commands: Sequence[str]) -> Iterator[click.Command]:
    """Every command, imported: only where a key is none of the running one's."""
    import importlib

    for name in commands:
        yield importlib.import_module(f"surgeon.cli.{name}").command


def _unknown(key: str, commands: Sequence[str]) -> str:
    if key in _ON_COMMAND_LINE:
        return f"--{key} may be given on the command line only"
    every = {name for command in _others(commands) for name in _options(command)}
    near = difflib.get_close_matches(key, [*every, *commands], n=3, cutoff=0.5)
    advice = f"did you mean {', '.join(near)}?" if near else "see surgeon --help"
    return f"no command has such an option; {advice}"


def _unknown_of(command: click.Command, key: str, options: Mapping[str, click.Option]) -> str:
    on_line = {name.removeprefix("--") for param in command.params for name in param.opts if name.startswith("--")}
    if key in on_line:
        return f"--{key} may be given on the command line only"
    near = difflib.get_close_matches(key, options, n=3, cutoff=0.5)
    advice = f"did you mean {', '.join(near)}?" if near else f"it has {', '.join(options)}"
    return f"surgeon {command.name} has no such option; {advice}"


def _plain(value: Any) -> Any:
    """A list as the text that the option takes: ``[320, 640]`` is ``320,640``."""
    return ",".join(map(str, value)) if isinstance(value, list) else value


def _shouted(name: str) -> str:
    return name.replace("-", "_").upper()
