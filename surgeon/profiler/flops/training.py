"""MACs of one training step's forward and backward, exact, in total, by row and by module.

The network runs in training mode on a twin without data (meta tensors), gradients flow back from all its outputs, and
every operator of both passes is counted as it ran. What this does not do: time anything, train anything, or touch the
model that it was given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from surgeon.errors import MeasurementError
from surgeon.graph.layer import LayerGraph
from surgeon.profiler.flops.fastpath import without_fast_attention
from surgeon.profiler.flops.formula import Formula
from surgeon.profiler.flops.formulas import default_formulas
from surgeon.profiler.flops.ledger import OUTSIDE
from surgeon.profiler.flops.origins import Origins
from surgeon.profiler.flops.training_formulas import StatedModules
from surgeon.profiler.flops.training_ledger import Step, TrainingLedger
from surgeon.profiler.flops.training_mode import TrainingMode, next_node
from surgeon.profiler.flops.twin import counting_twin
from surgeon.profiler.inputs import Forward, input_channels
from surgeon.profiler.results import TrainingCounts

NOTE = (
    "convolutions, linear layers, matrix products and attention of one step in training mode, as they ran; the loss "
    "(with what only targets bring in, such as denoising queries), the optimiser step and elementwise work are not "
    "included"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCount:
    """What a part of the network costs in one training step at batch B.

    Attributes:
        forward_macs: MACs of its forward, as executed.
        input_gradient_macs, weight_gradient_macs: As in `TrainingCounts`, of the nodes that its forward made.
    """

    forward_macs: int
    input_gradient_macs: int
    weight_gradient_macs: int

    @property
    def backward_macs(self) -> int:
        """Both kinds of gradients."""
        return self.input_gradient_macs + self.weight_gradient_macs


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingCount:
    """What one training step of a network costs: forward and backward, at batch B, unfused.

    Not included: the loss and what only its targets bring in (RT-DETR's denoising queries), the optimiser step, and
    elementwise work (normalisation, activation, pooling, gradients that are added up).

    Attributes:
        counts: Totals. They are the sum over ``rows`` plus ``outside``.
        rows: By module path of the row.
        outside: What ran in no row, and what no row's forward made.
        modules: What each module ran itself, its submodules apart, by path (``""`` is the network); their sum is the
            total as well.
        imgsz: Image size ``(H, W)`` in pixels.
        batch: Images of a step.
        counted_on: ``meta``, or ``cpu`` where the network had to be run.
    """

    counts: TrainingCounts
    rows: Mapping[str, StepCount]
    outside: StepCount
    modules: Mapping[str, StepCount]
    imgsz: tuple[int, int]
    batch: int
    counted_on: str


def count_training(
    module: nn.Module,
    graph: LayerGraph,
    imgsz: tuple[int, int],
    batch: int = 1,
    *,
    forward: Forward | None = None,
    formulas: Mapping[str, Formula] | None = None,
) -> TrainingCount:
    """Count forward and backward of one training step; see `TrainingCount` for what that leaves out.

    Parameters that do not require a gradient are frozen: their gradients are not computed, nor is what lies before
    the first trained parameter. The image needs no gradient. Blocks count as executed: in training they may run
    another form than in inference.

    Args:
        module: The network. It is only read: counting happens on a copy, in training mode.
        graph: Its rows; an operator is booked on the row whose module runs it, in the backward pass on the row whose
            forward made the work.
        imgsz: Image size ``(H, W)`` in pixels.
        batch: Batch size B.
        forward: How to run it, default ``module(image)``.
        formulas: MAC formulas by operator name, default `default_formulas`.

    Raises:
        MeasurementError: The network cannot be copied, has nothing to train, or cannot train at this size and batch.
    """
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise MeasurementError(
            f"no parameter of {graph.name} requires a gradient, so there is no training to count: "
            "requires_grad_(True) on what is to be trained"
        )
    shape = (batch, input_channels(module), *imgsz)
    table = default_formulas() if formulas is None else formulas
    run = forward or (lambda network, image: network(image))
    with torch.inference_mode(False), torch.enable_grad():
        try:
            return _counted(module, graph, torch.empty(shape, device="meta"), run, table)
        except Exception as error:  # whatever meta tensors cannot do, a real pass can: its own error is to be reported
            if batch == 1 and _trains_in_pairs(module, graph, shape, run, table):
                raise _refusal(graph, imgsz, batch, f"it needs at least 2 images ({error})") from error
        image = torch.rand(shape, generator=torch.Generator().manual_seed(0))
        try:
            return _counted(module, graph, image, run, table)
        except MeasurementError:
            raise
        except Exception as error:
            raise _refusal(graph, imgsz, batch, str(error)) from error


def _trains_in_pairs(
    module: nn.Module, graph: LayerGraph, shape: tuple[int, ...], run: Forward, formulas: Mapping[str, Formula]
) -> bool:
    """Whether two images are no obstacle (BatchNorm on a map of one pixel has nothing to normalise in one image)."""
    try:
        _counted(module, graph, torch.empty((2, *shape[1:]), device="meta"), run, formulas)
    except Exception:
        return False
    return True


def _refusal(graph: LayerGraph, imgsz: tuple[int, int], batch: int, reason: str) -> MeasurementError:
    images = "1 image" if batch == 1 else f"{batch} images"
    return MeasurementError(
        f"{graph.name} cannot train on a batch of {images} of {imgsz[0]}x{imgsz[1]} pixels, so its training cannot be "
        f"counted: {reason}"
    )


def _counted(
    module: nn.Module, graph: LayerGraph, image: Tensor, run: Forward, formulas: Mapping[str, Formula]
) -> TrainingCount:
    """Train a twin for one step under the mode that books it."""
    ledger = TrainingLedger([layer.path for layer in graph], next_node)
    stated = StatedModules(ledger)
    with (
        torch.random.fork_rng(devices=[]),
        without_fast_attention(),
        counting_twin(module, image.device.type, _Watcher(ledger, stated)) as twin,
    ):
        twin.train()
        learned = [parameter for parameter in twin.parameters() if parameter.requires_grad]
        with TrainingMode(ledger, formulas, Origins(image, learned), meta=image.is_meta):
            _step(graph, run(twin, image))
    steps = tuple(ledger)
    rows = {layer.path: _sum(step for step in steps if step.row == layer.path) for layer in graph}
    total = _sum(steps)
    return TrainingCount(
        counts=TrainingCounts(
            forward_macs=total.forward_macs,
            backward_macs=total.backward_macs,
            input_gradient_macs=total.input_gradient_macs,
            weight_gradient_macs=total.weight_gradient_macs,
            trained_params=sum(p.numel() for p in module.parameters() if p.requires_grad),
            uncounted=tuple(ledger.uncounted),
            note=NOTE + stated.note(),
        ),
        rows=rows,
        outside=_sum(step for step in steps if step.row == OUTSIDE),
        modules={path: _sum(s for s in steps if s.path == path) for path in dict.fromkeys(s.path for s in steps)},
        imgsz=(image.shape[2], image.shape[3]),
        batch=image.shape[0],
        counted_on=image.device.type,
    )


def _step(graph: LayerGraph, output: object) -> None:
    """Let gradients flow back from every output, as from a loss that reads them all."""
    outputs = [leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor) and leaf.requires_grad]
    if not outputs:
        raise MeasurementError(
            f"no output of {graph.name} depends on a parameter that requires a gradient, so there is no training to "
            "count"
        )
    torch.autograd.backward(outputs, [torch.ones_like(one) for one in outputs])


class _Watcher:
    """What stands in for forward methods; see `surgeon.profiler.flops.twin.Watch`."""

    def __init__(self, ledger: TrainingLedger, stated: StatedModules) -> None:
        self._ledger, self._stated = ledger, stated

    def __call__(self, path: str, module: nn.Module, forward: Forward) -> Forward:
        """The function that stands in for ``forward``."""
        enter, leave = self._ledger.enter, self._ledger.leave
        forward = self._stated.watched(path, module, forward)

        def watched(*args: object, **kwargs: object) -> object:
            enter(path)
            try:
                return forward(*args, **kwargs)
            finally:
                leave()

        return watched


def _sum(steps: Iterable[Step]) -> StepCount:
    steps = list(steps)
    return StepCount(
        forward_macs=sum(step.forward for step in steps),
        input_gradient_macs=sum(step.of_inputs for step in steps),
        weight_gradient_macs=sum(step.of_weights for step in steps),
    )
