"""Peak activations: with scratch buffers, and without where that is another figure."""

from __future__ import annotations

from dataclasses import replace

from surgeon.profiler.results import Comparison, ProfileResult
from surgeon.report.comparison import metrics
from surgeon.report.comparison_tables import comparison_document
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


def with_memory(result: ProfileResult, name: str, peak: int, without: int | None) -> ProfileResult:
    assert result.memory is not None
    memory = replace(result.memory, peak_activation_bytes=peak, without_scratch_bytes=without)
    return replace(result, name=name, memory=memory)


def test_a_comparison_is_of_what_networks_hold(v8n: ProfileResult) -> None:
    found = Comparison(results=(with_memory(v8n, "a", 4 * MIB, 3 * MIB), with_memory(v8n, "b", 9 * MIB, 3 * MIB)))
    (row,) = [one for one in metrics(found) if one.key == "peak_activation_bytes"]
    assert (row.judgements[0].before, row.judgements[0].after, row.judgements[0].verdict) == (3 * MIB, 3 * MIB, "same")
    assert "measured with them: 4.00 MiB -&gt; 9.00 MiB." in to_markdown(comparison_document(found))


def test_where_scratch_cannot_be_told_apart_the_whole_peak_is_compared(v8n: ProfileResult) -> None:
    found = Comparison(results=(with_memory(v8n, "a", 4 * MIB, None), with_memory(v8n, "b", 9 * MIB, 3 * MIB)))
    (row,) = [one for one in metrics(found) if one.key == "peak_activation_bytes"]
    assert (row.judgements[0].before, row.judgements[0].after, row.judgements[0].verdict) == (4 * MIB, 9 * MIB, "more")
    assert "scratch" not in to_markdown(comparison_document(found))
