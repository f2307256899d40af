"""Counting leaves nothing behind: on the network, in the process, and whatever happens in the middle of a pass."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from profiler_support import chain_graph, state_of, ultralytics_graph, ultralytics_model
from torch import Tensor, nn
from torch.overrides import _get_current_function_mode_stack
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

import surgeon
from surgeon.errors import MeasurementError
from surgeon.profiler.flops.count import count


def everything(model: nn.Module) -> dict[str, Any]:
    """`state_of` and more: the very objects that modules hold, and what a thread of PyTorch has switched on."""
    return state_of(model) | {
        "objects": [{name: id(value) for name, value in vars(module).items()} for module in model.modules()],
        "entries": [{n: id(v) for n, v in vars(m)["_parameters"].items()} for m in model.modules()],
        "values": {key: value.clone() for key, value in model.state_dict().items()},
        "versions": [tensor._version for tensor in (*model.parameters(), *model.buffers())],
        "grads": [parameter.grad for parameter in model.parameters()],
        "function modes": _get_current_function_mode_stack(),
        "dispatch modes": _get_current_dispatch_mode_stack(),
        "excluded keys": str(torch._C._dispatch_tls_local_exclude_set()),
        "included keys": str(torch._C._dispatch_tls_local_include_set()),
        "function overrides": torch._C._is_torch_function_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "autocast": (torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")),
        "device": torch.get_default_device(),
        "collector": (gc.isenabled(), gc.get_threshold()),
    }


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    values = one.pop("values"), other.pop("values")
    assert all(torch.equal(values[0][key], values[1][key]) for key in values[0])
    assert one == other
    return True


class LooksAtData(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if float(x.detach().sum()) > -1e9 else -x


class Interrupts(nn.Module):
    """Ends a pass from within, below both modes."""

    error: BaseException = KeyboardInterrupt()

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(x)
        raise self.error


class Exits(Interrupts):
    error = SystemExit(3)


class Fails(Interrupts):
    error = ValueError("in the middle")


class Draws(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(x + torch.rand_like(x) + torch.randn(()), 0.5, training=True)


class Costs(nn.Module):
    """Its definition fails."""

    def definition_cost(self, height: int, width: int) -> Any:
        raise KeyboardInterrupt

    def forward(self, x: Tensor) -> Tensor:
        return x


class Attends(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(2).mT
        return self.attention(tokens, tokens, tokens)[0].mT.reshape(x.shape)


class Refuses(nn.Module):
    """Cannot be copied."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = iter([])

    def forward(self, x: Tensor) -> Tensor:
        return x


class CannotBeCopied:
    def __deepcopy__(self, memo: object) -> None:
        raise TypeError("stays where it is")


def network(*rows: nn.Module) -> nn.Sequential:
    """In training mode, half of it frozen, some parts in half precision, with gradients."""
    model = nn.Sequential(nn.Conv2d(3, 8, 1), nn.BatchNorm2d(8), Attends(), Draws(), *rows).train()
    model[0].weight.requires_grad_(False)
    model[0].bias.grad = torch.ones_like(model[0].bias)
    model[1].half()
    model[2].eval()
    return model


ENDINGS = {
    "done": ((), None),
    "done on the CPU": ((LooksAtData(),), None),
    "fails": ((Fails(),), MeasurementError),
    "fails on the CPU": ((LooksAtData(), Fails()), MeasurementError),
    "interrupted": ((Interrupts(),), KeyboardInterrupt),
    "interrupted on the CPU": ((LooksAtData(), Interrupts()), KeyboardInterrupt),
    "exits": ((Exits(),), SystemExit),
    "interrupted in a definition": ((Costs(),), KeyboardInterrupt),
}


def run(model: nn.Sequential, ends: type[BaseException] | None) -> None:
    if ends is None:
        count(model, chain_graph(model), (6, 6), 2)
        return
    with pytest.raises(ends):
        count(model, chain_graph(model), (6, 6), 2)


@pytest.mark.parametrize("name", ENDINGS)
def test_nothing_is_left(name: str) -> None:
    rows, ends = ENDINGS[name]
    model = network(*rows)
    before = everything(model)
    run(model, ends)
    assert same(everything(model), before)


@pytest.mark.parametrize("name", ENDINGS)
def test_a_callers_settings_stay(name: str, _usual_settings: None) -> None:
    rows, ends = ENDINGS[name]
    model = network(*rows)
    gc.disable()
    torch.set_default_dtype(torch.float64)
    torch.backends.mha.set_fastpath_enabled(False)
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        before = everything(model)
        run(model, ends)
        assert same(everything(model), before)
    assert not gc.isenabled()


@pytest.fixture
def _usual_settings() -> Iterator[None]:
    collecting, dtype, fast = gc.isenabled(), torch.get_default_dtype(), torch.backends.mha.get_fastpath_enabled()
    yield
    (gc.enable if collecting else gc.disable)()
    torch.set_default_dtype(dtype)
    torch.backends.mha.set_fastpath_enabled(fast)


def test_what_cannot_be_copied() -> None:
    model = network(Refuses())
    model[-1].thing = CannotBeCopied()
    before = everything(model)
    run(model, MeasurementError)
    assert same(everything(model), before)


def test_an_interrupt_in_a_users_formula() -> None:
    def macs(module: nn.Module, inputs: Any, output: Any) -> int:
        raise KeyboardInterrupt

    surgeon.register_macs(Attends)(macs)
    try:
        model = network()
        before = everything(model)
        run(model, KeyboardInterrupt)
        assert same(everything(model), before)
    finally:
        surgeon.unregister_macs(Attends)


@pytest.mark.parametrize("name", ["yolov8n", "rtdetr-l"])
def test_nothing_is_left_on_a_real_network(name: str) -> None:
    model = ultralytics_model(name).train()
    before = everything(model)
    count(model, ultralytics_graph(model), (320, 320))
    assert same(everything(model), before)


def modules() -> int:
    return sum(issubclass(type(one), nn.Module) for one in gc.get_objects())


def test_no_twin_outlives_a_pass() -> None:
    """Not even until the garbage collector runs: a sweep over sizes does not pile them up."""
    model = network()
    count(model, chain_graph(model), (6, 6))
    gc.collect()
    gc.disable()
    try:
        before = modules()
        for _ in range(3):
            count(model, chain_graph(model), (6, 6))
        assert modules() == before
    finally:
        gc.enable()
