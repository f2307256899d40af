"""What the documentation shows runs: every ``surgeon`` line parses, ``bash`` and ``python`` blocks are executed.

A block of ``sh`` is shown only: it installs or trains.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from sybil import Document
from sybil.parsers.markdown import CodeBlockParser

from surgeon.cli.main import cli, main

ROOT = Path(__file__).parents[2]
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
OWN_MODULES = ("models", "yolox", "mypackage", "row_mixer")
"""Packages of the reader: lines that name them parse, and are run elsewhere (tests/foreign, test_flops_page)."""


def blocks(page: Path, *languages: str) -> list[tuple[str, str]]:
    """The code blocks of a page in their order, as ``(language, text)``."""
    found = []
    for language in languages:
        document = Document.parse(str(page), CodeBlockParser(language=language, evaluator=lambda _: None))
        found += [(one.line, language, str(one.parsed)) for one in document.examples()]
    return [(language, text) for _, language, text in sorted(found)]


def commands(text: str) -> list[str]:
    """Lines that call surgeon; two spaces before it are those of a help text, whose prose may break there."""
    return [line.strip() for line in text.splitlines() if re.match(r"(?! {2}\S)\s*(\$ )?surgeon [a-z]", line)]


def code(page: Path) -> str:
    """What of a page is code: fenced, or indented."""
    fenced = re.findall(r"^```.*?\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return "\n".join([*fenced, *re.findall(r"^ {4}.*$", page.read_text("utf-8"), re.MULTILINE)])


def words(line: str) -> list[str]:
    """The arguments of a line, without its comment and what the shell does with the result."""
    line = line.strip().removeprefix("$ ")
    found = shlex.split(line, comments=True)[1:]
    stops = [found.index(word) for word in (">", "|", "||", "&&") if word in found]
    return found[: min(stops, default=None)]


LINES = [(page.name, line) for page in PAGES for line in commands(code(page)) if "…" not in line]


@pytest.mark.parametrize(("page", "line"), LINES, ids=[f"{page}-{n}" for n, (page, _) in enumerate(LINES)])
def test_a_command_parses(page, line, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    name, *rest = words(line)
    command = cli.get_command(click.Context(cli), name)
    assert command is not None, f"surgeon has no command {name}"
    if name == "yolo":
        return
    with click.Context(cli, info_name="surgeon", **cli.context_settings) as parent:
        command.make_context(name, rest, parent=parent)


def prepared(folder: Path) -> None:
    """The files that pages take for granted."""
    from ultralytics import YOLO

    for name in ("profiles", "tests"):
        (folder / name).symlink_to(ROOT / name)
    for name in ("best.pt", "before.pt"):
        YOLO("yolov8n.yaml").save(folder / name)


@pytest.mark.parametrize("page", ["start.md", "adding-a-block.md"])
def test_a_page_runs(page, tmp_path, monkeypatch, capsys, request) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    sys.modules.pop("my_blocks", None)  # of another test
    request.addfinalizer(lambda: sys.modules.pop("my_blocks", None))
    monkeypatch.setenv("SURGEON_IMGSZ", "64")
    monkeypatch.setenv("SURGEON_TIME_BUDGET", "0.5")
    names: dict[str, object] = {}
    for language, text in blocks(ROOT / "docs" / page, "bash", "python"):
        if language == "python":
            exec(text, names)
            continue
        for line in commands(text):
            given = words(line)
            if "--time-budget" in given:  # the reader's patience, not the test's
                given[given.index("--time-budget") + 1] = "0.5"
            assert main(given) == 0, f"{line}\n{capsys.readouterr().err}"
            capsys.readouterr()


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "docs/index.md", "docs/grafts.md", "docs/reports.md", "docs/page.md"])
def test_a_page_runs_in_a_shell(page, tmp_path) -> None:
    prepared(tmp_path)
    lines = [line for _, text in blocks(ROOT / page, "bash", "console") for line in commands(text)]
    script = [line.removeprefix("$ ") for line in lines if not any(f" {name}" in line for name in OWN_MODULES)]
    prelude = [
        "surgeon insert best.pt --module gam --after 9 --no-latency -q",
        "surgeon insert best.pt --module lska --after 9 --no-latency -q",
        *(f"surgeon profile best.pt --no-latency --json {name}.json -q" for name in "abc"),
        "cp best-gam.pt after.pt",
    ]
    done = subprocess.run(
        ["bash", "-e", "-x"],
        input="\n".join([*prelude, *script]),
        cwd=tmp_path,
        env={**os.environ, "SURGEON_TIME_BUDGET": "1", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=3000,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
