"""The machine on paper: all of it for ``surgeon env``, a few lines under a result, a sentence under a comparison."""

from __future__ import annotations

from dataclasses import replace

from surgeon.profiler.fingerprint.data import CpuFacts, GpuFacts, GpuState, MachineState, SoftwareFacts
from surgeon.profiler.fingerprint.notes import noted
from surgeon.report.comparison_tables import comparison_document
from surgeon.report.environment import environment_document, environment_items
from surgeon.report.formats.console import to_text
from surgeon.report.profile_tables import profile_document
from surgeon.report.sweep import sweep_document

BEFORE = MachineState(
    utc="2026-01-31T12:00:00Z", clock_s=100.0, load_average=0.5, pressure_percent=3.2, stalled_us=0, run_delay_ns=0,
    busy_s=0.0, steal_s=1.0, all_s=400.0, own_s=0.0, quota_periods=40, throttled_periods=3, governors=("powersave",),
    mhz=2100.0, on_battery=True,
)  # fmt: skip
AFTER = replace(
    BEFORE, clock_s=110.0, load_average=1.5, pressure_percent=46.0, run_delay_ns=1_200_000_000, busy_s=14.0, own_s=10.0,
    steal_s=1.2, all_s=420.0, throttled_periods=15,
)  # fmt: skip


def whole(v8n, **changes):
    facts = CpuFacts(
        flags=("avx2", "fma"), hypervisor=True, online=4, cores=2, smt=True, affinity=(0, 2), driver="acpi-cpufreq",
        min_mhz=800.0, max_mhz=4200.0, turbo=False, address_randomisation=2,
    )  # fmt: skip
    software = SoftwareFacts(
        capability="AVX2", blas="mkl", mkl="2024.2", onednn="3.13.3", onednn_enabled=True, threads=2,
        variables={"OMP_NUM_THREADS": "2"}, tf32_cudnn=True, tf32_matmul=False,
    )  # fmt: skip
    return replace(v8n.environment, cgroup="v2", cpu_facts=facts, software=software, before=BEFORE, **changes)


def test_everything_is_shown_in_80_columns(v8n):
    text = to_text(environment_document(whole(v8n), (("autoload", "off"),), ("it is hot.",)), width=80)
    assert max(map(len, text.splitlines())) <= 80
    for line in (
        "kernels for     AVX2",
        "BLAS            mkl 2024.2",
        "variables       OMP_NUM_THREADS=2",
        "TF32            matrix products off, convolutions on",
        "cuDNN           benchmark not exposed, deterministic not exposed",
        "usable           2 of 4 logical CPUs: 0, 2",
        "cores            2, two threads a core",
        "clock            acpi-cpufreq, 800 to 4200 MHz, turbo off",
        "CPU quota  2 CPU",
        "throttled  3 of 40 periods since the start",
        "device  none that PyTorch sees",
        "governor           powersave",
        "steal              0.25 % of the CPU time since the start",
        "power              battery",
        "it is hot.",
    ):
        assert line in text, line


def test_what_is_hidden_is_said_to_be(v8n):
    bare = replace(v8n.environment, cpu_quota=None, before=MachineState(utc="now", clock_s=0.0), cpu_facts=CpuFacts())
    text = to_text(environment_document(bare), width=80)
    section = text[text.index("\nstate\n") :]
    assert section.count("not exposed") == 9
    assert "cgroup  not exposed" in text
    assert "hazards" not in text


def test_a_gpu(v8n):
    facts = GpuFacts(uuid="GPU-1", driver="570.1", mig=False, power_limit_w=300.0, default_power_limit_w=700.0)
    state = replace(BEFORE, gpu=GpuState(sm_mhz=1410, slowed_by=("the power cap",)))
    text = to_text(environment_document(replace(whole(v8n), gpu="H100", gpu_facts=facts, before=state)), width=80)
    assert "power limit    300 W (700 W as shipped)" in text
    assert "clocks         1410 MHz, memory not exposed" in text
    assert "held down by   the power cap" in text
    text = to_text(environment_document(replace(whole(v8n), gpu="H100")), width=80)
    assert "not exposed: NVML answers through the package nvidia-ml-py" in text


def test_a_profile_shows_before_after_and_what_happened(v8n):
    items = dict(environment_items(whole(v8n, after=AFTER)))
    assert items["state before"] == "load 0.50, CPU pressure 3.2 %, governor powersave, 2100 MHz, on battery"
    assert items["state after"] == "load 1.50, CPU pressure 46.0 %, governor powersave, 2100 MHz, on battery"
    assert items["meanwhile"] == (
        "other processes used 0.4 CPUs, waited for a CPU 12 % of the time, steal 1.0 %, throttled in 12 periods"
    )


def test_a_profile_names_its_source(v8n):
    text = to_text(profile_document(replace(v8n, source_sha256="ab" * 32, yaml_sha256="cd" * 32)), width=120)
    assert f"source        yolov8n.pt: file sha256 {'ab' * 8}, yaml sha256 {'cd' * 8}" in text


def test_a_comparison_says_where_and_how(comparison, v8n):
    first, *others = comparison.results
    first = replace(first, environment=whole(v8n, after=AFTER))
    text = to_text(
        comparison_document(replace(comparison, results=(first, *others), command="surgeon compare a.pt b.pt")),
        width=200,
    )
    assert (
        "Measured on Example CPU @ 2.10GHz (2 CPUs) with torch 2.15.0; load 0.50 before, 1.50 after; CPU pressure"
        in text
    )
    assert text.rstrip().endswith("Reproduce: surgeon compare a.pt b.pt")


def test_a_sweep_says_once_what_disturbed_all_of_it(v8n):
    def noted_result(before, after):
        timed = replace(v8n, environment=whole(v8n, after=after), latency=replace(v8n.latency, notes=("noisy",)))
        return noted(replace(timed, environment=replace(timed.environment, before=before)))

    last = replace(AFTER, clock_s=120.0, busy_s=28.0, own_s=20.0, all_s=440.0, throttled_periods=27, quota_periods=80)
    results = (noted_result(BEFORE, AFTER), noted_result(AFTER, last))
    said = [[note for note in one.latency.notes if "throttled" in note] for one in results]
    assert len(said[0]) == len(said[1]) == 1 and said[0] != said[1]
    text = " ".join(to_text(sweep_document(results), width=200).split())
    assert text.count("CPU throttled") == 1
    assert "the cgroup's quota of 2 CPU throttled 24 of 40 periods" in text
    assert text.count("the governor is powersave and the machine runs on battery") == 1
    assert text.count("noisy") == 1


def test_a_sweep_without_times_has_no_hazards(v8n):
    bare = replace(v8n, environment=whole(v8n, after=AFTER), latency=None)
    assert "battery" not in to_text(sweep_document((bare, bare)), width=200)


def test_a_note_of_one_size_names_it_and_the_command_comes_last(v8n):
    def at(side, *notes):
        settings = replace(v8n.settings, imgsz=(side, side))
        latency = replace(v8n.latency, notes=("of both", *notes))
        return replace(v8n, settings=settings, latency=latency, command="surgeon profile x --imgsz 32,64")

    (notes,) = sweep_document((at(32), at(64, "noisy: 12 %"))).parts[1:]
    own = [note for note in notes.sentences if "of both" in note or "noisy" in note]
    assert own == ["of both", "64x64: noisy: 12 %"]
    assert notes.sentences[-1] == "Reproduce: surgeon profile x --imgsz 32,64"
