"""The options that say what ``surgeon profile`` finds out and lists beside the usual."""

from __future__ import annotations

from dataclasses import dataclass, replace

import click

from surgeon.cli.bundle import together
from surgeon.cli.roof_options import UnderRoof, roof_options
from surgeon.cli.values import Variants
from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.variants.names import VARIANTS

LISTS = ("rows", "modules", "operators", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting(UnderRoof):
    """What is counted, timed and listed."""

    by: str
    conventions: bool
    training: bool
    throughput: bool
    variants: tuple[str, ...]

    def added_to(self, settings: ProfileSettings) -> ProfileSettings:
        """The settings with what is asked for here.

        Raises:
            click.UsageError: Variants are to be timed, and nothing is to be timed.
        """
        if self.variants and not settings.latency:
            raise click.UsageError("--variants times them, and --no-latency asks for no time: leave one of them out")
        detail = self.conventions or self.by in ("modules", "operators")
        return replace(
            settings,
            detail=detail,
            training=self.training,
            throughput=self.throughput,
            variants=self.variants,
            **self.roof_settings(),
        )

    def words(self) -> list[str]:
        """The same as words of a command line, defaults left out."""
        listed = [] if self.by == "rows" else ["--by", self.by]
        flags = {
            "--conventions": self.conventions,
            "--training": self.training,
            "--throughput": self.throughput,
        }
        given = self.roof_words()
        given += ["--variants", ",".join(self.variants)] if self.variants else []
        return [*listed, *(flag for flag, is_given in flags.items() if is_given), *given]

    def require_one(self) -> None:
        """Refuse what one table of several sizes has no room for.

        Raises:
            click.UsageError: Something of the kind is asked for.
        """
        words = self.words()
        if words and words != ["--by", "none"]:
            raise click.UsageError(
                f"{' '.join(words)}: several sizes or batches are one table; name one size and batch"
            )


counting = together(
    "counting",
    Counting,
    click.option(
        "--by",
        type=click.Choice(LISTS),
        default="rows",
        show_default=True,
        help="What is listed. modules: the tree, each with all that is in it. none: the totals alone.",
    ),
    click.option("--no-rows", "by", flag_value="none", help="The same as --by none."),
    click.option(
        "--conventions",
        "--explain",
        "conventions",
        is_flag=True,
        help="Every figure that people quote, unfused and fused, and how the exact one becomes that of model.info().",
    ),
    click.option(
        "--throughput", is_flag=True, help="Time batches 1, 2, 4 ... until a larger one brings less than 5 % more."
    ),
    click.option("--training", is_flag=True, help="Count the forward and backward pass of a training step as well."),
    *roof_options("What bounds each row, its time at best, and how near it comes to that."),
    click.option(
        "--variants",
        type=Variants(),
        default=(),
        metavar="NAMES",
        help=f"Build and time other ways to run it against eager, all in random order: {', '.join(VARIANTS)}, or all. "
        "One that cannot be built says why.",
    ),
)
