"""What a report says of a GPU's runs, on results built by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from surgeon.profiler.gpu_figures import Gap, GpuLatency, GpuPair
from surgeon.profiler.results import Comparison, PairedLatency, ProfileResult
from surgeon.profiler.saved import from_json, to_json
from surgeon.report.comparison_tables import comparison_document
from surgeon.report.formats.markdown import to_markdown
from surgeon.report.gpu import latency_items, memory_items, pair_sentences
from surgeon.report.profile_tables import profile_document

GAP = Gap(ratio=1.1, low=1.098, high=1.103, verdict="slower", baseline=4.0, candidate=4.4)
SAME = Gap(ratio=1.0, low=0.995, high=1.005, verdict="same", baseline=0.5, candidate=0.5)
GPU = GpuLatency(
    span_ms=(4.0,) * 3,
    enqueue_ms=(3.9,) * 3,
    median_span_ms=4.0,
    median_enqueue_ms=3.9,
    sm_clock_mhz=1980.0,
    launch_bound="launch-bound: so it is",
    flags={"cudnn.benchmark": False, "cudnn.allow_tf32": True},
)
PAIR = GpuPair(
    span=GAP,
    enqueue=SAME,
    cycles=replace(GAP, baseline=7.92, candidate=8.71),
    confirmed=True,
    dropped=3,
    dropped_share=0.025,
    dropped_by={"power cap": 3},
)


@pytest.fixture
def on_gpu(v8n: ProfileResult) -> ProfileResult:
    assert v8n.latency is not None
    assert v8n.memory is not None
    notes = (GPU.launch_bound, "3 of 123 pairs (2.4%) dropped as throttled (power cap in 3)")
    mib = 1 << 20
    memory = replace(v8n.memory, allocated_bytes=40 * mib, reserved_bytes=64 * mib, process_bytes=600 * mib)
    latency = replace(v8n.latency, gpu=GPU, notes=notes)
    return replace(v8n, settings=replace(v8n.settings, device="cuda:0"), latency=latency, memory=memory)


def flat(text: str) -> str:
    return " ".join(text.replace("\\", "").split())


def test_a_profile_tells_the_three_times_and_the_memory(on_gpu: ProfileResult) -> None:
    text = flat(to_markdown(profile_document(on_gpu)))
    for part in (
        "4.00 ms median, first to last work on the card, SM clock 1980 MHz",
        "3.90 ms median of the host",
        "cudnn.benchmark off, cudnn.allow_tf32 on",
        "40.00 MiB allocated, 64.00 MiB reserved, process with its CUDA context 600.00 MiB",
        "launch-bound: so it is",
        "cuda:0, timed fused",
    ):
        assert part in text
    assert "CUDA graph" not in text
    cold = replace(on_gpu, settings=replace(on_gpu.settings, cold=True))
    assert "cuda:0, L2 cache emptied before every run, timed fused" in flat(to_markdown(profile_document(cold)))


def test_a_profile_tells_graph_and_energy_where_measured(on_gpu: ProfileResult) -> None:
    assert on_gpu.latency is not None
    faster = Gap(ratio=0.62, low=0.61, high=0.63, verdict="faster", baseline=4.0, candidate=2.48)
    items = dict(latency_items(replace(on_gpu.latency, gpu=replace(GPU, graph=faster, energy_mj=812.4))))
    assert items["CUDA graph"] == "2.48 ms median; -38.0 % [-39.0 %, -37.0 %] faster against the forward"
    assert items["energy"] == "812 mJ a run, idle power included"
    assert latency_items(replace(on_gpu.latency, gpu=None)) == latency_items(None) == memory_items(None) == ()


def test_rows_have_a_column_of_kernel_busy_times_where_they_were_recorded(on_gpu: ProfileResult) -> None:
    assert on_gpu.latency is not None
    assert "busy ms" not in flat(to_markdown(profile_document(on_gpu)))
    rows = tuple(replace(row, kernel_busy_ms=0.0 if row.index == 11 else 0.11) for row in on_gpu.layers)
    gpu = replace(GPU, kernel_busy_ms=2.37, kernel_busy_runs=5)
    recorded = replace(on_gpu, layers=rows, latency=replace(on_gpu.latency, gpu=gpu))
    text = flat(to_markdown(profile_document(recorded)))
    assert "± ms | busy ms | % time" in text
    assert "| 9 | backbone.9 | SPPF | 8 | 256x10x10 | 164,608 | 0.033 | 0.41 | 0.02 | 0.11 |" in text
    assert "**28.81** | **-** | **2.37** |" in text
    assert "Busy ms: time in which the card ran at least one of the kernels, copies and memsets that the row" in text
    assert "median of 5 further runs under PyTorch's profiler, which may lengthen kernels." in text
    assert from_json(to_json(recorded)) == recorded


def test_a_result_of_before_kernel_busy_times_still_loads(on_gpu: ProfileResult) -> None:
    older = json.loads(to_json(on_gpu))
    for row in older["layers"]:
        del row["kernel_busy_ms"]
    for name in ("kernel_busy_ms", "kernel_busy_runs"):
        del older["latency"]["gpu"][name]
    assert from_json(json.dumps(older)) == on_gpu


def test_a_pair_tells_the_other_clocks_and_the_cycles() -> None:
    assert pair_sentences("latency", PAIR) == [
        "latency by event span +10.0 % [+9.8 %, +10.3 %] slower, by the host's enqueue time 0.0 % [-0.50 %, +0.50 %] "
        "same.",
        "latency in cycles: 7.92 to 8.71 million SM cycles, +10.0 % [+9.8 %, +10.3 %] slower, which confirms the gap.",
    ]
    assert pair_sentences("latency", None) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"confirmed": False}, "which does not confirm the gap"),
        ({"confirmed": None}, "[+9.8 %, +10.3 %] slower."),
        ({"cycles": None, "confirmed": None}, "the gap is not confirmed in cycles, since the SM clock was not read"),
        ({"graph": GAP}, "latency of b as CUDA graphs: +10.0 %"),
        ({"energy_ratio": 1.08, "energy_halves": (1.07, 1.09)}, "energy of a run of b +8.0 % (+7.0 % and +9.0 % in"),
        ({"span": replace(GAP, low=0.0, high=math.inf)}, "by event span +10.0 % (too few pairs for an interval)"),
    ],
)
def test_a_pair_tells_what_is_known(change: dict[str, object], says: str) -> None:
    assert says in " ".join(pair_sentences("latency of b", replace(PAIR, **change)))


def test_a_comparison_says_each_thing_once(on_gpu: ProfileResult) -> None:
    paired = PairedLatency(
        pairs=120,
        ratio=1.1,
        ratio_low=1.098,
        ratio_high=1.103,
        verdict="slower",
        baseline_ms=4.0,
        candidate_ms=4.4,
        log_ratios=(0.095,) * 120,
        stopped_by="precision",
        elapsed_s=8.0,
        reason="3 of 123 pairs (2.4%) dropped as throttled (power cap in 3)",
        gpu=PAIR,
    )
    comparison = Comparison(results=(on_gpu, replace(on_gpu, name="b")), paired=(paired,))
    text = flat(to_markdown(comparison_document(comparison)))
    assert text.count("dropped as throttled") == 1
    assert "yolov8n, b: launch-bound: so it is." in text
    assert text.count("Kernel switches: cudnn.benchmark off, cudnn.allow_tf32 on.") == 1
    assert from_json(to_json(comparison)) == comparison
