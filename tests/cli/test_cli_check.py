"""``surgeon check``: exit codes, and every form in which the verdicts arrive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree as Xml

import pytest
from check_support import SMALL, cases, valid

import surgeon
import surgeon.workflows.gating as gating
from surgeon.errors import BudgetError
from surgeon.profiler.saved import to_json
from surgeon.profiler.settings import ProfileSettings

BUDGETS = """
[[budget]]
name = "nano"
glob = "*n.yaml"
imgsz = 64
max-params = "3M"

[[budget]]
name = "every"
glob = "*.yaml"
imgsz = 64
max-flops = "20G"
"""


@pytest.mark.usefixtures("loaded")
def test_a_kept_budget(run: Callable, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = folder / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    words = ("--max-flops", "1G", "--max-params", "3157200", "--max-memory", "40MiB", "--max-macs", "0.5G")
    done = run("check", *SMALL, *words, "--junit", "check.xml", "--json", "check.json")
    assert done.code == 0
    assert "check: 4 passed" in done.out
    assert "64x64 px" in done.out and "not timed" in done.out
    assert "added the report to the step summary" in done.err
    assert set(cases(folder / "check.xml").values()) == {"passed"}
    assert "| yolov8n.yaml | params |" in summary.read_text()
    data = valid((folder / "check.json").read_text())
    assert (data["kind"], data["schema_version"], data["passed"], data["interrupted"]) == ("check", 1, True, False)
    verdicts = {v["limit"]: v for v in data["judged"][0]["verdicts"]}
    assert verdicts["max-params"]["value"] == verdicts["max-params"]["at_most"] == 3157200
    assert verdicts["max-flops"]["value"] == 2 * verdicts["max-macs"]["value"]
    assert data["command"].startswith("surgeon check yolov8n.yaml imgsz=64 --max-flops 1G")


@pytest.mark.usefixtures("counted")
def test_over_budget_by_one_parameter(run: Callable, folder: Path) -> None:
    done = run("check", *SMALL, "--max-params", "3157199", "--max-flops", "1G", "--json", "-", "--junit", "check.xml")
    assert done.code == 1
    data = valid(done.out)
    assert not data["passed"]
    assert [v["outcome"] for v in data["judged"][0]["verdicts"]] == ["passed", "failed"]
    assert cases(folder / "check.xml") == {
        "yolov8n.yaml: FLOPs (exact, 2 x MACs)": "passed",
        "yolov8n.yaml: params": "failure",
    }
    message = next(Xml.parse(folder / "check.xml").iter("failure")).get("message")
    assert message == "params: 3.157200 M, at most 3.157199 M: FAILED"
    table = run("check", *SMALL, "--max-params", "3157199").out
    assert "3.157199 M" in table and "3.157200 M" in table  # rounding hides nothing


@pytest.mark.usefixtures("counted")
def test_baselines_for_exact_figures(run: Callable, folder: Path) -> None:
    """A model and its saved result are the same baseline; conventions are those of the budget."""
    saved = gating.profile(SimpleNamespace(name="yolov8n"), ProfileSettings(imgsz=(64, 64), latency=False))
    (folder / "before.json").write_text(to_json(saved))
    found = []
    for baseline in ("yolov8n.yaml", "before.json"):
        words = ("--baseline", baseline, "--max-flops-ratio", "+5%", "--max-params-ratio", "4x", "--json", "-")
        done = run("check", "yolov8s.yaml", "imgsz=64", *words)
        assert done.code == 1
        found.append([(v["outcome"], v["value"], v["baseline"]) for v in valid(done.out)["judged"][0]["verdicts"]])
    assert found[0] == found[1]
    assert [outcome for outcome, *_ in found[0]] == ["failed", "passed"]
    words = ("--baseline", "before.json", "--max-params-ratio", "3", "--junit", "check.xml")
    assert run("check", "yolov8s.yaml", "imgsz=64", *words).code == 1
    message = next(Xml.parse(folder / "check.xml").iter("failure")).get("message")
    assert message == "params / baseline: 3.537x (11.17 M against 3.157 M), at most 3.000x: FAILED"
    other = run("check", "yolov8s.yaml", "imgsz=96", "--baseline", "before.json", "--max-flops-ratio", "2")
    assert other.code == 2
    assert "before.json was measured with another imgsz than the budget states" in other.one_line
    timed = run("check", "yolov8s.yaml", "--baseline", "before.json", "--max-latency-ratio", "2")
    assert timed.code == 2
    assert "before.json is a saved result, good for exact figures only" in timed.one_line


@pytest.mark.usefixtures("loaded")
def test_conventions(run: Callable, folder: Path) -> None:
    names = ("flops", "ultralytics", "thop-full", "legacy")
    tables = (f'[[budget]]\nimgsz = 64\nmax-flops = "1G"\nconvention = "{name}"\n' for name in names)
    (folder / "surgeon.toml").write_text("".join(tables))
    done = run("check", "yolov8n.yaml", "--json", "-")
    found = {one["budget"]["convention"]: one["verdicts"][0]["value"] for one in valid(done.out)["judged"]}
    assert tuple(found) == names
    assert found["flops"] < found["ultralytics"] == pytest.approx(found["thop-full"])  # these count BatchNorm too
    assert found["legacy"] == pytest.approx(found["ultralytics"], rel=1e-3)


@pytest.mark.usefixtures("counted")
def test_a_file_of_budgets(run: Callable, folder: Path) -> None:
    (folder / "surgeon.toml").write_text(BUDGETS)
    done = run("check", "yolov8n.yaml", "yolov8s.yaml", "--json", "-")
    data = valid(done.out)
    assert done.code == 1
    assert [(one["model"], one["budget"]["name"], one["passed"]) for one in data["judged"]] == [
        ("yolov8n.yaml", "nano", False),
        ("yolov8n.yaml", "every", True),
        ("yolov8s.yaml", "every", True),
    ]
    assert run("check", "yolov8n.yaml", "--budget", "surgeon.toml", "--max-params", "4M").code == 0  # an option first
    assert run("check", "yolov8s.yaml").code == 0
    nothing = run("check")
    assert nothing.code == 2
    assert "surgeon.toml, budget 1, glob: '*n.yaml' matches no file in" in nothing.one_line


@pytest.mark.usefixtures("counted")
def test_names_that_no_xml_may_hold(run: Callable, folder: Path) -> None:
    done = run("check", "a\x07<&>\"'n.yaml", "imgsz=64", "--max-params", "4M", "--junit", "check.xml")
    assert done.code == 0
    assert list(cases(folder / "check.xml").values()) == ["passed"]


@pytest.mark.usefixtures("counted")
def test_the_same_from_python(run: Callable, capsys: pytest.CaptureFixture[str]) -> None:
    told = valid(run("check", *SMALL, "--max-params", "3157199", "--max-flops", "1G", "--json", "-").out)
    found = surgeon.check("yolov8n.yaml", imgsz=64, max_params=3_157_199, max_flops="1G")
    assert capsys.readouterr() == ("", "")
    assert [(v.outcome.value, v.found.value) for v in found.verdicts] == [
        (v["outcome"], v["value"]) for v in told["judged"][0]["verdicts"]
    ]
    assert not found.passed and str(found).startswith("check: 1 passed, 1 FAILED\nlimits of the call, at 64x64 px")
    with pytest.raises(FrozenInstanceError):
        found.judged = ()
    with pytest.raises(BudgetError, match=r"^max_flop: there is no such key in a budget; did you mean max-flops"):
        surgeon.check("yolov8n.yaml", max_flop="9.2G")


@pytest.mark.usefixtures("counted")
def test_live_networks_from_python(run: Callable) -> None:
    """Each is checked as it is, whatever others of its name there are; what is open is not opened again."""
    small, large = (surgeon.Model(SimpleNamespace(name=name)) for name in ("yolov8n", "yolov8s"))
    other = surgeon.Model(SimpleNamespace(name="yolov8s"))
    found = surgeon.check(large, other, small, baseline=small, imgsz=(64, 96), max_params_ratio="3x")
    assert [(one.model, one.verdicts[0].outcome) for one in found.judged] == [
        ("yolov8s", "failed"),
        ("yolov8s (2)", "failed"),
        ("yolov8n", "passed"),
    ]
    assert found.judged[0].budget.imgsz == (64, 96)


def test_the_real_thing(shell: Callable, folder: Path) -> None:
    """As a CI runs it: the process's exit code, stdout for the report, stderr for talk, and a latency that is timed."""
    words = (
        "--baseline",
        "yolov8n.yaml",
        "--max-latency-ratio",
        "100",
        "--max-params-ratio",
        "1",
        "--time-budget",
        "1s",
    )
    done = shell("check", "yolov8n.yaml", "imgsz=64", *words, "--junit", "check.xml")
    assert done.code == 0, done.err
    assert "checking yolov8n.yaml at 64x64" in done.err
    found = cases(folder / "check.xml")
    assert found["yolov8n.yaml: params / baseline"] == "passed"
    assert found["yolov8n.yaml: latency / baseline"] in ("passed", "skipped")  # by what a busy machine lets it time
    assert "FAILED" not in done.out
