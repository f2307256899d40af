"""``surgeon check``: latency by its interval, and what an interrupt leaves."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from check_support import SMALL, cases, valid

import surgeon.workflows.gating as gating
from surgeon.profiler.paired_figures import PairedLatency
from surgeon.profiler.results import Comparison

LATENCY = (*SMALL, "--baseline", "yolov8n.yaml", "--max-latency-ratio", "1.05", "--junit", "check.xml", "--force")


def timed(monkeypatch: pytest.MonkeyPatch, low: float, high: float, stopped_by: str = "budget") -> None:
    """A comparison whose interval is known, in place of one that takes time."""

    def compare(models, settings, **_: object):
        assert settings.latency
        results = tuple(gating.profile(model, gating.replace(settings, latency=False)) for model in models)
        paired = PairedLatency(
            pairs=100,
            ratio=1.02 if high == math.inf else (low * high) ** 0.5,
            ratio_low=low,
            ratio_high=high,
            verdict="slower" if low > 1.005 else "inconclusive",
            baseline_ms=10.0,
            candidate_ms=10.1,
            log_ratios=(0.0,) * 100,
            stopped_by=stopped_by,
            elapsed_s=1.0,
            reason="between" if low < 1 < high else "",
        )
        return Comparison(results=results, paired=(paired,))

    monkeypatch.setattr(gating, "compare", compare)


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize(("interval", "word", "choice", "code", "mark"), [
    ((0.98, 1.04), "passed", "fail", 0, "passed"),
    ((1.06, 1.09), "FAILED", "pass", 1, "failure"),
    ((0.90, 1.20), "inconclusive", "pass", 0, "skipped"),
    ((0.90, 1.20), "inconclusive", "warn", 0, "skipped"),
    ((0.90, 1.20), "inconclusive", "fail", 1, "failure"),
])  # fmt: skip
def test_latency_is_judged_by_its_interval(
    run: Callable, folder: Path, monkeypatch: pytest.MonkeyPatch, interval: tuple[float, float], word: str,
    choice: str, code: int, mark: str,
) -> None:  # fmt: skip
    timed(monkeypatch, *interval)
    done = run("check", *LATENCY, "--on-inconclusive", choice, "--json", "check.json")
    assert done.code == code
    assert valid((folder / "check.json").read_text())["passed"] == (code == 0)
    assert word in done.out
    assert cases(folder / "check.xml") == {"yolov8n.yaml: latency / baseline": mark}
    assert ("nothing is known to be wrong" in " ".join(done.out.split())) == (word == "inconclusive")
    assert ("inconclusive: yolov8n.yaml" in done.err) == (word == "inconclusive" and choice == "warn")


@pytest.mark.usefixtures("counted")
def test_an_interrupt_keeps_what_was_judged(run: Callable, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = gating.profile, []

    def profile(model, settings):
        calls.append(model.name)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(model, settings)

    monkeypatch.setattr(gating, "profile", profile)
    models = ("yolov8n.yaml", "yolov8s.yaml", "yolov6n.yaml")
    done = run("check", *models, "imgsz=64", "--max-params", "4M", "--junit", "check.xml", "--json", "check.json")
    assert done.code == 130
    assert "interrupted; what was judged stands: 1 passed; interrupted, 2 models not judged" in done.err
    assert list(cases(folder / "check.xml").values()) == ["passed", "skipped", "skipped"]
    data = valid((folder / "check.json").read_text())
    assert data["interrupted"] and not data["passed"]
    assert [one["model"] for one in data["not_judged"]] == ["yolov8s.yaml", "yolov6n.yaml"]


@pytest.mark.usefixtures("counted")
def test_an_interrupted_timing_is_judged_by_what_there_is(
    run: Callable, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed(monkeypatch, 0.9, math.inf, stopped_by="interrupt")
    done = run("check", *LATENCY, "--json", "check.json")
    assert done.code == 130
    assert valid((folder / "check.json").read_text())["judged"][0]["verdicts"][0]["high"] == "inf"
    assert "timing was interrupted" in done.out
    assert "1.020x, no interval from 100 pairs" in (folder / "check.xml").read_text()
    assert "limits of the command line, at 64x64 px" in done.out


@pytest.mark.slow  # the same in this process is tested above
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to send")
def test_ctrl_c_in_the_middle_of_a_timing(folder: Path) -> None:
    words = ["check", "yolov8n.yaml", "imgsz=64", "--baseline", "yolov8n.yaml", "--max-latency-ratio", "1.05"]
    command = [sys.executable, "-m", "surgeon.cli.main", *words, "--time-budget", "300", "--junit", "check.xml"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert any("in random order" in line for line in process.stderr)  # reads until the timing has begun
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "interrupted; what was judged stands" in err
    assert (folder / "check.xml").exists()
    assert "latency / baseline" in out or "not judged: interrupted" in out
    assert list(cases(folder / "check.xml").values()) == ["skipped"]
