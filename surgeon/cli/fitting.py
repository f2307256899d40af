"""The options that ask what training needs of memory, and how large a batch fits."""

from __future__ import annotations

from dataclasses import dataclass, replace

import click

from surgeon.cli.bundle import together
from surgeon.cli.values import Memory
from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.training_figures import OPTIMIZERS, Fitting

_UNITS = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10), ("GB", 10**9), ("MB", 10**6), ("KB", 10**3))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """The budget, and how the network is trained."""

    fit: int | None
    optimizer: str | None
    amp: bool

    def added_to(self, settings: ProfileSettings) -> ProfileSettings:
        """The settings with what is asked for here.

        Raises:
            click.UsageError: There is no budget that the other options could belong to.
        """
        if self.fit is None:
            if given := self.words():
                raise click.UsageError(f"{given[0]} says how the network of --fit is trained: give --fit 8GiB with it")
            return settings
        fitting = Fitting(
            budget_bytes=self.fit,
            optimizer=self.optimizer or OPTIMIZERS[0],
            amp="float16" if self.amp else None,
        )
        return replace(settings, fit=fitting)

    def words(self) -> list[str]:
        """The same as words of a command line, defaults left out."""
        words = [] if self.fit is None else ["--fit", _spelled(self.fit)]
        words += [] if self.optimizer is None else ["--optimizer", self.optimizer]
        return words + ["--amp"] * self.amp

    def require_one(self) -> None:
        """Refuse what one table of several sizes has no room for.

        Raises:
            click.UsageError: Something of the kind is asked for.
        """
        if words := self.words():
            raise click.UsageError(
                f"{' '.join(words)}: several sizes or batches are one table; name one size and batch"
            )


def _spelled(size: int) -> str:
    """``8GiB`` for what is a whole number of a unit; else the number in the unit that shows it in full."""
    for unit, width in _UNITS:
        if size % width == 0:
            return f"{size // width}{unit}"
    return f"{size / 1000:.3f}KB"


fitting = together(
    "fit",
    Fit,
    click.option(
        "--fit",
        type=Memory(),
        metavar="MEMORY",
        help="What training needs of memory by batch size, and the largest batch that fits into this: 8GiB, 24GB.",
    ),
    click.option(
        "--optimizer",
        type=click.Choice(OPTIMIZERS),
        help=f"Whose state is kept while training; by default {OPTIMIZERS[0]}.",
    ),
    click.option("--amp", is_flag=True, help="Train in float16 by autocast, as Ultralytics does on a GPU."),
)
