"""The packages of other repositories stand beside Ultralytics and take nothing away from it."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

import pytest

LOCK = Path(__file__).parents[2] / "requirements-foreign.lock"
PINS = {"yolov5": "7.0.14", "yolo9": "1.0.18", "yolox-datamint": "0.3.1"}


def test_lock_holds_these_packages_and_nothing_else():
    text = LOCK.read_text("utf-8")
    found = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))
    assert found == PINS
    assert "://" not in text
    blocks = re.split(r"^(?=[a-z0-9-]+==)", text, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in block for block in blocks)


@pytest.mark.parametrize("name", PINS)
def test_what_is_installed_is_what_is_locked(name):
    try:
        installed = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"no {name}: install requirements-foreign.lock")
    assert installed == PINS[name]


def test_thop_is_still_ultralytics_own():
    """PyPI's thop, which all three packages ask for, overwrites the module of ultralytics-thop."""
    owners = {
        distribution.name
        for distribution in importlib.metadata.distributions()
        if any(str(path).startswith("thop/") for path in distribution.files or ())
    }
    assert owners == {"ultralytics-thop"}


def test_ultralytics_still_counts_beside_them(opened):
    import surgeon

    opened("yolov5n"), opened("gelan-t"), opened("yolox-nano")  # their modules are loaded
    profile = surgeon.open("yolov8n.yaml").profile(imgsz=640, latency=False)
    assert profile.counts.ultralytics_gflops == pytest.approx(8.855, abs=1e-3)
