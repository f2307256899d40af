"""Tiny generated datasets: coloured rectangles on noise, in the formats that Ultralytics reads. No download."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("box", "bar")


def make_dataset(folder: Path, task: str, images: int = 8) -> Path:
    """Write a dataset for a task; returns what ``data=`` takes."""
    rng = np.random.default_rng(0)
    return _classify(folder, rng, images) if task == "classify" else _located(folder, rng, task, images)


def _picture(rng: np.random.Generator, height: int, width: int, label: int) -> tuple[Image.Image, tuple[float, ...]]:
    pixels = rng.integers(0, 60, (height, width, 3), dtype=np.uint8)
    w, h = (0.4, 0.4) if label == 0 else (0.6, 0.2)
    x, y = rng.uniform(w / 2, 1 - w / 2), rng.uniform(h / 2, 1 - h / 2)
    rows = slice(int((y - h / 2) * height), int((y + h / 2) * height))
    columns = slice(int((x - w / 2) * width), int((x + w / 2) * width))
    pixels[rows, columns] = (220, 40, 40) if label == 0 else (40, 220, 40)
    return Image.fromarray(pixels), (x, y, w, h)


def _classify(folder: Path, rng: np.random.Generator, images: int) -> Path:
    for split in ("train", "val"):
        for label, name in enumerate(CLASSES):
            (folder / split / name).mkdir(parents=True, exist_ok=True)
            for number in range(images // 2):
                _picture(rng, 64, 64, label)[0].save(folder / split / name / f"{number}.png")
    return folder


def _located(folder: Path, rng: np.random.Generator, task: str, images: int) -> Path:
    for split in ("train", "val"):
        (folder / "images" / split).mkdir(parents=True, exist_ok=True)
        (folder / "labels" / split).mkdir(parents=True, exist_ok=True)
        for number in range(images):
            # Two shapes of image, so that validation batches are rectangular.
            size = (96, 160) if number % 2 else (160, 96)
            label = number % 2
            picture, box = _picture(rng, *size, label)
            picture.save(folder / "images" / split / f"{number}.png")
            (folder / "labels" / split / f"{number}.txt").write_text(_label(task, label, box))
    extra = "kpt_shape: [4, 3]\nflip_idx: [1, 0, 3, 2]\n" if task == "pose" else ""
    names = "".join(f"  {i}: {name}\n" for i, name in enumerate(CLASSES))
    data = folder / "data.yaml"
    data.write_text(f"path: {folder}\ntrain: images/train\nval: images/val\n{extra}names:\n{names}")
    return data


def _label(task: str, label: int, box: tuple[float, ...]) -> str:
    x, y, w, h = box
    left, right, top, bottom = x - w / 2, x + w / 2, y - h / 2, y + h / 2
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    if task in ("segment", "obb"):
        return f"{label} " + " ".join(f"{a:.5f} {b:.5f}" for a, b in corners) + "\n"
    located = f"{label} {x:.5f} {y:.5f} {w:.5f} {h:.5f}"
    if task == "pose":
        return located + " " + " ".join(f"{a:.5f} {b:.5f} 2" for a, b in corners) + "\n"
    return located + "\n"
