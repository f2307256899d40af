"""Attention: fused, by matrix products, in windows, on chosen tokens, over channels; and recurrent networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .parts import SIDE, C, N, Probe, conv, heads, linear, probe, tokens, weight

PROJECTED = 3 * N * C * C
"""Query, key and value of every pixel."""
WIDE = 2 * C
"""Inner width of the transformer layers."""

SDPA = F.scaled_dot_product_attention


def _qkv(m: Any, x: Tensor) -> tuple[Tensor, ...]:
    return tuple(m.qkv(tokens(x)).chunk(3, -1))


def _fused(**options: Any) -> Callable[[Any, Tensor], Tensor]:
    return lambda m, x: SDPA(*(heads(t) for t in _qkv(m, x)), **options)


def _masked(m: Any, x: Tensor) -> Tensor:
    return SDPA(*(heads(t) for t in _qkv(m, x)), attn_mask=m.bias)


def _grouped(m: Any, x: Tensor) -> Tensor:
    q, k, v = m.q(tokens(x)), *m.kv(tokens(x)).chunk(2, -1)
    return SDPA(heads(q, 4), heads(k, 2), heads(v, 2), enable_gqa=True)


def _by_operator(m: Any, x: Tensor) -> Tensor:
    q, k, v = map(heads, _qkv(m, x))
    return (q @ k.transpose(-2, -1) / 4).softmax(-1) @ v


def _by_bmm(m: Any, x: Tensor) -> Tensor:
    q, k, v = (heads(t).flatten(0, 1) for t in _qkv(m, x))
    weights = torch.baddbmm(q.new_zeros(1, 1, 1), q, k.transpose(1, 2), beta=0, alpha=0.25).softmax(-1)
    return torch.bmm(weights, v)


def _by_einsum(m: Any, x: Tensor) -> Tensor:
    q, k, v = map(heads, _qkv(m, x))
    return torch.einsum("bhij,bhjd->bhid", torch.einsum("bhid,bhjd->bhij", q, k).softmax(-1), v)


def _windows(x: Tensor, size: int) -> Tensor:
    """``(B, N, C)`` to ``(B * windows, size * size, C)``."""
    rows = x.view(-1, SIDE // size, size, SIDE // size, size, C)
    return rows.transpose(2, 3).reshape(-1, size * size, C)


def _windowed(m: Any, x: Tensor) -> Tensor:
    q, k, v = (heads(_windows(t, 5)) for t in _qkv(m, x))
    return (q @ k.transpose(-2, -1)).softmax(-1) @ v


def _axial(m: Any, x: Tensor) -> Tensor:
    q, k, v = (t.view(-1, SIDE, SIDE, C) for t in _qkv(m, x))
    v = torch.einsum("bhwv,bhvc->bhwc", torch.einsum("bhwc,bhvc->bhwv", q, k).softmax(-1), v)
    return torch.einsum("bwhu,buwc->bhwc", torch.einsum("bhwc,buwc->bwhu", q, k).softmax(-1), v)


def _top_k(m: Any, x: Tensor) -> Tensor:
    q, k, v = _qkv(m, x)
    score, index = (q @ k.transpose(1, 2)).topk(16, -1)
    chosen = v.unsqueeze(1).expand(-1, N, -1, -1).gather(2, index.unsqueeze(-1).expand(-1, -1, -1, C))
    return score.softmax(-1).unsqueeze(2) @ chosen


def _routed(m: Any, x: Tensor) -> Tensor:
    q, k, v = (_windows(t, 5) for t in _qkv(m, x))
    regions = (q.mean(1) @ k.mean(1).t()).topk(4, -1).indices
    k, v = (t[regions].flatten(1, 2) for t in (k, v))
    return (q @ k.transpose(1, 2)).softmax(-1) @ v


def _neighbours(m: Any, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    q, k, v = m.qkv(x).chunk(3, 1)
    k, v = (F.unfold(t, 7, padding=3).view(-1, C, 49, N) for t in (k, v))
    return q.flatten(2), k, v


def _local_by_matmul(m: Any, x: Tensor) -> Tensor:
    q, k, v = _neighbours(m, x)
    weights = (q.permute(0, 2, 1).unsqueeze(2) @ k.permute(0, 3, 1, 2)).softmax(-1)
    return weights @ v.permute(0, 3, 2, 1)


def _local_by_sum(m: Any, x: Tensor) -> Tensor:
    q, k, v = _neighbours(m, x)
    weights = (q.unsqueeze(2) * k).sum(1, keepdim=True).softmax(2)
    return (weights * v).sum(2).view_as(x)


def _linear_attention(m: Any, x: Tensor) -> Tensor:
    q, k, v = map(heads, _qkv(m, x))
    return q.relu() @ (k.relu().transpose(-2, -1) @ v)


def _cross_covariance(m: Any, x: Tensor) -> Tensor:
    q, k, v = (heads(t).transpose(-2, -1) for t in _qkv(m, x))
    return (F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1)).softmax(-1) @ v


def _external(m: Any, x: Tensor) -> Tensor:
    return m.values(m.keys(tokens(x)).softmax(1))


def _cross(m: Any, x: Tensor) -> Tensor:
    narrow = tokens(x)[..., :32]
    return m.attention(tokens(x), narrow, narrow, need_weights=False)[0]


def _mha(**options: int) -> Callable[[], nn.Module]:
    return lambda: nn.MultiheadAttention(C, 4, batch_first=True, **options)


def _layer(kind: type[nn.Module]) -> Callable[[], nn.Module]:
    return lambda: kind(C, 4, WIDE, batch_first=True)


def _self(weights: bool) -> Callable[[Any, Tensor], Tensor]:
    return lambda m, x: m.attention(tokens(x), tokens(x), tokens(x), need_weights=weights)[0]


def _cell(m: Any, x: Tensor) -> Tensor:
    state = x.new_zeros(SIDE, C)
    for column in x[0].permute(2, 1, 0):
        state = m.cell(column, state)
    return state


def qkv() -> nn.Module:
    """The projections."""
    return linear(C, 3 * C)


FULL = 2 * N * N * C
LAYER = N * C * C + PROJECTED + FULL + 2 * N * C * WIDE

PROBES: tuple[Probe, ...] = (
    probe("nn.MultiheadAttention", N * C * C + PROJECTED + FULL, _self(False), attention=_mha()),
    probe("nn.MultiheadAttention with its weights", N * C * C + PROJECTED + FULL, _self(True), attention=_mha()),
    probe(
        "nn.MultiheadAttention, kdim and vdim 32",
        2 * N * C * C + 2 * N * 32 * C + FULL,
        _cross,
        attention=_mha(kdim=32, vdim=32),
    ),
    probe(
        "nn.TransformerEncoderLayer", LAYER, lambda m, x: m.layer(tokens(x)), layer=_layer(nn.TransformerEncoderLayer)
    ),
    probe(
        "nn.TransformerEncoder",
        2 * LAYER,
        lambda m, x: m.encoder(tokens(x)),
        encoder=lambda: nn.TransformerEncoder(_layer(nn.TransformerEncoderLayer)(), 2),
    ),
    probe(
        "nn.TransformerDecoderLayer",
        LAYER + N * C * C + PROJECTED + FULL,
        lambda m, x: m.layer(tokens(x), tokens(x)),
        layer=_layer(nn.TransformerDecoderLayer),
    ),
    probe("SDPA", PROJECTED + FULL, _fused(), qkv=qkv),
    probe("SDPA, causal", PROJECTED + FULL, _fused(is_causal=True), qkv=qkv),
    probe("SDPA with a bias", PROJECTED + FULL, _masked, qkv=qkv, bias=weight(4, N, N)),
    probe("SDPA, 2 key heads of 4", 2 * N * C * C + FULL, _grouped, q=lambda: linear(C, C), kv=lambda: linear(C, C)),
    probe(
        "SDPA, values half as wide",
        FULL // 2 + FULL // 4,
        lambda m, x: SDPA(heads(tokens(x)), heads(tokens(x)), heads(tokens(x))[..., :8]),
    ),
    probe("attention by @", PROJECTED + FULL, _by_operator, qkv=qkv),
    probe("attention by baddbmm and bmm", PROJECTED + FULL, _by_bmm, qkv=qkv),
    probe("attention by einsum", PROJECTED + FULL, _by_einsum, qkv=qkv),
    probe("window attention 5x5", PROJECTED + 2 * N * 25 * C, _windowed, qkv=qkv),
    probe("axial attention", PROJECTED + 4 * N * SIDE * C, _axial, qkv=qkv),
    probe("top-k attention", PROJECTED + N * N * C + N * 16 * C, _top_k, qkv=qkv),
    probe("routed regions (BiFormer)", PROJECTED + 16 * 16 * C + 2 * N * 100 * C, _routed, qkv=qkv),
    probe(
        "local attention, unfold and matmul",
        PROJECTED + 2 * N * 49 * C,
        _local_by_matmul,
        qkv=lambda: conv(C, 3 * C, 1),
    ),
    probe(
        "local attention, multiply and sum",
        PROJECTED,
        _local_by_sum,
        (PROJECTED + 2 * N * 49 * C,),
        qkv=lambda: conv(C, 3 * C, 1),
    ),
    probe("linear attention", PROJECTED + 2 * N * C * C // 4, _linear_attention, qkv=qkv),
    probe("attention over channels (XCA)", PROJECTED + 2 * N * C * C // 4, _cross_covariance, qkv=qkv),
    probe("external attention", 2 * N * C * 32, _external, keys=lambda: linear(C, 32), values=lambda: linear(32, C)),
    probe(
        "LSTM",
        N * 4 * C * 2 * C,
        lambda m, x: m.rnn(tokens(x))[0],
        rnn=lambda: nn.LSTM(C, C, bias=False, batch_first=True),
    ),
    probe(
        "LSTM, two layers, both ways",
        2 * N * 4 * 32 * (C + 32) + 2 * N * 4 * 32 * (C + 32),
        lambda m, x: m.rnn(tokens(x))[0],
        rnn=lambda: nn.LSTM(C, 32, 2, bidirectional=True, batch_first=True),
    ),
    probe("GRU", N * 3 * C * 2 * C, lambda m, x: m.rnn(tokens(x))[0], rnn=lambda: nn.GRU(C, C, batch_first=True)),
    probe("GRUCell", N * 3 * C * 2 * C, _cell, cell=lambda: nn.GRUCell(C, C)),
)
