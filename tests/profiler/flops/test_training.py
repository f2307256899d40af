"""Training steps of whole networks: exact by closed form, in total, by row and by module; the model stays as it was."""

from __future__ import annotations

import contextlib
import io

import pytest
import torch
from profiler_support import chain_graph, state_of, ultralytics_graph, ultralytics_model
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from training_closed_form import Cost, closed_form, total

from surgeon import blocks
from surgeon.blocks.planted import PlantedBlock
from surgeon.errors import MeasurementError
from surgeon.profiler.flops.count import count
from surgeon.profiler.flops.training import NOTE, StepCount, TrainingCount, count_training
from surgeon.profiler.results import TrainingCounts

SIZE = (160, 160)
NETWORKS = [
    "yolov5n",
    "yolov8n",
    "yolov9t",
    "yolov10n",
    "yolo11n",
    "yolo12n",
    "yolo26n",
    "yolov8n-seg",
    "yolov8n-pose",
    "yolov8n-obb",
    "yolov8n-cls",
    "rtdetr-l",
]


@pytest.fixture(scope="module")
def yolov8n() -> nn.Module:
    return ultralytics_model("yolov8n")


def cost(found: StepCount | TrainingCounts) -> Cost:
    assert found.backward_macs == found.input_gradient_macs + found.weight_gradient_macs
    return found.forward_macs, found.input_gradient_macs, found.weight_gradient_macs


def counted(model: nn.Module, size: tuple[int, int] = SIZE, batch: int = 1) -> TrainingCount:
    return count_training(model, ultralytics_graph(model, size), size, batch)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_are_exact_in_total_by_row_and_by_module(name: str) -> None:
    model = ultralytics_model(name)
    found = counted(model)
    right = closed_form(model, torch.rand(1, 3, *SIZE))
    assert cost(found.counts) == total(right)
    assert {path: cost(row) for path, row in found.rows.items()} == {path: total(right, path) for path in found.rows}
    assert {path: cost(one) for path, one in found.modules.items()} == {p: c for p, c in right.items() if any(c)}
    assert cost(found.outside) == (0, 0, 0)
    assert found.counts.uncounted == ()
    assert found.counts.trained_params == sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert (found.counted_on, found.imgsz, found.batch) == ("meta", SIZE, 1)


def test_yolov8n_to_the_mac(yolov8n: nn.Module) -> None:
    """Per image: the forward without the decoding of the head, whose DFL runs in inference alone.

    All but the first convolution have an input that requires a gradient.
    """
    found = counted(yolov8n, (640, 640)).counts
    first, decoding = 320 * 320 * 16 * 27, 8400 * 4 * 16
    assert found.forward_macs == 4_371_993_600 - decoding == found.weight_gradient_macs
    assert found.input_gradient_macs == found.forward_macs - first
    assert found.note == NOTE


