"""What training needs of memory, as parts of a report: by batch size, the largest that fits, and what is assumed."""

from __future__ import annotations

from surgeon.profiler.training_figures import TrainingMemory
from surgeon.report import units
from surgeon.report.tables import Column, Emphasis, Facts, Notes, Part, Row, Table

_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)
_STATES = {
    "adamw": "two moments of each trained parameter",
    "sgd": "momentum of each trained parameter",
    "musgd": "two momenta of matrices and kernels, one of the others",
}
_EXACT_TO = 0.01
"""A bend below this is nothing that a reader needs."""


def training_memory_parts(memory: TrainingMemory | None) -> tuple[Part, ...]:
    """The parts of a report, none where nothing was predicted."""
    if memory is None:
        return ()
    return (
        Facts(title="training memory", items=_facts(memory)),
        _table(memory),
        Notes(title="", sentences=_notes(memory)),
    )


def _facts(memory: TrainingMemory) -> tuple[tuple[str, str], ...]:
    """What is there whatever the batch, and what fits."""
    items = [
        ("parameters", units.mib(memory.parameter_bytes)),
        ("buffers", units.mib(memory.buffer_bytes)),
        ("gradients", f"{units.mib(memory.gradient_bytes)} ({units.count(memory.trained_params)} trained parameters)"),
        ("optimizer", f"{units.mib(memory.optimizer_bytes)} ({memory.optimizer}: {_STATES[memory.optimizer]})"),
        ("EMA copy", units.mib(memory.ema_bytes) if memory.ema_bytes else "none"),
        ("together", f"{units.mib(memory.static_bytes)}, whatever the batch"),
    ]
    if memory.budget_bytes is not None:
        items.append((f"largest batch in {_budget(memory.budget_bytes)}", _largest(memory, memory.budget_bytes)))
    return tuple(items)


def _budget(size: int) -> str:
    return f"{size / 2**30:g} GiB" if size >= 2**30 and size % 2**27 == 0 else units.mib(size)


def _largest(memory: TrainingMemory, budget_bytes: int) -> str:
    margin = f"with a margin of {units.percent(memory.margin)}"
    batch = memory.largest_batch(budget_bytes)
    if batch:
        return f"{batch} ({units.mib(memory.total_bytes(batch))}, {margin})"
    return f"0: 1 image needs {units.mib(memory.total_bytes(1))}, which does not fit {margin}"


def _table(memory: TrainingMemory) -> Table:
    fits = 0 if memory.budget_bytes is None else memory.largest_batch(memory.budget_bytes)
    titles = ("images", "MiB of images", "MiB kept for backward", "MiB peak of the step", "MiB in all")
    columns = (
        Column(title="batch", role="number"),
        *(Column(title=title, role="number", drop=drop) for title, drop in zip(titles[1:], (2, 0, 1, 0), strict=True)),
    )
    return Table(
        title="training memory by batch",
        columns=columns,
        rows=tuple(_row(memory, batch, batch == fits) for batch in sorted({*_BATCHES, *([fits] if fits else [])})),
    )


def _row(memory: TrainingMemory, batch: int, is_largest: bool) -> Row:
    step = memory.at(batch)
    sizes = (step.image_bytes, step.kept_bytes, step.peak_bytes, memory.total_bytes(batch))
    cells = (str(batch), *(units.mib(size).removesuffix(" MiB") for size in sizes))
    return Row(cells=cells, emphasis=Emphasis.TOTAL if is_largest else Emphasis.NORMAL)


def _notes(memory: TrainingMemory) -> tuple[str, ...]:
    boxes = (
        "" if memory.boxes_per_image is None else f", {units.plural(memory.boxes_per_image, 'box', 'boxes')} per image"
    )
    types = "float32" if memory.amp is None else f"AMP ({memory.amp} by autocast as on CUDA; weights stay float32)"
    followed = ", ".join(str(point.batch) for point in memory.points)
    notes = [
        f"Predicted, nothing was trained: {units.image_size(memory.imgsz)} px, {types}; loss: {memory.loss}{boxes}.",
        "Gradients are there all the time, as where they are accumulated (Ultralytics: below 64 images); the update "
        f"takes {units.mib(memory.update_bytes)} more for a moment, when the activations are gone.",
        f"Steps of {followed} images were followed; between and beyond them memory is linear in the batch.",
        "Operators allocate as on a CPU. Not included: the CUDA context, "
        "workspaces of cuDNN and cuBLAS, fragments of the allocator, the data loader.",
    ]
    if memory.bend > _EXACT_TO:
        notes.append(
            f"It is not linear at small batches: the smallest followed lies {units.percent(memory.bend)} off the line."
        )
    return (*notes, *memory.notes)
