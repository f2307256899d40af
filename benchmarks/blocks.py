"""Are our blocks faster than their formula written down plainly? The same weights, interleaved, one CPU thread.

    python benchmarks/blocks.py --blocks acmix,mhsa,fla,gam,lska --out docs/benchmarks-blocks.md
    python benchmarks/blocks.py --sides 20 --channels 64          # the whole catalog, quickly

The plain forms are those of ``benchmarks/plain``, written as the published code is. Each case runs both forms in pairs,
in random order; the ratio is the median over the pairs, with its 95 % confidence sequence. Memory is the peak of
allocations in one forward pass. Everything is told as a ratio, plain over ours: above 1 ours is faster or leaner.
"""

from __future__ import annotations

import argparse
import math
import platform
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parent))
from plain import plain

from surgeon.blocks import all_blocks, create
from surgeon.profiler.memory import measure_memory
from surgeon.profiler.timing.clock import clock_for
from surgeon.profiler.timing.confidence import median_interval
from surgeon.profiler.timing.quiet import quiet
from surgeon.profiler.timing.runner import Runner

SIDES = {20: "P5", 40: "P4", 80: "P3"}
CHANNELS = (64, 128, 256, 512)
NOT_SLOWER = 1.02
MIN_PAIRS, WARM_UP = 12, 2
MEMORY_LIMIT = 12e9
"""Bytes above which the plain form is not tried: N x N attention at P3."""


@dataclass(frozen=True)
class Case:
    """One block at one size, for inference or training."""

    block: str
    channels: int
    side: int
    training: bool


@dataclass(frozen=True)
class Outcome:
    """Plain over ours: time with its interval, peak memory; ours in milliseconds."""

    case: Case
    ratio: float
    low: float
    high: float
    ours_ms: float
    memory: float | None
    pairs: int

    @property
    def slower(self) -> bool:
        """Whether "not slower" is not shown: the upper end of ours over plain exceeds 1.02."""
        return self.low < 1 / NOT_SLOWER


class Plain(nn.Module):
    """A block run by its plain form."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Tensor) -> Tensor:
        """The same numbers as the block's own forward."""
        return plain(self.block, x)  # type: ignore[arg-type]


def cases(names: list[str], channels: list[int], sides: list[int], training: bool) -> Iterator[Case]:
    """Every combination, inference first."""
    for train in (False, True) if training else (False,):
        for name in names:
            for width in channels:
                for side in sides:
                    yield Case(name, width, side, train)


def step(module: nn.Module, x: Tensor, training: bool) -> Callable[[], Any]:
    """One forward pass, in training with its backward pass."""

    def infer() -> None:
        with torch.inference_mode():
            module(x)

    def train() -> None:
        image = x.detach().requires_grad_()
        module(image).sum().backward()
        module.zero_grad()

    return train if training else infer


def measure(case: Case, seconds: float, seed: int = 0) -> Outcome:
    """Time one case in random pairs for about ``seconds``."""
    torch.manual_seed(seed)
    ours = create(case.block, case.channels).train(case.training)
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    x = torch.randn(1, case.channels, case.side, case.side)
    arms = [step(ours, x, case.training), step(Plain(ours).train(case.training), x, case.training)]
    times: list[list[float]] = [[], []]
    shuffled, end = random.Random(seed), 0.0
    with quiet(1):
        for _ in range(WARM_UP):
            for arm in arms:
                arm()
        end = time.perf_counter() + seconds
        while len(times[0]) < MIN_PAIRS or time.perf_counter() < end:
            order = [0, 1]
            shuffled.shuffle(order)
            for arm in order:
                begin = time.perf_counter()
                arms[arm]()
                times[arm].append(time.perf_counter() - begin)
        memory = None if case.training else peak(Plain(ours), x) / max(peak(ours, x), 1)
    interval = median_interval([math.log(b / a) for a, b in zip(*times, strict=True)])
    return Outcome(
        case=case,
        ratio=math.exp(interval.median),
        low=math.exp(interval.low),
        high=math.exp(interval.high),
        ours_ms=1000 * sorted(times[0])[len(times[0]) // 2],
        memory=memory,
        pairs=len(times[0]),
    )


def peak(module: nn.Module, x: Tensor) -> int:
    """Bytes held at most in one forward pass."""
    runner = Runner(module.eval(), x, clock_for("cpu"), None)
    return measure_memory(runner, "cpu").peak_activation_bytes or 0


def table(outcomes: list[Outcome], seconds: float) -> str:
    """The figures as Markdown."""
    lines = [
        "# The blocks against their plain forms",
        "",
        f"Plain over ours, so above 1 ours is faster or leaner; one thread, batch 1, float32, about {seconds:g} s a "
        f"case in random pairs, [95 % confidence sequence of the median]; {platform.machine()}, torch "
        f"{version('torch')}, Python {platform.python_version()}. A star: the "
        f"interval does not show ours to be at most 2 % slower.",
        "",
        "| block | C | map | forward | peak memory | ours, ms | forward and backward |",
        "|---|--:|---|---|--:|--:|---|",
    ]
    trained = {(o.case.block, o.case.channels, o.case.side): o for o in outcomes if o.case.training}
    for one in outcomes:
        if one.case.training:
            continue
        key = (one.case.block, one.case.channels, one.case.side)
        lines.append(
            f"| {key[0]} | {key[1]} | {SIDES.get(key[2], '')} {key[2]}x{key[2]} | {ratio(one)} | "
            f"{one.memory:.2f} | {one.ours_ms:.2f} | {ratio(trained[key]) if key in trained else ''} |"
        )
    lines += ["", "```", "python benchmarks/blocks.py " + " ".join(sys.argv[1:]), "```", ""]
    return "\n".join(lines)


def ratio(one: Outcome) -> str:
    """``2.31 [2.25, 2.40]``, with a star where ours may be slower."""
    return f"{one.ratio:.2f} [{one.low:.2f}, {one.high:.2f}]{' *' if one.slower else ''}"


def main() -> None:
    """Run what is asked for and write the table."""
    names = [info.name for info in all_blocks() if info.kind != "head"]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--blocks", default=",".join(names))
    parser.add_argument("--channels", default=",".join(map(str, CHANNELS)))
    parser.add_argument("--sides", default=",".join(map(str, SIDES)))
    parser.add_argument("--seconds", type=float, default=2.0, help="a case")
    parser.add_argument("--training", action="store_true", help="forward and backward as well")
    parser.add_argument("--out", type=Path, help="write the table as Markdown")
    options = parser.parse_args()
    torch.set_num_threads(1)
    widths, sides = ([int(n) for n in text.split(",")] for text in (options.channels, options.sides))
    outcomes = []
    for case in cases(options.blocks.split(","), widths, sides, options.training):
        if case.block == "mhsa" and 4 * 4 * 3 * case.side**4 * (2 if case.training else 1) > MEMORY_LIMIT:
            print(f"{case}: the plain form's N x N weights do not fit", flush=True)
            continue
        outcomes.append(measure(case, options.seconds))
        print(
            f"{case.block} {case.channels} {case.side}{' training' * case.training}: {ratio(outcomes[-1])}", flush=True
        )
    if options.out is not None:
        options.out.write_text(table(outcomes, options.seconds), encoding="utf-8")


if __name__ == "__main__":
    main()
