"""Help is complete, and costs neither torch nor time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from surgeon.cli.group import COMMANDS
from surgeon.cli.main import cli

HEAVY = ("torch", "torchvision", "ultralytics", "rich", "numpy", "yaml")
PROBE = """
import sys, time
from surgeon.cli.main import main
start = time.process_time()
for words in {commands!r}:
    code = main(words)
    assert code == 0, (words, code)
    loaded = set(sys.modules) & set({heavy!r})
    assert not loaded, (words, loaded)
print("CPU", time.process_time() - start)
"""


def probe(commands: list[list[str]], heavy: tuple[str, ...]) -> str:
    code = PROBE.format(commands=commands, heavy=heavy)
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_group_help_loads_nothing_heavy() -> None:
    out = probe([["--help"], [], ["--version"]], (*HEAVY, "surgeon.cli.insert"))
    assert all(name in out for name in COMMANDS)
    assert "surgeon 0." in out


def test_every_help_loads_nothing_heavy() -> None:
    out = probe([[name, "--help"] for name in COMMANDS], HEAVY)
    assert out.count("Usage: surgeon") == len(COMMANDS)
    assert out.count("Example:\n") == len(COMMANDS)
    assert float(out.rpartition("CPU")[2]) < 2  # all of them together, on a busy machine


def test_blocks_needs_no_torch() -> None:
    out = probe([["blocks"], ["blocks", "gam"], ["blocks", "--json", "-"]], ("torch", "ultralytics"))
    assert "GAM" in out


def test_refused_block_needs_no_torch() -> None:
    code = (
        "import sys; from surgeon.cli.main import main; code = main(['insert', '--module', 'gamm', '--after', '9']); "
        "assert 'torch' not in sys.modules; sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "gam" in done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_list_says_what_the_help_says(name: str) -> None:
    command = cli.get_command(cli.make_context("surgeon", [name], resilient_parsing=True), name)
    assert command is not None
    assert (command.help or "").partition("\n")[0] == COMMANDS[name]
    assert command.name == name


def test_help_fits_80_columns(run: Callable[..., object]) -> None:
    for name in COMMANDS:
        outcome = run(name, "--help")
        examples = (line for line in outcome.out.splitlines() if not line.startswith("      surgeon "))
        assert all(len(line) <= 80 for line in examples)
