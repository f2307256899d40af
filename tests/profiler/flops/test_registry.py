"""Users' formulas: of operators and of modules, on a twin without data and on the CPU, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from profiler_support import chain_graph, state_of
from torch import Tensor, nn
from torch.nn import functional as F

import surgeon
from surgeon.errors import InputError, MeasurementError
from surgeon.profiler.flops import formulas, registry
from surgeon.profiler.flops.conventions.figures import thop_full
from surgeon.profiler.flops.count import ModelCount, count

SIDE, BATCH = 6, 2
ELEMENTS = BATCH * 8 * SIDE * SIDE
STEM_MACS = ELEMENTS * 3


@torch.library.custom_op("registrytest::described", mutates_args=())
def described(x: Tensor, times: int = 1) -> Tensor:
    return x.clone()


@described.register_fake
def _(x: Tensor, times: int = 1) -> Tensor:
    return torch.empty_like(x)


@torch.library.custom_op("registrytest::opaque", mutates_args=())
def opaque(x: Tensor, times: int = 1) -> Tensor:
    return x.clone()


OPERATORS = {"meta": described, "cpu": opaque}


class Calls(nn.Module):
    def __init__(self, operator=described) -> None:
        super().__init__()
        self.operator = operator._qualname.partition("::")[2]
        self.inner = nn.Conv2d(8, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        return getattr(torch.ops.registrytest, self.operator)(self.inner(x), times=5)


class Heir(Calls):
    pass


class Stating(Calls):
    def definition_cost(self, height: int, width: int):
        raise AssertionError("a registered formula speaks")


class Pair(nn.Module):
    """Is called with keywords in another order than its forward method has."""

    def forward(self, x: Tensor, y: Tensor, scale: float = 1.0) -> Tensor:
        return x * scale + y[:, :1]


class CallsPair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pair = Pair()

    def forward(self, x: Tensor) -> Tensor:
        return self.pair(y=x, x=x[:, :4]).repeat(1, 2, 1, 1)


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    before = dict(formulas.REGISTERED), dict(registry._OF_MODULES)
    yield
    for kept, table in zip(before, (formulas.REGISTERED, registry._OF_MODULES), strict=True):
        table.clear()
        table.update(kept)


def counted(*rows: nn.Module) -> ModelCount:
    model = nn.Sequential(nn.Conv2d(3, 8, 1), *rows)
    found = count(model, chain_graph(model), (SIDE, SIDE), BATCH)
    tree, operators = found.by_module(), found.by_operator()
    assert tree[""] == sum(operators.values()) == found.counts.executed == sum(r.executed for r in found.rows.values())
    return found


@pytest.mark.parametrize("device", OPERATORS)
@pytest.mark.parametrize("spelling", ["name", "overload", "object", "packet", "one overload"])
def test_an_operator_counts_by_its_formula(device: str, spelling: str) -> None:
    operator = OPERATORS[device]
    name = operator._qualname
    packet = getattr(torch.ops.registrytest, name.partition("::")[2])
    spellings = {
        "name": name,
        "overload": f"{name}.default",
        "object": operator,
        "packet": packet,
        "one overload": packet.default,
    }
    target = spellings[spelling]
    without = counted(Calls(operator))
    assert without.counts.uncounted == (f"{name} in 1",)
    assert without.rows["1"].macs == 8 * ELEMENTS

    @surgeon.register_macs(target)
    def macs(output, args, kwargs):
        assert args[0].shape == output.shape and args[0].device.type == device
        return output.numel() * (args[1] if len(args) > 1 else kwargs["times"])

    found = counted(Calls(operator))
    assert found.counted_on == device
    assert found.counts.uncounted == ()
    assert found.rows["1"].macs == found.rows["1"].executed == (8 + 5) * ELEMENTS
    assert found.by_operator()[name.partition("::")[2]] == 5 * ELEMENTS

    surgeon.unregister_macs(target)
    again = counted(Calls(operator))
    assert (again.counts, again.rows) == (without.counts, without.rows)


@pytest.mark.parametrize("device", OPERATORS)
def test_a_module_counts_by_its_formula_instead_of_what_it_runs(device: str) -> None:
    @surgeon.register_macs(Calls)
    def macs(module, inputs, output):
        assert type(module) in (Calls, Heir) and output.shape == inputs[0].shape
        return 100 * output.numel()

    surgeon.register_macs(OPERATORS[device])(lambda output, args, kwargs: 7)
    found = counted(Calls(OPERATORS[device]), Heir(OPERATORS[device]))
    assert found.counted_on == device
    for row in ("1", "2"):
        assert found.rows[row].macs == 100 * ELEMENTS
        assert found.rows[row].executed == 8 * ELEMENTS + 7
    assert found.counts.macs == STEM_MACS + 200 * ELEMENTS


def test_an_unknown_operator_in_a_module_with_a_formula_is_covered() -> None:
    surgeon.register_macs(Calls)(lambda module, inputs, output: 100 * output.numel())
    found = counted(Calls(), nn.Sequential(Calls(opaque)), nn.ReLU())
    assert found.counts.uncounted == ()
    assert found.counts.executed == found.counts.macs == STEM_MACS + 200 * ELEMENTS
    assert found.by_operator()["registrytest::described"] == 92 * ELEMENTS
    tree = found.by_module()
    assert tree["1"] == 100 * ELEMENTS and tree["1.inner"] == 8 * ELEMENTS


def test_what_is_unknown_elsewhere_stays_listed() -> None:
    class Alone(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return described(x)

    surgeon.register_macs(Calls)(lambda module, inputs, output: 1)  # less than its convolution ran
    found = counted(Calls(), Alone())
    assert found.counts.uncounted == ("registrytest::described in 2",)
    assert found.rows["1"].macs == 1
    assert found.rows["1"].executed == 8 * ELEMENTS


def test_the_nearest_class_speaks() -> None:
    surgeon.register_macs(Calls)(lambda module, inputs, output: 3)
    surgeon.register_macs(Heir)(lambda module, inputs, output: 4)
    found = counted(Calls(), Heir())
    assert (found.rows["1"].macs, found.rows["2"].macs) == (3, 4)
    surgeon.unregister_macs(Heir)
    assert counted(Heir()).rows["1"].macs == 3


def test_a_definition_of_its_own_is_nearer_than_an_inherited_formula() -> None:
    class Defined(nn.Conv2d):
        def definition_cost(self, height: int, width: int):
            return type("Cost", (), {"macs": 11 * height * width, "elementwise_macs": {}})

    surgeon.register_macs(nn.Conv2d)(lambda module, inputs, output: 1)
    found = counted(Defined(8, 8, 1))
    assert found.rows["0"].macs == 1
    assert found.rows["1"].macs == 11 * SIDE * SIDE * BATCH
    with pytest.raises(InputError, match=r"Stating states its cost itself.*replace=True"):
        surgeon.register_macs(Stating)(lambda module, inputs, output: 1)
    surgeon.register_macs(Stating, replace=True)(lambda module, inputs, output: 12)
    assert counted(Stating()).rows["1"].macs == 12


def test_the_outermost_formula_speaks() -> None:
    class Outer(nn.Sequential):
        pass

    surgeon.register_macs(Outer)(lambda module, inputs, output: 1000)
    surgeon.register_macs(Calls)(lambda module, inputs, output: 1)
    found = counted(Outer(Calls(), nn.Conv2d(8, 8, 1)), Calls())
    assert (found.rows["1"].macs, found.rows["2"].macs) == (1000, 1)
    assert found.rows["1"].executed == 16 * ELEMENTS


def test_inputs_come_in_the_order_of_the_forward_method() -> None:
    seen = []

    @surgeon.register_macs(Pair)
    def macs(module, inputs, output):
        seen.append([tuple(one.shape) for one in inputs])
        return 0

    assert counted(CallsPair()).rows["1"].macs == 0
    assert seen == [[(BATCH, 4, SIDE, SIDE), (BATCH, 8, SIDE, SIDE)]]


def test_a_formula_may_compute_and_read_values() -> None:
    """What it computes is not counted; what it reads moves the count to the CPU."""

    @surgeon.register_macs(described)
    def computed(output, args, kwargs):
        return (F.conv2d(args[0], args[0][:, :, :1, :1]).sum() * 0).numel()

    found = counted(Calls())
    assert found.counted_on == "meta" and found.rows["1"].executed == 8 * ELEMENTS + 1

    @surgeon.register_macs(described, replace=True)
    def read(output, args, kwargs):
        return int((args[0] == args[0]).sum())

    found = counted(Calls())
    assert found.counted_on == "cpu" and found.rows["1"].executed == 9 * ELEMENTS


def test_a_formula_for_pytorchs_own_operator() -> None:
    class Multiplies(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.matmul(x, x.mT).relu()

    model = Multiplies()
    before = counted(model)
    with pytest.raises(InputError, match=r"aten::bmm has a formula that comes with surgeon.*replace=True"):
        surgeon.register_macs("aten::bmm")(lambda output, args, kwargs: 1)
    surgeon.register_macs("aten::bmm", replace=True)(lambda output, args, kwargs: 17)
    surgeon.register_macs("aten::relu")(lambda output, args, kwargs: 5)
    found = counted(model)
    assert before.rows["1"].macs == ELEMENTS * SIDE
    assert found.rows["1"].macs == 17 + 5
    assert found.rows["0"].macs == before.rows["0"].macs
    surgeon.unregister_macs("aten::bmm")
    surgeon.unregister_macs("aten::relu")
    again = counted(model)
    assert (again.counts, again.rows) == (before.counts, before.rows)


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


def test_other_programs_conventions_stay_as_they_are() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 1), Calls(), nn.Conv2d(8, 8, 3))
    before = thop_full(model, (SIDE, SIDE))
    surgeon.register_macs(described)(lambda output, args, kwargs: 10**9)
    surgeon.register_macs(nn.Conv2d)(lambda module, inputs, output: 10**9)
    surgeon.register_macs("aten::convolution", replace=True)(lambda output, args, kwargs: 10**9)
    assert thop_full(model, (SIDE, SIDE)) == before


def test_a_module_that_catches_an_error_inside_of_a_formula() -> None:
    """What runs after it is no longer covered."""

    class Fails(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise ValueError

    class Tries(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Fails()

        def forward(self, x: Tensor) -> Tensor:
            try:
                return self.inner(x)
            except ValueError:
                return described(x)

    surgeon.register_macs(Fails)(lambda module, inputs, output: 5)
    found = counted(Tries())
    assert found.counts.uncounted == ("registrytest::described in 1",)
    assert found.counts.macs == STEM_MACS
