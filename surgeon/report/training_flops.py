"""What one training step costs, as a part of a report: forward, backward, their sum and ratio, and what they cover."""

from __future__ import annotations

from surgeon.profiler.results import TrainingCounts
from surgeon.report import units
from surgeon.report.tables import Facts


def training_flops(training: TrainingCounts, batch: int) -> Facts:
    """The figures of one step.

    Args:
        training: What was counted.
        batch: Images of the step it was counted for; figures are of the whole batch, and of one image beside it.
    """
    forward, backward = training.forward_macs, training.backward_macs
    parts = f"gradients of inputs {units.gflops(training.input_gradient_macs)}"
    parts += f", of weights {units.gflops(training.weight_gradient_macs)}"
    items = [
        ("batch", units.plural(batch, "image")),
        ("GFLOPs forward", _gflops(forward, batch)),
        ("GFLOPs backward", f"{_gflops(backward, batch)}: {parts}"),
        ("GFLOPs of a step", _gflops(forward + backward, batch)),
        ("backward / forward", units.ratio(units.ratio_of(backward, forward))),
        ("trained", units.plural(training.trained_params, "parameter")),
        ("covers", training.note),
    ]
    if training.uncounted:
        operators = units.plural(len(training.uncounted), "operator")
        names = ", ".join(training.uncounted)
        items.append(("not counted", f"{operators} that no formula covers, so this is a lower bound: {names}"))
    return Facts(title="training step", items=tuple(items))


def _gflops(macs: int, batch: int) -> str:
    """``139.904 (8.744 per image)``; of one image only the figure."""
    whole = units.gflops(macs)
    return whole if batch == 1 else f"{whole} ({units.gflops(macs / batch)} per image)"
