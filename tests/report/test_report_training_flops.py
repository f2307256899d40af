"""The part of a report that says what a training step costs."""

from __future__ import annotations

import dataclasses

from surgeon.profiler.results import TrainingCounts
from surgeon.report.tables import Document
from surgeon.report.training_flops import training_flops

YOLOV8N = TrainingCounts(
    forward_macs=4_371_456_000,
    backward_macs=8_698_675_200,
    input_gradient_macs=4_327_219_200,
    weight_gradient_macs=4_371_456_000,
    trained_params=3_157_184,
    note="what is covered",
)


def test_one_image() -> None:
    assert training_flops(YOLOV8N, 1).items == (
        ("batch", "1 image"),
        ("GFLOPs forward", "8.743"),
        ("GFLOPs backward", "17.397: gradients of inputs 8.654, of weights 8.743"),
        ("GFLOPs of a step", "26.140"),
        ("backward / forward", "1.990x"),
        ("trained", "3,157,184 parameters"),
        ("covers", "what is covered"),
    )


def test_a_batch_is_shown_whole_and_per_image() -> None:
    macs = ("forward_macs", "backward_macs", "input_gradient_macs", "weight_gradient_macs")
    sixteen = dataclasses.replace(YOLOV8N, **{name: 16 * getattr(YOLOV8N, name) for name in macs})
    items = dict(training_flops(sixteen, 16).items)
    assert items["batch"] == "16 images"
    assert items["GFLOPs forward"] == "139.887 (8.743 per image)"
    assert items["GFLOPs backward"].startswith("278.358 (17.397 per image): gradients of inputs 138.471, of weights")
    assert items["GFLOPs of a step"] == "418.244 (26.140 per image)"
    assert items["backward / forward"] == "1.990x"


def test_what_no_formula_covers_is_named() -> None:
    strange = dataclasses.replace(YOLOV8N, uncounted=("mine::op in model.3", "mine::op_backward in model.3"))
    said = dict(training_flops(strange, 1).items)["not counted"]
    assert said.startswith("2 operators that no formula covers, so this is a lower bound: mine::op in model.3, mine")
    assert "not counted" not in dict(training_flops(YOLOV8N, 1).items)


def test_nothing_but_elementwise_work() -> None:
    nothing = dataclasses.replace(
        YOLOV8N, forward_macs=0, backward_macs=0, input_gradient_macs=0, weight_gradient_macs=0
    )
    items = dict(training_flops(nothing, 2).items)
    assert items["backward / forward"] == "-"
    assert items["GFLOPs of a step"] == "0.000 (0.000 per image)"


def test_it_is_a_part_of_a_document() -> None:
    from surgeon.report.formats.markdown import to_markdown

    text = to_markdown(Document(title="yolov8n", parts=(training_flops(YOLOV8N, 1),)))
    assert "training step" in text and "26.140" in text
