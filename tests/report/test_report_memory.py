"""Peak activations: with scratch buffers, and without where that is another figure."""

from __future__ import annotations

from dataclasses import replace

from surgeon.profiler.results import ProfileResult
from surgeon.report.formats.markdown import to_markdown
from surgeon.report.profile_tables import profile_document

MIB = 1 << 20


def told(result: ProfileResult, without: int | None) -> str:
    assert result.memory is not None
    memory = replace(result.memory, peak_activation_bytes=19 * MIB, without_scratch_bytes=without)
    return to_markdown(profile_document(replace(result, memory=memory)))


def test_scratch_buffers_are_told_apart_where_they_raise_the_peak(v8n: ProfileResult) -> None:
    text = told(v8n, 12 * MIB)
    assert "peak activations: 19.00 MiB" in text
    assert "of them results: 12.00 MiB at most; the rest is scratch: what convolutions and matrix products take" in text


def test_they_are_not_named_where_they_do_not_or_where_nobody_knows(v8n: ProfileResult) -> None:
    assert "scratch" not in told(v8n, 19 * MIB) + told(v8n, None)
