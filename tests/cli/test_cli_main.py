"""Errors become one line and an exit code."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from surgeon import workflows
from surgeon.errors import CheckError, SurgeonError

TREE = ("tree", "yolov8n.yaml")


def raising(error: BaseException) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (CheckError("the check failed"), 1, "surgeon: the check failed"),
        (SurgeonError("broken\nin two lines \x1b[31m"), 3, "surgeon: broken in two lines ?[31m"),
        (KeyError("odd"), 3, "surgeon: internal error: KeyError: 'odd' - please report it"),
        (KeyboardInterrupt(), 130, "surgeon: interrupted"),
    ],
)
def test_codes(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, said: str
) -> None:
    monkeypatch.setattr(workflows, "open_model", raising(error))
    outcome = run(*TREE)
    assert outcome.code == code
    assert outcome.one_line.startswith(said)
    assert outcome.out == ""


def test_debug_shows_the_traceback(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflows, "open_model", raising(KeyError("odd")))
    monkeypatch.setenv("SURGEON_DEBUG", "1")
    outcome = run(*TREE)
    assert outcome.code == 3
    assert "Traceback" in outcome.err
    assert outcome.err.splitlines()[-1].startswith("surgeon: internal error")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["inser"], "insert"),
        (["insert", "--modul", "gam"], "--module"),
        (["profile"], "'MODEL'"),
        (["compare", "a.pt"], "candidate"),
        (["tree", "--imgsz", "3q"], "480x640"),
        (["tree", "--imgsz", "320,640"], "one size"),
        (["tree", "a.pt", "b.pt"], "b.pt"),
        (["profile", "a.pt", "--batch", "0"], "batch"),
        (["profile", "a.pt", "--time-budget", "soon"], "10s"),
        (["profile", "a.pt", "half=perhaps"], "True"),
        (["blocks", "gamm"], "gam"),
        (["blocks", "gam", "--json", "no/such/folder/a.json"], "no/such/folder"),
    ],
)
def test_usage(run: Callable[..., Any], words: list[str], said: str) -> None:
    outcome = run(*words)
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.one_line.startswith("surgeon: ")
    assert said in outcome.one_line


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
@pytest.mark.parametrize(("to", "said"), [(">/dev/full", "No space left"), (">&-", "standard output is closed")])
def test_output_that_cannot_be_written_is_one_sentence(to: str, said: str) -> None:
    command = f"{shlex.quote(sys.executable)} -m surgeon.cli.main blocks {to}"
    done = subprocess.run(["sh", "-c", command], check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and said in done.stderr and len(done.stderr.splitlines()) == 1


def test_closed_pipe_is_no_error() -> None:
    reader = [sys.executable, "-c", "import sys; sys.stdin.close()"]
    writer = [
        sys.executable,
        "-c",
        "import time; time.sleep(0.5); from surgeon.cli.main import main; raise SystemExit(main())",
    ]
    first = subprocess.Popen([*writer, "blocks", "--json", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    second = subprocess.Popen(reader, stdin=first.stdout)
    assert first.stdout is not None
    first.stdout.close()
    second.wait(60)
    assert first.wait(60) == 0
    assert first.stderr is not None
    assert first.stderr.read() == b""
    first.stderr.close()
