"""``surgeon check``: exit codes, and every form in which the verdicts arrive."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree as Xml

import pytest
from jsonschema import Draft202012Validator

import surgeon.workflows.gating as gating
from surgeon.errors import ModelFileError
from surgeon.profiler.paired_figures import PairedLatency
from surgeon.profiler.results import Comparison, Counts, Environment, ProfileResult
from surgeon.profiler.saved import to_json
from surgeon.profiler.settings import ProfileSettings

SMALL = ("yolov8n.yaml", "imgsz=64")
SCHEMA = json.loads((resources.files("surgeon.report") / "check.schema.json").read_text("utf-8"))
PARAMS = {"n": 3_157_200, "s": 11_166_560}


def valid(text: str) -> dict:
    """The data of a check, after the published schema has passed it."""
    data = json.loads(text)
    Draft202012Validator(SCHEMA).validate(data)
    return data


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models whose figures are known, in place of ones that take a second to build and count."""
    environment = Environment(python="", platform="", cpu="", cpus=1, gpu=None, packages={})

    def profile(model: SimpleNamespace, settings: ProfileSettings) -> ProfileResult:
        params = PARAMS[model.name[-1]]
        macs = params * settings.imgsz[0] * settings.imgsz[1] // 64
        return ProfileResult(
            name=model.name,
            source=model.name,
            settings=settings,
            environment=environment,
            params=params,
            trainable_params=params,
            counts=Counts(macs=macs, executed=macs),
            layers=(),
        )

    def open_model(name: str, **_: object) -> SimpleNamespace:
        if name.endswith(".pt"):
            raise ModelFileError(f"{name} is no model")
        return SimpleNamespace(name=Path(name).stem)

    monkeypatch.setattr(gating, "profile", profile)
    monkeypatch.setattr(gating, "open_model", open_model)
    monkeypatch.setattr(gating, "tree", lambda *_: None)


def cases(path: Path) -> dict[str, str]:
    """Name of every case with what it is: passed, failure or skipped; the totals are checked on the way."""
    root = Xml.fromstring(path.read_bytes())
    found = {}
    for suite in root.iter("testsuite"):
        marks = []
        for case in suite.iter("testcase"):
            assert case.get("classname")
            tags = [tag for tag in ("failure", "skipped", "error") if case.find(tag) is not None]
            assert all(case.find(tag).get("message") for tag in tags)
            marks.append("".join(tags) or "passed")
            found[f"{suite.get('name').split(' (')[0]}: {case.get('name')}"] = marks[-1]
        counts = (suite.get("tests"), suite.get("failures"), suite.get("skipped"), suite.get("errors"))
        assert counts == (
            str(len(marks)),
            str(marks.count("failure")),
            str(marks.count("skipped")),
            str(marks.count("error")),
        )
    for name in ("tests", "failures", "errors"):
        assert root.get(name) == str(sum(int(suite.get(name)) for suite in root))
    return found


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


@pytest.mark.parametrize(("words", "said"), [
    (("yolov8n.yaml",), "there is no budget: give a limit such as --max-flops 9.2G"),
    (("yolov8n.yaml", "--max-flops", "9.2GiB"), "--max-flops: '9.2GiB' is no number of FLOPs"),
    (("yolov8n.yaml", "--max-flops", "9.2"), "--max-flops: '9.2' is 9.2 FLOPs|its unit is missing"),
    (("yolov8n.yaml", "--max-latency-ratio", "1.05"), "--max-latency-ratio: a ratio needs a baseline"),
    (("yolov8n.yaml", "--max-flops", "9G", "imgsz=huge"), "--imgsz: 'huge' is no image size"),
    (("--max-flops", "9G"), "the command line is for every model: name the models"),
    (("nope.pt", "--max-flops", "9G"), "nope.pt does not exist"),
    (("yolov8n.yaml", "--max-flops-ratio", "2", "--baseline", "nope.pt"), "baseline: nope.pt does not exist"),
    (("yolov8n.yaml", "--max-flops-ratio", "2", "--baseline", "nope.json"), "there is no baseline nope.json"),
    (("yolov8n.yaml", "--max-flops", "9G", "--device", "cuda:77"), "device 'cuda:77' was asked for, but"),
    (("yolov8n.yaml", "--max-flops", "9G", "--junit", "-"), "--junit - : the report needs a file"),
    (("yolov8n.yaml", "--max-flops", "9G", "--junit", "no/x.xml"), "there is no folder no"),
    (("yolov8n.yaml", "--budget", "nope.toml"), "there is no file nope.toml"),
])  # fmt: skip
def test_refusals_are_one_sentence(run: Callable, folder: Path, words: tuple[str, ...], said: str) -> None:
    done = run("check", *words)
    assert done.code == 2
    assert any(part in done.one_line for part in said.split("|"))
    assert done.out == ""
    assert list(folder.iterdir()) == []


@pytest.mark.usefixtures("counted")
def test_a_refused_model_leaves_nothing_measured(run: Callable, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gating, "profile", lambda *_: pytest.fail("measured before everything was opened"))
    (folder / "bad.pt").write_bytes(b"junk")
    done = run("check", *SMALL, "bad.pt", "--max-flops", "9G", "--junit", "check.xml")
    assert done.code == 2
    assert "bad.pt" in done.one_line
    assert not (folder / "check.xml").exists()


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


LATENCY = (*SMALL, "--baseline", "yolov8n.yaml", "--max-latency-ratio", "1.05", "--junit", "check.xml", "--force")


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


@pytest.mark.usefixtures("counted")
def test_a_figure_that_there_is_not(run: Callable, folder: Path) -> None:
    """No noise, which more time would lift, but a budget that asks for nothing: refused, after the rest is told."""
    words = ("check", *SMALL, "--max-flops", "1T", "--convention", "ultralytics", "--max-params", "4M", "--force")
    done = run(*words, "--junit", "check.xml", "--json", "check.json")
    assert done.code == 2
    assert "--max-flops: there is no such figure of yolov8n.yaml: Ultralytics has no figure" in done.err
    assert list(cases(folder / "check.xml").values()) == ["error", "passed"]
    assert not valid((folder / "check.json").read_text())["passed"]
    assert "not measured" in done.out
    assert run(*words, "--max-params", "3M").code == 1  # what is over budget is said first


@pytest.mark.usefixtures("counted")
def test_a_model_that_cannot_run_is_named(run: Callable, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def tree(model: SimpleNamespace, _: object) -> None:
        if model.name == "yolov8s":
            raise ModelFileError("the network cannot run at 33x33")

    monkeypatch.setattr(gating, "tree", tree)
    done = run("check", "yolov8n.yaml", "yolov8s.yaml", "imgsz=33", "--max-params", "4M")
    assert done.code == 2
    assert done.one_line == "surgeon: yolov8s.yaml: the network cannot run at 33x33"


@pytest.mark.usefixtures("counted")
def test_names_that_no_xml_may_hold(run: Callable, folder: Path) -> None:
    done = run("check", "a\x07<&>\"'n.yaml", "imgsz=64", "--max-params", "4M", "--junit", "check.xml")
    assert done.code == 0
    assert list(cases(folder / "check.xml").values()) == ["passed"]


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
