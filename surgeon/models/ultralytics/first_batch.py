"""The loss of a small made-up batch, as the trainer computes its first one.

Internals used: ``BaseModel.loss(batch)``, ``criterion``, ``args``, ``nc``, which the trainer sets (8.0.0); the keys of
a batch, by task: ``img``, ``cls``, ``bboxes``, ``batch_idx``, ``masks``, ``keypoints`` (8.0.0), angles as a fifth box
value (8.1.0), ``txt_feats`` (8.1.14), ``sem_masks`` (8.4.0), ``semantic_mask``, ``depth`` (8.4.x).
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from surgeon.models.ultralytics.build import quiet

_BATCH = 2


def first_losses(module: nn.Module, image: Tensor) -> list[Tensor]:
    """Loss and its parts in training mode, under seed 0; changes the network's running statistics.

    Args:
        module: The network, a copy.
        image: ``(2, C, H, W)``.

    Raises:
        Exception: Whatever the network raises; some tasks need a batch that only their dataset makes.
    """
    from ultralytics.cfg import get_cfg

    classes = module.yaml["nc"]  # type: ignore[index]
    vars(module).update(args=get_cfg(), nc=classes)
    if hasattr(module, "criterion"):
        module.criterion = None  # type: ignore[assignment]
    with quiet(), torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(0)
        loss, parts = module.train().loss(batch_for(module, image))  # type: ignore[operator]
    found = [loss, *(parts.values() if isinstance(parts, dict) else [parts])]
    return [torch.as_tensor(value).detach() for value in found]


def batch_for(module: nn.Module, image: Tensor) -> dict[str, Any]:
    """One object in each image, with what every task reads of it."""
    head: Any = module.model[-1]  # type: ignore[index]
    task = str(getattr(module, "task", "detect"))
    height, width = image.shape[-2:]
    boxes = torch.tensor([[0.5, 0.5, 0.5, 0.4]] * _BATCH)
    if task == "obb":
        boxes = torch.cat([boxes, torch.full((_BATCH, 1), 0.3)], 1)
    masks = torch.zeros(_BATCH, height // 4, width // 4)
    masks[:, height // 12 : height // 6, width // 12 : width // 6] = 1
    points, values = copy.copy(getattr(head, "kpt_shape", (17, 3)))
    batch: dict[str, Any] = {
        "img": image,
        "cls": torch.zeros(_BATCH, 1),
        "bboxes": boxes,
        "batch_idx": torch.arange(_BATCH).float(),
        "masks": masks,
        "keypoints": torch.full((_BATCH, points, values), 0.5),
        "sem_masks": masks.long(),
        "semantic_mask": torch.zeros(_BATCH, height, width, dtype=torch.long),
        "depth": torch.ones(_BATCH, 1, height, width),
    }
    if isinstance(texts := getattr(module, "txt_feats", None), Tensor):
        batch["txt_feats"] = texts.expand(_BATCH, *texts.shape[1:])
    if task == "classify":
        batch["cls"] = torch.zeros(_BATCH, dtype=torch.long)
    return batch
