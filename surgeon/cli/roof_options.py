"""Options of the roofline: whether it is drawn, and the peaks of the device where they are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from surgeon.cli.bundle import together


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderRoof:
    """The roof that the rows are put under."""

    roofline: bool = False
    peak_gflops: float | None = None
    peak_bandwidth: float | None = None

    @property
    def wants_roof(self) -> bool:
        """Whether there is to be one: a given peak asks for it too."""
        return self.roofline or self.peak_gflops is not None or self.peak_bandwidth is not None

    def roof_settings(self) -> dict[str, Any]:
        """The settings of a measurement."""
        return {
            "roofline": self.wants_roof,
            "peak_gflops": self.peak_gflops,
            "peak_bandwidth_gbs": self.peak_bandwidth,
        }

    def roof_words(self) -> list[str]:
        """The same as words of a command line."""
        peaks = {"--peak-gflops": self.peak_gflops, "--peak-bandwidth": self.peak_bandwidth}
        given = [word for name, value in peaks.items() if value is not None for word in (name, f"{value:g}")]
        return ["--roofline"] * self.roofline + given


def roof_options(help_text: str) -> tuple[Callable[..., Any], ...]:
    """The decorators that add them.

    Args:
        help_text: Of ``--roofline``.
    """
    return (
        click.option("--roofline", is_flag=True, help=help_text),
        click.option(
            "--peak-gflops",
            type=click.FloatRange(min=0, min_open=True),
            metavar="GFLOP/S",
            help="The device's peak of arithmetic for the roofline; measured where it is not given.",
        ),
        click.option(
            "--peak-bandwidth",
            type=click.FloatRange(min=0, min_open=True),
            metavar="GB/S",
            help="Its peak of memory; measured where it is not given.",
        ),
    )


roofing = together(
    "roof",
    UnderRoof,
    *roof_options("Put the rows of each network under the roof of the device; a report as .html draws it."),
)
