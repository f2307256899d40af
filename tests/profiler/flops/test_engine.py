"""The two layers of the engine agree, what is counted is found again by module and by operator, nothing is left."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from profiler_support import chain_graph, ultralytics_graph, ultralytics_model
from torch import Tensor, nn
from torch.nn import functional as F

from surgeon import blocks
from surgeon.blocks.planted import PlantedBlock
from surgeon.profiler.flops.count import count, count_of
from surgeon.profiler.flops.functions import FunctionMode
from surgeon.profiler.flops.ledger import Ledger
from surgeon.profiler.flops.passes import Passes


@pytest.mark.parametrize("name", ["yolov8n", "yolo12n", "yolo26n", "rtdetr-l", "yolov8n-seg"])
def test_operators_alone_give_the_same_counts(name: str) -> None:
    model = ultralytics_model(name)
    graph = ultralytics_graph(model, (320, 320))
    quick = count(model, graph, (320, 320))
    slow = count(model, graph, (320, 320), operators_only=True)
    assert quick.counted_on == slow.counted_on == "meta"
    assert quick.counts == slow.counts and quick.rows == slow.rows
    assert quick.by_module() == slow.by_module()


@pytest.mark.parametrize("name", blocks.names())
def test_operators_alone_give_the_same_counts_of_blocks(name: str) -> None:
    model = nn.Sequential(nn.Conv2d(3, 64, 1), PlantedBlock(name, 64, 64, {}, "paper"))
    quick = count(model, chain_graph(model), (12, 9))
    slow = count(model, chain_graph(model), (12, 9), operators_only=True)
    assert quick.counts == slow.counts


@pytest.mark.parametrize("name", ["yolov8n", "yolo12n", "rtdetr-l"])
def test_modules_and_operators_sum_to_the_total(name: str) -> None:
    model = ultralytics_model(name)
    found = count(model, ultralytics_graph(model), (640, 640))
    tree = found.by_module()
    assert tree[""] == sum(found.by_operator().values()) == found.counts.executed
    for path, module in model.named_modules():
        own = sum(tally.executed for tally in found.tallies if tally.path == path)
        children = sum(tree.get(f"{path}.{key}".strip("."), 0) for key, _ in module.named_children())
        assert tree.get(path, 0) == own + children
    for path, row in found.rows.items():
        assert tree.get(path, 0) == row.executed


def test_a_module_called_by_its_forward_is_found() -> None:
    class Direct(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Conv2d(8, 8, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.inner.forward(x)

    model = nn.Sequential(nn.Conv2d(3, 8, 1), Direct())
    assert count(model, chain_graph(model), (4, 4)).by_module()["1.inner"] == 16 * 64


def test_tensors_computed_with_gradients_are_no_obstacle() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 1))
    model[0].cached = model[0].weight * 2
    assert count(model, chain_graph(model), (4, 4)).counts.macs == 16 * 24


CALLS: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = [
    (F.conv2d, (torch.rand(2, 6, 9, 7), torch.rand(4, 3, 3, 2), None, (2, 1), (1, 0), (1, 2), 2), {}),
    (F.conv2d, (torch.rand(2, 6, 9, 7), torch.rand(4, 6, 3, 3)), {"padding": "same"}),
    (F.conv1d, (torch.rand(2, 6, 9), torch.rand(4, 6, 3), None, (2,), (1,), (1,), 1), {}),
    (F.batch_norm, (torch.rand(2, 6, 4, 4), torch.zeros(6), torch.ones(6)), {}),
    (F.layer_norm, (torch.rand(2, 3, 6), (3, 6)), {}),
    (F.linear, (torch.rand(2, 3, 6), torch.rand(5, 6), torch.rand(5)), {}),
    (torch.matmul, (torch.rand(2, 3, 6), torch.rand(2, 6, 4)), {}),
    (torch.matmul, (torch.rand(2, 3, 6), torch.rand(6)), {}),
    (torch.matmul, (torch.rand(4, 1, 3, 6), torch.rand(2, 6, 4)), {}),
    (torch.cat, ([torch.rand(2, 3), torch.rand(2, 5)], 1), {}),
    (torch.cat, ([torch.rand(2, 3), torch.rand(2, 3)],), {"dim": -2}),
    (torch.cat, ([torch.rand(2, 3), torch.rand(0)], 1), {}),
    (F.silu, (torch.rand(2, 3),), {}),
    (F.relu, (torch.rand(2, 3),), {"inplace": True}),
    (Tensor.softmax, (torch.rand(2, 3), 1), {}),
    (F.softmax, (torch.rand(2, 3),), {"dim": 1, "dtype": torch.float64}),
    (torch.add, (torch.rand(2, 3), torch.rand(3)), {}),
    (torch.add, (torch.rand(2, 3), torch.rand(2, 3)), {"alpha": 2}),
    (Tensor.mul, (torch.rand(2, 1), torch.rand(4, 1, 3)), {}),
    (Tensor.div, (torch.rand(2, 1), 3), {}),
    (Tensor.add, (torch.rand(2, 1), torch.ones(2, 1, dtype=torch.float64)), {}),
    (Tensor.add, (torch.ones(2, dtype=torch.int64), 1.5), {}),
    (Tensor.add_, (torch.rand(2, 3), torch.rand(3)), {}),
    (F.interpolate, (torch.rand(1, 2, 3, 4),), {"scale_factor": 2.0, "mode": "nearest"}),
    (F.max_pool2d, (torch.rand(1, 2, 7, 9), 3), {"stride": 2, "padding": 1}),
    (F.max_pool2d, (torch.rand(1, 2, 7, 9), 3), {"return_indices": True}),
    (F.grid_sample, (torch.rand(2, 3, 7, 9), torch.rand(2, 4, 5, 2)), {"align_corners": False}),
    (F.conv_transpose2d, (torch.rand(2, 6, 5, 7), torch.rand(6, 2, 3, 2), None, (2, 3), (1, 0), (1, 2), 2, (1, 2)), {}),
    (F.avg_pool2d, (torch.rand(1, 2, 7, 9), 2, 1, 0, False, True), {}),
    (F.avg_pool2d, (torch.rand(1, 2, 7, 9), (3, 2)), {}),
    (F.avg_pool2d, (torch.rand(1, 2, 7, 9), 3), {"stride": 2, "ceil_mode": True}),
    (F.adaptive_avg_pool2d, (torch.rand(1, 2, 7, 9), 1), {}),
    (F.adaptive_avg_pool2d, (torch.rand(1, 2, 7, 9), (2, 3)), {}),
    (torch.sin, (torch.rand(2, 3),), {}),
    (Tensor.__rsub__, (torch.rand(2, 3), 1.0), {}),
    (torch.stack, ([torch.rand(2, 3), torch.rand(2, 3)], -1), {}),
    (Tensor.new_full, (torch.rand(2), (3, 1), 8), {}),
    (Tensor.chunk, (torch.rand(2, 6), 2, 1), {}),
    (Tensor.reshape, (torch.rand(2, 6).t(), 12), {}),
    (Tensor.to, (torch.rand(2, 6), torch.float16), {}),
]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call[0].__name__)
def test_rules_answer_as_the_functions_do(call: tuple[Any, tuple[Any, ...], dict[str, Any]]) -> None:
    func, args, kwargs = call
    wanted = func(*_moved(args, "cpu"), **kwargs)
    with FunctionMode(Ledger([])):
        got = func(*_moved(args, "meta"), **kwargs)
    assert _described(got) == _described(wanted)


@pytest.mark.parametrize(
    ("func", "args"),
    [
        (F.conv2d, (torch.rand(2, 6, 9, 7), torch.rand(4, 5, 3, 3), None, (1, 1), (0, 0), (1, 1), 1)),
        (F.conv2d, (torch.rand(2, 6, 2, 2), torch.rand(4, 6, 3, 3), None, (1, 1), (0, 0), (1, 1), 1)),
        (F.linear, (torch.rand(2, 6), torch.rand(4, 5))),
        (torch.matmul, (torch.rand(2, 6), torch.rand(5, 4))),
        (torch.cat, ([torch.rand(2, 3), torch.rand(3, 3)], 1)),
        (torch.add, (torch.rand(2, 3), torch.rand(4))),
    ],
)
def test_what_cannot_run_is_not_answered(func: Any, args: tuple[Any, ...]) -> None:
    with FunctionMode(Ledger([])), pytest.raises((RuntimeError, ValueError)):
        func(*_moved(args, "meta"))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_convolutions_of_any_kind(data: st.DataObject) -> None:
    groups = data.draw(st.integers(1, 3))
    inner, outer = (groups * data.draw(st.integers(1, 3)) for _ in range(2))
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    kernel, stride, padding, dilation = (data.draw(pair) for _ in range(4))
    model = nn.Sequential(
        nn.Conv2d(3, inner, 1), nn.Conv2d(inner, outer, kernel, stride, padding, dilation, groups), nn.SiLU()
    )
    size = (data.draw(st.integers(7, 12)), data.draw(st.integers(7, 12)))
    batch = data.draw(st.integers(1, 3))
    found = count(model, chain_graph(model), size, batch)
    with torch.no_grad():
        real = model(torch.rand(batch, 3, *size))
    assert found.rows["2"].out_shape == tuple(real.shape)
    assert found.rows["1"].macs == real.numel() * (inner // groups) * kernel[0] * kernel[1]


def _moved(values: Any, device: str) -> Any:
    if isinstance(values, Tensor):
        return values.clone().to(device) if values.is_contiguous() else values.t().clone().t().to(device)
    if isinstance(values, (list, tuple)):
        return type(values)(_moved(value, device) for value in values)
    return values


def _described(value: Any) -> Any:
    if isinstance(value, Tensor):
        return tuple(value.shape), value.dtype
    return tuple(_described(one) for one in value)


def test_a_shared_module_belongs_to_its_caller() -> None:
    shared = nn.Sequential(nn.Conv2d(8, 8, 1, bias=False))

    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.ModuleDict({"inner": shared})
            self.b = nn.Sequential(shared)

        def forward(self, x):
            return self.b(self.a["inner"](x)) + self.a["inner"](x)

    with Passes(Twice()) as passes:
        found = count_of(passes.run((1, 8, 4, 4)), ())
    once = 8 * 8 * 16
    by_module = found.by_module()
    assert (by_module["a.inner.0"], by_module["b.0.0"], by_module["b"], by_module[""]) == (
        2 * once,
        once,
        once,
        3 * once,
    )
    assert [one.elementwise for one in found.tallies if one.path == ""] == [8 * 16]
