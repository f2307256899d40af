"""What a device reaches at most: arithmetic by matrix products, memory by copies and sums of arrays beyond its caches.

In the type, on the device and with the threads of the settings, in at most about two seconds. A peak that is measured
is what PyTorch reaches here and now, not what a data sheet promises.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from surgeon.errors import MeasurementError
from surgeon.profiler.device_peak import UNRELIABLE_SPREAD, DevicePeak
from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.timing.clock import Clock, clock_for

_FEWEST, _MOST = 5, 15
_MS_A_CASE = 150.0
_SLOWEST_MS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How large the trials are.

    Attributes:
        sides: Sides of the square matrices, from small to large.
        array_bytes: Size of the arrays that are copied and added.
    """

    sides: tuple[int, ...]
    array_bytes: int


ON_CPU = Sizes(sides=(512, 1024, 2048), array_bytes=64 * 2**20)
ON_CUDA = Sizes(sides=(2048, 4096, 8192), array_bytes=512 * 2**20)


def peak_of(
    settings: ProfileSettings,
    *,
    gflops: float | None = None,
    bandwidth_gbs: float | None = None,
    clock: Clock | None = None,
    sizes: Sizes | None = None,
) -> DevicePeak:
    """The peaks of the settings' device: those that are given, the others measured.

    Args:
        settings: Device, type and threads.
        gflops: Peak of arithmetic in GFLOP/s, None to measure it.
        bandwidth_gbs: Peak of memory in GB/s, None to measure it.
        clock: Default the device's.
        sizes: Of the trials, default the device's.

    Raises:
        MeasurementError: A given peak is no positive number, or the device cannot run the trials in this type.
    """
    for name, value, unit in (("arithmetic", gflops, "GFLOP/s"), ("memory", bandwidth_gbs, "GB/s")):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise MeasurementError(f"the given peak of {name} is {value:g} {unit}; it must be a positive number")
    timed = clock or clock_for(settings.device)
    large = sizes or (ON_CUDA if torch.device(settings.device).type == "cuda" else ON_CPU)
    try:
        with _threads(settings.threads), _precision_of_convolutions(settings), torch.inference_mode():
            arithmetic = _Found(gflops) if gflops is not None else _arithmetic(settings, timed, large)
            memory = _Found(bandwidth_gbs) if bandwidth_gbs is not None else _memory(settings, timed, large)
        return DevicePeak(
            gflops=arithmetic.rate,
            bandwidth_gbs=memory.rate,
            gflops_source=arithmetic.source,
            bandwidth_source=memory.source,
            gflops_spread=arithmetic.spread,
            bandwidth_spread=memory.spread,
        )
    except RuntimeError as error:
        raise MeasurementError(
            f"the peak of {settings.device} in {settings.dtype} cannot be measured ({error}); give it: "
            "--peak-gflops and --peak-bandwidth"
        ) from error


@dataclass(frozen=True, slots=True)
class _Found:
    rate: float
    source: str = "given"
    spread: float | None = None


def _arithmetic(settings: ProfileSettings, clock: Clock, sizes: Sizes) -> _Found:
    """The best median rate of matrix products in GFLOP/s."""
    best: _Found | None = None
    for side in sizes.sides:
        if best is not None and 2 * side**3 / best.rate / 1e6 > _SLOWEST_MS:
            break
        a, b = (_matrix(side, seed).to(settings.device, getattr(torch, settings.dtype)) for seed in range(2))
        out = torch.empty_like(a)
        call = _product(a, b, out)
        found = _timed(call, clock, 2 * side**3, f"{side}x{side} matrix products")
        best = found if best is None or found.rate > best.rate else best
    assert best is not None, "there is a smallest side"
    return best


def _memory(settings: ProfileSettings, clock: Clock, sizes: Sizes) -> _Found:
    """The better median rate of a copy and of a sum in GB/s; each array is read or written once."""
    dtype = getattr(torch, settings.dtype)
    arrays = [torch.ones(sizes.array_bytes // dtype.itemsize, device=settings.device, dtype=dtype) for _ in range(3)]
    size = arrays[0].numel() * dtype.itemsize
    mib = f"{size / 2**20:.4g} MiB"
    copy = _timed(_copy(arrays[0], arrays[2]), clock, 2 * size, f"copies of {mib}")
    both = _timed(_sum(arrays[0], arrays[1], arrays[2]), clock, 3 * size, f"sums of arrays of {mib}")
    return copy if copy.rate >= both.rate else both


def _timed(call: Callable[[], object], clock: Clock, amount: int, name: str) -> _Found:
    """The rate of a few runs; of a second few, where the first varied much and those vary less."""
    first_ms = _spans(call, clock, 2)[-1]
    found = _rate(_spans(call, clock, _runs(first_ms)), amount, name)
    if found.spread is None or found.spread <= UNRELIABLE_SPREAD:
        return found
    again = _rate(_spans(call, clock, _runs(first_ms)), amount, name)
    return again if again.spread is not None and again.spread < found.spread else found


def _matrix(side: int, seed: int) -> torch.Tensor:
    """Random values, from a generator of their own."""
    return torch.rand(side, side, generator=torch.Generator().manual_seed(seed))


def _product(a: torch.Tensor, b: torch.Tensor, out: torch.Tensor) -> Callable[[], object]:
    return lambda: torch.mm(a, b, out=out)


def _copy(source: torch.Tensor, target: torch.Tensor) -> Callable[[], object]:
    return lambda: target.copy_(source)


def _sum(one: torch.Tensor, other: torch.Tensor, out: torch.Tensor) -> Callable[[], object]:
    return lambda: torch.add(one, other, out=out)


def _runs(first_ms: float) -> int:
    return max(_FEWEST, min(_MOST, int(_MS_A_CASE / max(first_ms, 1e-6))))


def _spans(call: Callable[[], object], clock: Clock, runs: int) -> list[float]:
    """Milliseconds of each of several runs in a row, by the device's own clock."""
    marks = [clock.mark()]
    for _ in range(runs):
        call()
        marks.append(clock.mark())
    return clock.spans_ms(marks)


def _rate(spans_ms: list[float], amount: int, name: str) -> _Found:
    """10⁹ a second, of the median run."""
    median = statistics.median(spans_ms)
    low, _, high = statistics.quantiles(spans_ms, n=4)
    if median <= 0:
        raise RuntimeError(f"the clock saw no time pass in {name}")
    return _Found(amount / median / 1e6, f"median of {len(spans_ms)} {name}", (high - low) / median)


@contextmanager
def _threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _precision_of_convolutions(settings: ProfileSettings) -> Iterator[None]:
    """On CUDA, let float32 products use TF32 where convolutions do: else convolutions would be above the roof."""
    on_cuda = torch.device(settings.device).type == "cuda" and settings.dtype == "float32"
    if not (on_cuda and torch.backends.cudnn.allow_tf32):
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
