"""Finding and reading a ``model.yaml``: one that ships with Ultralytics, by name, or a file, by path.

Reads data only: it downloads nothing, searches no other folders, and builds no network. `check_model_yaml` has passed
everything that comes out of here.

Internals used: how Ultralytics reads a scale from a file name (``yolov8x-seg.yaml`` is scale x of
``yolov8-seg.yaml``, 8.0.55).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surgeon.errors import ModelFileError
from surgeon.models import files
from surgeon.models.ultralytics.activation import check_model_yaml, without_downloads
from surgeon.models.ultralytics.shipped import SCALED, SUFFIXES, can_be, local_file, modern_stem, shipped_files
from surgeon.models.ultralytics.yaml_reader import read_yaml
from surgeon.models.ultralytics.yaml_size import check_size

_STOCK_SCALE = re.compile(r"yolo(?:e-)?v?\d+([nslmx])")

_BUILDERS = {
    "classify": ("classify", "YOLO", "ClassificationModel"),
    "depth": ("depth", "YOLO", "DepthModel"),
    "obb": ("obb", "YOLO", "OBBModel"),
    "obb26": ("obb", "YOLO", "OBBModel"),
    "pose": ("pose", "YOLO", "PoseModel"),
    "pose26": ("pose", "YOLO", "PoseModel"),
    "segment": ("segment", "YOLO", "SegmentationModel"),
    "segment26": ("segment", "YOLO", "SegmentationModel"),
    "semanticsegment": ("semantic", "YOLO", "SemanticSegmentationModel"),
    "detect": ("detect", "YOLO", "DetectionModel"),
    "v10detect": ("detect", "YOLO", "DetectionModel"),
    "rtdetrdecoder": ("detect", "RTDETR", "RTDETRDetectionModel"),
    "worlddetect": ("detect", "YOLOWorld", "WorldModel"),
    "yoloedetect": ("detect", "YOLOE", "YOLOEModel"),
    "yoloesegment": ("segment", "YOLOE", "YOLOESegModel"),
    "yoloesegment26": ("segment", "YOLOE", "YOLOESegModel"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlSource:
    """A ``model.yaml`` that was found and checked.

    Attributes:
        name: Display name, with its scale: ``yolov8n-seg``.
        path: The file that was read; for a shipped model its unified file, ``…/yolov8-seg.yaml``.
        shipped: Whether it is one of Ultralytics' own.
        scale: The scale that it is built at; empty where the file has no scales.
        data: The mapping with ``scale`` and ``yaml_file`` set as Ultralytics sets them.
        sha256: Hash of the file; None for a shipped one.
        notes: What was assumed or changed, one sentence each.
    """

    name: str
    path: Path
    shipped: bool
    scale: str
    data: dict[str, Any]
    sha256: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """What messages call it: the shipped name, or the path."""
        return f"{self.name}.yaml" if self.shipped else str(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Which task a network is for, and what builds it.

    Attributes:
        task: ``detect``, ``segment``, ``semantic``, ``pose``, ``obb``, ``classify`` or ``depth``.
        facade: The class that users call: ``YOLO``, ``YOLOWorld``, ``YOLOE`` or ``RTDETR``.
        network: The class in ``ultralytics.nn.tasks``.
    """

    task: str
    facade: str
    network: str


def resolve_yaml(
    name_or_path: Path | str,
    *,
    is_block: Callable[[str], bool] | None = None,
    trust_modules: Sequence[str] = (),
) -> YamlSource:
    """Find a model description by shipped name or by path, read and check it.

    Args:
        name_or_path: ``yolov8n``, ``yolo11x-seg.yaml``, or a path to a file. An existing file goes before a shipped
            name; ``my/yolo11x-gam.yaml`` also finds ``my/yolo11-gam.yaml`` at scale x.
        is_block: Which names beyond Ultralytics' layers a row may use.
        trust_modules: Packages whose blocks the user allowed.

    Raises:
        ModelFileError: There is no such file or name (with the nearest ones), or it cannot be used.
    """
    text = str(name_or_path)
    if "://" in text or text.lower().startswith(("http:/", "https:/")):
        raise ModelFileError(f"{text} is an address: surgeon downloads nothing, give a file or a shipped name")
    path = Path(text)
    file = local_file(path)
    shipped = file is None
    if file is None:
        file = _shipped_file(path)
    stem = modern_stem(path.name.removesuffix(path.suffix) if path.suffix in SUFFIXES else path.name)
    read = read_yaml(file)
    scale, notes = _scale(read, stem, text)
    named = {**read, "scale": scale, "yaml_file": str(path.with_name(stem + ".yaml"))}
    check_model_yaml(named, text, is_block=is_block, trust_modules=trust_modules, downloads=True)
    data, changes = without_downloads(named)
    check_size(data, text)
    return YamlSource(
        name=stem,
        path=file,
        shipped=shipped,
        scale=scale,
        data=data,
        sha256=None if shipped else files.sha256(file),
        notes=(*notes, *changes),
    )


