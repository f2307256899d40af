"""The commands of docs/reports.md that need no model, as they stand there, and its Python."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from surgeon.cli.main import main
from surgeon.report.formats.registry import FORMATS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reports.md").read_text("utf-8")
COMMANDS = re.findall(r"^(surgeon report (?:profiles|tests|--schema)[^#\n]*)", PAGE, re.MULTILINE)


def test_the_page_names_every_format() -> None:
    for one in FORMATS:
        assert one.suffixes[0] in PAGE
        assert one.name in PAGE or one.name.startswith("node-data")


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_page_works(line, tmp_path, monkeypatch, capsys) -> None:
    for folder in ("profiles", "tests/report/golden"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line.partition(">")[0] if "--schema" in line else line)
    assert main(words[1:]) == 0
    assert capsys.readouterr().out
    if "-o" in words:
        assert Path(words[words.index("-o") + 1]).stat().st_size


@pytest.mark.slow
def test_the_python_of_the_page_works(tmp_path, monkeypatch) -> None:
    pytest.importorskip("pandas")
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, object] = {}
    exec(code, names)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["result.json", "table.tex"]
    assert names["again"] == names["result"]
