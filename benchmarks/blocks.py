"""Are our blocks faster than their formula written down plainly? The same weights, interleaved, one CPU thread.

    python benchmarks/blocks.py --blocks acmix,mhsa,fla,gam,lska --training acmix,fla --out docs/benchmarks-blocks.md
    python benchmarks/blocks.py --without acmix,mhsa,fla,gam,lska --seconds 1 --out docs/benchmarks-zoo.md
    python benchmarks/blocks.py --sides 20 --channels 64          # the whole catalog, quickly
    python benchmarks/blocks.py --device cuda --dtype float16 --compile   # on a GPU, see blocks_cuda.py

The plain forms are those of ``benchmarks/plain``, written as the published code is. Each case runs both forms in pairs,
in random order, and timm's own module beside them where it has one (other weights, the same definition); the ratio is
the median over the pairs, with its 95 % confidence sequence. A case whose interval does not tell yet whether ours is
at most 2 % slower runs on, up to five times as long: the sequence stays valid however long one waits. Every few pairs
everything is copied to other addresses, among other allocations. Memory is the peak of allocations in one forward pass.
Everything is told as a ratio over ours: above 1 ours is faster or leaner.
"""

from __future__ import annotations

import argparse
import copy
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
from plain import form

from surgeon.blocks import all_blocks, create
from surgeon.errors import InputError, MeasurementError
from surgeon.profiler.memory import measure_memory
from surgeon.profiler.timing.clock import clock_for
from surgeon.profiler.timing.confidence import median_interval
from surgeon.profiler.timing.quiet import quiet
from surgeon.profiler.timing.runner import Runner

SIDES = {20: "P5", 40: "P4", 80: "P3"}
CHANNELS = (64, 128, 256, 512)
NOT_SLOWER = 1.02
MIN_PAIRS, PATIENCE = 24, 5
EPOCH = 4
"""Pairs after which everything is copied to other addresses: where large maps happen to lie can cost ten per cent."""
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
class Ratio:
    """Another form's time over ours: the median over pairs with its interval."""

    median: float
    low: float
    high: float

    @property
    def shown(self) -> bool:
        """Whether "not slower" is shown: the upper end of ours over the other is at most 1.02."""
        return self.low >= 1 / NOT_SLOWER

    @property
    def refuted(self) -> bool:
        """Whether ours is slower for certain."""
        return self.high < 1 / NOT_SLOWER

    def __str__(self) -> str:
        return f"{self.median:.2f} [{self.low:.2f}, {self.high:.2f}]{'' if self.shown else ' *'}"


@dataclass(frozen=True)
class Outcome:
    """The plain form and timm's over ours; ours in milliseconds; peak memory, plain over ours."""

    case: Case
    plain: Ratio
    timm: Ratio | None
    ours_ms: float
    memory: float | None
    pairs: int


class Plain(nn.Module):
    """A block run by its plain form."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block
        self.form = form(block)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """The same numbers as the block's own forward."""
        return self.form(self.block, x)  # type: ignore[arg-type]


