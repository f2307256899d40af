"""Results built by hand: a yolov8n at 320 px, the same with a GAM behind row 9, and their comparison."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from surgeon.profiler.results import (
    Comparison,
    Counts,
    Environment,
    Latency,
    LayerProfile,
    Memory,
    PairedLatency,
    ProfileResult,
)
from surgeon.profiler.settings import ProfileSettings

GOLDEN = Path(__file__).parent / "golden"

# kind, inputs, channels, side, params, ms
YOLOV8N = (
    ("Conv", (-1,), 16, 160, 464, 1.36),
    ("Conv", (0,), 32, 80, 4672, 0.89),
    ("C2f", (1,), 32, 80, 7360, 1.87),
    ("Conv", (2,), 64, 40, 18560, 0.69),
    ("C2f", (3,), 64, 40, 49664, 2.02),
    ("Conv", (4,), 128, 20, 73984, 0.63),
    ("C2f", (5,), 128, 20, 197632, 1.79),
    ("Conv", (6,), 256, 10, 295424, 0.66),
    ("C2f", (7,), 256, 10, 460288, 1.23),
    ("SPPF", (8,), 256, 10, 164608, 0.41),
    ("Upsample", (9,), 256, 20, 0, 0.28),
    ("Concat", (10, 6), 384, 20, 0, 0.08),
    ("C2f", (11,), 128, 20, 148224, 1.30),
    ("Upsample", (12,), 128, 40, 0, 0.51),
    ("Concat", (13, 4), 192, 40, 0, 0.17),
    ("C2f", (14,), 64, 40, 37248, 1.55),
    ("Conv", (15,), 64, 20, 36992, 0.37),
    ("Concat", (16, 12), 192, 20, 0, 0.04),
    ("C2f", (17,), 128, 20, 123648, 1.15),
    ("Conv", (18,), 128, 10, 147712, 0.41),
    ("Concat", (19, 9), 384, 10, 0, 0.004),
    ("C2f", (20,), 256, 10, 493056, 1.14),
    ("Detect", (15, 18, 21), 0, 0, 897664, 10.23),
)
ENVIRONMENT = Environment(
    python="3.11.9",
    platform="Linux x86_64",
    cpu="Example CPU @ 2.10GHz",
    cpus=2,
    gpu=None,
    packages={"torch": "2.15.0", "ultralytics": "8.4.190", "yolo-surgeon": "0.1.0"},
    load_average=0.42,
    cpu_pressure=3.5,
    cpu_quota=2.0,
)


def _layers() -> tuple[LayerProfile, ...]:
    return tuple(
        LayerProfile(
            key=f"row{index}",
            index=index,
            site=f"backbone.{index}" if index < 10 else f"head.{index - 10}",
            kind=kind,
            inputs=inputs,
            out_shape=(1, channels, side, side) if channels else None,
            params=params,
            macs=params * (side * side or 400),
            executed=params * (side * side or 400),
            latency_ms=ms,
            latency_plus_minus_ms=ms * 0.04,
        )
        for index, (kind, inputs, channels, side, params, ms) in enumerate(YOLOV8N)
    )


def _result(name: str, source: str, layers: tuple[LayerProfile, ...], ultralytics: float) -> ProfileResult:
    median = sum(row.latency_ms or 0 for row in layers) + 0.03
    return ProfileResult(
        name=name,
        source=source,
        settings=ProfileSettings(imgsz=(320, 320)),
        environment=ENVIRONMENT,
        params=sum(row.params for row in layers),
        trainable_params=sum(row.params for row in layers) - 16,
        counts=Counts(
            macs=sum(row.macs for row in layers),
            executed=sum(row.executed for row in layers),
            ultralytics_gflops=ultralytics,
        ),
        layers=layers,
        latency=Latency(
            samples_ms=(median,) * 120,
            warmup_runs=5,
            first_ms=median * 1.4,
            median_ms=median,
            q1_ms=median * 0.98,
            q3_ms=median * 1.02,
            p90_ms=median * 1.05,
            p99_ms=median * 1.2,
        ),
        memory=Memory(peak_activation_bytes=14_889_779, method="allocator trace", parameter_bytes=12_628_800),
        task="detect",
        model_layers=225,
        unattributed_ms=0.03,
        command=f"surgeon profile {source} --imgsz 320",
    )


@pytest.fixture
def v8n() -> ProfileResult:
    return _result("yolov8n", "yolov8n.pt", _layers(), 2.214)


@pytest.fixture
def insert_gam(v8n: ProfileResult) -> Callable[[int], tuple[ProfileResult, dict[str, str]]]:
    """Plant a GAM behind a row; also the rename map."""

    def insert(anchor: int) -> tuple[ProfileResult, dict[str, str]]:
        def number(index: int) -> int:
            return index + 1 if index >= anchor else index  # consumers read the block, rows behind it shift

        def moved(row: LayerProfile) -> LayerProfile:
            index = row.index + 1 if row.index > anchor else row.index
            inputs = tuple(number(i) for i in row.inputs)
            return replace(row, key=f"row{index}", index=index, inputs=inputs)

        at = v8n.layers[anchor]
        gam = replace(
            at, key=f"row{anchor + 1}", index=anchor + 1, site=f"backbone.{anchor + 1}", kind="GAM", inputs=(anchor,),
            params=1_639_952, macs=163_995_200, executed=163_995_200, latency_ms=3.1, planted=True,
        )  # fmt: skip
        before = tuple(row for row in v8n.layers if row.index <= anchor)
        after = tuple(moved(row) for row in v8n.layers if row.index > anchor)
        result = _result("yolov8n + GAM", "yolov8n-gam.pt", (*before, gam, *after), 2.543)
        renames = {r.key: f"row{r.index + 1 if r.index > anchor else r.index}" for r in v8n.layers}
        return result, renames

    return insert


@pytest.fixture
def v8n_gam(insert_gam) -> ProfileResult:
    return insert_gam(9)[0]


@pytest.fixture
def slower() -> PairedLatency:
    return PairedLatency(
        pairs=120, ratio=1.1084, ratio_low=1.0851, ratio_high=1.1312, verdict="slower", baseline_ms=28.81,
        candidate_ms=31.93, log_ratios=(0.1,) * 120, stopped_by="precision", elapsed_s=8.2,
    )  # fmt: skip


@pytest.fixture
def inconclusive() -> PairedLatency:
    return PairedLatency(
        pairs=90, ratio=1.004, ratio_low=0.9931, ratio_high=1.0160, verdict="inconclusive", baseline_ms=28.90,
        candidate_ms=29.02, log_ratios=(0.004,) * 90, stopped_by="budget", elapsed_s=10.0,
        reason="31 % of the runs waited for a CPU.",
    )  # fmt: skip


@pytest.fixture
def comparison(v8n, v8n_gam, slower, insert_gam) -> Comparison:
    return Comparison(
        results=(v8n, v8n_gam),
        paired=(slower,),
        renames=(insert_gam(9)[1],),
        notes=("2 of 2 consumers of row 9 rewired (11, 21).",),
    )


@pytest.fixture
def two_candidates(v8n, v8n_gam, slower, inconclusive) -> Comparison:
    lean = replace(
        v8n,
        name="yolov8n + ACmix",
        source="yolov8n-acmix.pt",
        params=v8n.params + 1000,
        counts=replace(
            v8n.counts,
            macs=v8n.counts.macs + 5_000_000,
            executed=v8n.counts.executed + 2_000_000,
            elementwise_macs={"neighbourhood attention": 1_254_400},
            ultralytics_gflops=None,
            uncounted=("torch.linalg.svd (model.9.attn)",),
        ),
        memory=None,
    )
    return Comparison(results=(v8n, v8n_gam, lean), paired=(slower, inconclusive))


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare with a stored report; ``pytest --rewrite-goldens`` rewrites it."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--rewrite-goldens"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8"), f"{name}: run with --rewrite-goldens to accept"

    return check
