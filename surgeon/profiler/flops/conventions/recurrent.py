"""What ultralytics-thop counts for recurrent networks: products and elementwise steps of each gate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn
from torch.nn.utils.rnn import PackedSequence


def recurrent_cell(module: Any, inputs: Sequence[Any], output: Any) -> int:
    """One step for every sample of the batch; a vector is one sample."""
    x = inputs[0]
    samples = int(x.shape[0]) if x.dim() == 2 else 1
    return samples * _step(module, int(module.input_size), int(module.hidden_size), bool(module.bias), 0)


def recurrent_layer(module: Any, inputs: Sequence[Any], output: Any) -> int:
    """One step of every layer and direction for each element of the sequences."""
    hidden, projected = int(module.hidden_size), int(getattr(module, "proj_size", 0) or 0)
    directions = 2 if module.bidirectional else 1
    widths = [int(module.input_size)] + [directions * (projected or hidden)] * (int(module.num_layers) - 1)
    steps = sum(directions * _step(module, width, hidden, bool(module.bias), projected) for width in widths)
    return _elements(inputs[0]) * steps


def _step(module: Any, width: int, hidden: int, bias: bool, projected: int) -> int:
    """One evaluation of a cell: its gates, then what combines them."""
    gate = hidden * (width + (projected or hidden)) + hidden + (2 * hidden if bias else 0)
    if isinstance(module, nn.LSTM | nn.LSTMCell):
        return 4 * gate + 4 * hidden + hidden * projected
    if isinstance(module, nn.GRU | nn.GRUCell):
        return 3 * gate + 4 * hidden
    return gate


def _elements(x: Any) -> int:
    """Steps in time times sequences; padding of a packed batch is no work."""
    if isinstance(x, PackedSequence):
        return int(x.batch_sizes.sum())
    return int(x.shape[0]) if x.dim() == 2 else int(x.shape[0]) * int(x.shape[1])
