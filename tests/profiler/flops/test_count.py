"""What a pass books where: rows, definitions, odd operators, fallbacks, errors."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from profiler_support import chain_graph, state_of
from torch import Tensor, nn

from surgeon.errors import MeasurementError
from surgeon.profiler.flops.count import count
from surgeon.profiler.flops.formulas import default_formulas

CONV_MACS = 32 * 32 * 8 * 27


class Cost(NamedTuple):
    """As ``surgeon.blocks`` states it: per image."""

    macs: int
    elementwise_macs: dict[str, int]


class Lean(nn.Module):
    """A block whose definition costs more than what it runs, and that has a nested definition inside."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = Defined()

    def definition_cost(self, height: int, width: int) -> Cost:
        return Cost(1000 * height * width, {"neighbourhood": 7 * height})

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class Defined(nn.Conv2d):
    def __init__(self) -> None:
        super().__init__(8, 8, 1)

    def definition_cost(self, height: int, width: int) -> Cost:
        return Cost(5, {"inner": 1})


class Functional(nn.Module):
    """Matrix products that belong to no leaf module."""

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(2)
        return (torch.einsum("bcn,bdn->bcd", flat, flat) @ flat).view_as(x)


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mha = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(2).transpose(1, 2)
        return self.mha(tokens, tokens, tokens, need_weights=False)[0].transpose(1, 2).reshape(x.shape)


ATTENTION_MACS = 4 * 1024 * 8 * 8 + 2 * 1024 * 1024 * 8


class LooksAtData(nn.Module):
    """Meta tensors cannot answer this; a real pass can."""

    def forward(self, x: Tensor) -> Tensor:
        return x if float(x.sum()) > 0 else -x


class Explodes(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        raise ValueError("too small for me")


def chain(*rows: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), *rows)


def counted(model: nn.Sequential, batch: int = 1):
    return count(model, chain_graph(model), (32, 32), batch)


def test_a_definition_speaks_for_its_subtree_and_the_outermost_wins() -> None:
    found = counted(chain(Lean()), batch=2)
    row = found.rows["1"]
    assert row.macs == 2 * 1000 * 32 * 32
    assert row.executed == 2 * 32 * 32 * 64
    assert row.elementwise_macs == {"neighbourhood": 2 * 7 * 32}
    assert found.counts.macs == 2 * CONV_MACS + row.macs
    assert found.counts.executed == 2 * CONV_MACS + row.executed
    assert found.counts.elementwise_macs == {"neighbourhood": 2 * 7 * 32}


def test_functional_products_belong_to_their_row() -> None:
    found = counted(chain(Functional()))
    assert found.rows["1"].macs == 2 * 64 * 1024
    assert found.rows["0"].macs == CONV_MACS


@pytest.mark.parametrize("fallback", [False, True])
def test_attention_is_counted_on_meta_and_on_the_cpu(fallback: bool) -> None:
    found = counted(chain(Attention(), *([LooksAtData()] if fallback else [])))
    assert found.counted_on == ("cpu" if fallback else "meta")
    assert found.rows["1"].executed == ATTENTION_MACS


def test_transformer_layer_is_counted_on_the_cpu() -> None:
    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x.flatten(2).transpose(1, 2))

    found = counted(chain(LooksAtData(), Layer()))
    assert found.rows["2"].executed == ATTENTION_MACS + 2 * 1024 * 8 * 16


def test_work_outside_of_rows_is_in_the_total() -> None:
    model = chain()
    found = count(model, chain_graph(model), (32, 32), forward=lambda net, x: torch.mm(net(x)[0, 0], torch.ones(32, 4)))
    assert found.outside.executed == 32 * 32 * 4
    assert found.counts.macs == CONV_MACS + 32 * 32 * 4


def test_operators_without_a_formula_are_named_with_their_module() -> None:
    @torch.library.custom_op("surgeontest::mystery", mutates_args=())
    def mystery(x: Tensor) -> Tensor:
        return x.clone()

    class Custom(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.ops.surgeontest.mystery(x)

    found = counted(chain(nn.Sequential(Custom())))
    assert found.counted_on == "cpu"  # this operator has no meta kernel
    assert found.counts.uncounted == ("surgeontest::mystery in 1.0",)
    formulas = default_formulas() | {"surgeontest::mystery": lambda out, args, kwargs: out.numel()}
    model = chain(Custom())
    taught = count(model, chain_graph(model), (32, 32), formulas=formulas)
    assert taught.counts.uncounted == ()
    assert taught.rows["1"].macs == 8 * 32 * 32


def test_linear_algebra_is_named_and_elementwise_work_is_not() -> None:
    class Odd(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            spectrum = torch.fft.fft2(x).abs().softmax(-1).cumsum(-1)
            pooled = nn.functional.interpolate(nn.functional.max_pool2d(spectrum, 2), scale_factor=2, mode="bilinear")
            return torch.cdist(nn.functional.normalize(pooled), pooled)

    named = counted(chain(Odd())).counts.uncounted
    assert any("fft" in name for name in named)
    assert all(name.endswith(" in 1") for name in named)
    assert not any(word in name for name in named for word in ("upsample", "pool", "softmax", "cumsum", "norm"))


def test_deformable_convolution_is_counted() -> None:
    vision = pytest.importorskip("torchvision.ops")

    class Deformable(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.offset = nn.Conv2d(8, 18, 3, padding=1)
            self.conv = vision.DeformConv2d(8, 4, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(x, self.offset(x))

    found = counted(chain(Deformable()))
    assert found.counts.uncounted == ()
    assert found.rows["1"].executed == 1024 * 9 * 8 * (18 + 4)


def test_shared_module_counts_every_call() -> None:
    shared = nn.Conv2d(8, 8, 1)
    found = counted(chain(nn.Sequential(shared, shared)))
    assert found.rows["1"].macs == 2 * 1024 * 64


@pytest.mark.parametrize("rows", [(Explodes(),), (nn.Dropout(0.5), LooksAtData(), Explodes())])
def test_failure_is_one_sentence_and_leaves_nothing(rows: tuple[nn.Module, ...]) -> None:
    model = chain(*rows).train()
    before = state_of(model)
    with pytest.raises(MeasurementError, match=r"chain cannot run on images of 32x32 pixels.*too small for me"):
        counted(model)
    assert state_of(model) == before


def test_fallback_leaves_random_state_and_grad_mode() -> None:
    class Noisy(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + torch.rand_like(x)

    model = chain(Noisy(), LooksAtData()).train()
    before = state_of(model)
    assert counted(model).counted_on == "cpu"
    assert state_of(model) == before
