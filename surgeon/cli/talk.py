"""What goes to stderr while a command works, and what must not reach stdout meanwhile."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import click

from surgeon import progress

_OFFLINE = {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false"}
"""Ultralytics' switches: no look-ups, no telemetry, no pip. A user's own values stand."""

_CHATTY = "torch.utils.cpp_extension"
"""Logs, as torch.compile imports it, that a CUDA toolkit lies there and no GPU: nothing to do with what was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """How much is said.

    Attributes:
        quiet: Nothing but errors.
        verbose: Warnings and Ultralytics' log as well.
    """

    quiet: bool = False
    verbose: bool = False

    def say(self, text: str) -> None:
        """One status line, above the bar where there is one."""
        from surgeon.report.progress import Bar

        bar = progress.listener()
        if isinstance(bar, Bar):
            bar.say(text)
        elif not self.quiet:
            _echo(text)

    def say_interrupted(self) -> None:
        """What Ctrl-C left, below a report that was cut short."""
        self.say("interrupted: the report holds what was measured until then")

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Work without network, with stdout kept for results: whatever is printed meanwhile goes to stderr."""
        for name, value in _OFFLINE.items():
            os.environ.setdefault(name, value)
        if not self.verbose:
            os.environ.setdefault("YOLO_VERBOSE", "false")
            logging.getLogger(_CHATTY).setLevel(logging.ERROR)
        with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
            if not self.verbose and not sys.warnoptions:
                warnings.simplefilter("ignore")
            with self._progress():
                yield

    @contextlib.contextmanager
    def _progress(self) -> Iterator[None]:
        """Show how far the work is, unless nothing is to be said; lines where other texts may come between."""
        from surgeon.report.progress import Lines, listening

        shown = None if self.quiet else Lines(_echo) if self.verbose else listening(sys.stderr, _echo)
        try:
            with progress.told(shown):
                yield
        finally:
            if shown is not None:
                shown.close()


def _echo(text: str) -> None:
    with contextlib.suppress(OSError):
        click.echo(text, err=True)
