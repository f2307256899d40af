"""The terminal in the README is what the command prints, and it loads nothing."""

from __future__ import annotations

import re

import pytest

from docs.reference.terminal import COMMAND, FILE, drawing


@pytest.fixture(scope="module")
def saved() -> str:
    return FILE.read_text("utf-8")


def test_it_is_fresh(saved) -> None:
    assert drawing() == saved, "run python -m docs.reference.terminal"


def test_it_shows_the_command_and_its_verdict_in_colour(saved) -> None:
    text = re.sub(r"<[^>]+>", "", saved).replace("&#160;", " ")
    assert COMMAND in text and "355 of 355 tensors carried over unchanged" in text and "slower" in text
    assert len(set(re.findall(r"fill: (#\w+)", saved))) > 3


def test_it_is_small_and_loads_nothing(saved) -> None:
    assert len(saved) < 150_000
    assert "@font-face" not in saved and "@import" not in saved
    assert not re.search(r"""(?:href|src)=|url\((?!["']?#)""", saved.replace('xlink:href="#', ""))
