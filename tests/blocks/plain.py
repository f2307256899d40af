"""The blocks written down plainly: every product of the definition as its own operator, no fast form.

An independent second opinion, for numbers (in double precision) and for counted operations. Each function takes one of
our modules for its parameters and settings, and a map ``(B, C, H, W)``.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from surgeon.blocks.acmix import ACmix
from surgeon.blocks.common import Block
from surgeon.blocks.conv1x1 import Conv1x1
from surgeon.blocks.fla import FLA
from surgeon.blocks.gam import GAM
from surgeon.blocks.lska import LSKA
from surgeon.blocks.mhsa import MHSA


def plain(module: Block, x: Tensor) -> Tensor:
    """Run the definition of ``module``'s family."""
    return {MHSA: mhsa, GAM: gam, FLA: fla, LSKA: lska, ACmix: acmix, Conv1x1: conv1x1}[type(module)](module, x)


def conv(module: Block, name: str, x: Tensor, **options: object) -> Tensor:
    """Convolve with a layer's parameters, 2-D weights as 1x1 kernels."""
    parameters = dict(module.named_parameters())
    weight = parameters[f"{name}.weight"]
    weight = weight[:, :, None, None] if weight.dim() == 2 else weight
    return F.conv2d(x, weight, parameters.get(f"{name}.bias"), **options)


def conv1x1(m: Conv1x1, x: Tensor) -> Tensor:
    mapped = torch.einsum("oc,bchw->bohw", m.conv.weight[:, :, 0, 0], x)
    return mapped + m.conv.bias[:, None, None]


