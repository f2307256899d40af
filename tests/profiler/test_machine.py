"""Environment, pressure and memory: what the machine tells, and what happens where it tells nothing."""

from __future__ import annotations

import math
import platform
from pathlib import Path

import pytest
import torch
from torch import nn

from surgeon.errors import MeasurementError
from surgeon.profiler import memory
from surgeon.profiler.device import require_measurable
from surgeon.profiler.environment import read_environment
from surgeon.profiler.memory import measure_memory, peak_of, peak_without_scratch
from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.timing.clock import CpuClock, clock_for
from surgeon.profiler.timing.pressure import PressureGauge, cpu_pressure_percent
from surgeon.profiler.timing.runner import Runner


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_environment_of_this_machine() -> None:
    found = read_environment("cpu")
    assert found.python == platform.python_version()
    assert found.packages["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert found.cpus >= 1
    assert found.cpu
    assert found.gpu is None


def test_pressure_is_read_as_shares(tmp_path: Path) -> None:
    write(tmp_path / "pressure/cpu", "some avg10=46.20 avg60=1.00 avg300=0.00 total=100\nfull avg10=0.0 total=0\n")
    write(tmp_path / "thread-self/schedstat", "5 100 3")
    assert cpu_pressure_percent(tmp_path) == 46.2
    gauge = PressureGauge(tmp_path)
    write(tmp_path / "thread-self/schedstat", "5 999999999999 3")
    seen = gauge.read()
    assert seen.waited == 1.0
    assert seen.stalled == 0.0
    assert seen.sentences() == ("waited for a CPU 100% of the time", "CPU pressure (PSI) 0%")


def test_without_a_kernel_that_tells_there_is_no_pressure(tmp_path: Path) -> None:
    assert cpu_pressure_percent(tmp_path) is None
    assert PressureGauge(tmp_path).read().sentences() == ()


def test_activation_peak_is_exact() -> None:
    """Two maps of 16 KiB: the rectifier's input is alive while its output is made; the last input is freed first."""
    net = nn.Sequential(nn.ReLU(), nn.Sigmoid(), nn.ReLU()).eval()
    found = measure_memory(Runner(net, torch.zeros(1, 4, 32, 32), CpuClock()), "cpu")
    assert found.peak_activation_bytes == 2 * 4 * 32 * 32 * 4
    assert found.parameter_bytes == 0
    assert "allocator" in found.method


def test_scratch_buffers_of_a_convolution_are_told_apart() -> None:
    """On maps of 4 pixels a backend arranges more for itself than the network holds, which is two maps."""
    net = nn.Sequential(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.Conv2d(256, 256, 3, padding=1)).eval()
    found = measure_memory(Runner(net, torch.zeros(1, 256, 2, 2), CpuClock()), "cpu")
    assert found.without_scratch_bytes == 2 * 256 * 4 * 4
    assert (found.peak_activation_bytes or 0) > found.without_scratch_bytes


def test_scratch_is_what_is_given_back_inside_a_product() -> None:
    inside = [(8, True), (100, True), (-100, True), (0, False)]
    assert peak_without_scratch([(4, False), *inside, (6, False), (-8, False)]) == 18
    assert peak_of(size for size, _ in [(4, False), *inside]) == 112


def test_parameters_and_buffers_are_counted_in_their_type() -> None:
    net = nn.BatchNorm2d(4).eval().half()
    found = measure_memory(Runner(net, torch.zeros(1, 4, 8, 8).half(), CpuClock()), "cpu")
    assert found.parameter_bytes == 4 * 4 * 2 + 8


def test_unmeasured_memory_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(runner: Runner) -> list[tuple[int, bool]]:
        raise AttributeError("no such recorder")

    monkeypatch.setattr(memory, "_allocation_records", absent)
    found = measure_memory(Runner(nn.ReLU(), torch.zeros(1), CpuClock()), "cpu")
    assert found.peak_activation_bytes is None
    assert "no such recorder" in found.method


def test_peak_is_the_highest_sum() -> None:
    assert peak_of([10, 5, -10, 4, -9]) == 15
    assert peak_of([]) == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (ProfileSettings(device="mps"), "use cpu, cuda"),
        (ProfileSettings(device="toaster"), "is unknown"),
        (ProfileSettings(dtype="int8"), "known are float32"),
        (ProfileSettings(batch=0), "^batch is 0; it must be a whole number of 1 or more$"),
        (ProfileSettings(threads=0), "^threads is 0;"),
        (ProfileSettings(imgsz=(0, 64)), "^the image height is 0;"),
        (ProfileSettings(time_budget_s=-1), "^time_budget_s is -1; it must be a positive number of seconds"),
        (ProfileSettings(time_budget_s=0), "^time_budget_s is 0;"),
        (ProfileSettings(time_budget_s=math.nan), "^time_budget_s is nan;"),
        (ProfileSettings(precision=0.0), "^precision is 0.0; it must be a fraction between 0 and 1"),
        (ProfileSettings(precision=1.0), "^precision is 1.0;"),
    ],
)
def test_impossible_settings_are_refused(settings: ProfileSettings, message: str) -> None:
    with pytest.raises(MeasurementError, match=message):
        require_measurable(settings)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_cuda_without_a_gpu_is_refused() -> None:
    with pytest.raises(MeasurementError, match=r"(no CUDA GPU here( \(.+\))?|built without CUDA); use cpu$"):
        require_measurable(ProfileSettings(device="cuda:0"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_cuda_is_timed_and_measured() -> None:
    net = nn.Conv2d(3, 8, 3).cuda().eval()
    clock = clock_for("cuda")
    runner = Runner(net, torch.zeros(1, 3, 64, 64, device="cuda"), clock)
    assert runner.run_ms() > 0
    first, second = clock.mark(), clock.mark()
    assert clock.spans_ms([first, second])[0] >= 0
    assert (measure_memory(runner, "cuda").peak_activation_bytes or 0) > 0