def cases(names: list[str], channels: list[int], sides: list[int], trained: list[str]) -> Iterator[Case]:
    """Every combination, inference first."""
    for train, chosen in ((False, names), (True, trained)):
        for name in chosen:
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
    from peers import PEERS  # timm; the GPU's table does without

    torch.manual_seed(seed)
    ours = create(case.block, case.channels).train(case.training)
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    x = torch.randn(1, case.channels, case.side, case.side)
    timm = [PEERS[case.block](case.channels)] if case.block in PEERS and not case.training else []
    times: list[list[float]] = [[] for _ in (ours, "plain", *timm)]
    shuffled, arms, ballast = random.Random(seed), [], []
    with quiet(1):
        begin = time.perf_counter()
        while going(times, time.perf_counter() - begin, seconds):
            if len(times[0]) % EPOCH == 0:
                ballast = [torch.empty(shuffled.randrange(1 << 8, 1 << 21)) for _ in range(shuffled.randrange(8))]
                here = copy.deepcopy(ours)
                modules = [here, Plain(here), *copy.deepcopy(timm)]
                arms = [step(module.train(case.training), x.clone(), case.training) for module in modules]
                # In random order: who warms up last finds its maps in the cache, and would win the first pair.
                for number in (number for _ in range(2) for number in shuffled.sample(range(len(arms)), len(arms))):
                    arms[number]()
            order = list(range(len(arms)))
            shuffled.shuffle(order)
            for number in order:
                start = time.perf_counter()
                arms[number]()
                times[number].append(time.perf_counter() - start)
        del ballast
        memory = None if case.training else peak(Plain(ours), x) / max(peak(ours, x), 1)
    return Outcome(
        case=case,
        plain=compare(times[0], times[1]),
        timm=compare(times[0], times[2]) if len(times) > 2 else None,
        ours_ms=1000 * sorted(times[0])[len(times[0]) // 2],
        memory=memory,
        pairs=len(times[0]),
    )


def going(times: list[list[float]], spent: float, seconds: float) -> bool:
    """Whether a case needs more pairs: too few, time left, or no answer yet and patience left."""
    if len(times[0]) < MIN_PAIRS or spent < seconds:
        return True
    ratio = compare(times[0], times[1])
    return spent < PATIENCE * seconds and not (ratio.shown or ratio.refuted)


def compare(ours: list[float], other: list[float]) -> Ratio:
    """The other's times over ours, pair by pair."""
    interval = median_interval([math.log(b / a) for a, b in zip(ours, other, strict=True)])
    return Ratio(math.exp(interval.median), math.exp(interval.low), math.exp(interval.high))


def peak(module: nn.Module, x: Tensor) -> int:
    """Bytes held at most in one forward pass."""
    runner = Runner(module.eval(), x, clock_for("cpu"), None)
    return measure_memory(runner, "cpu").peak_activation_bytes or 0


def table(outcomes: list[Outcome], seconds: float) -> str:
    """The figures as Markdown."""
    lines = [
        "# The blocks against their plain forms",
        "",
        f"Plain over ours, so above 1 ours is faster or leaner, and timm's own module over ours where it has one; one "
        f"thread, batch 1, float32, {seconds:g} to {PATIENCE * seconds:g} s a case in random pairs, [95 % confidence "
        f"sequence of the median]; {platform.machine()}, torch {version('torch')}, timm {version('timm')}, Python "
        f"{platform.python_version()}. A star: the interval does not show ours to be at most 2 % slower.",
        "",
        "| block | C | map | forward | timm | peak memory | ours, ms | forward and backward |",
        "|---|--:|---|---|---|--:|--:|---|",
    ]
    trained = {(o.case.block, o.case.channels, o.case.side): o for o in outcomes if o.case.training}
    for one in outcomes:
        if one.case.training:
            continue
        key = (one.case.block, one.case.channels, one.case.side)
        lines.append(
            f"| {key[0]} | {key[1]} | {SIDES.get(key[2], '')} {key[2]}x{key[2]} | {one.plain} | {one.timm or ''} | "
            f"{one.memory:.2f} | {one.ours_ms:.2f} | {trained[key].plain if key in trained else ''} |"
        )
    lines += ["", "```", "python benchmarks/blocks.py " + " ".join(sys.argv[1:]), "```", ""]
    return "\n".join(lines)


def main() -> None:
    """Run what is asked for and write the table."""
    names = [info.name for info in all_blocks() if info.kind != "head"]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--blocks", default=",".join(names))
    parser.add_argument("--without", metavar="BLOCKS", default="", help="leave these out")
    parser.add_argument("--channels", default=",".join(map(str, CHANNELS)))
    parser.add_argument("--sides", default=",".join(map(str, SIDES)))
    parser.add_argument("--cases", metavar="BLOCK:C:SIDE,...", help="these alone, for inference")
    parser.add_argument("--seconds", type=float, default=2.0, help="a case")
    parser.add_argument("--training", metavar="BLOCKS", default="", help="of these forward and backward as well")
    parser.add_argument("--out", type=Path, help="write the table as Markdown")
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda or cuda:0")
    parser.add_argument("--dtype", default="float32", help="on CUDA: float32 (default), float16 or bfloat16")
    parser.add_argument("--compile", action="store_true", help="on CUDA: the forms under torch.compile as well")
    options = parser.parse_args()
    torch.set_num_threads(1)
    widths, sides = ([int(n) for n in text.split(",")] for text in (options.channels, options.sides))
    trained = [name for name in options.training.split(",") if name]
    chosen = [name for name in options.blocks.split(",") if name not in options.without.split(",")]
    wanted = cases(chosen, widths, sides, trained)
    if options.cases:
        listed = [text.split(":") for text in options.cases.split(",")]
        wanted = iter([Case(name, int(width), int(side), False) for name, width, side in listed])
    try:
        text = on_cuda(wanted, options) if options.device != "cpu" else on_cpu(wanted, options)
    except InputError as error:
        parser.exit(2, f"{error}\n")
    if options.out is not None:
        options.out.write_text(text, encoding="utf-8")


def on_cpu(wanted: Iterator[Case], options: argparse.Namespace) -> str:
    """Run the cases on one CPU thread; the table."""
    if options.compile or options.dtype != "float32":
        raise MeasurementError("--compile and --dtype need --device cuda")
    outcomes = []
    for case in wanted:
        if case.block == "mhsa" and 4 * 4 * 3 * case.side**4 * (2 if case.training else 1) > MEMORY_LIMIT:
            print(f"{case}: the plain form's N x N weights do not fit", flush=True)
            continue
        outcomes.append(measure(case, options.seconds))
        if options.out is not None:  # after every case: a run of an hour may be cut short
            options.out.write_text(table(outcomes, options.seconds), encoding="utf-8")
        mode = " training" * case.training
        print(f"{case.block} {case.channels} {case.side}{mode}: {outcomes[-1].plain}", flush=True)
    return table(outcomes, options.seconds)


def on_cuda(wanted: Iterator[Case], options: argparse.Namespace) -> str:
    """Run the cases on a GPU; the table."""
    import blocks_cuda as gpu

    setup = gpu.Setup(device=options.device, dtype=options.dtype, compiled=options.compile, seconds=options.seconds)
    gpu.require_gpu(setup, training=bool(options.training))
    machine = gpu.describe(setup)
    print(machine, flush=True)
    results = []
    for case in wanted:
        results.append(gpu.measure(case.block, case.channels, case.side, setup, training=case.training))
        found = {name: results[-1].ratio(*forms) for name, forms in gpu.COLUMNS.items()}
        shown = "; ".join(f"{name} {ratio}" for name, ratio in found.items() if ratio)
        print(f"{case.block} {case.channels} {case.side}{' training' * case.training}: {shown}", flush=True)
    return gpu.table(results, setup, machine, "python benchmarks/blocks.py " + " ".join(sys.argv[1:]))


if __name__ == "__main__":
    main()
