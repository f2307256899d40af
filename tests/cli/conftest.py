"""How the tests run the command line: in this process where nothing of a process matters, else as users do."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for check_support.py: pytest's importlib mode leaves test folders out

SWITCHES = ("YOLO_OFFLINE", "YOLO_AUTOINSTALL", "YOLO_VERBOSE")


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def one_line(self) -> str:
        """The only line on stderr."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        return lines[0]


@pytest.fixture(scope="session")
def loaded() -> None:
    """Ultralytics imported once, its log bound to a stream that outlives the tests."""
    os.environ.setdefault("YOLO_OFFLINE", "true")
    import ultralytics.nn.tasks  # noqa: F401


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, with the process's state restored afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in SWITCHES:
        monkeypatch.setenv(name, {"YOLO_OFFLINE": "true"}.get(name, "false"))
    return tmp_path


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run ``surgeon`` in this process."""
    from surgeon.cli.main import main

    def call(*words: str) -> Outcome:
        capsys.readouterr()
        code = main(list(words))
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


@pytest.fixture
def shell(folder: Path) -> Callable[..., Outcome]:
    """Run ``surgeon`` as its own process."""

    def call(*words: str, python: str = sys.executable, **environment: str) -> Outcome:
        kept = {name: value for name, value in os.environ.items() if name not in SWITCHES}
        done = subprocess.run(
            [python, "-m", "surgeon.cli.main", *words],
            check=False,
            cwd=folder,
            env={**kept, "COLUMNS": "80", **environment},
            capture_output=True,
            text=True,
            timeout=240,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """For ``surgeon check``: models whose figures are known."""
    from check_support import count_by_name

    count_by_name(monkeypatch)


def contents(folder: Path) -> dict[str, str]:
    """Every file below a folder with its hash."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture
def listing() -> Callable[[Path], dict[str, str]]:
    return contents
