"""Progress: who is told, and how it looks on a terminal, elsewhere, and in a notebook. Time is a test's own."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from surgeon import progress
from surgeon.report.progress import Bar, InNotebook, Lines, duration, listening, showing


class Time:
    """Seconds that pass where a test says so."""

    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        return self.s


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_nobody_is_told_unless_somebody_listens() -> None:
    assert progress.listener() is None
    progress.begin("timing")
    progress.reached(0.5)
    lines = Lines([].append)
    with progress.told(lines):
        assert progress.listener() is lines
        with progress.told(None):
            progress.begin("nothing")
        assert lines.what == ""
    assert progress.listener() is None


@pytest.mark.parametrize(("done", "whole", "part"), [(1, 4, 0.25), (9, 4, 1.0), (-1, 4, 0.0), (1, 0, 1.0)])
def test_a_part_lies_between_nothing_and_all(done: float, whole: float, part: float) -> None:
    lines = Lines([].append)
    with progress.told(lines):
        progress.reached(done, whole)
    assert lines.part == part


def test_lines_say_the_step_and_every_ten_seconds_how_far_it_is() -> None:
    said: list[str] = []
    time = Time()
    with progress.told(Lines(said.append, time)):
        progress.begin("opening yolov8n.yaml", early=True)
        progress.begin("timing yolov8n")
        for second in range(1, 41):
            time.s = float(second)
            progress.reached(second, 40)
        progress.begin("timing rows")
    assert said == [
        "timing yolov8n",
        "timing yolov8n: 25 %, 30 s left",
        "timing yolov8n: 50 %, 20 s left",
        "timing yolov8n: 75 %, 10 s left",
        "timing rows",
    ]


def test_what_is_left_is_not_guessed_too_early() -> None:
    lines = Lines([].append, Time())
    lines.begin("timing")
    assert lines.how_far() == ""
    lines.reached(0.01)
    assert lines.how_far() == "1 %"


def test_a_bar_moves_at_most_once_a_second_and_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream, time = Terminal(), Time()
    bar = Bar(Console(file=stream, force_terminal=True, width=80, color_system=None), time)
    with progress.told(bar):
        progress.begin("timing yolov8n", early=True)
        progress.reached(0.1)
        at_once = stream.getvalue()
        time.s = 1.0
        progress.reached(0.25)
        bar.say("measuring yolov8n")
    bar.close()
    text = stream.getvalue()
    assert "timing yolov8n" in at_once and "10 %" not in at_once
    assert "25 %, 3 s left" in text and "measuring yolov8n\n" in text
    assert text.endswith("\x1b[2K"), "the last line is cleared"
    assert "\x1b[?25h" in text, "the cursor is back"


def test_a_stream_gets_what_suits_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "TTY_COMPATIBLE", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(listening(io.StringIO(), print), Lines)
    assert isinstance(listening(Terminal(), print), Bar)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(listening(Terminal(), print), Lines)


def test_no_thread_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    before = threading.active_count()
    bar = Bar(Console(file=Terminal(), force_terminal=True))
    bar.begin("timing")
    assert threading.active_count() == before, "a thread would disturb what is timed"
    bar.close()


@pytest.mark.parametrize(("wanted", "says"), [(None, ""), (False, ""), (True, "counting yolov8n\n")])
def test_the_library_is_silent_where_there_is_no_terminal_unless_asked(
    wanted: bool | None, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with showing(wanted):
        progress.begin("counting yolov8n")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", says)


@pytest.mark.parametrize(("wanted", "shows"), [(None, True), (True, True), (False, False)])
def test_the_library_shows_a_bar_on_a_terminal(
    wanted: bool | None, shows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with showing(wanted):
        progress.begin("counting yolov8n")
    assert ("counting yolov8n" in stream.getvalue()) == shows


def test_a_notebook_has_one_line_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    import IPython
    import IPython.display

    shown: list[str] = []

    class ZMQInteractiveShell: ...

    def display(data: dict[str, str], **_: Any) -> Any:
        shown.append(data["text/plain"])
        return SimpleNamespace(update=lambda data, raw: shown.append(data["text/plain"]))

    monkeypatch.setattr(IPython, "get_ipython", ZMQInteractiveShell)
    monkeypatch.setattr(IPython.display, "display", display)
    with showing():
        assert isinstance(progress.listener(), InNotebook)
        progress.begin("counting")
        progress.begin("timing")
    assert shown == ["counting", "timing", "done in 0 s"]
    with showing(False):
        assert progress.listener() is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0 s"), (59.4, "59 s"), (125, "2 min 5 s"), (4800, "1 h 20 min"), (-1, "0 s")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
