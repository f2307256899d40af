"""The memory of one training step at one batch size: forward, loss and backward on a twin without data."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from surgeon.errors import MeasurementError
from surgeon.profiler.flops.fastpath import without_fast_attention
from surgeon.profiler.flops.twin import counting_twin
from surgeon.profiler.inputs import Forward, input_channels
from surgeon.profiler.training.autocast import autocast_as_cuda
from surgeon.profiler.training.live import LiveBytes
from surgeon.profiler.training.loss import TrainingLoss, made_up
from surgeon.profiler.training.memory_mode import MemoryMode


@dataclass(frozen=True, slots=True, kw_only=True)
class StepMemory:
    """What one step allocated, the image, parameters, buffers and their gradients not included.

    Attributes:
        kept_bytes: What autograd keeps between forward and backward.
        peak_bytes: Most bytes alive at once: results, what is kept, gradients on their way.
    """

    kept_bytes: int
    peak_bytes: int


def step_memory(
    module: nn.Module,
    imgsz: tuple[int, int],
    batch: int,
    *,
    loss: TrainingLoss | None,
    amp: torch.dtype | None,
    forward: Forward | None = None,
    device: str = "meta",
) -> StepMemory:
    """Run one training step of a twin, and follow its memory.

    Gradients of parameters are there before the step, as where they are accumulated over several batches: each new one
    is added to them and given up.

    Args:
        module: The network; only read.
        imgsz: Image size ``(H, W)`` in pixels.
        batch: Images of the step.
        loss: What is computed of the outputs; None lets gradients flow back from every output.
        amp: The lower precision of autocast, None for float32 throughout.
        forward: How to run the network, default ``module(image)``.
        device: ``meta``, or ``cpu`` for a network that looks at its data.

    Raises:
        Exception: Whatever the network or the loss raises.
    """
    run = forward or (lambda network, image: network(image))
    live = LiveBytes()
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        torch.random.fork_rng(devices=[]),
        without_fast_attention(),
        counting_twin(module, device, lambda path, twin, own_forward: own_forward) as twin,
    ):
        _give_gradients(module, twin, device)
        twin.train()
        image = torch.zeros((batch, input_channels(module), *imgsz), device=device)
        given = (image, *twin.parameters(), *twin.buffers(), *(p.grad for p in twin.parameters() if p.grad is not None))
        with MemoryMode(live, given, meta=device == "meta") as mode:
            with autocast_as_cuda(amp):
                roots = _forward(run, twin, image, loss, mode)
            kept = live.now
            torch.autograd.backward(roots, [torch.ones_like(root) for root in roots])
    return StepMemory(kept_bytes=kept, peak_bytes=live.peak)


def _forward(
    run: Forward, twin: nn.Module, image: Tensor, loss: TrainingLoss | None, mode: MemoryMode
) -> tuple[Tensor, ...]:
    """Where gradients come from: the loss, or every output; all else is given up on return."""
    outputs = run(twin, image)
    if loss is not None:
        total = loss(made_up(outputs, mode), image.shape[0], (image.shape[2], image.shape[3]))
        return (total.sum(),)
    roots = tuple(leaf for leaf in tree_leaves(outputs) if isinstance(leaf, Tensor) and leaf.requires_grad)
    if not roots:
        raise MeasurementError("no output depends on a parameter that requires a gradient")
    return roots


def trains_all(module: nn.Module) -> bool:
    """Whether every parameter is taken as trained: none says that it is, as in a published checkpoint."""
    return not any(parameter.requires_grad for parameter in module.parameters())


def _give_gradients(module: nn.Module, twin: nn.Module, device: str) -> None:
    """Give each parameter of the twin a tensor and a gradient of its own; those of one shape share one until now."""
    every = trains_all(module)
    fresh: dict[int, nn.Parameter] = {}
    twins = dict(twin.named_modules(remove_duplicate=False))
    for path, original in module.named_modules(remove_duplicate=False):
        for name, parameter in original._parameters.items():
            if parameter is None or path not in twins:
                continue
            if id(parameter) not in fresh:
                fresh[id(parameter)] = _fresh(twins[path]._parameters[name], parameter.requires_grad or every, device)
            twins[path]._parameters[name] = fresh[id(parameter)]


def _fresh(twin: Tensor | None, trained: bool, device: str) -> nn.Parameter:
    assert twin is not None
    data = torch.empty_like(twin) if device == "meta" else twin.detach()
    parameter = nn.Parameter(data, requires_grad=trained and data.is_floating_point())
    if parameter.requires_grad:
        parameter.grad = torch.zeros_like(data)
    return parameter


def static_tensors(module: nn.Module) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Parameters, those that are trained, and buffers, each once."""
    every = trains_all(module)
    parameters = tuple(module.parameters())
    trained = tuple(p for p in parameters if p.is_floating_point() and (p.requires_grad or every))
    return parameters, trained, tuple({id(b): b for b in chain(module.buffers())}.values())
