"""Where blocks fold, the counts of the fused network stand beside those of the unfused one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from torch import nn

from surgeon.graph.layer import IMAGE, Layer, LayerGraph
from surgeon.profiler.figures import FusedCounts
from surgeon.profiler.measure import Subject, compare_modules
from surgeon.profiler.results import Comparison, ProfileResult
from surgeon.profiler.settings import ProfileSettings
from surgeon.report.comparison_tables import comparison_document
from surgeon.report.formats.markdown import to_markdown
from surgeon.report.profile_tables import profile_document

COUNTING = ProfileSettings(imgsz=(32, 32), latency=False)


class Folds(nn.Module):
    """Two convolutions that become one."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.Conv2d(3, 8, 1, bias=False)

    def forward(self, x):
        return self.a(x) + self.b(x) if self.b is not None else self.a(x)


def fold(network: nn.Module) -> nn.Module:
    for module in network.modules():
        if isinstance(module, Folds):
            module.b = None
        if isinstance(module, nn.Sequential) and isinstance(module[-1], nn.BatchNorm2d):
            module[0].bias = nn.Parameter(module[1].bias.detach().clone())
            module[1] = nn.Identity()
    return network


def subject(first: nn.Module, name: str) -> Subject:
    net = nn.Sequential(first)
    row = Layer(key="k0", index=0, path="0", kind="Row", section="", section_index=0, inputs=(IMAGE,))
    graph = LayerGraph(name=name, family="test", layers=(row,), imgsz=(32, 32))
    return Subject(module=net, graph=graph, name=name, source=name, prepare=fold)


def plain() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8))


def test_what_folds_is_told_from_batchnorm() -> None:
    found = compare_modules([subject(plain(), "plain"), subject(Folds(), "folds")], COUNTING)
    plainly, folding = (result.fused for result in found.results)
    assert plainly == FusedCounts(params=216 + 8, macs=1024 * 216, folds=False)
    assert folding == FusedCounts(params=216, macs=1024 * 216, folds=True)
    assert found.results[1].params == 216 + 24 and found.results[1].counts.macs == 1024 * 240


def test_reports_say_both(v8n: ProfileResult) -> None:
    before = replace(v8n, name="a", fused=FusedCounts(params=3_000_000, macs=10**9, folds=False))
    after = replace(v8n, name="b", fused=FusedCounts(params=4_000_000, macs=2 * 10**9, folds=True))
    text = to_markdown(comparison_document(Comparison(results=(before, after))))
    assert "GFLOPs 2.000 -&gt; 4.000 (what is timed and deployed)" in text
    assert "Fused: params 3.000 M -&gt; 4.000 M" in text
    assert "fused: 4,000,000 params, GFLOPs 4.000 (what is timed and deployed)" in to_markdown(profile_document(after))


@pytest.mark.parametrize("fused", [None, FusedCounts(params=3_000_000, macs=10**9, folds=False)])
def test_batchnorm_alone_needs_no_words(v8n: ProfileResult, fused: FusedCounts | None) -> None:
    result = replace(v8n, name="a", fused=fused)
    text = to_markdown(comparison_document(Comparison(results=(result, replace(result, name="b")))))
    assert "Fused:" not in text and "what is timed and deployed" not in to_markdown(profile_document(result))
    assert "(with buffers; fused network, float32)" in to_markdown(profile_document(result))
