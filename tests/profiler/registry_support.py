"""Operators and modules that no formula of ours covers, for the tests of users' formulas."""

from __future__ import annotations

import torch
from profiler_support import chain_graph
from torch import Tensor, nn

from surgeon.profiler.flops.count import ModelCount, count

SIDE, BATCH = 6, 2
ELEMENTS = BATCH * 8 * SIDE * SIDE


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


def counted(*rows: nn.Module) -> ModelCount:
    model = nn.Sequential(nn.Conv2d(3, 8, 1), *rows)
    found = count(model, chain_graph(model), (SIDE, SIDE), BATCH)
    tree, operators = found.by_module(), found.by_operator()
    assert tree[""] == sum(operators.values()) == found.counts.executed == sum(r.executed for r in found.rows.values())
    return found
