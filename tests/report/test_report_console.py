from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surgeon.report.documents import document_of
from surgeon.report.formats.console import show, to_text
from surgeon.report.formats.layout import fit
from surgeon.report.tables import Column, Document, Facts, Notes, Row, Table


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def _cases(v8n, comparison, two_candidates):
    return {"profile": v8n, "comparison": comparison, "two_candidates": two_candidates}


@pytest.mark.parametrize("name", ["profile", "comparison", "two_candidates"])
@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_golden(v8n, comparison, two_candidates, golden, name, width, encoding):
    text = to_text(document_of(_cases(v8n, comparison, two_candidates)[name]), width=width, encoding=encoding)
    golden(f"{name}_{width}{'_ascii' if encoding == 'ascii' else ''}.txt", text)
    text.encode(encoding)
    assert all(len(line) <= width for line in text.splitlines())


def test_golden_every_row(comparison, golden):
    golden("comparison_all_80.txt", to_text(document_of(comparison, all_rows=True)))


@pytest.mark.parametrize("width", [40, 50, 60, 72, 79, 100, 109, 110, 200])
def test_no_line_is_longer_than_the_width(v8n, comparison, two_candidates, width):
    for result in (v8n, comparison, two_candidates):
        lines = to_text(document_of(result, all_rows=True), width=width).splitlines()
        assert max(map(len, lines)) <= width


def test_interval_and_method_from_110_columns(comparison):
    assert "95 % CI" not in to_text(document_of(comparison), width=109)
    wide = to_text(document_of(comparison), width=110)
    assert "95 % CI of ratio   method" in wide
    assert "1.085 - 1.131" in wide


def test_long_names_are_clipped_and_numbers_are_not(v8n):
    row = replace(
        v8n.layers[0], kind="AVeryLongModuleNameThatNobodyCouldType", inputs=tuple(range(30)), params=123_456_789_012,
        macs=9_876_543_210_987, executed=1_876_543_210_987, elementwise_macs=1_876_543_210_987, latency_ms=123_456.78,
    )  # fmt: skip
    text = to_text(document_of(replace(v8n, layers=(row, *v8n.layers[1:]))), width=80)
    for number in ("123,456,789,012", "19753.086", "3753.086", "123456.78"):
        assert number in text
    assert "AVeryLongMo…" in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_terminal_gets_colour_and_bold(comparison):
    screen = Terminal()
    show(document_of(comparison), file=screen, width=100)
    assert "\x1b[1;31mslower" in screen.getvalue()
    assert max(len(line) for line in re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue()).splitlines()) <= 100


def test_no_color_keeps_bold_and_the_sign(comparison, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    screen = Terminal()
    show(document_of(comparison), file=screen)
    codes = set(re.findall(r"\x1b\[([0-9;]*)m", screen.getvalue()))
    assert codes == {"0", "1"}
    assert "▸ GAM" in screen.getvalue()
    shown = re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue())
    assert [line.rstrip() for line in shown.splitlines()] == to_text(document_of(comparison)).splitlines()


def test_not_a_terminal_no_escapes_80_columns(comparison, monkeypatch):
    pipe = io.StringIO()
    show(document_of(comparison), file=pipe)
    assert pipe.getvalue() == to_text(document_of(comparison), width=80)
    assert "\x1b" not in pipe.getvalue()
    monkeypatch.setenv("COLUMNS", "120")
    wide = io.StringIO()
    show(document_of(comparison), file=wide)
    assert wide.getvalue() == to_text(document_of(comparison), width=120)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_no_encoding_raises(comparison, v8n, encoding):
    strange = replace(v8n, name="модель-模型-🚀", source="модель.pt")
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    show(document_of(strange), file=out)
    show(document_of(replace(comparison, results=(strange, comparison.results[1]))), file=out)
    out.flush()
    assert out.buffer.tell()


def test_standard_output_by_default(comparison, capsys):
    show(document_of(comparison), width=80)
    assert capsys.readouterr().out == to_text(document_of(comparison))


def test_control_characters_of_a_file_do_not_reach_the_terminal(v8n):
    evil = replace(v8n, name="a\x1b[31mred\nb\u202e[bold]x[/bold]", source="s")
    text = to_text(document_of(evil))
    assert text.startswith("a?[31mred b?[bold]x[/bold] (s)\n")


def test_empty_parts_are_left_out():
    parts = (Facts(title="facts", items=()), Notes(title="notes", sentences=()), Table(title="t", columns=(), rows=()))
    assert to_text(Document(title="nothing", parts=parts)) == "nothing\n"


def test_wide_characters_keep_the_columns():
    table = Table(
        title="", columns=(Column(title="name", shrink_to=6), Column(title="n", role="number")),
        rows=(Row(cells=("模型模型" * 12, "12")), Row(cells=("x", "345"))),
    )  # fmt: skip
    lines = to_text(Document(title="t", parts=(table,)), width=40).splitlines()
    assert lines[-2].endswith("… 12") or lines[-2].endswith("…   12") or lines[-2].endswith(" 12")
    assert lines[-1].endswith("345")


_COLUMNS = st.builds(
    Column,
    title=st.text(alphabet="abc", max_size=6),
    role=st.sampled_from(["text", "number", "bar"]),
    shrink_to=st.none() | st.integers(4, 12),
    drop=st.integers(0, 2),
    wide=st.booleans(),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(_COLUMNS, st.integers(6, 30)), min_size=1, max_size=8), st.integers(40, 160))
def test_layout_fits_or_is_as_narrow_as_it_gets(spec, width):
    columns, natural = [column for column, _ in spec], [size for _, size in spec]
    layout = fit(columns, natural, width)
    for at, size in zip(layout.positions, layout.widths, strict=True):
        clippable = layout.folds or columns[at].shrink_to is not None or columns[at].role == "bar"
        assert size == natural[at] or (clippable and size < natural[at])
    assert layout.total <= width
    if layout.folds:
        assert layout.gap == 1
        assert not any(columns[at].drop for at in layout.positions)


@pytest.mark.parametrize("width", [40, 50])
def test_no_word_of_a_narrow_table_is_torn(comparison, two_candidates, width):
    for result in (comparison, two_candidates):
        document = document_of(result)
        summary = next(table for table in document.tables if table.columns[0].title == "")
        words = set(to_text(Document(title="", parts=(summary,)), width=width).split())
        assert {"Ultralytics", "activations", "verdict"} <= words
