"""Users' formulas: targets, functions and answers that are none, and what a second registration may do."""

from __future__ import annotations

import pytest
import torch
from profiler_support import chain_graph, state_of
from registry_support import ELEMENTS, SIDE, Calls, counted, described, opaque
from torch import nn

import surgeon
from surgeon.errors import InputError, MeasurementError
from surgeon.profiler.flops import formulas
from surgeon.profiler.flops.count import count

pytestmark = pytest.mark.usefixtures("own_formulas")
NONSENSE = [
    (5, "takes an operator or an nn.Module class, and got 5"),
    (int, "takes an operator or an nn.Module class"),
    (nn.ReLU(), "give ReLU"),
    (nn.Module, "base of every module"),
    ("row_attention", "write namespace::name"),
    ("mylib::", "write namespace::name"),
    ("mylib::a::b", "write namespace::name"),
    ("torch.ops.mylib.a", "write namespace::name"),
    ("aten::convolutoin", "PyTorch has no operator aten::convolutoin"),
    ("aten::linear", "made of other operators"),
    (torch.ops.aten.matmul, "made of other operators"),
]


@pytest.mark.parametrize(("target", "said"), NONSENSE, ids=lambda value: str(value)[:20])
def test_a_target_that_is_none(target, said) -> None:
    before = formulas.default_formulas()
    with pytest.raises(InputError, match=said) as caught:
        surgeon.register_macs(target)(lambda *call: 0)
    assert "\n" not in str(caught.value)
    assert formulas.default_formulas() == before


@pytest.mark.parametrize("target", [described, Calls])
def test_a_formula_that_is_none(target) -> None:
    with pytest.raises(InputError, match=r"is 12, which is no function"):
        surgeon.register_macs(target)(12)
    with pytest.raises(InputError, match=r"has no registered formula"):
        surgeon.unregister_macs(target)


@pytest.mark.parametrize("target", [described, opaque, Calls])
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (-1, "gave -1"),
        (1.5, "gave 1.5"),
        (2.0, "gave 2.0"),
        (None, "gave None"),
        (True, "gave True"),
        ("9", "gave '9'"),
    ],
)
def test_an_answer_that_is_no_number_of_macs(target, answer, said) -> None:
    @surgeon.register_macs(target)
    def my_macs(*call):
        return answer

    model = nn.Sequential(nn.Conv2d(3, 8, 1), Calls(target if target is opaque else described)).train()
    before = state_of(model)
    with pytest.raises(
        MeasurementError, match=r"the formula .*my_macs for .*(described|opaque|Calls) " + said
    ) as caught:
        count(model, chain_graph(model), (SIDE, SIDE))
    assert "\n" not in str(caught.value)
    assert state_of(model) == before


def test_a_formula_that_fails_is_named() -> None:
    @surgeon.register_macs(Calls)
    def my_macs(module, inputs, output):
        return inputs[3]

    with pytest.raises(MeasurementError, match=r"the formula .*my_macs for .*Calls failed: IndexError"):
        counted(Calls())


def test_whole_numbers_of_any_kind_are_taken() -> None:
    numpy = pytest.importorskip("numpy")
    surgeon.register_macs(described)(lambda output, args, kwargs: numpy.int64(2**40))
    macs = counted(Calls()).rows["1"].macs
    assert macs == 8 * ELEMENTS + 2**40 and type(macs) is int


def test_the_same_function_may_come_again_and_another_may_not() -> None:
    def cell(factor):
        @surgeon.register_macs(described)
        def macs(output, args, kwargs):
            return factor

        return macs

    assert cell(1)(None, (), {}) == 1, "the function itself is given back"
    cell(2)
    assert counted(Calls()).rows["1"].macs == 8 * ELEMENTS + 2
    for other in (lambda output, args, kwargs: 3, lambda output, args, kwargs: 4):
        with pytest.raises(InputError, match=r"described has the formula .*cell.<locals>.macs already.*replace=True"):
            surgeon.register_macs(described)(other)
    surgeon.register_macs(described, replace=True)(lambda output, args, kwargs: 3)
    with pytest.raises(InputError, match="already"):
        surgeon.register_macs(described)(lambda output, args, kwargs: 4)
    assert counted(Calls()).rows["1"].macs == 8 * ELEMENTS + 3
