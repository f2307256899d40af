"""Single operators: every way to multiply matrices, and those that nobody can look into."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .parts import SIDE, C, N, Probe, conv, linear, probe, tokens, weight


@torch.library.custom_op("probes::mix", mutates_args=())
def _mix(x: Tensor, kernel: Tensor) -> Tensor:
    """An operator of a user's own: a matrix product that nobody sees."""
    return x @ kernel


@_mix.register_fake
def _(x: Tensor, kernel: Tensor) -> Tensor:
    return x.new_empty(*x.shape[:-1], kernel.shape[-1])


_LIBRARY = torch.library.Library("probes", "FRAGMENT")
_LIBRARY.define("mix_opened(Tensor x, Tensor kernel) -> Tensor")
_LIBRARY.impl("mix_opened", lambda x, kernel: x @ kernel, "CompositeImplicitAutograd")


class _Product(torch.autograd.Function):
    """A matrix product with a backward pass of its own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor) -> Tensor:
        return x @ kernel

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return gradient, None


class Gated(nn.Module):
    """A module that returns a dictionary, as detection heads do."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = linear(C, C)

    def forward(self, x: Tensor) -> dict[str, Any]:
        """The image's tokens, gated."""
        return {"out": [x, self.gate(tokens(x))]}


def flat(x: Tensor) -> Tensor:
    """One image as a matrix of pixels by channels."""
    return x[0].flatten(1).t()


def _complex(m: Any, x: Tensor) -> Tensor:
    return torch.complex(flat(x), flat(x)) @ torch.complex(m.kernel, m.kernel)


def _spectrum(m: Any, x: Tensor) -> Tensor:
    return torch.fft.irfft2(torch.fft.rfft2(m.conv(x)) * m.filter, s=(SIDE, SIDE))


def _sampled(m: Any, x: Tensor) -> Tensor:
    axis = torch.linspace(-1, 1, SIDE, device=x.device)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1).unsqueeze(0)
    return m.conv(F.grid_sample(x, grid, align_corners=True))


def _integers(m: Any, x: Tensor) -> Tensor:
    return torch._int_mm(flat(x).to(torch.int8).contiguous(), m.kernel.to(torch.int8))


def _each(m: Any, x: Tensor) -> Tensor:
    return torch.vmap(lambda row: row @ m.kernel)(flat(x))


SQUARE = weight(C, C)

PROBES: tuple[Probe, ...] = (
    probe("mm", N * C * C, lambda m, x: torch.mm(flat(x), m.kernel), kernel=SQUARE),
    probe("@ of a 4-D tensor", N * C * C, lambda m, x: x.permute(0, 2, 3, 1) @ m.kernel, kernel=SQUARE),
    probe("matmul, broadcast", C * SIDE**3, lambda m, x: torch.matmul(x, m.kernel), kernel=weight(C, SIDE, SIDE)),
    probe("@ from the right", N * C * C, lambda m, x: m.kernel @ x.flatten(2), kernel=SQUARE),
    probe("bmm", C * C * N, lambda m, x: torch.bmm(x.flatten(2), tokens(x))),
    probe("addmm", N * C * C, lambda m, x: torch.addmm(flat(x), flat(x), m.kernel), kernel=SQUARE),
    probe("baddbmm", N * C * C, lambda m, x: torch.baddbmm(tokens(x), tokens(x), m.kernel[None]), kernel=SQUARE),
    probe("addbmm", N * C * C, lambda m, x: torch.addbmm(flat(x), tokens(x), m.kernel[None]), kernel=SQUARE),
    probe("mv", N * C, lambda m, x: torch.mv(flat(x), m.kernel), kernel=weight(C)),
    probe("addmv", N * C, lambda m, x: torch.addmv(flat(x)[:, 0], flat(x), m.kernel), kernel=weight(C)),
    probe("dot", N * C, lambda m, x: torch.dot(x.flatten(), x.flatten())),
    probe("torch.inner", N * N * C, lambda m, x: torch.inner(flat(x), flat(x))),
    probe("tensordot", N * C * C, lambda m, x: torch.tensordot(x, m.kernel, ([1], [0])), kernel=SQUARE),
    probe(
        "linalg.multi_dot",
        N * C * 8 + N * 8 * C,
        lambda m, x: torch.linalg.multi_dot([flat(x), m.down, m.up]),
        down=weight(C, 8),
        up=weight(8, C),
    ),
    probe("einsum, two operands", N * C * C, lambda m, x: torch.einsum("bchw,cd->bdhw", x, m.kernel), kernel=SQUARE),
    probe(
        "einsum, three operands",
        N * C * C + N * N * C,
        lambda m, x: torch.einsum("bnc,cd,bmd->bnm", tokens(x), m.kernel, tokens(x)),
        kernel=SQUARE,
    ),
    probe("einsum, inner product", N * C, lambda m, x: torch.einsum("bchw,bchw->b", x, x)),
    probe(
        "einsum with dots", N * C * C, lambda m, x: torch.einsum("...c,cd->...d", tokens(x), m.kernel), kernel=SQUARE
    ),
    probe(
        "nn.Bilinear",
        N * 8 * (C + 1) * C,
        lambda m, x: m.layer(flat(x), flat(x)),
        (N * 8 * C * C, 2 * N * 8 * C * C),
        layer=lambda: nn.Bilinear(C, C, 8, bias=False),
    ),
    probe("cdist", N * N * C, lambda m, x: torch.cdist(tokens(x), tokens(x)), (N * N * (C + 2),)),
    probe("complex matrix product", N * C * C, _complex, (3 * N * C * C, 4 * N * C * C), kernel=SQUARE),
    probe("integer matrix product", N * C * C, _integers, kernel=SQUARE),
    probe(
        "sparse matrix product",
        C * C * N,
        lambda m, x: torch.sparse.mm(m.kernel.to_sparse(), x[0].flatten(1)),
        kernel=SQUARE,
    ),
    probe("vmap", N * C * C, _each, kernel=SQUARE),
    probe(
        "functional_call",
        N * C * C,
        lambda m, x: torch.func.functional_call(m.layer, {"weight": m.kernel}, (tokens(x),)),
        layer=lambda: linear(C, C),
        kernel=SQUARE,
    ),
    probe("autograd.Function", N * C * C, lambda m, x: _Product.apply(tokens(x), m.kernel), kernel=SQUARE),
    probe("a custom operator", N * C * C, lambda m, x: torch.ops.probes.mix(tokens(x), m.kernel), kernel=SQUARE),
    probe(
        "a custom composite operator",
        N * C * C,
        lambda m, x: torch.ops.probes.mix_opened(tokens(x), m.kernel),
        kernel=SQUARE,
    ),
    probe(
        "an inverse", None, lambda m, x: torch.linalg.inv(x @ x.transpose(-2, -1) + m.eye), eye=lambda: torch.eye(SIDE)
    ),
    probe(
        "conv and FFT filter", N * C * C, _spectrum, conv=lambda: conv(C, C, 1), filter=weight(C, SIDE, SIDE // 2 + 1)
    ),
    probe("grid_sample and conv", N * C * C, _sampled, conv=lambda: conv(C, C, 1)),
    probe(
        "embedding and linear",
        N * C * C,
        lambda m, x: m.out(m.table(flat(x)[:, 0].long().clamp(0, 9))),
        table=lambda: nn.Embedding(10, C),
        out=lambda: linear(C, C),
    ),
    Probe(name="outputs in a dictionary", build=lambda: Gated().eval(), macs=N * C * C),
)
