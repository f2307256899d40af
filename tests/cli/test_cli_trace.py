"""``surgeon trace``: files, refusals, Ctrl-C, and what TensorBoard makes of its folder."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

SESSION = Path(__file__).parents[1] / "integration" / "tensorboard_session.py"
WORDS = ("imgsz=32", "--runs", "2")


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A log folder with the trace of an edited network, written once."""
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    import surgeon

    folder = tmp_path_factory.mktemp("logs")
    edited = surgeon.open("yolov8n.yaml").insert("simam", after=9)
    surgeon.trace(edited, 32, runs=2).to_tensorboard(folder)
    yield folder


def test_writes_a_trace_of_the_rows(run: Callable[..., Any], folder: Path) -> None:
    outcome = run("trace", "yolov8n.yaml", *WORDS, "-o", "run.pt.trace.json", "-q")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines() == [
        "yolov8n: 2 of 2 runs, 46 spans of rows",
        "wrote run.pt.trace.json",
        "open run.pt.trace.json at https://ui.perfetto.dev or in chrome://tracing or in TensorBoard's profiler plugin",
    ]
    found = json.loads((folder / "run.pt.trace.json").read_text("utf-8"))
    assert found["surgeon"]["command"] == "surgeon trace yolov8n.yaml --imgsz 32 --runs 2"
    assert found["surgeon"]["fused"] is True
    names = [e["name"] for e in found["traceEvents"] if e.get("cat") == "surgeon" and e["name"].startswith("row")]
    assert names[:2] == ["row 0 Conv", "row 1 Conv"] and len(names) == 46 and names[22] == "row 22 Detect"


def test_ctrl_c_keeps_the_complete_runs(run: Callable[..., Any], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from surgeon.profiler.trace import recording

    whole = recording._run

    def second_is_interrupted(runner: Any, marks: Any, number: int) -> None:
        if number == 2:
            raise KeyboardInterrupt
        whole(runner, marks, number)

    monkeypatch.setattr(recording, "_run", second_is_interrupted)
    outcome = run("trace", "yolov8n.yaml", "imgsz=32", "-q")
    assert outcome.code == 130
    assert outcome.one_line == "interrupted: what was recorded until then is kept, 1 complete run of 5"
    found = json.loads((folder / "yolov8n.pt.trace.json").read_text("utf-8"))
    assert (found["surgeon"]["runs"], found["surgeon"]["interrupted"]) == (1, True)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("-o", "run.txt"), "run.txt has no suffix of a trace: name it run.pt.trace.json"),
        (("-o", "taken.json"), "taken.json exists; choose another -o FILE, or replace it with --force"),
        (("-o", "nowhere/run.json"), "there is no folder nowhere to write run.json into"),
        (("--imgsz", "32,64"), "a trace is of one image size and batch: name one of each"),
        (("--runs", "0"), "0 is not in the range 1<=x<=1000"),
        (("--tensorboard", "taken.json"), "--tensorboard taken.json is a file; give a folder"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    run: Callable[..., Any], folder: Path, words: tuple[str, ...], says: str
) -> None:
    (folder / "taken.json").touch()
    outcome = run("trace", "yolov8n.yaml", *words)
    assert outcome.code == 2 and says in outcome.one_line and outcome.out == ""
    assert [path.name for path in folder.iterdir()] == ["taken.json"]


@pytest.mark.parametrize(
    ("words", "package", "extra"),
    [(("-o", "run.pftrace"), "perfetto", "perfetto"), (("--tensorboard", "logs"), "tensorboard", "tensorboard")],
)
def test_a_missing_package_is_said_before_anything_is_opened(
    run: Callable[..., Any],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    package: str,
    extra: str,
) -> None:
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == package else found(name, *a))
    outcome = run("trace", "there-is-no-such-model.pt", *words)
    assert outcome.code == 2 and f'pip install "yolo-surgeon[{extra}]"' in outcome.one_line
    assert not list(folder.iterdir())


