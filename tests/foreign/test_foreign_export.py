"""ONNX of edited networks by the exporter that their repositories use, run at sizes that the export never saw."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest
import torch
from foreign_networks import PLAIN, REPOSITORIES, tensors
from test_foreign_edits import SAMPLE

SIZES = ((1, 96, 160), (2, 160, 128), (1, 192, 192))
FAST = ("yolov5n", "yolox-nano", "functional")


class Flat(torch.nn.Module):
    """Every tensor that a network puts out, as a tuple."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return tuple(tensors(self.network(x)))


def as_exported(network):
    """A copy with the flags that the repositories' own export scripts set; gates wide open."""
    network = copy.deepcopy(network).eval()
    for module in network.modules():
        for flag, value in (("dynamic", True), ("export", True), ("decode_in_inference", False)):
            if isinstance(getattr(module, flag, None), bool):
                setattr(module, flag, value)
        if isinstance(getattr(module, "gate", None), torch.nn.Parameter):
            module.gate.data.fill_(1.0)
    return Flat(network).eval()


def exported(network, path):
    outputs = [f"out{i}" for i in range(len(network(torch.zeros(1, 3, 128, 128))))]
    axes = {"image": {0: "batch", 2: "height", 3: "width"}}
    for name, tensor in zip(outputs, network(torch.zeros(1, 3, 128, 128)), strict=True):
        axes[name] = {i: f"{name}_{i}" for i in range(tensor.dim())}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.zeros(1, 3, 128, 128),),
            str(path),
            input_names=["image"],
            output_names=outputs,
            dynamic_axes=axes,
            opset_version=17,
            dynamo=False,
        )
    import onnxruntime

    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def distance(session, network, size):
    batch, height, width = size
    image = torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        want = [t.numpy() for t in network(image)]
    got = session.run(None, {"image": image.numpy()})
    assert [g.shape for g in got] == [w.shape for w in want]
    # On average: where two bins of a box's distribution are nearly level, one digit moves the box.
    return max(float(np.abs(g - w).mean() / (np.abs(w).mean() + 1e-12)) for g, w in zip(got, want, strict=True))


@pytest.mark.parametrize(
    "name", [n if n in FAST else pytest.param(n, marks=pytest.mark.slow) for n in [*REPOSITORIES, *PLAIN]]
)
def test_onnx_at_unseen_sizes_with_the_gate_open(name, opened, tmp_path):
    block, site, _ = SAMPLE[name]
    plain = as_exported(opened(name).module)
    session = exported(plain, tmp_path / "plain.onnx")
    baseline = max(distance(session, plain, size) for size in SIZES)
    edited = as_exported(opened(name).insert(block, after=site).module)
    session = exported(edited, tmp_path / "edited.onnx")
    found = max(distance(session, edited, size) for size in SIZES)
    assert baseline < 1e-3 and found <= max(1e-5, 5 * baseline)
    closed = as_exported(opened(name).module)
    image = torch.rand(1, 3, 96, 160, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        moved = [not torch.equal(a, b) for a, b in zip(edited(image), closed(image), strict=True)]
    assert any(moved), "the gate is open and the block does nothing"
