"""The arithmetic of the roofline, peaks by a clock that only the test moves, and old files without these figures."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import pytest
import torch
from fake_cuda import fake_cuda
from profiler_support import FakeClock, chain_graph
from torch import nn

from surgeon.errors import MeasurementError
from surgeon.profiler.device_peak import DevicePeak
from surgeon.profiler.measure import profile_module
from surgeon.profiler.peaks import Sizes, peak_of
from surgeon.profiler.results import ProfileResult
from surgeon.profiler.roofline import roofline_of, under_roof
from surgeon.profiler.saved import from_json, to_json
from surgeon.profiler.settings import ProfileSettings

PEAK = DevicePeak(gflops=1000.0, bandwidth_gbs=50.0)
SMALL = Sizes(sides=(4, 8), array_bytes=1024)


def profile(dtype: str = "float32", *, fused: bool = True) -> ProfileResult:
    net = nn.Sequential(nn.Conv2d(3, 8, 1, bias=False), nn.BatchNorm2d(8), nn.Flatten())
    net[0].weight.requires_grad_(False)

    def prepare(module: nn.Module) -> nn.Module:
        module[1] = nn.Identity()
        return module

    return profile_module(
        net,
        chain_graph(net),
        ProfileSettings(imgsz=(10, 10), latency=False, dtype=dtype),
        name="net",
        source="made up",
        prepare=prepare if fused else None,
    )


def test_the_ridge_divides_memory_from_compute() -> None:
    assert PEAK.ridge == 20.0
    assert under_roof(10**9, 10**9, PEAK) == (50.0, "memory", pytest.approx(20.0))
    assert under_roof(40 * 10**9, 10**9, PEAK) == (1000.0, "compute", pytest.approx(40.0))
    assert under_roof(20 * 10**9, 10**9, PEAK)[1] == "compute"  # on the ridge both take as long
    assert under_roof(0, 10**6, PEAK) == (0.0, "memory", pytest.approx(0.02))
    assert under_roof(10**6, 0, PEAK) == (1000.0, "compute", pytest.approx(0.001))


def test_the_rows_of_what_is_timed_and_their_sum() -> None:
    found = profile()
    line = roofline_of(replace(found, layers=tuple(replace(row, latency_ms=0.5) for row in found.layers)), PEAK)
    (point,) = line.points  # the folded normalisation and the view do nothing
    assert point.flops == 2 * 100 * 24
    assert point.moved_bytes == 4 * (300 + 24 + 800)
    assert point.intensity == pytest.approx(4800 / 4496)
    assert (point.bound, line.total.bound) == ("memory", "memory")
    assert point.least_ms == pytest.approx(4496 / 50e9 * 1e3)
    assert point.share_of_roof == pytest.approx(point.least_ms / 0.5)
    assert (line.total.flops, line.total.moved_bytes) == (point.flops, point.moved_bytes)
    assert line.total.least_ms == pytest.approx(point.least_ms)
    assert line.fused and line.dtype == "float32"


def test_unfused_rows_and_narrow_types() -> None:
    unfused = roofline_of(profile(fused=False), PEAK)
    assert [point.index for point in unfused.points] == [0, 1]
    assert unfused.points[1].flops == 2 * 800
    assert unfused.points[1].moved_bytes == 4 * (800 + 32 + 800)
    assert roofline_of(profile("bfloat16"), PEAK).points[0].moved_bytes == 2 * (300 + 24 + 800)


def test_a_profile_holds_predicted_memory_and_trainable_parameters() -> None:
    found = profile()
    assert found.activation is not None
    assert (found.activation.peak_bytes, found.activation.peak_row) == (3200, "row0")
    assert found.activation.row_peaks == {"row0": 3200, "row1": 3200, "row2": 3200}
    assert [(row.params, row.trainable_params) for row in found.layers] == [(24, 0), (16, 16), (0, 0)]
    assert found.layers[1].elementwise_flops == 2 * 800  # as trained: not fused
    assert profile("float16").activation.peak_bytes == 1600


def test_a_peak_is_saved_and_older_files_still_load() -> None:
    found = replace(profile(), peak=PEAK)
    assert from_json(to_json(found)) == found
    old = json.loads(to_json(found))
    for name in ("activation", "peak"):
        del old[name]
    for row in old["layers"]:
        for name in (
            *("elementwise_flops", "read_bytes", "written_bytes"),
            *("deployed_flops", "deployed_bytes", "trainable_params"),
        ):
            del row[name]
    loaded = from_json(json.dumps(old))
    assert isinstance(loaded, ProfileResult)
    assert loaded.activation is None and loaded.peak is None
    assert roofline_of(loaded, PEAK).points == ()


class Metronome(FakeClock):
    """Every mark is some milliseconds after the one before, in turn."""

    def __init__(self, *steps_ms: float) -> None:
        super().__init__()
        self._steps = itertools.cycle(steps_ms)

    def mark(self) -> float:
        self.ms += next(self._steps)
        return self.ms


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_peaks_are_the_median_rates(device: str) -> None:
    settings = ProfileSettings(device=device)
    if device == "cuda":
        with fake_cuda():
            found = peak_of(settings, clock=Metronome(2.0), sizes=SMALL)
    else:
        found = peak_of(settings, clock=Metronome(2.0), sizes=SMALL)
    assert found.gflops == pytest.approx(2 * 8**3 / 2e6)  # the larger product takes no longer
    assert found.bandwidth_gbs == pytest.approx(3 * 1024 / 2e6)  # the sum moves three arrays
    assert (found.gflops_spread, found.bandwidth_spread) == (0.0, 0.0)
    assert found.gflops_source == "median of 15 8x8 matrix products"
    assert "sums of arrays" in found.bandwidth_source


def test_an_uneven_machine_shows_as_spread() -> None:
    found = peak_of(ProfileSettings(), clock=Metronome(1.0, 1.0, 3.0), sizes=SMALL)
    assert found.gflops_spread is not None and found.gflops_spread > 0.5


def test_what_varied_much_is_measured_once_more() -> None:
    once = itertools.chain([1.0] * 3, itertools.islice(itertools.cycle([1.0, 3.0]), 16), itertools.repeat(2.0))
    clock = Metronome()
    clock._steps = once
    found = peak_of(ProfileSettings(), bandwidth_gbs=1.0, clock=clock, sizes=replace(SMALL, sides=SMALL.sides[:1]))
    assert found.gflops_spread == 0.0


def test_given_peaks_are_taken_and_leave_the_rest_as_it_is() -> None:
    before = torch.get_num_threads(), torch.get_float32_matmul_precision(), torch.get_rng_state().tolist()
    assert peak_of(ProfileSettings(threads=2), gflops=1000.0, bandwidth_gbs=50.0) == PEAK
    half = peak_of(ProfileSettings(threads=2), gflops=7.0, clock=Metronome(1.0), sizes=SMALL)
    assert (half.gflops, half.gflops_source, half.gflops_spread) == (7.0, "given", None)
    assert half.bandwidth_spread == 0.0
    peak_of(ProfileSettings(), clock=Metronome(1.0), sizes=SMALL)
    assert before == (torch.get_num_threads(), torch.get_float32_matmul_precision(), torch.get_rng_state().tolist())


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan"), float("inf")])
def test_peaks_that_cannot_be(wrong: float) -> None:
    with pytest.raises(MeasurementError, match=r"the given peak of memory is .* GB/s; it must be a positive number"):
        peak_of(ProfileSettings(), gflops=1.0, bandwidth_gbs=wrong)


def test_a_clock_that_stands_still_measures_nothing() -> None:
    with pytest.raises(MeasurementError, match=r"saw no time pass.*--peak-gflops"):
        peak_of(ProfileSettings(), clock=Metronome(0.0), sizes=SMALL)
