"""The options that say how networks are measured."""

from __future__ import annotations

from dataclasses import dataclass

import click

from surgeon.cli.bundle import together
from surgeon.cli.gpu_options import OnGpu, gpu_options
from surgeon.cli.values import Batches, Device, Percent, Seconds, Size, Sizes
from surgeon.profiler.settings import DEFAULT_PRECISION, ProfileSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Measuring(OnGpu):
    """What is to be measured."""

    imgsz: tuple[Size, ...]
    batch: tuple[int, ...]
    device: str
    half: bool
    latency: bool
    time_budget: float | None
    precision: float
    threads: int

    def words(self) -> list[str]:
        """The same as words of a command line, defaults left out."""
        sizes = ",".join(str(h) if h == w else f"{h}x{w}" for h, w in self.imgsz)
        words = [] if sizes == "640" else ["--imgsz", sizes]
        words += [] if self.batch == (1,) else ["--batch", ",".join(map(str, self.batch))]
        words += [] if self.device == "cpu" else ["--device", self.device]
        words += ["--half"] * self.half + ["--no-latency"] * (not self.latency)
        words += [] if self.time_budget is None else ["--time-budget", f"{self.time_budget:g}"]
        words += [] if self.precision == DEFAULT_PRECISION else ["--precision", f"{100 * self.precision:g}%"]
        words += self.gpu_words()
        return words + ([] if self.threads == 1 else ["--threads", str(self.threads)])

    def settings(self) -> tuple[ProfileSettings, ...]:
        """One a size and batch."""
        return tuple(
            ProfileSettings(
                imgsz=size,
                batch=batch,
                device=self.device,
                dtype="float16" if self.half else "float32",
                latency=self.latency,
                time_budget_s=self.time_budget,
                precision=self.precision,
                threads=self.threads,
                **self.gpu_settings(self.device),
            )
            for size in self.imgsz
            for batch in self.batch
        )

    def only_settings(self) -> ProfileSettings:
        """Those of the only size and batch.

        Raises:
            click.UsageError: There are several.
        """
        if len(self.batch) > 1:
            batches = ",".join(map(str, self.batch))
            raise click.UsageError(
                f"--batch {batches}: one batch size is measured here; surgeon profile and surgeon compare take several"
            )
        if len(self.imgsz) > 1:
            sizes = ",".join(str(h) if h == w else f"{h}x{w}" for h, w in self.imgsz)
            raise click.UsageError(
                f"--imgsz {sizes}: one size is measured here, height x width if it is not square; "
                "surgeon profile and surgeon compare take several"
            )
        return self.settings()[0]


imgsz_option = click.option(
    "--imgsz",
    type=Sizes(),
    default="640",
    show_default=True,
    metavar="SIZE",
    help="Side, or HEIGHTxWIDTH; imgsz=640 is understood too. Where several are measured: 320,640.",
)
batch_option = click.option(
    "--batch",
    type=Batches(),
    default="1",
    show_default=True,
    metavar="N",
    help="Batch size. Where several are measured: 1,2,4.",
)
device_option = click.option(
    "--device", type=Device(), default="cpu", show_default=True, metavar="DEVICE", help="cpu, cuda, cuda:0 or 0."
)
half_option = click.option("--half", is_flag=True, help="Measure in float16.")

measuring = together(
    "measuring",
    Measuring,
    imgsz_option,
    batch_option,
    device_option,
    half_option,
    click.option("--latency/--no-latency", default=True, help="Measure time, or none."),
    click.option(
        "--time-budget",
        type=Seconds(),
        default=None,
        metavar="SECONDS",
        help="Seconds of timing, for all models together; by default 10, and at least 30 runs of a profile.",
    ),
    click.option(
        "--precision",
        type=Percent(),
        default="0.5%",
        show_default=True,
        metavar="PERCENT",
        help="Half-width of a median's interval at which timing may stop before the budget is spent.",
    ),
    click.option(
        "--threads",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        help="CPU threads while timing. One thread varies least; profile times a deployment's threads beside it.",
    ),
    *gpu_options(),
)
