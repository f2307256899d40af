"""The pages on budgets and settings: every command parses, every file in them is one that surgeon reads."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from surgeon.cli import precedence
from surgeon.cli.group import COMMANDS
from surgeon.cli.main import cli
from surgeon.gate.budget_file import load_budgets
from surgeon.gate.budget_of import KEYS

DOCS = Path(__file__).parents[2] / "docs"
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = ("ci.md", "settings.md")


def blocks(page: str, *languages: str) -> list[str]:
    return [text for language, text in _FENCE.findall((DOCS / page).read_text("utf-8")) if language in languages]


def steps() -> Iterator[dict]:
    (workflow,) = (yaml.safe_load(text) for text in blocks("ci.md", "yaml"))
    assert workflow[True] == "pull_request"  # YAML 1.1 reads the key `on` as true; GitHub does not
    for job in workflow["jobs"].values():
        assert job["runs-on"]
        yield from job["steps"]


def commands() -> list[str]:
    """Every line of the pages that runs surgeon."""
    scripts = [text for page in PAGES for text in blocks(page, "sh", "bash", "fish")]
    scripts += [step["run"] for step in steps() if "run" in step]
    lines = [line.strip() for script in scripts for line in script.splitlines()]
    found = [re.sub(r'^eval "\$\((.*)\)".*$', r"\1", line) for line in lines]
    return [re.sub(r"\s(\|\||>|#).*$", "", line) for line in found if line.startswith("surgeon ")]


def test_there_are_commands_of_each_kind() -> None:
    found = commands()
    assert len(found) >= 12
    assert {line.split()[1] for line in found} == {"check", "profile", "completion", "doctor"}
    assert any("../target/" in line for line in found)  # of the workflow


@pytest.mark.parametrize("line", commands())
def test_every_command_parses(line: str, folder: Path) -> None:
    _, name, *words = shlex.split(line)
    with cli.make_context("surgeon", [name, *words]) as context:
        command = cli.get_command(context, name)
        assert command is not None, line
        command.make_context(name, words, parent=context)


def test_every_step_of_the_workflow_does_something() -> None:
    assert all(("uses" in step) != ("run" in step) for step in steps())
    uses = [step["uses"] for step in steps() if "uses" in step]
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", one) for one in uses)


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash here")
@pytest.mark.parametrize("text", [*blocks("ci.md", "bash"), *(step["run"] for step in steps() if "run" in step)])
def test_every_script_is_one(text: str) -> None:
    script = re.sub(r"\$\{\{.*?\}\}", "main", text)  # GitHub fills these in
    assert subprocess.run(["bash", "-n", "-c", script], check=False, timeout=30).returncode == 0


def test_budgets_of_the_page(tmp_path: Path) -> None:
    (text,) = blocks("ci.md", "toml")
    path = tmp_path / "surgeon.toml"
    path.write_text(text)
    first, second = (table.budget({}, {}) for table in load_budgets(path))
    assert (first.name, first.imgsz, first.timed) == ("edge device", (480, 640), False)
    assert (second.timed, second.baseline, second.on_inconclusive) == (True, "models/before.yaml", "warn")


def test_every_key_is_on_the_page() -> None:
    text = (DOCS / "ci.md").read_text("utf-8")
    assert [key for key in KEYS if f"`{key}`" not in text and f"{key} = " not in text] == []


def test_settings_of_the_page(tmp_path: Path) -> None:
    (text,) = blocks("settings.md", "toml")
    (tmp_path / "surgeon.toml").write_text(text)
    for name in COMMANDS:
        with cli.make_context("surgeon", [name], resilient_parsing=True) as context:
            command = cli.get_command(context, name)
        found = precedence.settings_of(command, tuple(COMMANDS), folder=tmp_path, environ={})
        if name == "profile":
            assert {one.key: one.value for one in found.values()} == {
                "imgsz": "320,640",
                "threads": 4,
                "latency": False,
            }
        if name == "check":
            assert {one.key for one in found.values()} == {"imgsz", "threads", "on-inconclusive"}
