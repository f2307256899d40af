"""Training memory predicted without data: what is kept of small networks by hand, and against real steps."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from profiler_support import ultralytics_model
from torch import Tensor, nn
from training_memory_support import measured_step, real_loss, saved_bytes

import surgeon
from surgeon.blocks.mhsa import MHSA
from surgeon.blocks.planted import PlantedBlock
from surgeon.errors import MeasurementError
from surgeon.models.ultralytics.training_loss import training_loss
from surgeon.profiler.training.loss import TrainingLoss
from surgeon.profiler.training.step import StepMemory, step_memory
from surgeon.profiler.training_memory import NO_LOSS, predict_training_memory

SIDE = 16
MAP = 8 * SIDE * SIDE * 4
"""Bytes of one image's map of eight channels in float32."""


def chain(*, inplace: bool = False) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.SiLU(inplace=inplace))


def followed(model: nn.Module, batch: int = 2, **options: Any) -> StepMemory:
    asked: dict[str, Any] = {"loss": None, "amp": None, **options}
    return step_memory(model, (SIDE, SIDE), batch, **asked)


@pytest.mark.parametrize("batch", [1, 2, 3])
@pytest.mark.parametrize("inplace", [False, True])
def test_a_convolution_with_norm_and_activation_keeps_two_maps(batch: int, inplace: bool) -> None:
    # BatchNorm keeps what it read and two statistics a channel, SiLU what it read: a copy where it works in place.
    model = chain(inplace=inplace)
    kept = 2 * batch * MAP + 2 * 8 * 4
    found = followed(model, batch)
    assert saved_bytes(model, torch.rand(batch, 3, SIDE, SIDE)) == kept
    assert found.kept_bytes == kept + batch * MAP  # and the output itself is there: gradients flow back from it


def test_what_nothing_needs_again_is_not_kept() -> None:
    linear = followed(nn.Sequential(nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1)), 2)
    frozen = nn.Sequential(nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1))
    frozen[0].requires_grad_(False)
    frozen[1].requires_grad_(False)
    assert linear.kept_bytes == 2 * 3 * MAP
    assert followed(frozen, 2).kept_bytes == 2 * 2 * MAP  # the last one's input, for its weight, and the output


