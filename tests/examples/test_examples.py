"""Every example runs as it is committed, and each notebook is saved with small outputs that name no machine.

The notebooks that time several networks take half a minute and more; they are in the slow set.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
RESULT = {"text/html", "text/markdown", "text/latex", "text/plain"}


def test_there_are_examples() -> None:
    assert SCRIPTS
    assert [path.stem for path in NOTEBOOKS] == ["ablation_table", "latency_budget", "quickstart"]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_script_runs(script: Path, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, script], check=False, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "yolov8n-gam.pt").stat().st_size > 1_000_000
    assert "355 of 355 tensors carried over" in done.stdout
    assert "equal bit for bit" in done.stdout


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=path.name, marks=[pytest.mark.slow] * (path.stem != "quickstart")) for path in NOTEBOOKS],
)
def test_notebook_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "jupyter"))
    notebook = nbformat.read(path, as_version=4)
    kernel(tmp_path, monkeypatch)
    (tmp_path / "work").mkdir()
    client = NotebookClient(
        notebook, timeout=300, kernel_name="surgeon-test", resources={"metadata": {"path": tmp_path / "work"}}
    )
    client.execute()
    assert notebook.cells


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebook_is_saved_with_its_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code)
    outputs = [output for cell in code for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    bundles = [set(output.get("data", {})) for output in outputs]
    assert RESULT in bundles, "no result shows itself"
    assert not [kind for bundle in bundles for kind in bundle if "widget" in kind or "javascript" in kind]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    text = path.read_text("utf-8")
    assert len(text) < 150_000
    assert not re.search(r"/(home|root|tmp|Users)/", text) and str(EXAMPLES.parent) not in text, "names a folder"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_link_of_a_notebook_leads_somewhere(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert [link for link in re.findall(r"\]\(([^)]+)\)", text) if not (EXAMPLES / link).exists()] == []


def kernel(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel of this very interpreter, whatever kernels the user has."""
    from ipykernel.kernelspec import write_kernel_spec

    write_kernel_spec(folder / "share" / "kernels" / "surgeon-test")
    monkeypatch.setenv("JUPYTER_PATH", os.fspath(folder / "share"))
