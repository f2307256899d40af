"""Progress on stderr: lines, a bar on a terminal, nothing with --quiet; what Ctrl-C keeps."""

from __future__ import annotations

import io
import logging
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import surgeon
from surgeon.cli.talk import Talk

pty = pytest.importorskip("pty", reason="there are no terminals of that kind here")


def test_lines_say_what_is_done(run: Callable[..., Any]) -> None:
    outcome = run("profile", "yolov8n.yaml", "--imgsz", "32,64", "--no-latency")
    assert outcome.code == 0
    assert outcome.err.splitlines() == [
        "measuring yolov8n at 32x32, batch 1 (1 of 2)",
        "counting yolov8n",
        "measuring yolov8n at 64x64, batch 1 (2 of 2)",
        "counting yolov8n",
    ]


def test_quiet_is_silent(run: Callable[..., Any]) -> None:
    outcome = run("compare", "yolov8n.yaml", "yolov8n.yaml", "imgsz=32", "--no-latency", "--quiet")
    assert (outcome.code, outcome.err) == (0, "")
    assert "params" in outcome.out


@pytest.mark.parametrize("verbose", [False, True])
def test_what_torch_logs_of_a_toolkit_without_a_gpu_is_for_verbose(verbose: bool) -> None:
    log = logging.getLogger("torch.utils.cpp_extension")
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        with Talk(verbose=verbose).working():
            assert log.isEnabledFor(logging.WARNING) == verbose
    finally:
        log.setLevel(level)


@pytest.mark.parametrize("command", ["profile", "compare"])
def test_ctrl_c_at_a_later_size_keeps_the_earlier_ones(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    from surgeon import workflows

    whole = getattr(workflows, command)

    def interrupted_at_64(models: Any, settings: Any, **more: Any) -> Any:
        if settings.imgsz == (64, 64):
            raise KeyboardInterrupt
        return whole(models, settings, **more)

    monkeypatch.setattr(workflows, command, interrupted_at_64)
    models = ["yolov8n.yaml"] * (2 if command == "compare" else 1)
    outcome = run(command, *models, "--imgsz", "32,64", "--no-latency")
    assert outcome.code == 130
    assert outcome.err.splitlines()[-1] == "interrupted: the report holds what was measured until then"
    assert "32x32" in outcome.out and "64x64" not in outcome.out.replace("32,64", "")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_a_bar(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from surgeon.cli.main import main

    monkeypatch.setenv("TERM", "xterm")
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    assert main(["profile", "yolov8n.yaml", "imgsz=32", "--no-latency"]) == 0
    seen = screen.getvalue()
    assert "opening yolov8n.yaml" in seen and "counting yolov8n" in seen
    assert "measuring yolov8n at 32x32, batch 1\n" in seen
    assert seen.endswith("\x1b[2K"), "the bar is gone"
    assert "counting" not in capsys.readouterr().out


@pytest.mark.parametrize(("progress", "seen"), [(None, True), (False, False)])
def test_an_edit_by_the_library_shows_it_too(
    monkeypatch: pytest.MonkeyPatch, progress: bool | None, seen: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    screen = Terminal()
    model = surgeon.open("yolov8n-cls.yaml")
    monkeypatch.setattr(sys, "stderr", screen)
    edited = model.insert("eca", after=3, progress=progress)
    assert ("editing yolov8n-cls" in screen.getvalue()) == ("checking the edit" in screen.getvalue()) == seen
    edited.remove(4, progress=False)
    edited.replace(4, "eca", progress=False, k_size=5)
    assert screen.getvalue().count("editing") == seen


@pytest.mark.slow
def test_a_real_terminal_sees_a_bar_and_stdout_stays_clean(folder: Path) -> None:
    """The command as its own process with a terminal as stderr; how fast the machine is does not matter."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "surgeon.cli.main", "profile", "yolov8n.yaml", "imgsz=32", "--no-latency"],
        stdout=subprocess.PIPE,
        stderr=theirs,
        cwd=folder,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80"},
    )
    os.close(theirs)
    seen = b""
    end_s = time.monotonic() + 240
    while time.monotonic() < end_s:
        if select.select([ours], [], [], 1)[0]:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # the other side is closed
                break
            if not piece:
                break
            seen += piece
    out = process.communicate(timeout=60)[0].decode()
    os.close(ours)
    assert process.returncode == 0, seen
    assert b"opening yolov8n.yaml" in seen and b"counting yolov8n" in seen
    assert b"measuring yolov8n at 32x32, batch 1\r\n" in seen
    assert seen.rstrip().endswith((b"\x1b[2K", b"\x1b[?25h")), "the bar is gone and the cursor back"
    assert "\x1b" not in out and "counting" not in out and "params" in out
