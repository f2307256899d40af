"""Every rule, and every functional product, against the installed thop."""

from __future__ import annotations

import copy

import pytest
import thop
import torch
from torch import nn
from torch.nn import functional as F

from surgeon.profiler.flops.conventions.figures import thop_full


class Calls(nn.Module):
    """A network that calls one function on its feature map; its parameters are there to be used."""

    def __init__(self, function, *modules):
        super().__init__()
        self.function, self.parts = function, nn.ModuleList(modules)

    def forward(self, x):
        return self.function(x, *self.parts)


def rows(x):
    return x.flatten(2).transpose(1, 2)  # (B, N, 8)


def line(x):
    return x.flatten(2)  # (B, 8, N)


class Unsized(nn.Linear):
    """A subclass of a known type."""


class OwnProduct(nn.Sequential):
    """A container that multiplies: containers are known and free, what they call counts."""

    def forward(self, x):
        return x @ x.transpose(-1, -2)


STEM = [nn.Conv2d(3, 8, 3, stride=2, padding=1)]
MODULES = [
    nn.Conv2d(8, 16, (3, 5), groups=4, dilation=2),
    nn.Conv2d(8, 8, 3, groups=8, bias=False),
    nn.ConvTranspose2d(8, 12, 4, stride=2, padding=1, groups=2),
    nn.BatchNorm2d(8),
    nn.BatchNorm2d(8, affine=False),
    nn.InstanceNorm2d(8),
    nn.InstanceNorm2d(8, affine=True),
    nn.GroupNorm(4, 8),
    nn.LayerNorm(12),
    nn.LayerNorm(12, elementwise_affine=False),
    nn.RMSNorm(12),
    nn.PReLU(),
    nn.ReLU(),
    nn.SiLU(),
    nn.Softmax(dim=1),
    nn.Softmax(),
    nn.LogSoftmax(dim=-1),
    nn.Softmin(dim=2),
    nn.Softmax2d(),
    nn.AvgPool2d(3, 2, 1),
    nn.AvgPool2d((3, 2), (2, 1), 1, count_include_pad=False, ceil_mode=True),
    nn.AdaptiveAvgPool2d(5),
    nn.AdaptiveAvgPool2d((None, 1)),
    nn.AdaptiveMaxPool2d(3),
    nn.MaxPool2d(5, 1, 2),
    nn.Upsample(scale_factor=2),
    nn.Upsample(scale_factor=2, mode="bilinear"),
    nn.Upsample(scale_factor=2, mode="bicubic"),
    nn.UpsamplingBilinear2d(scale_factor=2),
    nn.Linear(12, 7),
    Unsized(12, 7, bias=False),
    nn.PixelShuffle(2),
    nn.ZeroPad2d(3),
    nn.Dropout2d(),
    OwnProduct(),
]
CALLS = {
    "conv1d": Calls(lambda x, m: m(line(x)), nn.Conv1d(8, 4, 3, stride=2)),
    "conv3d": Calls(lambda x, m: m(x.unsqueeze(2)), nn.Conv3d(8, 4, (1, 3, 3))),
    "transposed1d": Calls(lambda x, m: m(line(x)), nn.ConvTranspose1d(8, 4, 3, stride=2)),
    "avgpool1d": Calls(lambda x, m: m(line(x)), nn.AvgPool1d(3, 2, 1)),
    "bilinear": Calls(lambda x, m: m(rows(x), rows(x)), nn.Bilinear(8, 8, 5)),
    "embedding": Calls(lambda x, m: m(torch.zeros(3, dtype=torch.long)).sum() + x, nn.Embedding(10, 4)),
    "by keyword": Calls(lambda x, m: m(input=x), nn.Conv2d(8, 4, 1)),
    "shared": Calls(lambda x, m, n: m(n(m(x))), nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8)),
    "called by forward": Calls(lambda x, m: m.forward(x), nn.Conv2d(8, 8, 3)),
    "attention": Calls(lambda x, m: m(rows(x), rows(x), rows(x))[0], nn.MultiheadAttention(8, 2, batch_first=True)),
    "attention without weights": Calls(
        lambda x, m: m(rows(x), rows(x)[:, :9], rows(x)[:, :9], need_weights=False)[0],
        nn.MultiheadAttention(8, 2, batch_first=True, add_bias_kv=True),
    ),
    "attention, length first": Calls(
        lambda x, m: m(x.flatten(2).permute(2, 0, 1), x.flatten(2).permute(2, 0, 1), x.flatten(2).permute(2, 0, 1))[0],
        nn.MultiheadAttention(8, 4, add_zero_attn=True),
    ),
    "attention, keys by name": Calls(
        lambda x, m: m(query=rows(x)[0], key=rows(x)[0, :, :6], value=rows(x)[0, :, :5])[0],
        nn.MultiheadAttention(8, 2, kdim=6, vdim=5),
    ),
    "encoder layer": Calls(lambda x, m: m(rows(x)), nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)),
    "functional attention": Calls(
        lambda x, m: F.multi_head_attention_forward(
            *(x.flatten(2).permute(2, 0, 1),) * 3,
            8,
            2,
            m.in_proj_weight,
            m.in_proj_bias,
            None,
            None,
            False,
            0.0,
            m.out_proj.weight,
            m.out_proj.bias,
            training=False,
        )[0],
        nn.MultiheadAttention(8, 2),
    ),
    "rnn": Calls(lambda x, m: m(rows(x))[0], nn.RNN(8, 5, num_layers=2, batch_first=True, bias=False)),
    "gru": Calls(lambda x, m: m(rows(x))[0], nn.GRU(8, 5, num_layers=2, bidirectional=True)),
    "lstm": Calls(lambda x, m: m(rows(x))[0], nn.LSTM(8, 6, num_layers=3, proj_size=4, bidirectional=True)),
    "rnn cell": Calls(lambda x, m: m(rows(x)[0]), nn.RNNCell(8, 5)),
    "gru cell": Calls(lambda x, m: m(rows(x)[0, 0]), nn.GRUCell(8, 5)),
    "lstm cell": Calls(lambda x, m: m(rows(x)[0])[0], nn.LSTMCell(8, 5, bias=False)),
    "matmul": Calls(lambda x: torch.matmul(rows(x), line(x))),
    "matmul by method": Calls(lambda x: rows(x).matmul(line(x))),
    "matmul by operator": Calls(lambda x: rows(x) @ line(x)),
    "matmul by name": Calls(lambda x: torch.matmul(input=rows(x), other=line(x))),
    "bmm": Calls(lambda x: torch.bmm(rows(x), line(x)) + rows(x).bmm(line(x))),
    "mm is not counted": Calls(lambda x: torch.mm(x[0, 0], x[0, 0].t())),
    "functional linear": Calls(lambda x, m: F.linear(x, m.weight, m.bias), nn.Linear(12, 7)),
    "functional convolution is not counted": Calls(lambda x, m: F.conv2d(x, m.weight), nn.Conv2d(8, 8, 3)),
    "sdpa": Calls(lambda x: F.scaled_dot_product_attention(rows(x), rows(x)[:, :7], value=rows(x)[:, :7, :5])),
    "einsum": Calls(lambda x: torch.einsum("bnc,bcm->bnm", rows(x), line(x))),
    "einsum, implied": Calls(lambda x: torch.einsum("bnc,bcm", rows(x), line(x))),
    "einsum, ellipsis": Calls(lambda x: torch.einsum("...hw,...vw->...hv", x, x[:, :1])),
    "einsum, sums before": Calls(lambda x: torch.einsum("bchw,bck->bk", x, line(x))),
    "einsum, list": Calls(lambda x: torch.einsum("bnc,bcm->bnm", [rows(x), line(x)])),
    "einsum, three": Calls(lambda x: torch.einsum("bnc,bcm,bmk->bnk", rows(x), line(x), rows(x))),
    "einsum, one": Calls(lambda x: torch.einsum("bnc->bcn", rows(x))),
    "product under a rule": Calls(lambda x, m: m(x), type("Own", (nn.ReLU,), {"forward": lambda s, x: x @ x.mT})()),
    "product under another": Calls(lambda x, m: m(x), type("Own", (nn.PReLU,), {"forward": lambda s, x: x @ x.mT})()),
}


def agrees(network, size=(24, 24)):
    network.eval()
    expected, _ = thop.profile(copy.deepcopy(network), inputs=[torch.zeros(2, 3, *size)], verbose=False)
    assert thop_full(network, size, batch=2).macs == expected


@pytest.mark.filterwarnings("ignore:Implicit dimension")
@pytest.mark.parametrize("module", MODULES, ids=repr)
def test_a_module(module):
    agrees(nn.Sequential(*STEM, module))
    agrees(nn.Sequential(*STEM, nn.Conv2d(8, 8, 3, padding=1), module))


@pytest.mark.parametrize("name", CALLS)
def test_a_call(name):
    agrees(nn.Sequential(*STEM, CALLS[name]))


def test_a_network_that_reads_its_values():
    class Reads(nn.Module):
        def forward(self, x):
            return x @ x.mT if float(x.abs().sum()) >= 0 else x

    agrees(nn.Sequential(*STEM, Reads()))