def test_scales_with_batch_and_size(yolov8n: nn.Module) -> None:
    one = counted(yolov8n, (160, 320)).counts
    three = counted(yolov8n, (160, 320), batch=3)
    assert cost(three.counts) == tuple(3 * macs for macs in cost(one))
    assert three.batch == 3
    assert cost(counted(yolov8n).counts) == tuple(macs // 2 for macs in cost(one))


def test_agrees_with_flop_counter_mode_where_nothing_is_grouped(yolov8n: nn.Module) -> None:
    with FlopCounterMode(display=False) as counter:
        outputs = yolov8n.train()(torch.rand(1, 3, 64, 64))
        forward = counter.get_total_flops()
        (outputs["boxes"].sum() + outputs["scores"].sum()).backward()
    yolov8n.zero_grad(set_to_none=True)
    found = counted(yolov8n, (64, 64)).counts
    assert 2 * found.forward_macs == forward
    assert 2 * found.backward_macs == counter.get_total_flops() - forward


def test_frozen_rows_cost_no_backward() -> None:
    """As trainers freeze a backbone; the first row behind it reads maps that need no gradient."""
    model = ultralytics_model("yolov8n")
    whole = counted(model)
    for row in model.model[:10]:
        row.requires_grad_(False)
    found = counted(model)
    right = closed_form(model, torch.rand(1, 3, *SIZE))
    assert cost(found.counts) == total(right)
    assert all(found.rows[f"model.{i}"].backward_macs == 0 for i in range(10))
    assert 0 < found.rows["model.12"].backward_macs < whole.rows["model.12"].backward_macs
    assert found.counts.forward_macs == whole.counts.forward_macs
    assert found.counts.trained_params == sum(p.numel() for p in model.model[10:].parameters()) - 16


def test_frozen_weights_pass_gradients_on() -> None:
    """Between trained rows, what is frozen still costs the gradient of its input."""
    model = ultralytics_model("yolo11n")
    model.model[6].requires_grad_(False)
    found = counted(model)
    assert cost(found.counts) == total(closed_form(model, torch.rand(1, 3, *SIZE)))
    row = found.rows["model.6"]
    assert row.input_gradient_macs == row.forward_macs > 0 == row.weight_gradient_macs


@pytest.mark.parametrize(("name", "of_text"), [("yolov8s-world", {"model.16.query.1"}), ("yolov8s-worldv2", set())])
def test_networks_with_text(name: str, of_text: set[str]) -> None:
    """The embedded classes are constants, so what a LayerNorm makes of them comes from parameters alone."""
    from ultralytics.nn import tasks

    with contextlib.redirect_stdout(io.StringIO()):
        model = tasks.WorldModel(f"{name}.yaml", verbose=False)
    found = counted(model)
    assert found.counts.uncounted == () and found.counted_on == "meta"
    right = {path: one for path, one in closed_form(model, torch.rand(1, 3, *SIZE)).items() if any(one)}
    right |= {path: (right[path][0], 0, 2 * right[path][0]) for path in of_text}
    assert len(right) > 60
    assert {path: cost(found.modules[path]) for path in right} == right


@pytest.mark.parametrize("name", blocks.names())
def test_every_block_trains(name: str) -> None:
    """A block planted in a network: where all factors need gradients, backward is twice forward, else it is less."""
    model = nn.Sequential(nn.Conv2d(3, 64, 1), PlantedBlock(name, 64, 64, {}, "paper"))
    found = count_training(model, chain_graph(model), (16, 16))
    row = found.rows["1"]
    assert found.counts.uncounted == () and found.counted_on == "meta"
    with FlopCounterMode(display=False) as counter:
        model.train()(torch.rand(1, 3, 16, 16))
    assert 2 * found.counts.forward_macs == counter.get_total_flops()
    if name in BY_CONSTANTS:
        assert row.forward_macs < row.backward_macs < 2 * row.forward_macs
    else:
        assert row.backward_macs == 2 * row.forward_macs
    assert row.weight_gradient_macs <= row.forward_macs or name.startswith("orepa")
    assert cost(found.rows["0"]) == (16 * 16 * 3 * 64, 0, 16 * 16 * 3 * 64)


BY_CONSTANTS = {"mlca", "acmix", "bra"}
"""Blocks that multiply by constants (pooling and coordinate matrices) or for a choice that has no gradient."""


@pytest.mark.parametrize("name", ["gam", "mhsa", "lska"])
def test_a_block_planted_in_a_network(name: str, yolov8n: nn.Module) -> None:
    """The head's rows cost what they cost without it."""
    import copy

    model = copy.deepcopy(yolov8n)
    sppf = model.model[9]
    planted = PlantedBlock(name, 256, 256, {}, "identity")
    model.model[9] = nn.Sequential(sppf, planted)
    model.model[9].f, model.model[9].i, model.model[9].type = sppf.f, sppf.i, "Sequential"
    found, before = counted(model), counted(yolov8n)
    assert {p: r for p, r in found.rows.items() if p != "model.9"} == {
        p: r for p, r in before.rows.items() if p != "model.9"
    }
    more = cost(found.rows["model.9"])[0] - cost(before.rows["model.9"])[0]
    assert more > 0
    assert found.counts.backward_macs - before.counts.backward_macs == 2 * more


@pytest.mark.parametrize("training", [True, False])
def test_the_model_stays_as_it_was(training: bool, yolov8n: nn.Module) -> None:
    yolov8n.train(training)
    before = state_of(yolov8n)
    with torch.no_grad():
        counted(yolov8n)
        assert not torch.is_grad_enabled()
    with torch.inference_mode():
        counted(yolov8n)
        assert torch.is_inference_mode_enabled()
    counted(yolov8n)
    assert state_of(yolov8n) == before
    assert all(parameter.grad is None for parameter in yolov8n.parameters())


def test_gradients_that_are_there_stay() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Dropout(0.5))
    model(torch.rand(2, 3, 4, 4)).sum().backward()
    before = [parameter.grad.clone() for parameter in model.parameters()]
    statistics = model[1].running_mean.clone()
    count_training(model, chain_graph(model), (8, 8))
    assert all(torch.equal(p.grad, was) for p, was in zip(model.parameters(), before, strict=True))
    assert torch.equal(model[1].running_mean, statistics)