def test_tensorboard_reads_figures_and_report(logs: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    import surgeon

    events = EventAccumulator(str(logs / "yolov8n-simam"))
    events.Reload()
    scalars = {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    result = surgeon.open("yolov8n.yaml").insert("simam", after=9).profile(32, latency=False)
    assert scalars["surgeon/params"] == [(0, result.params)]
    assert scalars["surgeon/gflops"] == [(0, pytest.approx(2 * result.counts.macs / 1e9, rel=1e-6))]
    assert [value for _, value in scalars["surgeon/rows/params"]] == [row.params for row in result.layers]
    assert "surgeon/latency_median_ms" not in scalars, "nothing was timed"
    (text,) = events.Tensors("surgeon/report/text_summary")
    assert "SimAM" in text.tensor_proto.string_val[0].decode()


def test_compare_writes_a_run_a_network(run: Callable[..., Any], folder: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    words = ("yolov8n.yaml", "yolov8s.yaml", "imgsz=32", "--no-latency")
    outcome = run("compare", *words, "--tensorboard", "logs", "--json", "-")
    assert outcome.code == 0
    assert outcome.err.splitlines()[-2:] == ["wrote logs/yolov8n", "wrote logs/yolov8s"]
    before, after = (one["params"] for one in json.loads(outcome.out)["results"])
    assert "--tensorboard" not in json.loads(outcome.out)["command"], "what only concerns the report"
    found = {}
    for name in ("yolov8n", "yolov8s"):
        events = EventAccumulator(f"logs/{name}")
        events.Reload()
        found[name] = {tag: events.Scalars(tag)[0].value for tag in events.Tags()["scalars"]}
    assert (found["yolov8n"]["surgeon/params"], found["yolov8s"]["surgeon/params"]) == (before, after)
    assert found["yolov8s"]["surgeon/params_ratio"] == pytest.approx(after / before, rel=1e-6)
    assert "surgeon/params_ratio" not in found["yolov8n"]


def test_profile_writes_a_run(run: Callable[..., Any], folder: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    outcome = run("profile", "yolov8n.yaml", "imgsz=32", "--no-latency", "-q", "--tensorboard", "logs")
    assert (outcome.code, outcome.err) == (0, "")
    assert [path.name for path in (folder / "logs").iterdir()] == ["yolov8n"]


@pytest.mark.parametrize("command", ["report", "blocks", "autoload", "completion"])
def test_quiet_and_verbose_are_taken_by_every_command(run: Callable[..., Any], command: str) -> None:
    words = {"report": ["--schema"], "completion": ["bash"]}.get(command, [])
    plain, quiet = run(command, *words), run(command, *words, "-q", "-v")
    assert (quiet.code, quiet.out, quiet.err) == (0, plain.out, "")


def test_tensorboards_profiler_plugin_parses_the_trace(logs: Path, tmp_path: Path) -> None:
    data = pytest.importorskip("torch_tb_profiler.profiler.data", reason="torch-tb-profiler is not installed")
    (path,) = (logs / "plugins" / "profile" / "yolov8n-simam").iterdir()
    found = data.RunProfileData.parse("worker", "1", str(path), str(tmp_path))
    assert found.steps_names == ["1", "2"]
    assert "aten::conv2d" in {operator.name for operator in found.op_list_groupby_name}


@pytest.mark.slow
def test_tensorboards_profiler_plugin_answers_with_our_rows(logs: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch_tb_profiler", reason="torch-tb-profiler is not installed")
    answer, log = tmp_path / "answer.json", tmp_path / "log.txt"
    with log.open("w") as file:  # no pipe: what the plugin forks would hold it open
        command = [sys.executable, str(SESSION), str(logs), str(answer)]
        code = subprocess.run(command, stdout=file, stderr=file, check=False, timeout=240).returncode
    assert code == 0, log.read_text()[-4000:]
    found = json.loads(answer.read_text("utf-8"))
    assert found["runs"] == ["plugins/profile/yolov8n-simam"]
    assert found["views"] == ["Overview", "Operator", "Trace"]
    assert [step[0] for step in found["steps"]] == ["1", "2"]
    assert "aten::conv2d" in found["operators"]
    rows = [event["name"] for event in found["events"] if event.get("cat") == "surgeon"]
    assert rows.count("row 10 SimAM [inserted]") == 2 * 2, "on both tracks in both runs"


def test_a_second_run_of_a_name_gets_a_folder_of_its_own(logs: Path, tmp_path: Path) -> None:
    import surgeon
    from surgeon import workflows

    result = surgeon.open("yolov8n.yaml").profile(32, latency=False)
    first = workflows.to_tensorboard(tmp_path / "logs", result)
    second = workflows.to_tensorboard(tmp_path / "logs", result)
    assert [path.name for path in (*first, *second)] == ["yolov8n", "yolov8n-2"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["logs"], "nothing is left beside it"
