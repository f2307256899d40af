"""All variants."""

from __future__ import annotations

from typing import Any

import torch

from surgeon.profiler.variants.bf16 import Bfloat16
from surgeon.profiler.variants.channels_last import ChannelsLast
from surgeon.profiler.variants.compiled import Compiled
from surgeon.profiler.variants.eager import Eager
from surgeon.profiler.variants.graph import CudaGraph
from surgeon.profiler.variants.half import Half
from surgeon.profiler.variants.names import ordered
from surgeon.profiler.variants.onnx_session import OnnxRuntime
from surgeon.profiler.variants.openvino_session import OpenVino
from surgeon.profiler.variants.variant import Variant, WriteOnnx


def variants_of(names: tuple[str, ...], write: WriteOnnx | None, cuda: Any = torch.cuda) -> tuple[Variant, ...]:
    """The variants of these names, eager first.

    Args:
        names: Of `surgeon.profiler.variants.names.VARIANTS`.
        write: Exports a network to ONNX; None where nothing can.
        cuda: ``torch.cuda``, or what a test puts in its place.

    Raises:
        KeyError: A name is unknown.
    """
    every: tuple[Variant, ...] = (
        Eager(),
        ChannelsLast(),
        Bfloat16(),
        Compiled(),
        OnnxRuntime(write),
        OpenVino(write),
        Half(),
        CudaGraph(cuda),
    )
    by_name = {variant.name: variant for variant in every}
    return tuple(by_name[name] for name in ordered(names))
