"""One thing that was looked at, how it is, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How a thing is."""

    BROKEN = "broken"
    ADVICE = "advice"
    FINE = "fine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found.

    Attributes:
        subject: What was looked at: a package, a folder.
        level: How it is.
        text: What was found, as a sentence without its full stop.
        remedy: The command that helps; empty where nothing has to be done.
    """

    subject: str
    level: Level
    text: str
    remedy: str = ""


def fine(subject: str, text: str) -> Finding:
    """Nothing to do."""
    return Finding(subject=subject, level=Level.FINE, text=text)


def advice(subject: str, text: str, remedy: str) -> Finding:
    """It works, and could be better."""
    return Finding(subject=subject, level=Level.ADVICE, text=text, remedy=remedy)


def broken(subject: str, text: str, remedy: str) -> Finding:
    """It does not work, or gives wrong figures."""
    return Finding(subject=subject, level=Level.BROKEN, text=text, remedy=remedy)
