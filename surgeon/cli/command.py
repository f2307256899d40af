"""The command class: Ultralytics' ``imgsz=640`` spelling, and the order in which options were given.

click hands every option to a command on its own; which ``--after`` stood behind which ``--module`` is lost. So the
command line is parsed once more for its order alone, by click's own parser.
"""

from __future__ import annotations

import inspect
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from surgeon.errors import InputError

if TYPE_CHECKING:
    from surgeon.cli.precedence import Setting

ALIASES = ("imgsz", "batch", "device", "half")
"""Options that may be given as Ultralytics spells them: ``imgsz=640``."""

HELP_NAMES = ["-h", "--help"]

_ALIAS = re.compile(rf"^({'|'.join(ALIASES)})=(.*)$", re.DOTALL)
_WORDS = "surgeon.cli.words"
_GIVEN = "surgeon.cli.given"
_SETTINGS = "surgeon.cli.settings"

_OF_THE_REPORT = {
    **dict.fromkeys(
        ("--json", "-o", "--output", "--format", "--report", "--sort", "--filter", "--map", "--tensorboard"), 1
    ),
    **dict.fromkeys(("--all", "-q", "--quiet", "-v", "--verbose"), 0),
}
"""Options that change how a result is told and not what it is, with the values that they take."""


_ATTACHED = re.compile(r"^-o[^-]")
"""``-oFILE``, written together."""


@dataclass(frozen=True, slots=True)
class Word:
    """One option as it was given: ``after`` and ``backbone.9``; two values with a space between, ``9 21``."""

    name: str
    value: str


def keep_examples(help_text: str | None) -> str | None:
    """Help whose paragraphs with indented lines keep their lines (click would fill them)."""
    if help_text is None:
        return None
    paragraphs = inspect.cleandoc(help_text).split("\n\n")
    return "\n\n".join(f"\b\n{text}" if "\n  " in text else text for text in paragraphs)


class Command(click.Command):
    """A command of surgeon."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Not left to the group: click keeps the option that a command's first context made, also where it has none.
        kwargs["context_settings"] = {"help_option_names": HELP_NAMES, **(kwargs.get("context_settings") or {})}
        super().__init__(*args, **kwargs)
        self.help = keep_examples(self.help)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, after the aliases are spelled out; the order of the options is kept for `ordered_words`."""
        ctx.meta[_GIVEN] = tuple(args)
        args = self._spelled_out(ctx, args)
        ctx.meta[_WORDS] = self._in_order(ctx, args)
        settings = {} if ctx.resilient_parsing or set(args) & set(ctx.help_option_names) else self._settings(ctx)
        ctx.meta[_SETTINGS] = settings
        ctx.default_map = {name: setting.value for name, setting in settings.items()}
        try:
            return super().parse_args(ctx, args)
        except click.BadParameter as error:
            name = None if error.param is None else error.param.name
            if name in settings and ctx.get_parameter_source(name) is ParameterSource.DEFAULT_MAP:
                raise InputError(f"{settings[name].where}: {error.message}") from error
            raise

    def invoke(self, ctx: click.Context) -> Any:
        """Run; what neither the command line nor a default says is told where it comes from, if asked for."""
        if ctx.params.get("verbose"):
            from surgeon.cli import precedence

            for line in precedence.shown(settings_in_use(ctx)):
                click.echo(line, err=True)
        return super().invoke(ctx)

    def _settings(self, ctx: click.Context) -> dict[str, Setting]:
        from surgeon.cli import precedence

        group = None if ctx.parent is None else ctx.parent.command
        commands = group.list_commands(ctx) if isinstance(group, click.Group) else []
        return precedence.settings_of(self, commands)

    def _in_order(self, ctx: click.Context, args: list[str]) -> tuple[Word, ...]:
        values, _, order = self.make_parser(ctx).parse_args(args=list(args))
        repeated = {
            param.name: iter(values[param.name])
            for param in self.params
            if isinstance(param, click.Option) and param.multiple and param.name in values
        }
        return tuple(Word(p.name, _text(next(repeated[p.name]))) for p in order if p.name in repeated)

    def _spelled_out(self, ctx: click.Context, args: list[str]) -> list[str]:
        """``imgsz=640`` becomes ``--imgsz 640``, unless it is the value of another option."""
        options = {name: p for p in self.get_params(ctx) if isinstance(p, click.Option) for name in p.opts}
        out: list[str] = []
        rest = iter(args)
        for token in rest:
            if token == "--":
                return [*out, token, *rest]
            found = _ALIAS.match(token)
            if found and f"--{found[1]}" in options:
                out += _option(options[f"--{found[1]}"], found[1], found[2])
                continue
            out.append(token)
            option = options.get(token)
            if option is not None and not option.is_flag and not option.count:
                out += [value for _, value in zip(range(option.nargs), rest, strict=False)]
        return out


def _text(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def _option(option: click.Option, name: str, value: str) -> list[str]:
    if not option.is_flag:
        return [f"--{name}", value]
    try:
        return [f"--{name}"] if click.BOOL.convert(value, option, None) else []
    except click.BadParameter as error:
        raise click.UsageError(f"{name}={value} is neither True nor False") from error


def ordered_words() -> tuple[Word, ...]:
    """The repeatable options of the running command in the order in which they were given."""
    words: tuple[Word, ...] = click.get_current_context().meta[_WORDS]
    return words


def arguments_given(context: click.Context) -> list[str]:
    """The words of a command that are neither options nor their values, as far as it was typed."""
    options = {name: p for p in context.command.params if isinstance(p, click.Option) for name in p.opts}
    found: list[str] = []
    rest = iter(context.meta[_GIVEN])
    for token in rest:
        option = options.get(token)
        if option is not None and not option.is_flag and not option.count:
            for _ in range(option.nargs):
                next(rest, None)
        elif not token.startswith("-") and not _ALIAS.match(token):
            found.append(token)
    return found


def settings_in_use(context: click.Context) -> dict[str, Setting]:
    """What the environment and files say and the command line does not, by parameter."""
    found: dict[str, Setting] = context.meta[_SETTINGS]
    from_map = ParameterSource.DEFAULT_MAP
    return {name: one for name, one in found.items() if context.get_parameter_source(name) is from_map}


def given_line() -> str:
    """The running command as it was given, without what only concerns its report: what reproduces a result.

    What the environment or a file said is spelled out, for both may be others elsewhere.
    """
    from surgeon.cli import precedence

    context = click.get_current_context()
    used = {name: one for name, one in settings_in_use(context).items() if f"--{one.key}" not in _OF_THE_REPORT}
    kept = precedence.words_of(context.command, used)
    rest = iter(context.meta[_GIVEN])
    for token in rest:
        name, equals, _ = token.partition("=")
        if name not in _OF_THE_REPORT:
            kept.append(token)
        elif _OF_THE_REPORT[name] and not equals:
            next(rest, None)
    return shlex.join(["surgeon", str(context.info_name), *kept])
