"""Helpers of these tests: graphs of live networks, a clock that only a test moves, networks that take its time."""

from __future__ import annotations

import contextlib
import io
import itertools
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from surgeon.graph.layer import IMAGE, Layer, LayerGraph

TASKS = {"seg": "SegmentationModel", "pose": "PoseModel", "obb": "OBBModel", "cls": "ClassificationModel"}


def ultralytics_model(name: str) -> nn.Module:
    """A stock network from its YAML."""
    from ultralytics.nn import tasks

    suffix = name.rpartition("-")[2]
    kind = "RTDETRDetectionModel" if name.startswith("rtdetr") else TASKS.get(suffix, "DetectionModel")
    with contextlib.redirect_stdout(io.StringIO()):
        model: nn.Module = getattr(tasks, kind)(f"{name}.yaml", verbose=False)
    return model


def ultralytics_graph(model: nn.Module, imgsz: tuple[int, int] = (640, 640)) -> LayerGraph:
    """Rows of an Ultralytics network, read as its own forward reads them."""
    layers = []
    for index, row in enumerate(model.model):
        sources = [row.f] if isinstance(row.f, int) else row.f
        keys = tuple(IMAGE if index == 0 else f"row{index + f if f < 0 else f}" for f in sources)
        layers.append(_layer(index, row, f"model.{index}", keys))
    return LayerGraph(name="stock", family="ultralytics", layers=tuple(layers), imgsz=imgsz)


def chain_graph(model: nn.Sequential, imgsz: tuple[int, int] = (32, 32)) -> LayerGraph:
    """Rows of a plain chain of modules."""
    keys = itertools.chain([IMAGE], (f"row{i}" for i in itertools.count()))
    layers = tuple(_layer(i, row, str(i), (key,)) for (i, row), key in zip(enumerate(model), keys, strict=False))
    return LayerGraph(name="chain", family="test", layers=layers, imgsz=imgsz)


def _layer(index: int, row: nn.Module, path: str, inputs: tuple[str, ...]) -> Layer:
    return Layer(
        key=f"row{index}",
        index=index,
        kind=type(row).__name__,
        path=path,
        section="backbone",
        section_index=index,
        inputs=inputs,
        params=sum(p.numel() for p in row.parameters()),
    )


class FakeClock:
    """Time passes only where a test says so."""

    warmup_runs = 3

    def __init__(self) -> None:
        self.ms = 0.0
        self.fail_after: int | None = None
        self.runs = 0

    def __deepcopy__(self, memo: object) -> FakeClock:
        return self

    def now_s(self) -> float:
        return self.ms / 1000

    def run_ms(self, call: Callable[[], object]) -> float:
        self.runs += 1
        if self.fail_after is not None and self.runs > self.fail_after:
            raise KeyboardInterrupt
        before = self.ms
        call()
        return self.ms - before

    def mark(self) -> float:
        return self.ms

    def spans_ms(self, marks: list[float]) -> list[float]:
        return [after - before for before, after in itertools.pairwise(marks)]


class Slow(nn.Module):
    """A network that takes the milliseconds that an iterator yields, on a `FakeClock`."""

    def __init__(self, clock: FakeClock, times_ms: Iterator[float], factor: float = 1.0) -> None:
        super().__init__()
        self.clock, self.next_ms, self.factor = clock, times_ms.__next__, factor

    def __deepcopy__(self, memo: object) -> Slow:
        twin = Slow.__new__(Slow)
        nn.Module.__init__(twin)
        twin.clock, twin.next_ms, twin.factor = self.clock, self.next_ms, self.factor
        return twin

    def forward(self, x: Tensor) -> Tensor:
        self.clock.ms += self.next_ms() * self.factor
        return x


def state_of(module: nn.Module) -> dict[str, object]:
    """Everything of a module and the process that measuring must leave as it was."""
    return {
        "hooks": [(len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks)) for m in module.modules()],
        "training": [m.training for m in module.modules()],
        "attributes": [sorted(vars(m)) for m in module.modules()],
        "tensors": {k: (v.data_ptr(), v.dtype, v.device) for k, v in module.state_dict(keep_vars=True).items()},
        "requires_grad": [p.requires_grad for p in module.parameters()],
        "rng": torch.get_rng_state().tolist(),
        "grad": torch.is_grad_enabled(),
        "fastpath": torch.backends.mha.get_fastpath_enabled(),
        "threads": torch.get_num_threads(),
        "dtype": torch.get_default_dtype(),
    }
