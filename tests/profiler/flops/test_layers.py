"""Layers of any parameters: shape and MACs are those of the real layer, by rules, by operators and on the CPU."""

from __future__ import annotations

import math
from typing import Any

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from profiler_support import chain_graph
from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.profiler.flops.count import count
from surgeon.profiler.flops.rules.base import dense_strides

EASY = settings(max_examples=25, deadline=None, derandomize=True)
SIZE = (7, 10)
LAYERS = {1: (nn.Conv1d, nn.ConvTranspose1d), 2: (nn.Conv2d, nn.ConvTranspose2d), 3: (nn.Conv3d, nn.ConvTranspose3d)}
VOLUMES = {1: (11,), 2: (5, 6), 3: (4, 3, 5)}


class Called(nn.Module):
    """Makes maps of any shape out of an image, and calls something on them."""

    def __init__(self, function: Any, *shapes: tuple[int, ...]) -> None:
        super().__init__()
        self.function, self.shapes = function, shapes

    def forward(self, image: Tensor) -> Tensor:
        out = self.function(*(image.new_zeros(shape) for shape in self.shapes))
        SEEN.append(tuple(out.shape))
        return image


SEEN: list[tuple[int, ...]] = []
"""Not in the module: a pass runs a twin of it, which is thrown away."""


def only_real(network: nn.Module, image: Tensor) -> Any:
    if image.is_meta:
        raise NotImplementedError
    return network(image)


def agrees(function: Any, shapes: list[tuple[int, ...]], macs: Any) -> None:
    """``macs`` is a figure, or a function of the real output."""
    with torch.no_grad():
        real = function(*(torch.zeros(shape) for shape in shapes))
    expected = macs(real) if callable(macs) else macs
    model = nn.Sequential(nn.Identity(), Called(function, *shapes))
    for options in ({}, {"operators_only": True}, {"forward": only_real}):
        SEEN.clear()
        found = count(model, chain_graph(model), SIZE, **options)
        assert SEEN[-1] == tuple(real.shape)
        assert found.counts.executed == found.counts.macs == expected
        assert found.counts.uncounted == ()
        assert found.counted_on == ("cpu" if "forward" in options else "meta")


def convolutions(draw: Any, axes: int) -> dict[str, Any]:
    groups = draw(st.integers(1, 3))
    each = st.tuples(*[st.integers(1, 3)] * axes)
    return {
        "in_channels": groups * draw(st.integers(1, 3)),
        "out_channels": groups * draw(st.integers(1, 3)),
        "kernel_size": draw(each),
        "dilation": draw(st.tuples(*[st.integers(1, 2)] * axes)),
        "groups": groups,
        "bias": draw(st.booleans()),
    }


@EASY
@given(data=st.data())
def test_convolutions(data: st.DataObject) -> None:
    axes = data.draw(st.sampled_from([1, 2, 2, 3]))
    options = convolutions(data.draw, axes)
    padding = data.draw(st.sampled_from(["same", "valid", "numbers"]))
    if padding == "numbers":
        options["padding"] = data.draw(st.tuples(*[st.integers(2, 4)] * axes))
        options["stride"] = data.draw(st.tuples(*[st.integers(1, 3)] * axes))
    elif padding == "same":
        options |= {"padding": "same", "kernel_size": tuple(n | 1 for n in options["kernel_size"])}
    else:
        options |= {"padding": "valid", "kernel_size": 1}
    if padding != "valid" and axes == 2:
        options["padding_mode"] = data.draw(st.sampled_from(["zeros", "zeros", "replicate"]))
    layer = LAYERS[axes][0](**options)
    shape = (data.draw(st.integers(1, 3)), options["in_channels"], *VOLUMES[axes])
    taps = layer.weight[0].numel()
    agrees(layer, [shape], lambda out: out.numel() * taps)
    agrees(layer, [shape[1:]], lambda out: out.numel() * taps)  # no batch


@EASY
@given(data=st.data())
def test_transposed_convolutions(data: st.DataObject) -> None:
    axes = data.draw(st.sampled_from([1, 2, 2, 3]))
    options = convolutions(data.draw, axes)
    options["stride"] = stride = data.draw(st.tuples(*[st.integers(1, 3)] * axes))
    room = [max(pair) - 1 for pair in zip(stride, options["dilation"], strict=True)]
    options["output_padding"] = data.draw(st.tuples(*(st.integers(0, most) for most in room)))
    options["padding"] = data.draw(st.tuples(*[st.integers(0, 1)] * axes))
    layer = LAYERS[axes][1](**options)
    shape = (data.draw(st.integers(1, 3)), options["in_channels"], *VOLUMES[axes])
    agrees(layer, [shape], math.prod(shape) * layer.weight[0].numel())


@EASY
@given(data=st.data())
def test_linear_layers(data: st.DataObject) -> None:
    lead = data.draw(st.lists(st.integers(1, 4), max_size=4))
    inner, outer = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9))
    layer = nn.Linear(inner, outer, bias=data.draw(st.booleans()))
    agrees(layer, [(*lead, inner)], math.prod(lead) * inner * outer)
    agrees(F.linear, [(*lead, inner), (outer, inner)], math.prod(lead) * inner * outer)


