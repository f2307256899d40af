"""The feature maps that a YOLO's detection head reads, at every scale of the networks that Ultralytics ships."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from unittest.mock import patch

from torch import nn

import surgeon

FAMILIES = {"yolov8": "YOLOv8", "yolo11": "YOLO11"}
SCALES = "nsmlx"
IMAGE = 640
SMALL = 64
"""Side of the image at which the networks are read: widths and strides do not depend on it."""
LEVELS = {8: "P3", 16: "P4", 32: "P5"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureMap:
    """A map that heads read.

    Attributes:
        level: P3, P4 or P5.
        channels: Its width C.
        height: In pixels.
        width: In pixels.
        networks: Which networks have it: ``YOLOv8n, YOLO11n``.
    """

    level: str
    channels: int
    height: int
    width: int
    networks: str


def feature_maps() -> tuple[FeatureMap, ...]:
    """Every map that the detection heads read at an image of 640 x 640 pixels, by level and width."""
    found: dict[tuple[int, int], list[str]] = defaultdict(list)
    with uninitialised():
        for family, title in FAMILIES.items():
            for scale in SCALES:
                graph = surgeon.open(f"{family}{scale}.yaml").tree(SMALL)
                for key in graph.output.inputs:
                    _, channels, height, _ = graph[key].out_shape or (0, 0, 0, 0)
                    found[(SMALL // height, channels)].append(f"{title}{scale}")
    return tuple(
        FeatureMap(
            level=LEVELS[stride],
            channels=channels,
            height=IMAGE // stride,
            width=IMAGE // stride,
            networks=", ".join(names),
        )
        for (stride, channels), names in sorted(found.items())
    )


@contextlib.contextmanager
def uninitialised() -> Iterator[None]:
    """Build modules without drawing random weights: shapes do not depend on them."""
    names = ("kaiming_uniform_", "uniform_", "normal_", "trunc_normal_", "xavier_uniform_", "kaiming_normal_")
    with contextlib.ExitStack() as stack:
        for name in names:
            stack.enter_context(patch.object(nn.init, name, lambda tensor, *_, **__: tensor))
        yield
