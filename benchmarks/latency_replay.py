"""Ways of comparing two latencies, tried on replays of one recording: there the truth is known.

A recording is a row of times of one network, as the machine gave them: autocorrelated, with outliers, contended. A
replay starts anywhere in it and hands out its times in order; a network that is to be slower gets them longer. So the
same network compared with itself must not be told apart, and a slow-down of 2 % must be found.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from scipy.stats import binomtest, mannwhitneyu  # type: ignore[import-untyped, unused-ignore]
from torch import Tensor, nn
from torch.utils.benchmark import Measurement, TaskSpec
from torch.utils.benchmark.utils.common import trim_sigfig

from surgeon.profiler.results import PairedLatency
from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.timing.confidence import quantile
from surgeon.profiler.timing.paired import judge, run_blocks
from surgeon.profiler.timing.verdict import CLAIM

IMAGES = torch.zeros(1, 3, 1, 1)


class Arm(nn.Module):
    """A network that takes as long as the recording says, times ``factor``."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Nothing."""
        return x


@dataclass
class ReplayClock:
    """A clock of recorded time.

    Attributes:
        times_ms: The recording.
        position: Where in it the replay is; it wraps.
    """

    times_ms: Sequence[float]
    position: int
    warmup_runs: int = 3
    spent_ms: float = 0.0
    factor: float = field(default=1.0, init=False)

    def now_s(self) -> float:
        """Recorded seconds so far."""
        return self.spent_ms / 1000

    def run_ms(self, call: Callable[[], object]) -> float:
        """The next recorded time, for the network that ``call`` runs."""
        call()
        return self.next_ms(self.factor)

    def next_ms(self, factor: float) -> float:
        """The next recorded time of a network that takes ``factor`` times as long."""
        taken = self.times_ms[self.position % len(self.times_ms)] * factor
        self.position += 1
        self.spent_ms += taken
        return taken

    def forward(self, module: nn.Module, images: Tensor) -> Tensor:
        """Note which network runs."""
        assert isinstance(module, Arm)
        self.factor = module.factor
        return images

    def mark(self) -> Any:
        """Rows are not replayed."""
        raise NotImplementedError

    def spans_ms(self, marks: Sequence[Any]) -> list[float]:
        """Rows are not replayed."""
        raise NotImplementedError


def paired(times_ms: Sequence[float], effect: float, budget_s: float, rng: random.Random) -> PairedLatency:
    """What surgeon says of a network that is ``1 + effect`` times as slow; its own code, on replayed time."""
    clock = ReplayClock(times_ms, rng.randrange(len(times_ms)))
    settings = ProfileSettings(time_budget_s=budget_s)
    arms = [Arm(1.0), Arm(1 + effect)]
    series = run_blocks(arms, IMAGES, settings, forward=clock.forward, clock=clock, seed=rng.randrange(2**31))
    return judge(series, 1, settings.precision)


def surgeons_word(times_ms: Sequence[float], effect: float, budget_s: float, rng: random.Random) -> str:
    """``slower``, ``faster``, ``tiny`` where the interval excludes equality, else nothing."""
    word = paired(times_ms, effect, budget_s, rng).verdict
    return word if word in ("slower", "faster", "tiny") else ""


def _halves(
    times_ms: Sequence[float], effect: float, budget_s: float, rng: random.Random
) -> tuple[list[float], list[float]]:
    """A x n, then B x n, each for half the budget, after three warm-up runs."""
    clock = ReplayClock(times_ms, rng.randrange(len(times_ms)))
    found = []
    for factor in (1.0, 1 + effect):
        for _ in range(3):
            clock.next_ms(factor)
        end, samples = clock.spent_ms + 500 * budget_s, []
        while clock.spent_ms < end:
            samples.append(clock.next_ms(factor))
        found.append(samples)
    return found[0], found[1]


def _median(values: Sequence[float]) -> float:
    return quantile(sorted(values), 0.5)


def _direction(ratio: float) -> str:
    return "slower" if ratio > 1 else "faster"


def sequential_medians(times_ms: Sequence[float], effect: float, budget_s: float, rng: random.Random) -> str:
    """One after the other, two medians, whoever differs by half a per cent: what reading two printed ms amounts to."""
    a, b = _halves(times_ms, effect, budget_s, rng)
    ratio = _median(b) / _median(a)
    return _direction(ratio) if abs(ratio - 1) >= CLAIM else ""


def sequential_test(times_ms: Sequence[float], effect: float, budget_s: float, rng: random.Random) -> str:
    """One after the other, Mann-Whitney's test at 5 %."""
    a, b = _halves(times_ms, effect, budget_s, rng)
    return _direction(_median(b) / _median(a)) if mannwhitneyu(a, b).pvalue < 0.05 else ""


def torch_timer(times_ms: Sequence[float], effect: float, budget_s: float, rng: random.Random) -> str:
    """One after the other, the medians that ``torch.utils.benchmark.Compare`` prints with its significant figures."""
    printed = []
    for samples in _halves(times_ms, effect, budget_s, rng):
        one = Measurement(number_per_run=1, raw_times=[ms / 1e3 for ms in samples], task_spec=TaskSpec("", ""))
        printed.append(trim_sigfig(one.median, one.significant_figures))
    return "" if printed[0] == printed[1] else _direction(printed[1] / printed[0])


def do_bench(times_ms: Sequence[float], effect: float, budget_s: float, rng: random.Random) -> str:
    """One after the other, means of all runs, as triton's ``do_bench`` returns by default."""
    a, b = _halves(times_ms, effect, budget_s, rng)
    ratio = (sum(b) / len(b)) / (sum(a) / len(a))
    return _direction(ratio) if abs(ratio - 1) >= CLAIM else ""


WAYS: dict[str, Callable[[Sequence[float], float, float, random.Random], str]] = {
    "surgeon: random pairs, confidence sequence": surgeons_word,
    "medians, A x n then B x n, 0.5 %": sequential_medians,
    "the same with Mann-Whitney at 5 %": sequential_test,
    "torch.utils.benchmark, printed medians": torch_timer,
    "do_bench: means, 0.5 %": do_bench,
}


@dataclass(frozen=True, kw_only=True)
class Rate:
    """How often something happened, with its exact binomial interval."""

    hits: int
    of: int

    def interval(self) -> tuple[float, float]:
        """95 %, Clopper-Pearson."""
        found = binomtest(self.hits, self.of).proportion_ci(0.95)
        return float(found.low), float(found.high)

    def above(self, limit: float) -> float:
        """The p-value of so many or more if the true rate were ``limit``."""
        return float(binomtest(self.hits, self.of, limit, alternative="greater").pvalue)

    def __str__(self) -> str:
        low, high = self.interval()
        return f"{self.hits} of {self.of} ({self.hits / self.of:.1%} [{low:.1%}, {high:.1%}])"


def rate(way: str, times_ms: Sequence[float], effect: float, *, budget_s: float, replays: int, seed: int) -> Rate:
    """How often a way of comparing claims a difference (effect 0), or finds the slow-down."""
    rng = random.Random(seed)
    words = [WAYS[way](times_ms, effect, budget_s, rng) for _ in range(replays)]
    return Rate(hits=sum(word == "slower" if effect else bool(word) for word in words), of=replays)
