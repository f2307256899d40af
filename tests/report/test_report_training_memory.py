"""Training memory in a report: what is there anyway, what a batch takes, what fits, and what is assumed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from surgeon.profiler.training_figures import BatchMemory, TrainingMemory
from surgeon.report.tables import Emphasis, Facts, Notes, Table
from surgeon.report.training_memory import training_memory_parts

MIB = 2**20


def step(batch: int) -> BatchMemory:
    return BatchMemory(
        batch=batch, image_bytes=batch * MIB, kept_bytes=8 * batch * MIB, peak_bytes=(9 * batch + 1) * MIB
    )


MEMORY = TrainingMemory(
    imgsz=(480, 640),
    optimizer="sgd",
    amp=None,
    loss="Ultralytics' v8DetectionLoss",
    boxes_per_image=20,
    parameter_bytes=3 * MIB,
    buffer_bytes=MIB,
    gradient_bytes=3 * MIB,
    optimizer_bytes=3 * MIB,
    ema_bytes=4 * MIB,
    update_bytes=3 * MIB,
    points=(step(1), step(2), step(4)),
    bend=0.0,
    trained_params=3 * MIB // 4,
    budget_bytes=256 * MIB,
)
"""In all 15 + 10 B MiB at batch B."""


def parts(memory: TrainingMemory) -> tuple[dict[str, str], Table, str]:
    facts, table, notes = training_memory_parts(memory)
    assert isinstance(facts, Facts)
    assert isinstance(table, Table)
    assert isinstance(notes, Notes)
    return dict(facts.items), table, " ".join(notes.sentences)


@pytest.mark.parametrize(
    ("budget", "largest"), [(0, 0), (27, 0), (28, 1), (38, 1), (39, 2), (128, 10), (256, 21), (2**20, 94370)]
)
def test_the_largest_batch_leaves_the_margin(budget: int, largest: int) -> None:
    assert MEMORY.largest_batch(budget * MIB) == largest
    if largest:
        assert MEMORY.total_bytes(largest) <= 0.9 * budget * MIB < MEMORY.total_bytes(largest + 1)


def test_another_margin() -> None:
    assert MEMORY.largest_batch(256 * MIB, margin=0.0) == 24
    assert MEMORY.largest_batch(256 * MIB, margin=0.5) == 11


def test_between_and_beyond_the_points_it_is_linear() -> None:
    assert [MEMORY.at(batch) for batch in (1, 2, 3, 4, 9)] == [step(batch) for batch in (1, 2, 3, 4, 9)]
    bent = replace(MEMORY, points=(replace(step(1), peak_bytes=20 * MIB), step(2), step(4)))
    assert bent.at(1).peak_bytes == 20 * MIB
    assert bent.at(8) == step(8)
    assert replace(MEMORY, points=(step(4),)).at(2).kept_bytes == step(2).kept_bytes


def test_the_update_counts_where_it_needs_more_than_the_step() -> None:
    assert MEMORY.total_bytes(1) == 25 * MIB
    assert replace(MEMORY, update_bytes=30 * MIB).total_bytes(1) == 45 * MIB


def test_the_report() -> None:
    facts, table, notes = parts(MEMORY)
    assert facts["gradients"] == "3.00 MiB (786,432 trained parameters)"
    assert facts["optimizer"] == "3.00 MiB (sgd: momentum of each trained parameter)"
    assert facts["together"] == "14.00 MiB, whatever the batch"
    assert facts["largest batch in 256.00 MiB"] == "21 (225.00 MiB, with a margin of 10.0 %)"
    assert table.column("batch") == ("1", "2", "4", "8", "16", "21", "32", "64", "128")
    assert table.column("MiB in all")[:3] == ("25.00", "35.00", "55.00")
    assert table.column("MiB kept for backward")[:3] == ("8.00", "16.00", "32.00")
    assert [row.cells[0] for row in table.rows if row.emphasis is Emphasis.TOTAL] == ["21"]
    assert "480x640 px, float32; loss: Ultralytics' v8DetectionLoss, 20 boxes per image." in notes
    assert "Not included: the CUDA context, workspaces of cuDNN" in notes
    assert "not linear" not in notes


def test_what_does_not_fit_is_said() -> None:
    facts, table, _ = parts(replace(MEMORY, budget_bytes=16 * MIB))
    said = "0: 1 image needs 25.00 MiB, which does not fit with a margin of 10.0 %"
    assert facts["largest batch in 16.00 MiB"] == said
    assert not [row for row in table.rows if row.emphasis is Emphasis.TOTAL]


def test_amp_a_bend_and_notes_are_said() -> None:
    _, _, notes = parts(replace(MEMORY, amp="float16", bend=0.3, boxes_per_image=None, notes=("All are trained.",)))
    assert "AMP (float16 by autocast as on CUDA; weights stay float32); loss: Ultralytics' v8DetectionLoss." in notes
    assert "the smallest followed lies 30.0 % off the line" in notes
    assert notes.endswith("All are trained.")


def test_nothing_was_predicted() -> None:
    assert training_memory_parts(None) == ()
