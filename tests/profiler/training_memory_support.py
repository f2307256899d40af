"""A real training step on the CPU, and the most bytes that it allocates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from surgeon.profiler.memory import peak_of
from surgeon.profiler.training.loss import TrainingLoss

Loss = Callable[[Any], Tensor]


def real_loss(loss: TrainingLoss, batch: int, side: int) -> Loss:
    """The same loss, on real outputs."""
    return lambda outputs: loss(outputs, batch, (side, side))


def saved_bytes(model: nn.Module, images: Tensor, *, and_output: bool = False) -> int:
    """Bytes of all that autograd saves in a real forward, the images, parameters and buffers left out."""
    given = {_place(t) for t in (images, *model.parameters(), *model.buffers())}
    saved: dict[int, Tensor] = {}  # kept alive, so that no place is taken twice

    def pack(tensor: Tensor) -> Tensor:
        if _place(tensor) not in given:
            saved[_place(tensor)] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = model.train()(images)
    assert output.requires_grad
    if and_output:
        saved[_place(output)] = output
    return sum(tensor.untyped_storage().nbytes() for tensor in saved.values())


def _place(tensor: Tensor) -> int:
    """Which storage it lies in; fake tensors have no address."""
    return int(tensor.untyped_storage()._cdata)


def measured_step(model: nn.Module, side: int, batch: int, loss: Loss, *, optimizer: bool = True) -> int:
    """Peak of forward, loss, backward and update; gradients and the optimizer's state are there before.

    The update is the ``foreach`` one, as on a GPU.
    """
    model.train()
    torch.manual_seed(0)
    images = torch.rand(batch, 3, side, side)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    update = torch.optim.SGD(trained, 1e-9, momentum=0.9, nesterov=True, weight_decay=5e-4, foreach=True)

    def step() -> None:
        loss(model(images)).backward()
        if optimizer:
            update.step()

    step()
    return peak_of(_allocations(step))


def _allocations(run: Callable[[], None]) -> list[int]:
    autograd: Any = torch.autograd
    native: Any = torch._C
    config = autograd.ProfilerConfig(
        autograd.ProfilerState.CPU, False, True, False, False, False, native._profiler._ExperimentalConfig()
    )
    autograd._enable_profiler_legacy(config)
    try:
        run()
    finally:
        threads = autograd._disable_profiler_legacy()
    return [r.cpu_memory_usage() for records in threads for r in records if r.kind() == "memory_alloc"]
