"""Results of operators without data: as PyTorch lays them out."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from surgeon.profiler.flops.kernels import KERNELS, result_of

aten = torch.ops.aten

MAP = torch.zeros(2, 3, 4, 5)
STRIDED = torch.zeros(5, 2, 4, 3).permute(1, 3, 2, 0)
LAST = torch.zeros(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
ROW, COLUMN = torch.zeros(5), torch.zeros(3, 1, 1)
MASK = torch.zeros(2, 3, 4, 1, dtype=torch.bool)
WHOLE = torch.zeros(4, 6, dtype=torch.int64)
FIRST = torch.zeros(4, dtype=torch.int64)

Call = tuple[Any, tuple[Any, ...], dict[str, Any]]

UNARY = [func for func, kernel in KERNELS.items() if kernel.__name__ == "_unary" and func is not aten.pow.Tensor_Scalar]
ARITHMETIC = (aten.add.Tensor, aten.sub.Tensor, aten.mul.Tensor)
ANSWERED: list[Call] = [
    *((func, (x,), {}) for func in UNARY if func is not aten.clamp.default for x in (MAP, STRIDED, LAST)),
    (aten.clamp.default, (STRIDED, 0.0, 1), {}),
    (aten.clamp.default, (MAP, None, 1.0), {}),
    (aten.gelu.default, (MAP,), {"approximate": "tanh"}),
    (aten.pow.Tensor_Scalar, (STRIDED, 2), {}),
    *((func, (x, y), {}) for func in ARITHMETIC for x, y in ((MAP, STRIDED), (LAST, ROW), (COLUMN, LAST), (ROW, 2))),
    *((func, (WHOLE, y), {}) for func in ARITHMETIC for y in (WHOLE, 3)),
    (aten.add.Tensor, (MAP, LAST), {"alpha": 2}),
    (aten.mul.Tensor, (MASK, LAST), {}),
    (aten.mul.Tensor, (STRIDED, MASK), {}),
    (aten.div.Tensor, (STRIDED, MAP), {}),
    (aten.div.Tensor, (MAP, 3), {}),
    (aten.div.Tensor_mode, (WHOLE, 3), {"rounding_mode": "floor"}),
    (aten.div.Tensor_mode, (MAP, ROW), {"rounding_mode": "trunc"}),
    *((func, (LAST, 0.5), {}) for func in (aten.gt.Scalar, aten.ge.Scalar, aten.lt.Scalar, aten.le.Scalar)),
    *((func, (MASK, MASK[:1]), {}) for func in (aten.bitwise_and.Tensor, aten.bitwise_or.Tensor)),
    (aten.bitwise_not.default, (MASK,), {}),
    (aten.masked_fill.Scalar, (MAP, MASK, float("inf")), {}),
    (aten.full_like.default, (MAP, 0.05), {"pin_memory": False}),
    (aten.mm.default, (torch.zeros(6, 4).t(), torch.zeros(6, 7)), {}),
    (aten.addmm.default, (ROW, torch.zeros(4, 6), torch.zeros(5, 6).t()), {}),
    (aten.bmm.default, (torch.zeros(2, 3, 4), torch.zeros(2, 5, 4).transpose(1, 2)), {}),
    (aten._softmax.default, (MAP, -1, False), {}),
    *((func, (x, [1, -1], True), {}) for func in (aten.sum.dim_IntList, aten.mean.dim) for x in (MAP, STRIDED, LAST)),
    (aten.sum.dim_IntList, (STRIDED, [0]), {}),
    (aten.all.dim, (MASK, -1, True), {}),
    (aten.all.dim, (MASK, 0), {}),
    (aten.topk.default, (STRIDED, 2, 1), {}),
    (aten.topk.default, (MAP, 3), {}),
    (aten.gather.default, (torch.zeros(4, 6), 1, WHOLE[:2, :1].expand(2, 9)), {}),
    (aten.index.Tensor, (MAP, [None, WHOLE]), {}),
    (aten.index.Tensor, (MAP, [FIRST, FIRST]), {}),
    (aten.index.Tensor, (MAP, [None, FIRST, FIRST, None]), {}),
    (aten.upsample_bilinear2d.default, (MAP, [8, 7], False, 2.0, None), {}),
    (aten.upsample_bicubic2d.default, (MAP, [8, 7], True), {}),
]  # fmt: skip

DECLINED: list[Call] = [
    (aten.add.Tensor, (MAP, torch.zeros(2, 3, 4, 5, dtype=torch.float64)), {}),
    (aten.add.Tensor, (WHOLE, 1.5), {}),
    (aten.add.Tensor, (MASK, 1), {}),
    (aten.mul.Tensor, (MAP, 1j), {}),
    (aten.mul.Tensor, (torch.zeros((), dtype=torch.bool), WHOLE), {}),
    (aten.div.Tensor, (WHOLE, 2), {}),
    (aten.div.Tensor_mode, (WHOLE, 3), {"rounding_mode": None}),
    (aten.log.default, (WHOLE,), {}),
    (aten.gt.Scalar, (WHOLE, 1.5), {}),
    (aten.bitwise_not.default, (WHOLE,), {}),
    (aten.full_like.default, (MAP, 1), {"dtype": torch.int64}),
    (aten.masked_fill.Scalar, (COLUMN, MASK, 1.0), {}),
    (aten.addmm.default, (torch.zeros(4, 5), torch.zeros(4, 6), torch.zeros(6, 5)), {}),
    (aten.sum.dim_IntList, (MAP, [1]), {"dtype": torch.float64}),
    (aten.sum.dim_IntList, (MASK, [1]), {}),
    (aten.sum.dim_IntList, (MAP, None), {}),
    (aten.all.dim, (MAP, 1), {}),
    (aten.index.Tensor, (MAP, [FIRST, None, FIRST]), {}),
    (aten.index.Tensor, (LAST, [FIRST]), {}),
    (aten.upsample_bilinear2d.default, (LAST, [8, 7], False), {}),
]

IMPOSSIBLE: list[Call] = [
    (aten.add.Tensor, (MAP, torch.zeros(2)), {}),
    (aten.mm.default, (torch.zeros(4, 6), torch.zeros(5, 4)), {}),
    (aten.addmm.default, (ROW, torch.zeros(4, 6), torch.zeros(6, 4)), {}),
    (aten.bmm.default, (torch.zeros(2, 3, 4), torch.zeros(3, 4, 5)), {}),
    (aten._softmax.default, (MAP, 4, False), {}),
    (aten.sum.dim_IntList, (MAP, [1, 1]), {}),
    (aten.topk.default, (MAP, 6), {}),
    (aten.gather.default, (torch.zeros(4, 6), 1, torch.zeros(5, 6, dtype=torch.int64)), {}),
    (aten.index.Tensor, (ROW, [FIRST, FIRST]), {}),
]


def on_meta(values: Any) -> Any:
    return tree_map(lambda v: _without_data(v) if isinstance(v, Tensor) else v, values)


def _without_data(tensor: Tensor) -> Tensor:
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")


def described(result: Any) -> list[Any]:
    """Shape, type and place in memory; of a side of 1 the stride means nothing."""
    return [
        (tuple(one.shape), one.dtype, [step for step, n in zip(one.stride(), one.shape, strict=True) if n > 1])
        for one in tree_leaves(result)
    ]


def named(call: Call) -> str:
    return str(call[0])


@pytest.mark.parametrize("call", ANSWERED, ids=named)
def test_results_are_pytorchs(call: Call) -> None:
    func, args, kwargs = call
    found = result_of(func, on_meta(args), kwargs)
    assert all(one.is_meta for one in tree_leaves(found))
    assert described(found) == described(func(*on_meta(args), **kwargs))
    assert described(found) == described(func(*args, **kwargs))


@pytest.mark.parametrize("call", DECLINED + IMPOSSIBLE, ids=named)
def test_what_is_not_sure_is_left_to_pytorch(call: Call) -> None:
    func, args, kwargs = call
    assert result_of(func, on_meta(args), kwargs) is NotImplemented


def test_every_kernel_has_an_example() -> None:
    assert {func for func, _, _ in ANSWERED} == set(KERNELS)


def test_only_plain_tensors_without_data_are_answered() -> None:
    assert result_of(aten.log.default, (MAP,), {}) is NotImplemented
    assert result_of(aten.add.Tensor, (_without_data(MAP), MAP), {}) is NotImplemented
    sparse = torch.zeros(4, 6).to_sparse().to("meta")
    assert result_of(aten.mm.default, (sparse, torch.empty(6, 5, device="meta")), {}) is NotImplemented
    assert result_of(aten.erfinv.default, (_without_data(MAP),), {}) is NotImplemented


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_indexing_of_any_axes(data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    pool = [
        None,
        torch.zeros(5, dtype=torch.int64),
        torch.zeros(5, dtype=torch.int64),
        torch.zeros(2, 3, dtype=torch.int64),
    ]
    indices = data.draw(st.lists(st.sampled_from(pool), min_size=1, max_size=len(shape)))
    found = result_of(aten.index.Tensor, on_meta((torch.zeros(shape), indices)), {})
    if found is not NotImplemented:
        assert described(found) == described(aten.index.Tensor(torch.zeros(shape), indices))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_sums_over_any_axes(data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    axes = data.draw(st.lists(st.integers(-len(shape), len(shape) - 1), min_size=1, max_size=3))
    x = torch.zeros(shape).permute(*data.draw(st.permutations(range(len(shape)))))
    found = result_of(aten.sum.dim_IntList, (_without_data(x), axes, data.draw(st.booleans())), {})
    if len({axis % len(shape) for axis in axes}) < len(axes):
        assert found is NotImplemented
    else:
        assert tuple(found.stride()) == tuple(torch.empty(found.shape).stride())
        assert found.shape in {x.sum(axes).shape, x.sum(axes, keepdim=True).shape}