def shipped_names() -> list[str]:
    """Every name that `resolve_yaml` knows without a file: ``yolov8n``, ``yolov8s`` …, sorted."""
    return sorted(shipped_files())


def is_shipped(name: str) -> bool:
    """Whether a name, with or without ``.yaml``, is one that Ultralytics resolves to a file of its own."""
    return modern_stem(name.removesuffix(".yaml").removesuffix(".yml")) in shipped_files()


def task_of(d: Mapping[str, Any], name: str = "") -> Task:
    """What a model description is for, told from its last row.

    Args:
        d: A checked ``model.yaml``.
        name: Its file name, for the message.

    Raises:
        ModelFileError: The last row is no head that Ultralytics builds a network around.
    """
    head = str(d["head"][-1][2])
    found = _BUILDERS.get(head.lower())
    if found is None:
        raise ModelFileError(
            f"{name or 'the model.yaml'} ends in {head}, which is no head: the last row must be one of Detect, "
            "Segment, Pose, OBB, Classify, RTDETRDecoder or their kin"
        )
    return Task(task=found[0], facade=found[1], network=found[2])


def _shipped_file(path: Path) -> Path:
    has_suffix = path.suffix in SUFFIXES
    stem = modern_stem(path.stem if has_suffix else path.name)
    if path.name == str(path) and stem in shipped_files():
        return shipped_files()[stem]
    raise ModelFileError(_not_found(path, stem))


def _not_found(path: Path, stem: str) -> str:
    scaled = SCALED.match(stem)
    scales = _scales_of(scaled[1] + scaled[3]) if scaled else []
    if path.name == str(path) and scaled and scales:
        return f"{scaled[1]}{scaled[3]} has no scale {scaled[2]!r}; it has {', '.join(scales)}"
    near = difflib.get_close_matches(stem, shipped_files(), n=4, cutoff=0.6)
    beside = (
        sorted(p.name for s in SUFFIXES for p in path.parent.glob(f"*{s}")) if can_be(Path.is_dir, path.parent) else []
    )
    local = difflib.get_close_matches(path.name, beside, n=3, cutoff=0.5)
    advice = " or ".join(
        [*([f"the file {', '.join(local)}"] if local else []), *([f"the shipped {', '.join(near)}"] if near else [])]
    )
    return (
        f"there is no model description {path}; did you mean {advice}?"
        if advice
        else (
            f"there is no model description {path}: give a .yaml file or a shipped name such as yolov8n or yolo11s-seg"
        )
    )


def _scale(data: Mapping[str, Any], stem: str, text: str) -> tuple[str, list[str]]:
    found = _STOCK_SCALE.search(stem)
    named = found[1] if found else ""
    scales = data.get("scales")
    if not scales or not isinstance(scales, Mapping):
        return named, []
    if named in scales:
        return named, []
    if named:
        raise ModelFileError(f"{text} has no scale {named!r}; it has {', '.join(map(str, scales))}")
    first = str(next(iter(scales)))
    only = len(scales) == 1
    return first, [] if only else [f"no scale in the name {stem}: scale {first} is taken, as Ultralytics does"]


def _scales_of(unified: str) -> list[str]:
    scaled = {m[2] for m in map(SCALED.match, shipped_files()) if m and m[1] + m[3] == unified}
    return [s for s in "nsmblx" if s in scaled] if unified in shipped_files() else []