@EASY
@given(data=st.data())
def test_matrix_products(data: st.DataObject) -> None:
    """With broadcast leading axes; vectors have none."""
    side = st.integers(1, 4)
    rows, inner, columns = (data.draw(side) for _ in range(3))
    lead = data.draw(st.lists(side, max_size=2))
    left, right = ([1 if data.draw(st.booleans()) else n for n in lead] for _ in range(2))
    left = left[data.draw(st.integers(0, len(left))) :]
    a, b = (*left, rows, inner), (*right, inner, columns)
    joint = math.prod(torch.broadcast_shapes(tuple(left), tuple(right)))
    for function in (torch.matmul, lambda x, y: x @ y):
        agrees(function, [a, b], joint * rows * inner * columns)
    agrees(torch.matmul, [a, (inner,)], math.prod(left) * rows * inner)
    agrees(torch.matmul, [(inner,), b], math.prod(right) * inner * columns)
    agrees(torch.matmul, [(inner,), (inner,)], inner)


@EASY
@given(data=st.data())
def test_products_of_one_batch_axis(data: st.DataObject) -> None:
    batch, rows, inner, columns = (data.draw(st.integers(1, 5)) for _ in range(4))
    macs = batch * rows * inner * columns
    a, b = (batch, rows, inner), (batch, inner, columns)
    agrees(torch.bmm, [a, b], macs)
    agrees(lambda x, y, z: torch.baddbmm(z, x, y), [a, b, (batch, rows, columns)], macs)
    if inner > 1:  # else it contracts nothing: PyTorch multiplies elementwise, and so it counts
        agrees(lambda x, y: torch.einsum("bri,bic->bcr", x, y), [a, b], macs)
    agrees(lambda x, y: torch.mm(x[0], y[0]), [a, b], rows * inner * columns)
    agrees(lambda x, y, z: torch.addmm(z, x[0], y[0]), [a, b, (columns,)], rows * inner * columns)


@EASY
@given(data=st.data())
def test_attention(data: st.DataObject) -> None:
    batch, heads, queries, keys, width, values = (data.draw(st.integers(1, 4)) for _ in range(6))
    shapes = [(batch, heads, queries, width), (batch, heads, keys, width), (batch, heads, keys, values)]
    agrees(F.scaled_dot_product_attention, shapes, batch * heads * queries * keys * (width + values))
    embedded = width * heads
    layer = nn.MultiheadAttention(embedded, heads, batch_first=data.draw(st.booleans()))
    tokens, memory = (batch, queries, embedded), (batch, keys, embedded)
    if not layer.batch_first:
        tokens, memory = ((s[1], s[0], s[2]) for s in (tokens, memory))
    attend = type("Attend", (nn.Module,), {"forward": lambda self, q, k: self.inner(q, k, k)[0]})()
    attend.inner = layer.eval()
    projections = batch * (2 * queries + 2 * keys) * embedded**2
    agrees(attend, [tokens, memory], projections + 2 * batch * queries * keys * embedded)


@st.composite
def layouts(draw: Any, shape: tuple[int, ...]) -> Tensor:
    """A tensor of a shape: its axes in any order of memory, cut out of a larger one, one of them repeated."""
    order = draw(st.permutations(range(len(shape))))
    whole = torch.zeros([shape[axis] + draw(st.integers(0, 1)) for axis in order])
    for axis, source in enumerate(order):
        whole = whole.narrow(axis, 0, shape[source])
    tensor = whole.permute([order.index(axis) for axis in range(len(shape))])
    if shape and draw(st.booleans()):
        axis = draw(st.integers(0, len(shape) - 1))
        tensor = tensor.narrow(axis, 0, 1).expand(shape)
    return tensor


@settings(EASY, max_examples=200)
@given(data=st.data())
def test_pointwise_results_lie_in_memory_as_pytorch_lays_them(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 4), max_size=5)))
    narrow = tuple(1 if data.draw(st.booleans()) else side for side in shape)[data.draw(st.integers(0, 1)) :]
    first, second = data.draw(layouts(shape)), data.draw(layouts(narrow))
    operands = data.draw(st.sampled_from([(first,), (first, second), (second, first)]))
    real = operands[0] * 2.0 if len(operands) == 1 else operands[0] + operands[1]
    found = dense_strides(tuple(real.shape), operands)
    steps = [pair for pair in zip(found, real.stride(), real.shape, strict=True) if pair[2] > 1]
    assert [ours for ours, _, _ in steps] == [theirs for _, theirs, _ in steps]  # of a side of 1 it means nothing


@EASY
@given(data=st.data())
def test_pooling(data: st.DataObject) -> None:
    kernel, stride, dilation = (data.draw(st.integers(1, 4)) for _ in range(3))
    options = {"stride": stride, "padding": data.draw(st.integers(0, kernel // 2)), "dilation": dilation}
    options["ceil_mode"] = data.draw(st.booleans())
    size = (1, 2, data.draw(st.integers(14, 17)), data.draw(st.integers(14, 17)))
    agrees(lambda x: F.max_pool2d(x, kernel, **options), [size], 0)
