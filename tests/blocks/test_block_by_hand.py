"""FLA and ACmix on a CPU: passes written by hand give the numbers of the plain form, and step back when watched."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from plain import plain
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from surgeon.blocks import create, depthwise, grouped

FORMS = {
    "fla": ("fla", {}, 16, "Focused"),
    "fla mean": ("fla", {"normaliser": "mean", "num_heads": 2, "kernel_size": 3}, 8, "Focused"),
    "acmix": ("acmix", {}, 8, "Neighbourhood"),
    "acmix 3x3": ("acmix", {"kernel_att": 3, "head": 2}, 8, "Neighbourhood"),
}


def build(form: str, size: tuple[int, int], batch: int = 1) -> tuple[nn.Module, Tensor]:
    """A block in training with every parameter random, and a map, in double precision."""
    name, settings, channels, _ = FORMS[form]
    torch.manual_seed(0)
    module = create(name, channels, **settings).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return module, torch.randn(batch, channels, *size, dtype=torch.float64, requires_grad=True)


def steps(y: Tensor) -> set[str]:
    """Names of all operators that ``y`` came out of."""
    seen, names, waiting = set(), set(), [y.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            names.add(type(node).__name__)
            waiting += [before for before, _ in node.next_functions]
    return names


def by_hand(form: str, y: Tensor) -> bool:
    """Whether ``y`` came out of the pass by hand."""
    return any(FORMS[form][3] in name for name in steps(y))


@pytest.mark.parametrize("size", [(4, 4), (5, 9), (7, 23)], ids=str)
@pytest.mark.parametrize("form", FORMS)
def test_all_gradients_are_those_of_the_plain_form(form: str, size: tuple[int, int]) -> None:
    module, x = build(form, size, batch=2)
    inputs = {"x": x, **dict(module.named_parameters())}
    y = module(x)
    assert by_hand(form, y)
    direction = torch.randn_like(y)
    wanted = torch.autograd.grad(plain(module, x), inputs.values(), direction)
    for name, got, right in zip(inputs, torch.autograd.grad(y, inputs.values(), direction), wanted, strict=True):
        assert torch.allclose(got, right, rtol=1e-9, atol=1e-10), name


@pytest.mark.parametrize("form", FORMS)
def test_gradients_can_be_differentiated(form: str) -> None:
    module, x = build(form, (5, 6))
    inputs = [x, *module.parameters()]
    direction = torch.randn_like(x)

    def penalty(run: Callable[[Tensor], Tensor]) -> tuple[Tensor | None, ...]:
        (gradient,) = torch.autograd.grad(run(x), x, direction, create_graph=True)
        return torch.autograd.grad(gradient.square().sum(), inputs, allow_unused=True)

    assert by_hand(form, module(x))
    for got, right in zip(penalty(module), penalty(lambda t: plain(module, t)), strict=True):
        assert (got is None) == (right is None)
        assert got is None or torch.allclose(got, right, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("form", FORMS)
def test_frozen_parameters_stay_without_gradient(form: str) -> None:
    module, x = build(form, (5, 6))
    frozen = next(iter(module.parameters())).requires_grad_(False)
    y = module(x.detach())
    assert by_hand(form, y)
    y.sum().backward()
    learned = [p for p in module.parameters() if p.requires_grad]
    assert frozen.grad is None and all(p.grad is not None for p in learned)
    wanted = torch.autograd.grad(plain(module, x.detach()).sum(), learned)
    assert all(torch.allclose(p.grad, right, atol=1e-10) for p, right in zip(learned, wanted, strict=True))


def keep(_: nn.Module, *others: Any) -> None:
    """A hook that changes nothing."""


class Watching(TorchDispatchMode):
    """Sees every operator, as a counter does."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


WATCHERS: dict[str, Callable[[nn.Module], Any]] = {
    "forward hook": lambda module: next(module.children()).register_forward_hook(keep),
    "backward hook": lambda module: next(module.children()).register_full_backward_hook(keep),
    "a hook on every module": lambda module: nn.modules.module.register_module_forward_hook(keep),
}
AROUND: dict[str, Callable[[], Any]] = {
    "operators": Watching,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "functions": lambda: torch.device("cpu"),
}


@pytest.mark.parametrize("watcher", WATCHERS)
def test_fla_calls_its_layers_where_a_hook_waits(watcher: str) -> None:
    module, x = build("fla", (5, 6))
    handle = WATCHERS[watcher](module)
    try:
        assert not by_hand("fla", module(x))
    finally:
        handle.remove()
    assert by_hand("fla", module(x))


@pytest.mark.parametrize("form", ["fla", "acmix"])
@pytest.mark.parametrize("around", AROUND)
def test_steps_are_shown_to_who_watches_them(form: str, around: str) -> None:
    module, x = build(form, (5, 6))
    module, x = module.float(), x.detach().float().requires_grad_()
    for context, wanted in ((nullcontext(), True), (AROUND[around](), False)):
        with context:
            assert by_hand(form, module(x)) is wanted


@pytest.mark.parametrize("form", ["fla", "acmix"])
def test_transforms(form: str) -> None:
    """Gradients image by image, and a derivative forwards."""
    module, x = build(form, (5, 6), batch=2)
    parameters = {name: p.detach() for name, p in module.named_parameters()}

    def loss(values: dict[str, Tensor], image: Tensor) -> Tensor:
        return torch.func.functional_call(module, values, (image[None],)).square().sum()

    each = torch.func.vmap(torch.func.grad(loss), (None, 0))(parameters, x.detach())
    whole = torch.autograd.grad(plain(module, x).square().sum(), list(module.parameters()))
    for name, right in zip(parameters, whole, strict=True):
        assert torch.allclose(each[name].sum(0), right, rtol=1e-7, atol=1e-8), name


def test_fla_forwards_a_derivative() -> None:
    module, x = build("fla", (5, 6))
    along = torch.randn_like(x)
    step = 1e-6
    _, got = torch.func.jvp(module, (x.detach(),), (along,))
    with torch.no_grad():
        wanted = (module(x + step * along) - module(x - step * along)) / (2 * step)
    assert torch.allclose(got, wanted, rtol=1e-4, atol=1e-6)


SHAPES = [(5, 20, 20, 2), (3, 1, 1, 1), (7, 3, 45, 3), (1, 4, 5, 2)]


@pytest.mark.parametrize(("kernel", "height", "width", "batch"), SHAPES)
def test_weight_gradients_are_the_librarys(kernel: int, height: int, width: int, batch: int) -> None:
    torch.manual_seed(0)
    for groups, inputs, outputs in ((4, 1, 1), (3, 4, 2)):
        x = torch.randn(batch, groups * inputs, height, width, dtype=torch.float64)
        weight = torch.randn(groups * outputs, inputs, kernel, kernel, dtype=torch.float64, requires_grad=True)
        y = F.conv2d(x, weight, padding=kernel // 2, groups=groups)
        gradient = torch.randn_like(y)
        (wanted,) = torch.autograd.grad(y, weight, gradient)
        if inputs == 1:
            assert torch.allclose(depthwise.weight_gradient(x, gradient, kernel), wanted)
        assert torch.allclose(grouped.weight_gradient(x, gradient, kernel, groups), wanted)
