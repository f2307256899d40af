"""``surgeon doctor`` as users run it, where nothing can be imported too."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from surgeon.cli import start_up

BROKEN = "raise ImportError('this installation is broken')\n"


def levels(out: str) -> dict[str, str]:
    return {one["subject"]: one["level"] for one in json.loads(out)["findings"]}


def test_it_works_where_torch_and_ultralytics_cannot_be_imported(shell: Callable, folder: Path) -> None:
    for name in ("torch", "torchvision", "ultralytics", "thop"):
        (folder / "site" / name).mkdir(parents=True)
        (folder / "site" / name / "__init__.py").write_text(BROKEN)
    done = shell("doctor", "--json", "-", PYTHONPATH=str(folder / "site"))
    assert done.code == 1, done.err
    found = levels(done.out)
    assert [found[f"import {name}"] for name in ("torch", "torchvision", "thop", "ultralytics")] == ["broken"] * 4
    assert not json.loads(done.out)["healthy"]
    assert "importing torch" in done.err


def test_other_commands_lead_here(shell: Callable, folder: Path) -> None:
    (folder / "site" / "torch").mkdir(parents=True)
    (folder / "site" / "torch" / "__init__.py").write_text("import torch._C_that_is_gone\n")
    done = shell("tree", "yolov8n.yaml", PYTHONPATH=str(folder / "site"))
    assert done.code == 2
    assert done.one_line == (
        "surgeon: torch is not installed, or not whole: surgeon doctor says what is missing and what helps"
    )


def test_it_works_without_what_reports_are_made_with(shell: Callable, folder: Path) -> None:
    for name in ("rich", "numpy", "networkx", "yaml", "psutil"):
        (folder / "site" / name).mkdir(parents=True)
        (folder / "site" / name / "__init__.py").write_text(BROKEN)
    done = shell("doctor", "--quick", PYTHONPATH=str(folder / "site"))
    assert done.code == 1, done.err
    assert "fine: python: " in done.out
    assert "broken: report: cannot be made: this installation is broken: pip install --force-reinstall" in done.out
    assert "Traceback" not in done.err


def test_report_and_exit_code(run: Callable, folder: Path) -> None:
    done = run("doctor", "--quick")
    assert done.code == 0, done.out
    assert done.out.startswith("doctor: ")
    assert "import torch" not in done.out


def test_files_of_settings(run: Callable, folder: Path) -> None:
    """A file that stops every other command is what doctor is for."""
    text = "imgz = 3\n[profile]\nhalv = 3\n[[budget]]\nmax-flop = '3G'\n"
    (folder / "surgeon.toml").write_text(text)
    assert run("profile", "m.pt").code == 2
    done = run("doctor", "--quick", "--json", "-")
    assert done.code == 1
    found = [one["text"] for one in json.loads(done.out)["findings"] if one["subject"] == "settings"]
    assert len(found) == 2  # a file is read up to its first mistake; budgets by themselves
    assert found[0].startswith("surgeon.toml, imgz: ")
    assert found[1].startswith("surgeon.toml, budget 1, max-flop: ")
    (folder / "surgeon.toml").write_text(text.replace("imgz", "imgsz").replace("halv = 3", "half = true"))
    (folder / "pyproject.toml").write_text("[tool.surgeon]\nbatch = 2\n")
    assert levels(run("doctor", "--quick", "--json", "-").out)["settings"] == "broken"
    (folder / "surgeon.toml").write_text("imgsz = 320\n")
    done = run("doctor", "--quick")
    assert done.code == 0
    assert "surgeon.toml and pyproject.toml can be read" in " ".join(done.out.split())


def test_autoload(run: Callable, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "autoload.pth"
    monkeypatch.setattr(start_up, "path", lambda: path)
    assert levels(run("doctor", "--quick", "--json", "-").out)["autoload"] == "advice"
    path.write_text("import of_another_version\n")
    done = run("doctor", "--quick")
    assert "another version's, or damaged" in " ".join(done.out.split())
    assert done.out.splitlines()[-1] == "surgeon autoload --enable"
    start_up.enable()
    assert levels(run("doctor", "--quick", "--json", "-").out)["autoload"] == "fine"


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="no folder here that root cannot write")
def test_a_folder_that_cannot_be_written(run: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/proc")
    done = run("doctor", "--quick")
    assert done.code == 0
    assert "/proc cannot be written" in done.out