class LooksAtData(nn.Module):
    """Meta tensors cannot answer this, so that the pass falls back to the CPU."""

    def forward(self, x: Tensor) -> Tensor:
        return x if float(x.detach().sum()) > -1e9 else -x


@pytest.mark.parametrize("fallback", [False, True])
def test_failure_is_one_sentence_and_leaves_nothing(fallback: bool) -> None:
    class Explodes(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise ValueError("too small for me")

    first = [LooksAtData()] if fallback else []
    model = nn.Sequential(nn.Conv2d(3, 8, 1), nn.BatchNorm2d(8), nn.Dropout(0.5), *first, Explodes()).eval()
    before = state_of(model)
    with pytest.raises(MeasurementError) as caught:
        count_training(model, chain_graph(model), (32, 32))
    assert str(caught.value) == (
        "chain cannot train on a batch of 1 image of 32x32 pixels, so its training cannot be counted: too small for me"
    )
    assert state_of(model) == before
    assert all(parameter.grad is None for parameter in model.parameters())


def test_failure_in_the_backward_leaves_nothing() -> None:
    class Refuses(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x: Tensor) -> Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx, gradient: Tensor) -> Tensor:
            raise RuntimeError("no way back")

    class Last(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return Refuses.apply(x)

    model = nn.Sequential(nn.Conv2d(3, 8, 1), nn.BatchNorm2d(8), Last()).eval()
    before = state_of(model)
    with pytest.raises(MeasurementError, match="so its training cannot be counted: no way back"):
        count_training(model, chain_graph(model), (32, 32))
    assert state_of(model) == before
    assert all(parameter.grad is None for parameter in model.parameters())


def test_batch_norm_on_one_pixel_needs_two_images() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 1), nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 8, 1), nn.BatchNorm2d(8))
    graph = chain_graph(model)
    with pytest.raises(MeasurementError, match=r"on a batch of 1 image of 32x32 pixels.*it needs at least 2 images"):
        count_training(model, graph, (32, 32))
    assert cost(count_training(model, graph, (32, 32), batch=2).rows["2"]) == (128, 128, 128)
    assert count(model, graph, (32, 32)).rows["2"].executed == 64


def test_nothing_to_train_is_one_sentence() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 1)).requires_grad_(False)
    with pytest.raises(MeasurementError, match="no parameter of chain requires a gradient"):
        count_training(model, chain_graph(model), (8, 8))


def test_an_output_without_gradient_is_one_sentence() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 1))
    with pytest.raises(MeasurementError, match="no output of chain depends on a parameter"):
        count_training(model, chain_graph(model), (8, 8), forward=lambda network, image: network(image).detach())
