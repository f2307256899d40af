"""What all tests share: fresh processes, offline Ultralytics, one thread, generated datasets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

if not os.environ.get("CI"):  # there hypothesis has a profile of its own, which is as patient
    settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("patient")

TESTS = Path(__file__).parent
SHARED_DATA = TESTS.parent.parent / "shared" / "data"


def pytest_addoption(parser):
    parser.addoption("--rewrite-goldens", action="store_true", help="accept what the reports say now as golden")


@pytest.fixture(scope="session", autouse=True)
def _one_thread(tmp_path_factory):
    """Two test machines with two cores each other's noise: one thread everywhere, settings in a folder of our own."""
    os.environ.update(
        OMP_NUM_THREADS="1", YOLO_CONFIG_DIR=str(tmp_path_factory.mktemp("yolo")), YOLO_AUTOINSTALL="false"
    )
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    """``dataset(task)``: what ``data=`` takes."""
    from datasets import make_dataset

    made = {}

    def get(task: str) -> str:
        if task not in made:
            made[task] = str(make_dataset(tmp_path_factory.mktemp(task), task))
        return made[task]

    return get


@pytest.fixture(scope="session")
def stock_session():
    """``stock_session(model, data, task, folder, *steps)``: a fresh process that knows only stock Ultralytics."""

    def run(model, data, task, folder, *steps):
        command = [
            sys.executable,
            str(TESTS / "integration" / "stock_session.py"),
            str(model),
            str(data),
            task,
            str(folder),
        ]
        done = subprocess.run([*command, *steps], capture_output=True, text=True, check=False, timeout=1200, cwd=folder)
        assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-6000:]}"
        return json.loads(done.stdout.strip().splitlines()[-1])

    return run


@pytest.fixture
def shared_data():
    """The folder with real checkpoints, where there is one."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real checkpoints at {SHARED_DATA}")
    return SHARED_DATA
