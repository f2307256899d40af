"""Training steps of single operators: convolutions of any kind, what is custom, what is odd; and whose work it is."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from profiler_support import chain_graph
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode
from training_support import MAP, PIXELS, Do, LooksAtData, cost, last, trained

from surgeon.errors import MeasurementError
from surgeon.profiler.flops.count import count
from surgeon.profiler.flops.formulas import default_formulas
from surgeon.profiler.flops.training import count_training


@pytest.mark.parametrize("on", ["meta", "cpu"])
def test_depthwise_backward_is_twice_forward(on: str) -> None:
    macs = PIXELS * 8 * 49
    assert last(trained(nn.Conv2d(8, 8, 7, padding=3, groups=8), on=on)) == (macs, macs, macs)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_convolutions_of_any_kind(data: st.DataObject) -> None:
    """Both gradients cost the forward; PyTorch's counter agrees where its formula is right, without groups."""
    groups = data.draw(st.sampled_from([1, 1, 2, 3]))
    inner, outer = (groups * data.draw(st.integers(1, 3)) for _ in range(2))
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    kernel, stride, padding, dilation = (data.draw(pair) for _ in range(4))
    kind = data.draw(st.sampled_from([nn.Conv2d, nn.ConvTranspose2d]))
    options = {"dilation": dilation, "groups": groups, "bias": data.draw(st.booleans())}
    model = nn.Sequential(nn.Conv2d(3, inner, 1), kind(inner, outer, kernel, stride, padding, **options))
    size, batch = (data.draw(st.integers(7, 12)), data.draw(st.integers(7, 12))), data.draw(st.integers(1, 3))
    image = torch.rand(batch, 3, *size)
    with FlopCounterMode(display=False) as counter:
        middle = model[0](image)
        before = counter.get_total_flops()
        out = model[1](middle)
        forward = (counter.get_total_flops() - before) // 2
        before = counter.get_total_flops()
        torch.autograd.grad(out.sum(), [middle, model[1].weight])
        backward = (counter.get_total_flops() - before) // 2
    wide = outer if kind is nn.ConvTranspose2d else inner
    positions = middle if kind is nn.ConvTranspose2d else out
    macs = positions.numel() * (wide // groups) * kernel[0] * kernel[1]
    found = count_training(model, chain_graph(model), size, batch)
    assert cost(found.rows["1"]) == (macs, macs, macs)
    assert forward == macs
    if groups == 1:
        assert backward == 2 * macs
    first = middle.numel() * 3
    assert cost(found.rows["0"]) == (first, 0, first)


def test_the_image_of_a_transposed_convolution_needs_no_gradient() -> None:
    model = nn.Sequential(nn.ConvTranspose2d(3, 4, 2, 2, groups=1))
    model.yaml = {"channels": 3}
    macs = PIXELS * 3 * 4 * 4
    assert cost(count_training(model, chain_graph(model), (12, 10)).rows["0"]) == (macs, 0, macs)


def test_convolutions_along_one_and_three_axes() -> None:
    line = Do(lambda self, x: self.conv(x.flatten(2)), conv=nn.Conv1d(8, 4, 3, padding=1, groups=2))
    assert last(trained(line)) == (PIXELS * 4 * 4 * 3,) * 3
    space = Do(lambda self, x: self.conv(x[:, :, None]), conv=nn.Conv3d(8, 4, (1, 3, 3), padding=(0, 1, 1)))
    assert last(trained(space)) == (PIXELS * 4 * 8 * 9,) * 3


def test_a_kernel_made_from_the_image_is_no_weight() -> None:
    """Its gradient is one of a map, whatever the operator calls it."""

    def dynamic(self: Any, x: Tensor) -> Tensor:
        return F.conv2d(x, self.make(x.mean((2, 3), keepdim=True)).view(8, 1, 3, 3), padding=1, groups=8)

    macs, making = PIXELS * 8 * 9, 8 * 72
    expected = (macs + making, 2 * macs + making, making)
    assert last(trained(Do(dynamic, make=nn.Conv2d(8, 72, 1)))) == expected


def test_a_kernel_made_from_parameters_is_a_weight() -> None:
    """Structural re-parametrisation: the gradient goes on from the whole kernel to its parts."""

    def composed(self: Any, x: Tensor) -> Tensor:
        return F.conv2d(x, (self.left @ self.right).view(8, 8, 3, 3), padding=1)

    macs, making = PIXELS * 8 * 72, 8 * 5 * 72
    found = last(trained(Do(composed, left=torch.rand(8, 5), right=torch.rand(5, 72))))
    assert found == (macs + making, macs, macs + 2 * making)


@pytest.mark.parametrize("on", ["meta", "cpu"])
def test_deformable_convolution(on: str) -> None:
    vision = pytest.importorskip("torchvision.ops")
    deformable = vision.DeformConv2d(8, 4, 3, padding=1, groups=2)
    offset = nn.Conv2d(8, 18, 3, padding=1)
    row = Do(lambda self, x: self.deformable(x, self.offset(x)), deformable=deformable, offset=offset)
    found = trained(row, on=on)
    assert last(found) == (PIXELS * 9 * (4 * 4 + 8 * 18),) * 3
    assert found.counts.uncounted == ()


class Weighted(torch.autograd.Function):
    """A custom function whose forward and backward are products of its own."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return x @ weight

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        return gradient @ weight.t(), x.flatten(0, 2).t() @ gradient.flatten(0, 2)


def test_custom_autograd_functions_count_as_they_run() -> None:
    row = Do(lambda self, x: Weighted.apply(x, self.w), w=torch.rand(10, 10))
    assert last(trained(row)) == (MAP * 10,) * 3


def test_operators_without_a_formula_are_named_with_their_module() -> None:
    if not hasattr(torch.ops.surgeontest, "strange"):
        _define_strange()
    row = nn.Sequential(Do(lambda self, x: torch.ops.surgeontest.strange(x)))
    named = trained(row).counts.uncounted
    assert named == ("surgeontest::strange in 1.0", "surgeontest::strange_backward in 1.0")
    taught = default_formulas() | {
        "surgeontest::strange": lambda out, args, kwargs: 5 * out.numel(),
        "surgeontest::strange_backward": lambda out, args, kwargs: 7 * out.numel(),
    }
    found = trained(row, formulas=taught)
    assert found.counts.uncounted == ()
    assert last(found) == (5 * MAP, 7 * MAP, 0)
    assert cost(found.modules["1.0"]) == (5 * MAP, 7 * MAP, 0)


def _define_strange() -> None:
    @torch.library.custom_op("surgeontest::strange", mutates_args=())
    def strange(x: Tensor) -> Tensor:
        return x.clone()

    @torch.library.custom_op("surgeontest::strange_backward", mutates_args=())
    def strange_backward(gradient: Tensor) -> Tensor:
        return gradient.clone()

    strange.register_fake(torch.empty_like)
    strange_backward.register_fake(torch.empty_like)
    strange.register_autograd(lambda ctx, gradient: strange_backward(gradient))


def test_work_belongs_to_the_module_whose_forward_made_it() -> None:
    """A shared module, a function in a row, a module called by its forward, a module inside a module."""
    shared = nn.Conv2d(8, 8, 1)
    outer = Do(
        lambda self, x: self.inner.forward(x.flatten(2).transpose(1, 2)) @ self.w,
        inner=nn.Linear(8, 8),
        w=torch.rand(8, 4),
    )
    found = trained(nn.Sequential(shared, nn.ReLU(), shared), outer)
    assert cost(found.rows["1"]) == (2 * PIXELS * 64,) * 3 == cost(found.modules["1.0"])
    assert cost(found.modules["2.inner"]) == (PIXELS * 64,) * 3
    assert cost(found.modules["2"]) == (PIXELS * 32,) * 3
    assert cost(found.rows["2"]) == (PIXELS * 96,) * 3


def test_work_outside_of_rows_is_in_the_total() -> None:
    found = trained(nn.ReLU(), forward=lambda network, x: {"out": [network(x) @ torch.ones(10, 6, device=x.device)]})
    assert cost(found.outside) == (MAP * 6, MAP * 6, 0)
    assert cost(found.rows["0"]) == (MAP * 3, 0, MAP * 3)


def test_every_output_is_trained() -> None:
    """Gradients come from all floating tensors of nested outputs; the others are left alone."""

    def outputs(self: Any, x: Tensor) -> Any:
        first, second = self.first(x), self.second(x)
        return {"a": [first, (second, second.argmax(1), None, "text")], "b": x.detach()}

    row = Do(outputs, first=nn.Conv2d(8, 4, 1), second=nn.Conv2d(8, 2, 3, padding=1))
    found = trained(row)
    assert cost(found.modules["1.first"]) == (PIXELS * 32,) * 3
    assert cost(found.modules["1.second"]) == (PIXELS * 16 * 9,) * 3


@pytest.mark.parametrize("reentrant", [False, True])
def test_activation_checkpointing_runs_the_forward_twice(reentrant: bool) -> None:
    inner = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 1))
    found = trained(Do(lambda self, x: checkpoint(self.inner, x, use_reentrant=reentrant), inner=inner))
    macs = PIXELS * 64 * 9
    assert cost(found.modules["1.inner.0"]) == (2 * macs, macs, macs)
    again = PIXELS * 64 if reentrant else 0  # the other way stops where it has what it needs
    assert last(found) == (2 * macs + PIXELS * 64 + again, macs + PIXELS * 64, macs + PIXELS * 64)


def test_what_cannot_train_says_why() -> None:
    def spoiled(self: Any, x: Tensor) -> Tensor:
        y = x.exp()
        y.mul(2).add_(1)
        return y.add_(1) * y.sigmoid()

    with pytest.raises(MeasurementError, match="modified by an inplace operation"):
        trained(Do(spoiled))


def test_the_random_state_stays() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 1), LooksAtData(), nn.Dropout(0.5))
    before = torch.get_rng_state()
    assert count_training(model, chain_graph(model), (12, 10)).counted_on == "cpu"
    assert torch.equal(torch.get_rng_state(), before)


def test_a_gradient_that_a_forward_computes_counts_by_the_same_formulas() -> None:
    """Of a grouped convolution: PyTorch's own formula of its backward forgets to divide by the groups."""

    class Derives(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(8, 8, 3, padding=1, groups=4)

        def forward(self, x: Tensor) -> Tensor:
            with torch.enable_grad():
                x = x.detach().requires_grad_()
                return torch.autograd.grad(self.conv(x).sum(), (x, self.conv.weight.requires_grad_()))[0]

    model = nn.Sequential(nn.Conv2d(3, 8, 1), Derives())
    assert count(model, chain_graph(model), (12, 10)).rows["1"].macs == 3 * MAP * 2 * 9
