"""The options that say which of several networks are shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from surgeon.cli.bundle import together

if TYPE_CHECKING:
    from surgeon.report.choosing import Choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Choosing:
    """Which networks are shown, and against which."""

    baseline: str | None
    sort: str | None
    filter: tuple[str, ...]

    @property
    def given(self) -> bool:
        """Whether anything is chosen."""
        return bool(self.baseline or self.sort or self.filter)

    def choice(self) -> Choice:
        """What is shown.

        Raises:
            InputError: An option says nothing that is known.
        """
        from surgeon.report.choosing import Choice

        return Choice(sort=self.sort, conditions=self.filter)

    def baseline_first(self, models: tuple[str, ...]) -> tuple[str, ...]:
        """The models with the baseline before the others; one that is not among them comes in addition."""
        if self.baseline is None:
            return models
        return (self.baseline, *(model for model in models if model != self.baseline))


choosing = together(
    "choosing",
    Choosing,
    click.option("--baseline", metavar="MODEL", help="The network that all others are compared with; else the first."),
    click.option(
        "--sort",
        metavar="KEY",
        help="Order of the others: name, params, gflops, ultralytics, memory, latency or ratio; -params for the "
        "largest first.",
    ),
    click.option(
        "--filter",
        multiple=True,
        metavar="CONDITION",
        help="Show those only that fulfil it: params<5M, latency<30ms, 'yolo11*'. Repeatable; JSON keeps all.",
    ),
)
