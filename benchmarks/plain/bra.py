"""BRA, plainly."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from plain.layers import conv
from surgeon.blocks.bra import BRA


def bra(m: BRA, x: Tensor) -> Tensor:
    n, heads, (b, c, height, width) = m.settings["n_win"], m.settings["num_heads"], x.shape
    if m.settings["variant"] == "legacy":
        x = F.pad(x, (0, -width % n, 0, -height % n))
    q, k, v = conv(m, "qkv_linear", x).chunk(3, 1)
    h, w = x.shape[2:]
    size = (max(1, h // n), max(1, w // n))
    mean_q, mean_k = (
        F.avg_pool2d(t.detach(), size, ceil_mode=True, count_include_pad=False).flatten(2) for t in (q, k)
    )
    scores = mean_q.transpose(1, 2) @ mean_k
    regions = scores.shape[1]
    chosen = scores.topk(min(m.settings["topk"], regions), -1).indices

    def cut(t: Tensor) -> Tensor:
        """(b, heads, regions, pixels of a region, d)."""
        t = F.pad(t, (0, -w % size[1], 0, -h % size[0]))
        t = t.view(b, heads, c // heads, t.shape[2] // size[0], size[0], t.shape[3] // size[1], size[1])
        return t.permute(0, 1, 3, 5, 4, 6, 2).reshape(b, heads, regions, size[0] * size[1], c // heads)

    pick = chosen.view(b, 1, regions, -1, 1, 1).expand(-1, heads, -1, -1, size[0] * size[1], c // heads)
    query = cut(q)
    near = [cut(t).unsqueeze(2).expand(-1, -1, regions, -1, -1, -1).gather(3, pick).flatten(3, 4) for t in (k, v)]
    logits = (query * (m.settings["qk_scale"] or c**-0.5)) @ near[0].transpose(3, 4)
    out = logits.softmax(-1) @ near[1]
    rows, columns = -(-h // size[0]), -(-w // size[1])
    out = out.view(b, heads, rows, columns, *size, c // heads).permute(0, 1, 6, 2, 4, 3, 5)
    out = out.reshape(b, c, rows * size[0], columns * size[1])[:, :, :h, :w]
    lepe = conv(m, "lepe", v, groups=c, padding=m.settings["side_dwconv"] // 2)
    return conv(m, "output_linear", out + lepe)[:, :, :height, :width]
