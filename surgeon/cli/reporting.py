"""Where a report goes besides the terminal: a file in the format of its suffix, or standard output in one format."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import click
from click.shell_completion import CompletionItem

from surgeon.cli.bundle import together
from surgeon.cli.options import STDOUT, Saving, require_free_file
from surgeon.report.formats import registry
from surgeon.report.formats.registry import FORMATS, Format

NAMES = ", ".join(one.name for one in FORMATS)
SUFFIXES = " ".join(one.suffixes[0] for one in FORMATS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporting(Saving):
    """Where a report goes.

    Attributes:
        output: File, or ``-`` for standard output; None for the terminal alone.
        format: Name of the format, None for that of the file's suffix.
    """

    output: str | None = None
    format: str | None = None

    @property
    def option(self) -> str:
        """The option that names the file."""
        return "-o"

    @property
    def chosen(self) -> Format | None:
        """The format asked for, None where there is none.

        Raises:
            InputError: There is no such format, or the suffix names none.
        """
        if self.format is not None:
            return registry.named(self.format)
        if self.output is None:
            return None
        if self.output == STDOUT:
            raise click.UsageError(f"{self.option} - needs --format NAME, one of {NAMES}")
        return registry.of_file(self.output, self.option)

    @property
    def is_piped(self) -> bool:
        """Whether data goes alone to standard output, so that no report does."""
        return self.json == STDOUT or self.pipes_format

    @property
    def pipes_format(self) -> bool:
        """Whether the chosen format goes to standard output."""
        return self.output == STDOUT or (self.output is None and self.format is not None)

    def require(self, *sources: str, kinds: Iterable[str]) -> None:
        """Refuse, before anything is spent, a file in the way and a format that cannot show what will come.

        Args:
            *sources: Files that must not be written over.
            kinds: Of the results (`surgeon.report.report.kind_of`).

        Raises:
            InputError: The format is unknown, or shows no such results.
            OutputError: A file exists, is one of the sources, or has no folder.
        """
        chosen = self.chosen
        if chosen is not None:
            registry.require(chosen, kinds)
        if self.json == STDOUT and self.pipes_format:
            raise click.UsageError(f"--json - and --format {self.format} both take standard output; give one a file")
        if self.json is not None and self.json == self.output:
            raise click.UsageError(f"--json and {self.option} name the same file, {self.json}")
        self.require_free(*sources)
        if self.output is not None and self.output != STDOUT:
            require_free_file(self.output, self.option, sources, force=self.force)


@dataclass(frozen=True, slots=True, kw_only=True)
class EditReporting(Reporting):
    """Where the report of an edit goes: ``--report FILE``, for ``--out`` is the network."""

    @property
    def option(self) -> str:
        """The option that names the file."""
        return "--report"


def complete_formats(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The formats whose name begins so."""
    return [CompletionItem(one.name, help=one.what) for one in FORMATS if one.name.startswith(incomplete.lower())]


reporting = together(
    "reporting",
    Reporting,
    click.option(
        "-o",
        "--output",
        metavar="FILE",
        help=f"Write the report to a file too, in the format of its suffix: {SUFFIXES}; - for standard output.",
    ),
    click.option(
        "--format",
        shell_complete=complete_formats,
        metavar="NAME",
        help=f"The format, whatever the suffix: {NAMES}; a suffix does too (md). Alone, it takes the report's place on "
        "standard output.",
    ),
    click.option("--json", metavar="FILE", help="Write the result as JSON; - for standard output, alone there."),
    click.option("--force", is_flag=True, help="Replace an existing -o or --json file."),
)
