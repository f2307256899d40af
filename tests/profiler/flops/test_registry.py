"""Users' formulas: of operators and of modules, on a twin without data and on the CPU."""

from __future__ import annotations

import pytest
import torch
from registry_support import BATCH, ELEMENTS, OPERATORS, SIDE, Calls, counted, described, opaque
from torch import Tensor, nn
from torch.nn import functional as F

import surgeon
from surgeon.errors import InputError
from surgeon.profiler.flops.conventions.figures import thop_full

pytestmark = pytest.mark.usefixtures("own_formulas")
STEM_MACS = ELEMENTS * 3


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
