"""The tables of a paper: they say what a paper says, and pdflatex sets them."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from surgeon.profiler.results import Comparison
from surgeon.report.formats import latex, registry
from surgeon.report.formats.latex_text import escape
from surgeon.report.report import Report

NASTY = r"50% of $x_1$ & {a}^b~c#d \ |<>| `q` \"é\" → × ± модель 深 --imgsz \input{/etc/passwd}"
PAGE = r"""\documentclass{article}
\usepackage{booktabs}
\usepackage{longtable}
\begin{document}
%s
\end{document}
"""


def lines_of(text: str) -> list[list[str]]:
    body = text.partition(r"\toprule")[2].partition(r"\bottomrule")[0]
    lines = [line.strip().removesuffix(r"\\") for line in body.splitlines() if "&" in line]
    return [[cell.strip() for cell in line.split("&")] for line in lines]


def test_a_comparison_is_an_ablation_table(edit) -> None:
    text = latex.render(replace(edit, scores={"yolov8n": 37.3}))
    assert text.startswith("% Made by surgeon. In the preamble:\n%   \\usepackage{booktabs}\n")
    assert lines_of(text) == [
        ["Method", "Params (M)", "GFLOPs", "Latency (ms)", r"Ratio [95\,\% CI]", r"mAP (\%)"],
        ["yolov8n", "3.157", "2.186", "37.23", "1", "37.3"],
        ["yolov8n-gam", "4.797", "2.514", "43.56", "1.157 [1.145, 1.170]", "--"],
    ]
    assert "are counted" in text and "274 randomly ordered pairs" in text and r"\begin{longtable}" not in text


def test_times_of_separate_runs_get_no_ratio(two_candidates) -> None:
    text = latex.render(Report(results=(replace(two_candidates, paired=()),)))
    assert "Ratio" not in text and "separate runs" in text
    assert lines_of(text)[0] == ["Method", "Params (M)", "GFLOPs", "Latency (ms)"]


def test_too_few_pairs_have_no_interval(comparison) -> None:
    bare = replace(comparison.paired[0], ratio_low=0.0, ratio_high=float("inf"))
    text = latex.render(Report(results=(replace(comparison, paired=(bare,)),)))
    assert r"& 1.108 \\" in text and "[--]" not in text


def test_profiles_share_a_table_with_their_settings(v8n) -> None:
    wide = replace(v8n, settings=replace(v8n.settings, imgsz=(480, 640), batch=2))
    text = latex.render(Report(results=(v8n, wide)))
    assert lines_of(text)[0][:3] == ["Method", "Input", "Batch"]
    assert "are counted, of each row's input;" in text


@settings(max_examples=200, deadline=None)
@example("---")
@example("\N{FULLWIDTH HYPHEN-MINUS}-")
@given(st.text(max_size=40))
def test_no_text_can_command(text: str) -> None:
    """What is left are known commands, pairs of braces, and signs without a meaning."""
    known = r"\\(?:textbackslash|textasciitilde|textasciicircum|textless|textgreater|textbar|textasciigrave|dots)\{\}"
    maths = r"\$(?:\\pm|\\times|\\rightarrow|\\triangleright|\^2|\\mu)\$"
    rest = re.sub(rf"{known}|\\[{{}}$&#%_]|{maths}|(?<=-)\{{\}}(?=-)", "", escape(text))
    assert not set(rest) & set('\\{}$&#%_~^<>|"`\n'), rest
    if not set(text) & {"–", "—"}:
        assert "--" not in escape(text)


def test_pdflatex_sets_every_kind_of_report(edit, family, profile, v8n, tmp_path) -> None:
    program = shutil.which("pdflatex")
    if program is None:
        pytest.skip("no pdflatex here: apt-get install texlive-latex-recommended")
    nasty = replace(v8n, name=NASTY[:20], source=NASTY, command=NASTY)
    parts = [latex.render(report) for report in (edit, family, profile, Report(results=(nasty,)))]
    parts += [latex.to_latex(document) for report in (edit, profile) for document in report.documents]
    parts.append(latex.to_latex(Report(results=(Comparison(results=(v8n, nasty)),)).documents[0]))
    (tmp_path / "page.tex").write_text(PAGE % "\n\n".join(parts), encoding="utf-8")
    command = [program, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "page.tex"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:]
    wide = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt too wide\)", done.stdout)]
    assert max(wide, default=0.0) < 60, "only names and commands that cannot break may stick out"


def test_a_document_without_networks_is_plain_tables(edit) -> None:
    from surgeon.blocks import catalog

    text = registry.render(Report(results=(catalog.get("gam"),)), registry.named("latex"))
    assert r"\usepackage{longtable}" in text and "gam" in text
