"""What goes to stderr while a command works, and what must not reach stdout meanwhile."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import click

_OFFLINE = {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false"}
"""Ultralytics' switches: no look-ups, no telemetry, no pip. A user's own values stand."""


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
        """One status line, for what takes a while."""
        if not self.quiet:
            with contextlib.suppress(OSError):
                click.echo(text, err=True)

    def say_early(self, text: str) -> None:
        """A status line before the input is accepted: on a terminal only, so that a refusal stays a single line."""
        if sys.stderr.isatty():
            self.say(text)

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Work without network, with stdout kept for results: whatever is printed meanwhile goes to stderr."""
        for name, value in _OFFLINE.items():
            os.environ.setdefault(name, value)
        if not self.verbose:
            os.environ.setdefault("YOLO_VERBOSE", "false")
        with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
            if not self.verbose and not sys.warnoptions:
                warnings.simplefilter("ignore")
            yield