def test_a_real_step_of_the_chain_takes_as_much() -> None:
    model = nn.Sequential(*chain(inplace=True), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * SIDE * SIDE // 4, 4))
    found = followed(model, 4, loss=Summed())
    assert found.peak_bytes == pytest.approx(measured_step(model, SIDE, 4, real_loss(Summed(), 4, SIDE)), rel=0.02)


@pytest.mark.parametrize("batch", [1, 2])
def test_a_block_that_widens_its_attention_keeps_that_in_float32_under_amp(batch: int) -> None:
    """MHSA of one head on N pixels of eight channels, as PyTorch's own autocast keeps it on a CPU."""
    attention = MHSA(8, 8, heads=1, position=False)
    model = nn.Sequential(nn.Conv2d(3, 8, 1), attention)
    n, half, full = SIDE * SIDE, 2, 4
    convolutions = (3 + 8) * n * half  # what they read: the image, and the map that the three projections share
    wide = (3 * 8 * n + n * n) * full  # scaled queries, keys, values, and the softmax, which both products share
    weights = (3 * 8 + 3 * 8 * 8) * half
    images = torch.rand(batch, 3, SIDE, SIDE)
    with torch.autocast("cpu", torch.bfloat16):
        assert saved_bytes(model, images) == batch * (convolutions + wide) + weights
    found = followed(model, batch, amp=torch.bfloat16)
    assert found.kept_bytes == batch * (convolutions + wide + 8 * n * half) + weights  # the output is there as well


@pytest.mark.parametrize("name", ["bra", "orepa", "s2"])
def test_blocks_that_switch_autocast_off_keep_what_they_keep_in_a_real_step(name: str) -> None:
    model = nn.Sequential(nn.Conv2d(3, 16, 1), PlantedBlock(name, 16, 16, {}, "paper", seed=0))
    with torch.autocast("cpu", torch.bfloat16):
        real = saved_bytes(model, torch.rand(2, 3, SIDE, SIDE))
    assert followed(model, amp=torch.bfloat16).kept_bytes == real + 2 * MAP  # the output of 16 channels in bfloat16


class Summed:
    """A loss of every output."""

    name = "the sum"
    boxes_per_image = None

    def __call__(self, outputs: Any, images: int, imgsz: tuple[int, int]) -> Tensor:
        return outputs.float().pow(2).sum()


class Fails(Summed):
    """A loss that wants something else."""

    def __call__(self, outputs: Any, images: int, imgsz: tuple[int, int]) -> Tensor:
        raise KeyError("prompts")


class LooksAtData(nn.Module):
    """Meta tensors cannot answer this."""

    def forward(self, x: Tensor) -> Tensor:
        return x if float(x.detach().sum()) > -1e9 else -x


def predicted(model: nn.Module, loss: TrainingLoss | None = None, **options: Any) -> Any:
    return predict_training_memory(model, (SIDE, SIDE), name="chain", loss=loss, **options)


@pytest.mark.parametrize(
    ("optimizer", "states"),
    [("sgd", lambda n: 4 * n), ("adamw", lambda n: 8 * n + 4 * 3), ("musgd", lambda n: 8 * n - 4 * 16)],
)
def test_the_parts_that_are_always_there(optimizer: str, states: Callable[[int], int]) -> None:
    model = chain()
    weights = 8 * 27 + 16
    found = predicted(model, optimizer=optimizer)
    assert (found.parameter_bytes, found.gradient_bytes) == (4 * weights, 4 * weights)
    assert found.buffer_bytes == 2 * 8 * 4 + 8  # mean, variance, and the count of batches
    assert found.optimizer_bytes == states(weights)
    assert found.ema_bytes == found.parameter_bytes + found.buffer_bytes
    assert predicted(model, optimizer=optimizer, ema=False).ema_bytes == 0
    assert found.loss == NO_LOSS


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_the_optimizers_state_is_pytorchs(optimizer: str) -> None:
    model = chain()
    made = {"sgd": lambda p: torch.optim.SGD(p, 0.1, momentum=0.9), "adamw": torch.optim.AdamW}[optimizer](
        model.parameters()
    )
    model(torch.rand(2, 3, SIDE, SIDE)).sum().backward()
    made.step()
    state = sum(value.nbytes for one in made.state.values() for value in one.values() if isinstance(value, Tensor))
    assert predicted(model, optimizer=optimizer).optimizer_bytes == state


def test_memory_is_linear_in_the_batch() -> None:
    found = predicted(chain(), Summed())
    assert found.bend < 0.01
    for batch in (3, 24, 100):
        step = followed(chain(), batch, loss=Summed())
        assert found.at(batch).kept_bytes == pytest.approx(step.kept_bytes, rel=1e-3)
        assert found.at(batch).peak_bytes == pytest.approx(step.peak_bytes, rel=1e-3)
        assert found.at(batch).image_bytes == batch * 3 * SIDE * SIDE * 4


def test_frozen_parameters_have_neither_gradient_nor_state() -> None:
    model = chain()
    model[0].requires_grad_(False)
    found = predicted(model, optimizer="sgd")
    assert found.gradient_bytes == found.optimizer_bytes == found.update_bytes == 4 * 16
    assert found.parameter_bytes == 4 * (8 * 27 + 16)


def test_a_checkpoint_in_which_nothing_is_trained_is_taken_as_trained() -> None:
    model = chain().requires_grad_(False)
    found = predicted(model)
    assert found.gradient_bytes == found.parameter_bytes
    assert "all are taken as trained" in " ".join(found.notes)


def test_a_network_that_looks_at_its_data_is_run() -> None:
    model = nn.Sequential(*chain(), LooksAtData())
    found = predicted(model, Summed())
    assert (found.followed_on, found.loss) == ("cpu", "the sum")
    assert found.at(2).kept_bytes == pytest.approx(predicted(chain(), Summed()).at(2).kept_bytes, rel=0.01)


def test_a_loss_that_fails_is_said() -> None:
    found = predicted(chain(), Fails())
    assert (found.loss, found.boxes_per_image) == (NO_LOSS, None)
    assert "the sum could not be run on made-up labels ('prompts')" in " ".join(found.notes)


def test_one_image_may_be_too_few() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(8))
    found = predicted(model)
    assert "does not train on batches of 1 image" in " ".join(found.notes)
    assert 0 < found.at(1).peak_bytes < found.at(2).peak_bytes


