"""A real training of one epoch, and what its logger's own reader finds of surgeon's figures."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import surgeon

SESSION = Path(__file__).parent / "logging_session.py"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def train(dataset: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, Any]]:
    """``train(logger, *flags)``: an edited network for one epoch, in a fresh process."""
    model = (
        surgeon.open("yolov8n.yaml").insert("gam", after=9).save(tmp_path_factory.mktemp("model") / "yolov8n-gam.pt")
    )

    def run(logger: str, *flags: str) -> dict[str, Any]:
        folder = tmp_path_factory.mktemp(logger)
        command = [sys.executable, str(SESSION), logger, str(model), dataset("detect"), str(folder), *flags]
        # Ultralytics knows a test by this variable, and keeps its loggers off.
        environment = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600, env=environment)
        assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    return run


def _is_logged(found: dict[str, Any]) -> None:
    scalars = found["scalars"]
    stock = surgeon.open("yolov8n.yaml").profile(64, latency=False)
    assert scalars["surgeon/params"] == found["params"], "of the network that was trained, with its two classes"
    planted = found["params"] - scalars["surgeon/baseline/params"]
    gam = surgeon.open("yolov8n.yaml").insert("gam", after=9).profile(64, latency=False)
    assert planted == gam.params - stock.params
    assert scalars["surgeon/gflops"] == pytest.approx(2 * scalars["surgeon/gmacs"])
    assert "GAM" in found["report"] and "as trained" in found["report"]


def test_tensorboard(train: Callable[..., dict[str, Any]]) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    found = train("tensorboard")
    _is_logged(found)
    assert "train/box_loss" in found["scalars"], "beside Ultralytics' own curves"
    silent = train("tensorboard", "--silent")
    assert not any(name.startswith("surgeon/") for name in silent["scalars"])
    assert silent["losses"] == found["losses"] != [], "logging changes no training"


def test_mlflow(train: Callable[..., dict[str, Any]]) -> None:
    for package in ("mlflow", "sqlalchemy", "alembic"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed: pip install mlflow")
    found = train("mlflow")
    _is_logged(found)
    assert found["status"] == "FINISHED"
