"""How progress looks: a bar on a terminal, lines elsewhere, one changing line in a notebook.

Nothing is drawn from a thread of its own: what is timed in this process must not be disturbed. A bar moves when the
work says how far it is, between two runs, and at most once a second.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TextIO

from surgeon import progress

if TYPE_CHECKING:
    from rich.console import Console

Now = Callable[[], float]
BAR_EVERY_S = 1.0
LINE_EVERY_S = 10.0
_WIDTH = 24
_SURE = 0.02
"""Part of a step from which on the time it still takes is guessed."""


class Listening:
    """One step at a time: what it is, since when, how far.

    Args:
        every_s: Seconds between two pictures of one step, at least.
        now: Seconds of a clock.
    """

    def __init__(self, every_s: float, now: Now = time.monotonic) -> None:
        self._every_s, self._now = every_s, now
        self.what = ""
        self.part: float | None = None
        self._start_s = self._shown_s = now()

    def begin(self, what: str, *, early: bool = False) -> None:
        """A step begins."""
        self.what, self.part = what, None
        self._start_s = self._shown_s = self._now()
        self.show_begin(early=early)

    def reached(self, part: float) -> None:
        """So much of it is done."""
        self.part = part
        if part < 1 and self._now() - self._shown_s >= self._every_s:
            self._shown_s = self._now()
            self.show_part()

    def left_s(self) -> float | None:
        """Seconds that the step will still take if it goes on as it began; None where it is too early to say."""
        if self.part is None or self.part < _SURE:
            return None
        return (self._now() - self._start_s) * (1 - self.part) / self.part

    def how_far(self) -> str:
        """``41 %, 6 s left``."""
        if self.part is None:
            return ""
        left_s = self.left_s()
        return f"{self.part:.0%}".replace("%", " %") + ("" if left_s is None else f", {duration(left_s)} left")

    def show_begin(self, *, early: bool) -> None:
        """Show that the step begins."""

    def show_part(self) -> None:
        """Show how far it is."""

    def close(self) -> None:
        """Leave the place as if nothing had been shown."""


class Lines(Listening):
    """A line a step, and every ten seconds one that says how far it is."""

    def __init__(self, say: Callable[[str], None], now: Now = time.monotonic) -> None:
        super().__init__(LINE_EVERY_S, now)
        self._say = say

    def show_begin(self, *, early: bool) -> None:
        """The step's name, unless the input may still be refused."""
        if not early:
            self._say(self.what)

    def show_part(self) -> None:
        """Its name, and how far it is."""
        self._say(f"{self.what}: {self.how_far()}")


class Bar(Listening):
    """One line at the bottom of a terminal, gone in the end."""

    def __init__(self, console: Console, now: Now = time.monotonic) -> None:
        from rich.live import Live

        super().__init__(BAR_EVERY_S, now)
        self._live = Live(
            console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )

    def show_begin(self, *, early: bool) -> None:
        """The step's name."""
        self._live.start()
        self.show_part()

    def show_part(self) -> None:
        """Its name, a bar, and how far it is."""
        self._live.update(self._picture(), refresh=True)

    def say(self, text: str) -> None:
        """A line above the bar."""
        self._live.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Take the bar away."""
        self._live.stop()

    def _picture(self) -> Any:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 1))
        for _ in range(3):
            grid.add_column(no_wrap=True)
        if self.part is None:
            grid.add_row(Text(self.what))
        else:
            bar = ProgressBar(total=1, completed=self.part, width=_WIDTH)
            grid.add_row(Text(self.what), bar, Text(self.how_far()))
        return grid


class InNotebook(Listening):
    """One line below the cell that changes; no widgets, which not every notebook has."""

    def __init__(self, now: Now = time.monotonic) -> None:
        super().__init__(1.0, now)
        self._begun_s = now()
        self._line: Any = None

    def show_begin(self, *, early: bool) -> None:
        """The step's name."""
        self._draw(self.what)

    def show_part(self) -> None:
        """Its name, and how far it is."""
        self._draw(f"{self.what}: {self.how_far()}")

    def close(self) -> None:
        """How long it took."""
        if self._line is not None:
            self._draw(f"done in {duration(self._now() - self._begun_s)}")

    def _draw(self, text: str) -> None:
        data = {"text/plain": text}
        if self._line is None:
            self._line = sys.modules["IPython"].display.display(data, raw=True, display_id=True)
        else:
            self._line.update(data, raw=True)


def duration(seconds: float) -> str:
    """``6 s``, ``2 min 5 s``, ``1 h 20 min``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def listening(stream: TextIO, say: Callable[[str], None]) -> Listening:
    """What suits a stream: a bar on a terminal that can redraw a line, lines elsewhere."""
    if stream.isatty():
        from rich.console import Console

        console = Console(file=stream)
        if console.is_terminal and not console.is_dumb_terminal:
            return Bar(console)
    return Lines(say)


@contextlib.contextmanager
def showing(wanted: bool | None = None) -> Iterator[None]:
    """Show the progress of library calls.

    Args:
        wanted: False for silence, True for lines on stderr where there is neither terminal nor notebook; None shows it
            on a terminal and in a notebook alone.
    """
    found = _for_library(wanted)
    try:
        with progress.told(found):
            yield
    finally:
        if found is not None:
            found.close()


def _for_library(wanted: bool | None) -> Listening | None:
    if wanted is False:
        return None
    if _in_notebook():
        return InNotebook()
    stream = sys.stderr
    if wanted is None and not (stream is not None and stream.isatty()):
        return None
    return listening(stream, lambda text: print(text, file=stream, flush=True))


def _in_notebook() -> bool:
    """Whether a notebook's kernel runs this; a terminal's IPython is a terminal."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and type(shell).__name__ == "ZMQInteractiveShell"
