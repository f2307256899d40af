"""The names of the variants. Torch-free."""

from __future__ import annotations

EAGER = "eager"
"""The baseline of the others, timed with them whether named or not."""

VARIANTS = {
    EAGER: "the network as it is profiled",
    "channels_last": "weights and images in channels-last order",
    "bf16": "autocast to bfloat16",
    "compile": "torch.compile by Inductor",
    "onnxruntime": "ONNX Runtime on its CPU provider",
    "openvino": "OpenVINO on the CPU, held to float32",
    "half": "weights and images in float16, on CUDA",
    "graph": "a CUDA graph, replayed",
}
"""What each one is, in the order in which they are reported."""


def ordered(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names in the order of the report, eager first and always there.

    Raises:
        KeyError: A name is unknown.
    """
    for name in names:
        VARIANTS[name]
    return tuple(name for name in VARIANTS if name == EAGER or name in names)
