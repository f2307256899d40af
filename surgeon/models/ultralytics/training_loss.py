"""The loss that Ultralytics trains a network with, on a made-up batch of labels.

Internals used: ``BaseModel.init_criterion`` (8.0.195), ``args`` with the gains, which the trainer sets; the keys of a
batch, by task, as in `surgeon.models.ultralytics.first_batch`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from surgeon.models.ultralytics.build import quiet

BOXES_PER_IMAGE = 20
"""A mosaic joins four images, and one of COCO has seven boxes, some of which its cut loses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UltralyticsLoss:
    """Implements `surgeon.profiler.training.loss.TrainingLoss`.

    Attributes:
        name: What it is, for the reader.
        boxes_per_image: Labels of every image; None for a task without boxes.
        criterion: What the network's ``init_criterion`` makes.
        head: The last row, which says what a label holds.
        task: ``detect`` …
    """

    name: str
    boxes_per_image: int | None
    criterion: Callable[[Any, dict[str, Any]], tuple[Tensor, Any]]
    head: nn.Module
    task: str

    def __call__(self, outputs: Any, images: int, imgsz: tuple[int, int]) -> Tensor:
        """The sum of the loss's parts."""
        batch = labels(self.head, self.task, images, imgsz, self.boxes_per_image or 1)
        return self.criterion(outputs, batch)[0].sum()


def training_loss(module: nn.Module, boxes_per_image: int = BOXES_PER_IMAGE) -> UltralyticsLoss | None:
    """The loss of a network, None where it makes none from outputs and labels alone.

    Args:
        module: The network; only read.
        boxes_per_image: Labels of every image.
    """
    from ultralytics.cfg import get_cfg

    stand_in = copy.copy(module)  # shares all modules; the arguments, which the trainer sets, are its own
    vars(stand_in).update(args=get_cfg(), criterion=None)
    try:
        with quiet():
            criterion = stand_in.init_criterion()  # type: ignore[operator]
    except Exception:  # whatever a network of another kind lacks; what is shown then says that no loss was run
        return None
    kind = type(criterion).__name__
    if kind.startswith(("RTDETR", "TV")):  # asks for what the forward makes of the targets, or for prompts
        return None
    task = _task(module)
    boxes = None if task in ("classify", "semantic", "depth") else boxes_per_image
    return UltralyticsLoss(
        name=f"Ultralytics' {kind}",
        boxes_per_image=boxes,
        criterion=criterion,
        head=module.model[-1],  # type: ignore[index, arg-type]
        task=task,
    )


def labels(head: nn.Module, task: str, images: int, imgsz: tuple[int, int], boxes: int) -> dict[str, Any]:
    """The same boxes in every image, their sides evenly from 5 to 35 % of the image's; with what each task reads."""
    generator = torch.Generator().manual_seed(0)
    sides = 0.05 + 0.3 * torch.rand(boxes, 2, generator=generator)
    centres = sides / 2 + (1 - sides) * torch.rand(boxes, 2, generator=generator)
    one = torch.cat([centres, sides], 1)
    if task == "obb":
        one = torch.cat([one, torch.full((boxes, 1), 0.3)], 1)
    classes = torch.arange(boxes) % max(int(getattr(head, "nc", 1)), 1)
    height, width = imgsz
    masks = torch.zeros(images, height // 4, width // 4)
    masks[:, : height // 8] = 1
    points, values = getattr(head, "kpt_shape", (17, 3))
    count = images if task == "classify" else images * boxes
    return {
        "cls": torch.zeros(count, dtype=torch.long) if task == "classify" else classes.float().repeat(images)[:, None],
        "bboxes": one.repeat(images, 1),
        "batch_idx": torch.arange(images).repeat_interleave(boxes).float(),
        "masks": masks,
        "keypoints": torch.full((count, points, values), 0.5),
        "sem_masks": masks.long(),
        "semantic_mask": torch.zeros(images, height, width, dtype=torch.long),
        "depth": torch.ones(images, 1, height, width),
    }


def _task(module: nn.Module) -> str:
    """Its task, from the kind of network where nobody has set it."""
    task = getattr(module, "task", None)
    if isinstance(task, str):
        return task
    kinds = {"Classification": "classify", "OBB": "obb", "Semantic": "semantic", "Depth": "depth"}
    return next((name for start, name in kinds.items() if type(module).__name__.startswith(start)), "detect")
