"""A small network with an inserted row and a graft, and its trace."""

from __future__ import annotations

import functools
from dataclasses import replace

import torch
from profiler_support import chain_graph
from torch import Tensor, nn

from surgeon.blocks.planted import PlantedBlock
from surgeon.graph.layer import LayerGraph
from surgeon.profiler.measure import profile_module
from surgeon.profiler.results import ProfileResult
from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.subject import Subject
from surgeon.profiler.trace.data import Span, Trace
from surgeon.profiler.trace.labels import labels_of
from surgeon.profiler.trace.recording import record

SETTINGS = ProfileSettings(imgsz=(32, 32), latency=False)


class Hosting(nn.Module):
    """A row with a block inside."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 3, padding=1)
        self.eca = PlantedBlock("eca", 8, 8, {}, "identity", seed=0)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.eca(self.conv(x))
        return out


class Interrupting(nn.Module):
    """Presses Ctrl-C in the n-th run under the profiler, the profiler's own warm-up included."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at, self.calls = at, 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += torch.autograd._profiler_enabled()
        if self.calls == self.at:
            raise KeyboardInterrupt
        return x


def network(last: nn.Module | None = None) -> nn.Sequential:
    """Rows: a convolution, an activation, a row that hosts a graft, the same activation again, an inserted row."""
    shared = nn.ReLU()
    planted = PlantedBlock("simam", 8, 8, {}, "identity", seed=0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), shared, Hosting(), shared, planted, last or nn.Identity()
    ).eval()


@functools.cache
def counted() -> tuple[LayerGraph, ProfileResult]:
    """Rows and figures, the same whatever the last row is."""
    model = network()
    graph = chain_graph(model)
    graph = replace(graph, layers=tuple(replace(one, planted=one.index == 4) for one in graph))
    return graph, profile_module(model, graph, replace(SETTINGS, detail=True), name="chain", source="chain")


def traced(model: nn.Sequential, runs: int = 3) -> Trace:
    graph, profile = counted()
    labels = labels_of(model, profile, {layer.key: layer.path for layer in graph})
    subject = Subject(module=model, graph=graph, name="chain", source="chain")
    return Trace(profile=profile, recorded=record(subject, SETTINGS, labels, runs=runs), command="surgeon trace chain")


def of(trace: Trace, track: str) -> list[Span]:
    return [span for span in trace.spans if span.track == track]