@pytest.mark.parametrize(
    ("model", "options", "said"),
    [
        (nn.Sequential(nn.Conv2d(4, 8, 1), nn.Conv2d(9, 8, 1)), {}, "chain cannot train on images of 16x16 pixels"),
        (nn.Sequential(nn.ReLU()), {}, "chain has no parameters"),
        (nn.Sequential(nn.Conv2d(3, 8, 1)), {"optimizer": "lion"}, "'lion' is no optimizer that surgeon knows: adamw,"),
    ],
)
def test_what_cannot_be_predicted_is_refused(model: nn.Module, options: dict[str, Any], said: str) -> None:
    with pytest.raises(MeasurementError, match=said):
        predicted(model, **options)


@pytest.mark.parametrize("loss", [None, Summed(), Fails()])
@pytest.mark.parametrize("amp", [None, "float16"])
def test_the_network_stays_as_it_is(loss: TrainingLoss | None, amp: str | None) -> None:
    model = nn.Sequential(*chain(), nn.Dropout(0.5)).eval()
    model[1].train()
    before, state, random = copy.deepcopy(model.state_dict()), vars(model[0]).keys(), torch.get_rng_state()
    model[0].weight.grad = torch.ones_like(model[0].weight)
    predicted(model, loss, amp=amp)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(model[0].weight.grad, torch.ones_like(model[0].weight))
    assert [module.training for module in model] == [False, True, False, False]
    assert vars(model[0]).keys() == state
    assert torch.equal(torch.get_rng_state(), random)


def test_a_failing_network_stays_as_it_is_too() -> None:
    model = nn.Sequential(*chain(), nn.Conv2d(9, 8, 1)).eval()
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(MeasurementError):
        predicted(model, amp="float16")
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not model.training
    with torch.no_grad():
        assert model[:3](torch.rand(1, 3, SIDE, SIDE)).dtype == torch.float32  # nothing is cast any more


def test_autocast_keeps_half_of_what_is_cast() -> None:
    model = chain()
    batch = 64
    whole, half = followed(model, batch), followed(model, batch, amp=torch.float16)
    assert followed(model, batch, amp=torch.bfloat16) == half
    image, weight = batch * 3 * SIDE * SIDE * 2, 8 * 27 * 2
    statistics = 2 * 8 * 4
    assert half.kept_bytes - statistics == (whole.kept_bytes - statistics) // 2 + image + weight


def test_fused_attention_keeps_no_weights_of_pairs() -> None:
    class Attends(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            q = x.flatten(2).transpose(1, 2).reshape(len(x), 1, -1, 8).contiguous()
            return nn.functional.scaled_dot_product_attention(q, q, q)

    model = nn.Sequential(nn.Conv2d(3, 8, 1), Attends())
    tokens, batch = SIDE * SIDE, 2
    found = followed(model, batch, loss=Summed())
    measured = measured_step(model, SIDE, batch, real_loss(Summed(), batch, SIDE))  # with the kernel's own workspace
    assert found.peak_bytes <= measured < batch * tokens * tokens * 4


def compared(name: str, side: int, batch: int) -> tuple[int, int]:
    """Predicted and measured peak of a step, the optimizer's own included."""
    base, _, block = name.partition("+")
    opened = surgeon.open(f"{base}.yaml").insert(block, after=4, start="paper") if block else None
    model = ultralytics_model(base) if opened is None else opened.module
    loss = training_loss(model)
    assert loss is not None
    found = predict_training_memory(model, (side, side), name=name, loss=loss, optimizer="sgd")
    measured = measured_step(model, side, batch, real_loss(loss, batch, side))
    return max(found.at(batch).peak_bytes, found.update_bytes), measured


def test_yolov8n_takes_what_was_predicted() -> None:
    model = ultralytics_model("yolov8n")
    loss = training_loss(model)
    assert loss is not None
    assert (loss.name, loss.boxes_per_image) == ("Ultralytics' v8DetectionLoss", 20)
    found = step_memory(model, (64, 64), 4, loss=loss, amp=None)
    measured = measured_step(model, 64, 4, real_loss(loss, 4, 64), optimizer=False)
    assert found.peak_bytes == pytest.approx(measured, rel=0.1)
    assert found.kept_bytes < found.peak_bytes


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "yolov8n",
        "yolo11n",
        "yolov10n",
        "yolov8n-cls",
        "yolov8n-seg",
        "yolov8n-pose",
        "yolov8n-obb",
        "yolov8n+gam",
        "yolov8n+mhsa",
    ],
)
@pytest.mark.parametrize(("side", "batch"), [(64, 2), (160, 1), (320, 2)])
def test_networks_take_what_was_predicted(name: str, side: int, batch: int) -> None:
    found, measured = compared(name, side, batch)
    assert found == pytest.approx(measured, rel=0.1)
