"""The networks of other repositories that the tests edit, built as their own code builds them, weights awake."""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
from pathlib import Path

import pytest
import torch
from torch import nn

REPOSITORIES = ("yolov5n", "gelan-t", "yolov9-t", "yolov7-af", "yolox-nano")
PLAIN = (
    "resnet18",
    "sequential",
    "dict-output",
    "list-output",
    "called-twice",
    "functional",
    "keyword-call",
    "no-parameters",
)
PACKAGES = {
    "yolov5n": "yolov5",
    "gelan-t": "yolo9",
    "yolov9-t": "yolo9",
    "yolov9-m": "yolo9",
    "yolov7-af": "yolo9",
    "yolox-nano": "yolox",
    "resnet18": "torchvision",
}
"""Whose classes the network's file needs; those of `plain_networks` are not listed."""


def build(name: str) -> nn.Module:
    """One network, with seed 0 and activations of unit variance: fresh weights drown every change."""
    if PACKAGES.get(name) not in (None, "torchvision"):
        pytest.importorskip(PACKAGES[name], reason="install requirements-foreign.lock")
    with torch.random.fork_rng(devices=[]), contextlib.redirect_stdout(io.StringIO()), _no_log():
        torch.manual_seed(0)
        network = _plain(name) if PACKAGES.get(name) in (None, "torchvision") else _repository(name)
        return awake(network)


def awake(network: nn.Module) -> nn.Module:
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    momenta = [m.momentum for m in norms]
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    if norms:
        first = next(m for m in network.modules() if isinstance(m, nn.Conv2d))
        channels = 3 if first.in_channels == 12 else first.in_channels  # YOLOX folds 2x2 pixels into channels
        with torch.no_grad():
            network(torch.rand(4, channels, 128, 128))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return network.eval()


def _repository(name: str) -> nn.Module:
    if name == "yolox-nano":
        models = importlib.import_module("yolox.models")
        network = models.YOLOX(models.YOLOPAFPN(0.33, 0.25), models.YOLOXHead(80, 0.25))
        return network.eval()  # in training mode it takes labels
    package = PACKAGES[name]
    yolo = importlib.import_module(f"{package}.models.yolo")
    folder = Path(importlib.import_module(package).__path__[0])
    return yolo.DetectionModel(str(next(iter(sorted(folder.rglob(f"{name}.yaml")))))).eval()


def _plain(name: str) -> nn.Module:
    if name == "resnet18":
        return importlib.import_module("torchvision.models").resnet18(weights=None).eval()
    return importlib.import_module("plain_networks").NETWORKS[name]().eval()


@contextlib.contextmanager
def _no_log():
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def run(network: nn.Module, size: tuple[int, int] = (128, 160), batch: int = 1) -> list[torch.Tensor]:
    """Every tensor that a network puts out in evaluation mode, on pixels that are the same in every process."""
    image = torch.rand(batch, 3, *size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return list(tensors(network.eval()(image)))


def tensors(value):
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors(item)


def same(a, b) -> bool:
    return len(a) == len(b) and bool(a) and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
