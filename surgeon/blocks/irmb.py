"""iRMB: window attention and a depthwise convolution inside one inverted residual.

Paper: Rethinking Mobile Block for Efficient Attention-based Models, arXiv 2301.01146, equation 3 and figure 2.
Definition followed: https://github.com/zhangzjn/EMO, ``model/emo.py``. "Windows" are strided: pixels of equal y modulo
H / w and x modulo W / w attend to each other.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from surgeon.blocks.catalog.irmb import INFO, middle
from surgeon.blocks.common import Block, batch_norm, no_autocast, tracing, widen
from surgeon.blocks.windows import exporting, gathered

_ACTIVATIONS = {"relu": nn.ReLU, "silu": nn.SiLU, "gelu": nn.GELU, "hardswish": nn.Hardswish}


class IRMB(Block):
    """Attend within strided windows, convolve, project.

    With n = ``norm(x)`` filled up with zeros to whole windows: q, k = ``qk(n)``, v = ``act(v(n))``, per window and head
    ``a = softmax(q·k / sqrt(dim_head)) v``, cropped. ``out = x + proj(a + silu(bn(conv_local(a))))``; without
    ``x`` and ``a`` in the sums where stride or width change.
    Output size: ``ceil(H / stride)`` x ``ceil(W / stride)``.
    """

    info = INFO

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = None,
        *,
        exp_ratio: float = 1.0,
        act_layer: str = "relu",
        dw_ks: int = 3,
        stride: int = 1,
        dim_head: int = 64,
        window_size: int = 7,
        qkv_bias: bool = False,
        norm_eps: float = 1e-6,
    ) -> None:
        """Create the projections and the depthwise convolution.

        Args:
            in_channels: Channels C of the input.
            out_channels: Channels of the output; None keeps them.
            exp_ratio: Width between value and output, as a multiple of C.
            act_layer: Activation of the value: ``relu``, ``silu``, ``gelu`` or ``hardswish``.
            dw_ks: Side of the depthwise kernel, odd.
            stride: Stride of the output.
            dim_head: Channels of query and key in each head; divides C.
            window_size: Side w of the windows.
            qkv_bias: Whether query, key and value have biases.
            norm_eps: Epsilon of both BatchNorms.

        Raises:
            BlockError: A setting does not work at this width.
        """
        settings = {
            "exp_ratio": exp_ratio,
            "act_layer": act_layer,
            "dw_ks": dw_ks,
            "stride": stride,
            "dim_head": dim_head,
            "window_size": window_size,
            "qkv_bias": qkv_bias,
            "norm_eps": norm_eps,
        }
        super().__init__(in_channels, out_channels, settings)
        c, m = in_channels, middle(in_channels, exp_ratio)
        self.window, self.heads, self.scale = window_size, c // dim_head, dim_head**-0.5
        self.skip = stride == 1 and c == self.out_channels
        self.norm = nn.BatchNorm2d(c, eps=norm_eps)
        self.qk = Layer(nn.Conv2d(c, 2 * c, 1, bias=qkv_bias))
        self.v = Layer(nn.Conv2d(c, m, 1, bias=qkv_bias), act=_ACTIVATIONS[act_layer]())
        local = nn.Conv2d(m, m, dw_ks, stride, padding=dw_ks // 2, groups=m, bias=False)
        self.conv_local = Layer(local, norm=nn.BatchNorm2d(m, eps=norm_eps), act=nn.SiLU())
        self.proj = Layer(nn.Conv2d(m, self.out_channels, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, in_channels, H, W)`` to ``(B, out_channels, ceil(H / stride), ceil(W / stride))``."""
        attended = self._attend(batch_norm(self.norm, x))
        local = self.conv_local(attended)
        out: Tensor = self.proj(attended + local if self.skip else local)
        return x + out if self.skip else out

    def _attend(self, x: Tensor) -> Tensor:
        """Attend within the windows of ``(B, C, H, W)``; returns ``(B, m, H, W)``."""
        if exporting():
            return self._gathered(x)
        w, height, width = self.window, x.shape[2], x.shape[3]
        rows, columns = (height + w - 1) // w, (width + w - 1) // w
        c, m = self.in_channels, self.proj.conv.in_channels
        tokens = F.pad(x.permute(0, 2, 3, 1), (0, 0, 0, columns * w - width, 0, rows * w - height))
        # A pixel's window is its remainder, its place in it the quotient. Channels last: the projections run on the
        # windows as they lie, and splitting into heads copies nothing.
        tokens = tokens.reshape(-1, w, rows, w, columns, c).permute(0, 2, 4, 1, 3, 5)
        windows = tokens.reshape(-1, w, w, c).permute(0, 3, 1, 2)
        qk, v = (t.permute(0, 2, 3, 1).reshape(-1, w * w, t.shape[1]) for t in (self.qk(windows), self.v(windows)))
        kind = v.dtype
        with no_autocast(x):
            q, k = (widen(t).reshape(-1, w * w, self.heads, c // self.heads).transpose(1, 2) for t in qk.chunk(2, 2))
            v = widen(v).reshape(-1, w * w, self.heads, m // self.heads).transpose(1, 2)
            if tracing():
                out = torch.matmul(torch.softmax(torch.matmul(q * self.scale, k.transpose(2, 3)), 3), v)
            else:
                out = F.scaled_dot_product_attention(q, k, v, scale=self.scale)
        out = out.transpose(1, 2).to(kind).reshape(-1, rows, columns, w, w, m).permute(0, 3, 1, 4, 2, 5)
        out = out.reshape(-1, w * rows, w * columns, m)[:, :height, :width]
        return out.permute(0, 3, 1, 2).contiguous()

    def _gathered(self, x: Tensor) -> Tensor:
        """Attend as :meth:`_attend` does, without windows (`windows.gathered`)."""
        w, height, width = self.window, x.shape[2], x.shape[3]
        rows, columns = (height + w - 1) // w, (width + w - 1) // w
        # The last token is what fills the windows up.
        tokens = F.pad(x.flatten(2), (0, 1)).unsqueeze(3)
        v = self.v(tokens)
        q, k = self.qk(tokens).chunk(2, 1)
        with no_autocast(x):
            split = (x.shape[0], self.heads, -1, height * width + 1)
            qf, kf, vf = (widen(t).reshape(split) for t in (q, k, v))
            pixel = torch.arange(height * width, device=x.device)
            step = torch.arange(w, device=x.device)
            down = torch.div(pixel, width, rounding_mode="floor").unsqueeze(1) % rows
            across = pixel.unsqueeze(1) % width % columns + step * columns
            index = []
            for place in range(w):
                y = down + place * rows
                index.append(torch.where((y < height) & (across < width), y * width + across, height * width))
            out = gathered(qf[:, :, :, :-1] * self.scale, kf, vf, index)
        return out.reshape(x.shape[0], v.shape[1], height, width).to(v.dtype)


class Layer(nn.Module):
    """A convolution with its norm and activation, where it has them.

    Attributes:
        conv: The convolution.
        norm: Its BatchNorm, or nothing.
        act: Its activation, or nothing.
    """

    def __init__(self, conv: nn.Conv2d, *, norm: nn.BatchNorm2d | None = None, act: nn.Module | None = None) -> None:
        """Hold the parts."""
        super().__init__()
        self.conv, self.norm, self.act = conv, norm, act

    def forward(self, x: Tensor) -> Tensor:
        """Map what the convolution maps."""
        x = self.conv(x)
        if self.norm is not None:
            x = batch_norm(self.norm, x)
        return self.act(x) if self.act is not None else x
