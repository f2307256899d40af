from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from surgeon.errors import OutputError
from surgeon.profiler.saved import from_json
from surgeon.report.edit import CheckLine, EditReport
from surgeon.report.formats.machine import to_dict, write_json
from surgeon.report.notebook import mimebundle


class _Checker(HTMLParser):
    void = frozenset({"br", "hr", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.attributes |= {name for name, _ in attrs}
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_a_notebook_gets_text_html_markdown_and_latex(v8n, comparison, two_candidates):
    for result in (v8n, comparison, two_candidates):
        bundle = mimebundle(result)
        assert set(bundle) == {"text/plain", "text/html", "text/markdown", "text/latex"}
        assert all("3,157,200" in text or "3.157 M" in text for text in bundle.values())
        assert "▸ GAM" in bundle["text/html"] or result is v8n


def test_html_is_well_formed_escaped_and_loads_nothing(comparison, v8n):
    evil = replace(v8n, name="<script>alert('x')</script>")
    html = mimebundle(replace(comparison, results=(evil, comparison.results[1])))["text/html"]
    checker = _Checker()
    checker.feed(html)
    assert not checker.open
    assert checker.attributes <= {"class", "style", "scope", "aria-hidden"}
    assert "<script" not in html


def test_markdown_tables_have_equal_rows_and_escape(comparison, v8n):
    evil = replace(v8n, name="a|b <i>*x*")
    text = mimebundle(replace(comparison, results=(evil, comparison.results[1])))["text/markdown"]
    assert "a\\|b &lt;i&gt;\\*x\\*" in text
    blocks = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(blocks) == 2
    for lines in blocks:
        assert len({line.replace("\\|", "").count("|") for line in lines}) == 1


def test_json_opens_again(v8n, comparison):
    for result in (v8n, comparison):
        assert from_json(json.dumps(to_dict(result))) == result


def test_json_alone_on_standard_output_or_in_a_file(comparison, tmp_path):
    report = EditReport(source="a.pt", checks=(CheckLine("c", True),), comparison=comparison)
    out = io.StringIO()
    write_json(to_dict(report), "-", stdout=out)
    data = json.loads(out.getvalue())
    assert data["kind"] == "edit"
    assert data["passed"] is True
    assert data["comparison"]["kind"] == "comparison"
    write_json(to_dict(report), str(tmp_path / "r.json"))
    assert json.loads((tmp_path / "r.json").read_text()) == data
    with pytest.raises(OutputError, match="cannot write"):
        write_json(data, str(tmp_path / "missing" / "r.json"))


def test_json_is_ascii(v8n):
    out = io.StringIO()
    write_json(to_dict(replace(v8n, name="модель")), "-", stdout=out)
    assert out.getvalue().isascii()


def test_importing_reports_loads_neither_torch_nor_rich():
    modules = "alignment comparison comparison_tables documents edit layers_table listing notebook profile_tables units"
    modules += " formats.fragment formats.layout formats.machine formats.markdown"
    names = ", ".join(f"surgeon.report.{name}" for name in modules.split())
    code = f"import sys, {names}; print([m for m in ('torch', 'ultralytics', 'rich') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
