"""``surgeon env``, and the command that a result records."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from surgeon import workflows
from surgeon.profiler.settings import ProfileSettings

SECTIONS = ("software", "pytorch", "cpu", "container", "gpu", "state")


def test_env_in_80_columns(run: Callable[..., Any]) -> None:
    outcome = run("env")
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line for line in lines if line in SECTIONS] == list(SECTIONS)


def test_env_as_json(run: Callable[..., Any], folder: Path) -> None:
    assert run("env", "--json", "e.json").code == 0
    data = json.loads((folder / "e.json").read_text())
    assert data["software"]["build"][0].startswith(("GCC", "clang", "MSVC"))
    assert data["before"]["clock_s"] > 0
    assert isinstance(data["hazards"], list)
    assert data["schema_version"] == 1


def test_env_says_what_would_disturb(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "4096")
    text = " ".join(run("env").out.split())
    assert "OMP_NUM_THREADS=4096 on " in text


def test_a_comparison_records_its_command(run: Callable[..., Any], folder: Path) -> None:
    words = ("compare", "yolov8n.yaml", "yolov8s.yaml", "imgsz=64", "--no-latency", "--force", "-q", "--json", "c.json")
    outcome = run(*words)
    assert outcome.code == 0, outcome.err
    data = json.loads((folder / "c.json").read_text())
    line = "surgeon compare yolov8n.yaml yolov8s.yaml imgsz=64 --no-latency --force"
    assert data["command"] == line
    assert f"Reproduce: {line}" in " ".join(outcome.out.split())
    assert all(len(result["yaml_sha256"]) == 64 for result in data["results"])


def test_an_edit_records_its_command(run: Callable[..., Any], folder: Path) -> None:
    words = ("insert", "yolov8n.yaml", "--module", "gam", "--after", "9", "--imgsz", "64", "--no-latency")
    assert run(*words, "--json=e.json", "--all").code == 0
    data = json.loads((folder / "e.json").read_text())
    assert data["comparison"]["command"] == f"surgeon {' '.join(words)}"
    before, after = data["comparison"]["results"]
    assert (before["source"], before["source_sha256"]) == ("yolov8n.yaml", None)
    written = hashlib.sha256((folder / "yolov8n-gam.pt").read_bytes()).hexdigest()
    assert (after["source"], after["source_sha256"]) == ("yolov8n-gam.pt", written)
    assert before["yaml_sha256"] != after["yaml_sha256"]


def test_a_network_edited_in_memory_has_not_the_hash_of_its_file(loaded: None) -> None:
    opened = replace(workflows.open_model("yolov8n.yaml"), sha256="of a file")
    settings = ProfileSettings(imgsz=(64, 64), latency=False)
    assert workflows.profile(opened, settings).source_sha256 == "of a file"
    edited = replace(opened, keys=tuple(layer.key for layer in workflows.tree(opened)))
    assert workflows.profile(edited, settings).source_sha256 is None