def mhsa(m: MHSA, x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    heads, d = m.heads, c // m.heads
    q, k, v = (conv(m, name, x).view(b, heads, d, h * w) for name in ("query", "key", "value"))
    logits = torch.einsum("bhdi,bhdj->bhij", q, k)
    if m.rel_h is not None:
        th, tw = m.settings["table"]
        r = m.rel_h.view(1, heads * d, 1, tw) + m.rel_w.view(1, heads * d, th, 1)
        r = F.interpolate(r, (h, w), mode="bilinear").view(heads, d, h * w).expand(b, -1, -1, -1)
        logits = logits + torch.einsum("bhdi,bhdj->bhij", *((q, r) if m.paper else (r, q)))
    weights = (logits * d**-0.5 if m.paper else logits).softmax(-1)
    return torch.einsum("bhij,bhdj->bhdi", weights, v).reshape(b, c, h, w)


def gam(m: GAM, x: Tensor) -> Tensor:
    gate = conv(m, "linear2", conv(m, "linear1", x).relu())
    gated = x * (gate.sigmoid() if m.variant == "sigmoid" else gate)
    s, groups = gated, m.settings["groups"]
    for index in (1, 2):
        s = F.pad(s, (3, 3, 3, 3), mode="replicate" if m.variant == "dengbuqi" else "constant")
        norm = getattr(m, f"norm{index}")
        s = conv(m, f"conv{index}", s, groups=groups)
        s = F.batch_norm(s, norm.running_mean, norm.running_var, norm.weight, norm.bias)
        s = s.relu() if index == 1 else s.sigmoid()
    if m.variant == "grouped":
        b, c, h, w = s.shape
        s = s.view(b, 4, c // 4, h, w).transpose(1, 2).reshape(b, c, h, w)
    return (gated if m.join is None else conv(m, "join", gated)) * s


def lska(m: LSKA, x: Tensor) -> Tensor:
    if m.variant == "attention":
        y = lska(m.spatial_gating_unit, F.gelu(conv(m, "proj_1", x)))
        return x + conv(m, "proj_2", y)
    c, dilation = x.shape[1], {7: 2, 11: 2}.get(m.settings["k_size"], 3)
    near, far = m.conv0h.weight.shape[3], m.conv_spatial_h.weight.shape[3]
    reach = dilation * (far - 1) // 2
    a = conv(m, "conv0h", x, groups=c, padding=(0, near // 2))
    a = conv(m, "conv0v", a, groups=c, padding=(near // 2, 0))
    a = conv(m, "conv_spatial_h", a, groups=c, padding=(0, reach), dilation=(1, dilation))
    a = conv(m, "conv_spatial_v", a, groups=c, padding=(reach, 0), dilation=(dilation, 1))
    return x * conv(m, "conv1", a)


def fla(m: FLA, x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    d, r, p = c // m.num_heads, m.sr_ratio, m.power
    source = x
    if r > 1:
        padded = F.pad(x, (0, -w % r, 0, -h % r), mode="replicate")
        source = conv(m, "sr", padded, stride=r).permute(0, 2, 3, 1)
        source = F.layer_norm(source, (c,), m.norm.weight, m.norm.bias).permute(0, 3, 1, 2)
    q = conv(m, "q", x).flatten(2).transpose(1, 2)
    kv = conv(m, "kv", source)
    if m.grid is not None:
        table = m.positional_encoding.view(1, -1, c).transpose(1, 2).reshape(1, c, *m.grid)
        table = F.interpolate(table, kv.shape[2:], mode="bilinear")
        kv = torch.cat([kv[:, :c] + table, kv[:, c:]], 1)
    k, v = (t.flatten(2).transpose(1, 2) for t in kv.chunk(2, 1))

    def focus(t: Tensor) -> Tensor:
        t = (t.relu() + 1e-6) / F.softplus(m.scale)
        return t**p / (t**p).norm(dim=-1, keepdim=True) * t.norm(dim=-1, keepdim=True)

    q, k, v = (t.reshape(b, -1, m.num_heads, d).transpose(1, 2) for t in (focus(q), focus(k), v))
    n = k.shape[2]
    if m.mean_normaliser:
        z = 1 / (q @ k.mean(2, keepdim=True).transpose(2, 3) + 1e-6)
        out = q @ ((k * n**-0.5).transpose(2, 3) @ (v * n**-0.5)) * z
    else:
        z = 1 / (q @ k.sum(2, keepdim=True).transpose(2, 3) + 1e-6)
        out = q @ (k.transpose(2, 3) @ v) * z
    out = out.transpose(2, 3).reshape(b, c, h, w)
    v = v.transpose(2, 3).reshape(b, c, n)
    if r > 1:
        v = F.interpolate(v, h * w, mode="linear")
    v = v.reshape(b * m.num_heads, d, h, w)
    out = out + conv(m, "dwc", v, groups=d, padding=m.settings["kernel_size"] // 2).reshape(b, c, h, w)
    if m.get_v is not None:
        out = out + conv(m, "get_v", v.reshape(b, c, h, w), groups=c, padding=1)
    return out if m.proj is None else conv(m, "proj", out)


def acmix(m: ACmix, x: Tensor) -> Tensor:
    b, _, h, w = x.shape
    head, d, ka, s, dil = m.head, m.head_dim, m.kernel_att, m.stride, m.dilation
    kc = m.settings["kernel_conv"]
    q, k, v = (conv(m, name, x) for name in ("conv1", "conv2", "conv3"))
    across, down = (torch.linspace(-1, 1, size, dtype=x.dtype) for size in (w, h))
    grid = torch.stack([across.expand(h, w), down[:, None].expand(h, w)])[None]
    pe = conv(m, "conv_p", grid)

    def near(t: Tensor) -> Tensor:
        reach = dil * (ka // 2)
        t = F.pad(t, (reach, reach, reach, reach), mode="reflect" if min(h, w) > reach else "replicate")
        return F.unfold(t, ka, dilation=dil, stride=s).view(t.shape[0], t.shape[1], ka * ka, -(-h // s), -(-w // s))

    qh = (q.view(b * head, d, h, w) * d**-0.5)[:, :, ::s, ::s]
    kh, vh = near(k.view(b * head, d, h, w)), near(v.view(b * head, d, h, w))
    logits = (qh.unsqueeze(2) * (kh + pe[:, :, ::s, ::s].unsqueeze(2) - near(pe))).sum(1)
    attention = (logits.softmax(1).unsqueeze(1) * vh).sum(2).view(b, head * d, *qh.shape[2:])
    stacked = torch.cat([t.view(b, head, d, h * w) for t in (q, k, v)], 1)
    mixed = conv(m, "fc", stacked).permute(0, 2, 1, 3).reshape(b, d * kc * kc, h, w)
    convolution = F.conv2d(mixed, m.dep_conv.weight, stride=s, padding=kc // 2, groups=d)
    return m.rate1 * attention + m.rate2 * convolution
