"""MHSA: global multi-head self-attention with a learned absolute position term.

Paper: Bottleneck Transformers for Visual Recognition, arXiv 2101.11605, figure 4. The class that articles paste into
YOLO is the one of https://github.com/leaderj1001/BottleneckTransformers (MIT), and it is the default here. It differs
from the paper: its position logit is r_i·q_j where the paper has q_i·r_j, and nothing is divided by sqrt(d), so that
the softmax starts out nearly one-hot. ``variant="paper"`` is the paper's form with the same parameters.

Time and memory grow with (H·W)²: meant for the deepest level.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.catalog.mhsa import INFO, in_groups
from surgeon.blocks.common import Block, no_autocast, one_graph, resampling, tracing, widen

#: Up to this many pixels one explicit product and softmax is faster than the fused kernel (measured on a CPU).
SMALL_MAP = 512

#: Weights of the softmax that are held at once when the queries are taken in groups: they stay in a core's cache.
HELD = 1 << 18


class MHSA(Block):
    """Multi-head self-attention over all N = H·W pixels.

    With q, k, v the 1x1 projections of the input and r the position table, per head:
    ``leaderj1001``: ``E_ij = q_i·k_j + r_i·q_j``; ``paper``: ``E_ij = (q_i·k_j + q_i·r_j) / sqrt(d)``;
    ``out_i = sum_j softmax_j(E_ij) v_j``. No output projection, no norm, no residual.

    Attributes:
        rel_h: Position along the width, ``(heads, d, W0)`` flat; the reference calls the width "height".
        rel_w: Position along the height, ``(heads, d, H0)`` flat.
    """

    info = INFO

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        heads: int = 4,
        position: bool = True,
        table: tuple[int, int] = (14, 14),
        variant: str = "leaderj1001",
    ) -> None:
        """Create the projections and position tables.

        Args:
            in_channels: Channels C.
            out_channels: None, or C: the block keeps its channels.
            heads: Attention heads; divides C.
            position: Whether there is a position term.
            table: Map size ``(H0, W0)`` at which the position tables are stored. Any other map interpolates them.
            variant: ``leaderj1001`` or ``paper``.

        Raises:
            BlockError: A setting does not work at this width.
        """
        settings = {"heads": heads, "position": position, "table": table, "variant": variant}
        super().__init__(in_channels, out_channels, settings)
        self.heads = heads
        self.paper = variant == "paper"
        self.query = nn.Conv2d(in_channels, in_channels, 1)
        self.key = nn.Conv2d(in_channels, in_channels, 1)
        self.value = nn.Conv2d(in_channels, in_channels, 1)
        self.softmax = nn.Softmax(-1)  # a module, as in the reference: Ultralytics' counter sees it
        self.rel_h: nn.Parameter | None = None
        self.rel_w: nn.Parameter | None = None
        if position:
            d = in_channels // heads
            height, width = self.settings["table"]
            # BoTNet draws its embeddings with deviation d^-0.5; the code in circulation draws them with 1.
            deviation = d**-0.5 if self.paper else 1.0
            self.rel_h = nn.Parameter(torch.randn(heads * d * width) * deviation)
            self.rel_w = nn.Parameter(torch.randn(heads * d * height) * deviation)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C, H, W)``."""
        q, k, v = self.query(x), self.key(x), self.value(x)
        with no_autocast(x):
            # Logits in single precision at least: unscaled, they pass 65504 at ordinary activations.
            return self._attend(widen(q), widen(k), widen(v)).to(v.dtype)

    def _attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attend with projections ``(B, C, H, W)``; the same shape comes back."""
        shape = v.shape
        d, n = shape[1] // self.heads, shape[2] * shape[3]
        scale = d**-0.5 if self.paper else 1.0
        tables = self._tables(q)
        if not one_graph() and not q.is_cuda:  # measured on a CPU; a GPU has its fused kernel
            if not torch.is_grad_enabled() and in_groups(d, n):
                return self._by_groups(q, k, v, tables, scale)
            if torch.is_grad_enabled() and tables is not None and not self.paper and n <= 16 * d:
                return self._with_gradients(q, k, v, tables)
        r = None if tables is None else (tables[0].unsqueeze(-1) + tables[1].unsqueeze(-2)).flatten(3)
        q, k, v = (t.reshape(shape[0], self.heads, d, -1) for t in (q, k, v))
        if r is not None and self.paper:
            k = k + r
        elif r is not None:
            # One product serves both terms: [q; r]·[k; q] = q_i·k_j + r_i·q_j.
            q, k = torch.cat([q, r.expand_as(q)], 2), torch.cat([k, q], 2)
        if tracing() or (not one_graph() and n <= SMALL_MAP):
            weights = self.softmax(torch.matmul(q.transpose(-2, -1) * scale, k))
            return torch.matmul(v, weights.transpose(-2, -1)).reshape(shape)
        return _fused(q, k, v, scale).reshape(shape)

    def _with_gradients(self, q: Tensor, k: Tensor, v: Tensor, tables: tuple[Tensor, Tensor]) -> Tensor:
        """The same with all N x N weights at once, which backwards costs least where heads are wide and maps small."""
        b, c, height, width = v.shape
        n = height * width
        rows, columns = self._met(q, tables)
        position = (rows.unsqueeze(2) + columns.unsqueeze(1)).view(-1, n, n)
        q, k, v = (t.reshape(-1, c // self.heads, n) for t in (q, k, v))
        weights = self.softmax(torch.baddbmm(position, q.transpose(1, 2), k))
        return torch.bmm(v, weights.transpose(1, 2)).reshape(b, c, height, width)

    def _met(self, q: Tensor, tables: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Products of the position tables with all queries, ``(B * heads, H, N)`` and ``(B * heads, W, N)``."""
        both = torch.cat([t.expand(len(q), -1, -1, -1) for t in tables], 3).flatten(0, 1).transpose(1, 2)
        met = torch.bmm(both, q.reshape(-1, q.shape[1] // self.heads, q.shape[2] * q.shape[3]))
        return met[:, : q.shape[2]], met[:, q.shape[2] :]

    def _by_groups(self, q: Tensor, k: Tensor, v: Tensor, tables: tuple[Tensor, Tensor] | None, scale: float) -> Tensor:
        """The same without gradients, head by head and a few rows of queries at a time.

        The position of a pixel is the sum of its row's and its column's, so r_i·q_j needs one product with the H + W
        entries of the tables and not with all N pixels.
        """
        b, c, height, width = v.shape
        n, d = height * width, c // self.heads
        rows: Tensor | None = None
        columns: Tensor | None = None
        if tables is not None and self.paper:
            k = k + (tables[0].unsqueeze(-1) + tables[1].unsqueeze(-2)).reshape(1, c, height, width)
        elif tables is not None:
            rows, columns = self._met(q, tables)
        q, v = (t.reshape(-1, d, n).transpose(1, 2).contiguous() for t in (q, v))
        k = k.reshape(-1, d, n)
        out = torch.empty_like(v)
        step = max(1, HELD // (width * n))
        for head in range(len(q)):
            for y in range(0, height, step):
                pixels = slice(y * width, min(y + step, height) * width)
                if rows is None or columns is None:
                    logits = torch.mm(q[head, pixels], k[head])
                else:
                    position = (rows[head, y : y + step, None] + columns[head]).view(-1, n)
                    # Not addmm_, which torch's FlopCounterMode does not count.
                    logits = torch.addmm(position, q[head, pixels], k[head], out=position)
                if self.paper:
                    logits *= scale
                torch.mm(self.softmax(logits), v[head], out=out[head, pixels])
        return out.transpose(1, 2).reshape(b, c, height, width)

    def _tables(self, like: Tensor) -> tuple[Tensor, Tensor] | None:
        """Return the positions of the rows ``(1, heads, d, H)`` and columns ``(1, heads, d, W)`` of a map.

        Args:
            like: The map ``(B, C, H, W)``.
        """
        if self.rel_h is None or self.rel_w is None:
            return None
        height, width = like.shape[2], like.shape[3]
        stored_height, stored_width = self.settings["table"]
        d = self.value.out_channels // self.heads
        rows = self.rel_w.to(like.dtype).view(1, self.heads, d, stored_height)
        columns = self.rel_h.to(like.dtype).view(1, self.heads, d, stored_width)
        if one_graph() or (height, width) != (stored_height, stored_width):
            # Sums of products rather than matrix products: the tables are tiny, and counters read matrix products as
            # work of the definition.
            rows = (resampling(stored_height, height, rows) * rows.unsqueeze(-2)).sum(-1)
            columns = (resampling(stored_width, width, columns) * columns.unsqueeze(-2)).sum(-1)
        return rows, columns


def _fused(q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
    """Attention by torch's fused kernel, which never holds the N x N weights.

    Args:
        q: Queries ``(B, heads, e, N)``.
        k: Keys ``(B, heads, e, N)``.
        v: Values ``(B, heads, d, N)``, d <= e.
        scale: Factor on the logits.

    Returns:
        ``(B, heads, d, N)``.
    """
    d, e = v.shape[2], q.shape[2]
    if d < e:  # the CPU's fused kernel wants equal widths
        v = F.pad(v, (0, 0, 0, e - d))
    q, k, v = (t.transpose(-2, -1).contiguous() for t in (q, k, v))
    out = F.scaled_dot_product_attention(q, k, v, scale=scale)
    return out[..., :d].transpose(-2, -1)
