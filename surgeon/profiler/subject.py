"""What is to be measured, and the copy of it that is timed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from surgeon.errors import MeasurementError
from surgeon.graph.layer import LayerGraph
from surgeon.profiler.flops.conventions.figures import ProxyPlan
from surgeon.profiler.settings import ProfileSettings
from surgeon.profiler.training.loss import TrainingLoss
from surgeon.profiler.variants.variant import WriteOnnx

Prepare = Callable[[nn.Module], nn.Module]
"""Makes the deployed network (fused) of a copy, which it may change and return."""

ReportedGflops = Callable[[nn.Module, tuple[int, int]], float | None]
"""``reported(module, imgsz)``: what the model's own library prints as GFLOPs."""


Proxies = Callable[[nn.Module], ProxyPlan | None]
"""``proxies(module)``: the small images from which the model's own library extrapolates, None where it does not."""

LossOf = Callable[[nn.Module], TrainingLoss | None]
"""``loss(module)``: what the model's own library trains it with, None where surgeon cannot run that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One network to measure.

    Attributes:
        module: The network as trained. It is only read.
        graph: Its rows.
        name: Display name.
        source: Path or YAML name it came from.
        ultralytics_gflops: What the model's own library prints: a figure, a function that asks for it, or None.
        proxies: Where that figure can be had from the counting passes, how; then nobody is asked.
        prepare: Makes the deployed network of a copy; None times the network unfused.
        write_onnx: Exports the deployed network to ONNX; None where nothing can.
        training_loss: Gives the loss that it is trained with; None where there is none that surgeon knows.
        source_sha256, yaml_sha256, task, command: As in `ProfileResult`.
    """

    module: nn.Module
    graph: LayerGraph
    name: str
    source: str
    ultralytics_gflops: ReportedGflops | float | None = None
    proxies: Proxies | None = None
    prepare: Prepare | None = None
    write_onnx: WriteOnnx | None = None
    training_loss: LossOf | None = None
    source_sha256: str | None = None
    yaml_sha256: str | None = None
    task: str | None = None
    command: str | None = None


def deployed(subject: Subject, settings: ProfileSettings) -> nn.Module:
    """A copy of the network as it is deployed: fused where asked, in eval mode, of the settings' type and device.

    Raises:
        MeasurementError: The network cannot be copied or prepared.
    """
    try:
        network = copy.deepcopy(subject.module).eval()
        if settings.fused and subject.prepare is not None:
            network = subject.prepare(network)
        return network.eval().to(device=settings.device, dtype=getattr(torch, settings.dtype))
    except Exception as error:
        raise MeasurementError(f"{subject.name} cannot be prepared for timing: {error}") from error


def layout_of(network: nn.Module) -> str | None:
    """Memory layout of a network's convolution weights: ``contiguous``, ``channels_last``, ``mixed``; None without."""
    found = set()
    for tensor in network.parameters():
        last = tensor.dim() == 4 and tensor.is_contiguous(memory_format=torch.channels_last)
        if tensor.dim() == 4 and tensor.is_contiguous() != last:  # a 1x1 kernel may be both
            found.add("channels_last" if last else "contiguous")
    return "mixed" if len(found) > 1 else next(iter(found), None)
