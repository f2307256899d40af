"""The command line as users run it: real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

OWN = """
from torch import nn

print("imported")


class Mine(nn.Module):
    def __init__(self, channels, k=3):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, k, padding=k // 2)

    def forward(self, x):
        return self.conv(x)
"""


@pytest.mark.usefixtures("loaded")
def test_the_first_command_twice(shell: Callable[..., Any], run: Callable[..., Any], folder: Path) -> None:
    words = ["insert", "--module", "gam", "--after", "backbone.9", "--imgsz", "64", "--time-budget", "1s"]
    first = shell(*words)
    assert first.code == 0, first.err
    assert sorted(path.name for path in folder.iterdir()) == ["yolov8n-gam.pt", "yolov8n-gam.yaml"]
    for said in ("yolov8n-gam.pt", "355", "latency", "verdict", "GAM"):
        assert said in first.out
    assert "\x1b" not in first.out
    assert all(len(line) <= 80 for line in first.out.splitlines() if not line.startswith("yolo train"))
    assert "WARNING" not in first.out
    second = run(*words[:-2], "--no-latency", "--json", "-", "-q")
    assert (second.code, second.err) == (0, "")
    assert json.loads(second.out)["outputs"] == ["yolov8n-gam-2.pt", "yolov8n-gam-2.yaml"]


@pytest.mark.usefixtures("loaded")
def test_own_class_from_the_working_directory(shell: Callable[..., Any], run: Callable[..., Any], folder: Path) -> None:
    (folder / "own_blocks.py").write_text(OWN)
    words = ["--no-latency", "--imgsz", "64", "--json", "-"]
    done = shell("insert", "--module", "own_blocks:Mine", "--after", "9", "--set", "k=5", *words)
    assert done.code == 0, done.err
    assert json.loads(done.out)["outputs"] == ["yolov8n-mine.pt", "yolov8n-mine.yaml"]  # what it printed is not here
    assert "imported" in done.err
    refused = run("tree", "yolov8n-mine.pt")
    assert refused.code == 2
    assert "--trust-module own_blocks" in refused.one_line


def test_refusal_is_one_line(shell: Callable[..., Any], folder: Path) -> None:
    done = shell("insert", "--module", "gam", "--after", "backbone.99")
    assert (done.code, done.out) == (2, "")
    assert done.one_line.startswith("surgeon: ")
    assert list(folder.iterdir()) == []


def test_yolo_passes_through(shell: Callable[..., Any]) -> None:
    version = shell("yolo", "version")
    assert version.code == 0, version.err
    assert version.out.strip().splitlines()[-1][0].isdigit()
    wrong = shell("yolo", "nonsense")
    assert wrong.code == 1
    assert "nonsense" in wrong.err


def test_interrupted_timing_keeps_the_files(folder: Path) -> None:
    words = ["insert", "--module", "gam", "--after", "9", "--imgsz", "64", "--time-budget", "120s"]
    with (folder / "out").open("w") as out, (folder / "err").open("w") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "surgeon.cli.main", *words],
            cwd=folder,
            stdout=out,
            stderr=err,
            # A shell's background job, as a CI may be, hands down an ignored SIGINT.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )
    deadline = time.monotonic() + 150
    while "timing" not in (folder / "err").read_text() and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.2)
    time.sleep(5)
    process.send_signal(signal.SIGINT)
    assert process.wait(120) == 130
    text = " ".join((folder / "out").read_text().split())
    assert "interrupted" in text
    assert "355" in text
    assert (folder / "yolov8n-gam.pt").exists()
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


@pytest.fixture
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an empty virtual environment."""
    root = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(root)], check=True)
    return root / ("Scripts" if os.name == "nt" else "bin") / "python"


def test_autoload(shell: Callable[..., Any], environment: Path, folder: Path) -> None:
    packages = os.pathsep.join([sysconfig.get_paths()["purelib"], str(Path(__file__).parents[2])])
    check = (
        "import sys; assert 'torch' not in sys.modules; "
        "print(any(type(f).__module__.startswith('surgeon') for f in sys.meta_path))"
    )

    def registered(path: str) -> str:
        done = subprocess.run(
            [environment, "-c", check],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            cwd=folder,
            check=True,
        )
        assert done.stderr == ""
        return done.stdout.strip()

    def autoload(*words: str) -> Any:
        return shell("autoload", *words, python=str(environment), PYTHONPATH=packages)

    assert "disabled" in autoload("--status").out
    assert registered(packages) == "False"
    enabled = autoload("--enable")
    assert "enabled" in enabled.out, enabled.err
    assert (autoload("--enable").code, registered(packages)) == (0, "True")
    assert registered("") == "False"  # surgeon was uninstalled: silence
    assert "enabled" in autoload().out
    assert "disabled" in autoload("--disable").out
    assert (autoload("--disable").code, registered(packages)) == (0, "False")


def test_autoload_that_cannot_be_written(
    run: Callable[..., Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from surgeon.cli import start_up

    monkeypatch.setattr(start_up, "path", lambda: folder / "missing" / start_up.FILE_NAME)
    outcome = run("autoload", "--enable")
    assert outcome.code == 2
    assert "surgeon yolo" in outcome.one_line
