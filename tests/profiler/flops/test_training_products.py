"""Training steps of matrix products: linear layers, attention in all its forms, products of maps and of weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from profiler_support import chain_graph
from torch import Tensor, nn
from torch.nn import functional as F
from training_support import MAP, PIXELS, Do, cost, last, trained

from surgeon.profiler.flops.backward import GRADIENTS
from surgeon.profiler.flops.training import count_training

TOKENS = PIXELS


def tokens_of(x: Tensor) -> Tensor:
    return x.flatten(2).transpose(1, 2)


def _self_attention(self: Any, x: Tensor) -> Tensor:
    tokens = tokens_of(x)
    return self.mha(tokens, tokens, tokens, need_weights=self.mha.shown)[0]


@pytest.mark.parametrize("on", ["meta", "cpu"])
@pytest.mark.parametrize("shown", [False, True])
def test_multi_head_attention(on: str, shown: bool) -> None:
    mha = nn.MultiheadAttention(8, 2, dropout=0.1, batch_first=True)
    mha.shown = shown
    projections, products = 4 * TOKENS * 8 * 8, 2 * TOKENS * TOKENS * 8
    found = last(trained(Do(_self_attention, mha=mha), on=on, batch=2))
    assert found == (2 * (projections + products), 2 * (projections + 2 * products), 2 * projections)


@pytest.mark.parametrize("on", ["meta", "cpu"])
def test_attention_that_is_kept_from_training(on: str) -> None:
    """Frozen and in eval mode, as a text encoder: PyTorch would run it as one operator that tells nothing."""

    class Still(nn.MultiheadAttention):
        def train(self, mode: bool = True) -> nn.Module:
            return super().train(False)

    def attend(self: Any, x: Tensor) -> Tensor:
        tokens = tokens_of(x.detach())
        return x * self.mha(tokens, tokens, tokens, need_weights=False)[0].mean()

    mha = Still(8, 2, batch_first=True).requires_grad_(False)
    found = trained(Do(attend, mha=mha), on=on)
    assert last(found) == (4 * TOKENS * 64 + 2 * TOKENS * TOKENS * 8, 0, 0)
    assert found.counts.uncounted == ()


@pytest.mark.parametrize("on", ["meta", "cpu"])
def test_transformer_layer(on: str) -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    weighted, products = TOKENS * (4 * 64 + 2 * 8 * 16), 2 * TOKENS * TOKENS * 8
    found = last(trained(Do(lambda self, x: self.layer(tokens_of(x)), layer=layer), on=on))
    assert found == (weighted + products, weighted + 2 * products, weighted)


@pytest.mark.parametrize("on", ["meta", "cpu"])
@pytest.mark.parametrize("causal", [False, True])
def test_scaled_dot_product_attention(on: str, causal: bool) -> None:
    """Keys as wide as queries, values wider; CPU kernels compute the scores again, the definition does not."""

    def attend(self: Any, x: Tensor) -> Tensor:
        heads = tokens_of(x).unflatten(2, (2, 4)).transpose(1, 2)
        return F.scaled_dot_product_attention(heads, heads * 2, torch.cat((heads, heads), 3), is_causal=causal)

    products = 2 * TOKENS * TOKENS * (4 + 8)
    assert last(trained(Do(attend), on=on)) == (products, 2 * products, 0)


@pytest.mark.parametrize("on", ["meta", "cpu"])
def test_fused_attention_of_the_cpu(on: str) -> None:
    def attend(self: Any, x: Tensor) -> Tensor:
        heads = tokens_of(x).unflatten(2, (2, 4)).transpose(1, 2)
        return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(heads, heads * 2, heads * 3)[0]

    products = 2 * TOKENS * TOKENS * (4 + 4)
    assert last(trained(Do(attend), on=on)) == (products, 2 * products, 0)


@pytest.mark.parametrize("flavour", ["flash", "efficient", "cudnn"])
def test_fused_attention_of_a_gpu(flavour: str) -> None:
    """Their formulas, asked directly: the kernels run on no CPU."""
    q, k, v = (torch.empty(2, 3, length, wide, device="meta") for length, wide in ((7, 8), (9, 8), (9, 4)))
    grad_out = torch.empty(2, 3, 7, 4, device="meta")
    name = f"aten::_scaled_dot_product_{flavour}_attention_backward"
    assert GRADIENTS[name](None, (grad_out, q, k, v), {}) == (2 * (2 * 3 * 7 * 9 * (8 + 4)), 0)


def _linear(self: Any, x: Tensor) -> Tensor:
    return self.linear(tokens_of(x))


def test_linear_layers_and_what_is_frozen_of_them() -> None:
    macs = TOKENS * 8 * 5
    assert last(trained(Do(_linear, linear=nn.Linear(8, 5)))) == (macs, macs, macs)
    assert last(trained(Do(_linear, linear=nn.Linear(8, 5, bias=False)))) == (macs, macs, macs)
    square = nn.Linear(8, 8)
    assert last(trained(Do(_linear, linear=square))) == (TOKENS * 64,) * 3
    square.weight.requires_grad_(False)  # its bias is trained still
    assert last(trained(Do(_linear, linear=square))) == (TOKENS * 64, TOKENS * 64, 0)
    square.weight.requires_grad_(True)
    frozen = nn.Sequential(nn.Conv2d(3, 8, 1).requires_grad_(False), Do(_linear, linear=square))
    assert cost(count_training(frozen, chain_graph(frozen), (12, 10)).rows["1"]) == (TOKENS * 64, 0, TOKENS * 64)


PRODUCTS: dict[str, tuple[Callable[..., Any], dict[str, Tensor], tuple[int, int, int]]] = {
    "map by map": (lambda self, x: x @ x.transpose(2, 3), {}, (MAP * 12, 2 * MAP * 12, 0)),
    "map by weight": (lambda self, x: x @ self.w, {"w": torch.rand(10, 10)}, (MAP * 10,) * 3),
    "weight by map": (lambda self, x: self.w @ x, {"w": torch.rand(12, 12)}, (MAP * 12,) * 3),
    "by a constant": (lambda self, x: x @ torch.ones(10, 6, device=x.device), {}, (MAP * 6, MAP * 6, 0)),
    "by a vector": (lambda self, x: x.flatten(0, 2) @ self.w, {"w": torch.rand(10)}, (MAP,) * 3),
    "dot": (lambda self, x: torch.dot(x.flatten(), self.w), {"w": torch.rand(MAP)}, (MAP,) * 3),
    "einsum": (
        lambda self, x: torch.einsum("bchw,cd,bdhw->bhw", x, self.w, x),
        {"w": torch.rand(8, 8)},
        (MAP * 8 + MAP, MAP * 8 + 2 * MAP, MAP * 8),
    ),
    "baddbmm": (
        lambda self, x: torch.baddbmm(self.w, x[0], x[0].transpose(1, 2)),
        {"w": torch.rand(12, 12)},
        (MAP * 12, 2 * MAP * 12, 0),
    ),
    "no gradient": (lambda self, x: x + (x.detach() @ x.detach().transpose(2, 3)).mean(), {}, (MAP * 12, 0, 0)),
    "constants after a weight": (
        lambda self, x: x.flatten(0, 2) @ self.w + (torch.ones(3, 4) @ torch.ones(4, 5)).mean().to(x.device),
        {"w": torch.rand(10, 10)},
        (MAP * 10 + 60, MAP * 10, MAP * 10),
    ),
    "one detached": (lambda self, x: x @ x.detach().transpose(2, 3), {}, (MAP * 12, MAP * 12, 0)),
}


@pytest.mark.parametrize("on", ["meta", "cpu"])
@pytest.mark.parametrize("name", PRODUCTS)
def test_products(name: str, on: str) -> None:
    function, parameters, expected = PRODUCTS[name]
    found = trained(Do(function, **parameters), on=on)
    assert last(found) == expected
    assert found.counts.uncounted == ()
