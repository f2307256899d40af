"""Networks of other repositories, each opened once; the tests copy or edit them, never change them."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # pytest's importlib mode leaves test folders out

MISSING = [name for name in ("yolov5", "yolo9", "yolox") if importlib.util.find_spec(name) is None]


def pytest_collection_modifyitems(items):
    """Without the packages of requirements-foreign.lock, which .ci/check installs, only plain modules are left."""
    if not MISSING:
        return
    for item in items:
        if HERE in item.path.parents and any(f"{name}" in item.name for name in ("yolo", "gelan")):
            item.add_marker(pytest.mark.skip(reason=f"{', '.join(MISSING)}: install requirements-foreign.lock"))


@pytest.fixture(scope="session")
def opened():
    """``opened(name)``: one of the networks, opened."""
    from foreign_networks import build

    import surgeon

    models = {}

    def get(name):
        if name not in models:
            models[name] = surgeon.open(build(name))
        return models[name]

    return get


@pytest.fixture
def fresh(tmp_path):
    """``fresh(program, *arguments)``: a new Python in an empty folder; its output."""

    def run(program, *arguments, path=(), check=True):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*map(str, path), str(HERE)])}
        done = subprocess.run(
            [sys.executable, "-W", "ignore", *(["-c", program] if program else []), *map(str, arguments)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert not check or done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return done

    return run


@pytest.fixture
def cli(fresh):
    """``cli(*words)``: the command line in a new process."""

    def run(*words, path=(), code=0):
        done = fresh(None, "-m", "surgeon.cli.main", *words, path=path, check=False)
        assert done.returncode == code, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return done

    return run


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """``command(*words)``: the same in this process, in an empty folder; what it printed."""
    from surgeon.cli.main import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("YOLO_OFFLINE", "true")
    monkeypatch.setattr(sys, "path", list(sys.path))

    def run(*words):
        capsys.readouterr()
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        assert code == 0, captured.err
        return captured.out

    return run
