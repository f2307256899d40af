"""The internals of Ultralytics that surgeon rests on, in whatever release is installed.

The first test to read when a new release breaks something.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

FENCE = Path(__file__).parents[2] / "surgeon" / "models" / "ultralytics"


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("nn.tasks:parse_model", ("d", "ch", "verbose")),
        ("nn.tasks:temporary_modules", ("modules", "attributes")),
        ("nn.tasks:guess_model_scale", ("model_path",)),
        ("nn.tasks:DetectionModel", ("cfg", "ch", "nc", "verbose")),
        ("nn.tasks:SegmentationModel", ("cfg", "ch", "nc", "verbose")),
        ("nn.tasks:ClassificationModel", ("cfg", "ch", "nc", "verbose")),
        ("nn.tasks:RTDETRDetectionModel", ("cfg", "ch", "nc", "verbose")),
        ("nn.tasks:WorldModel", ("cfg", "ch", "nc", "verbose")),
        ("nn.tasks:YOLOEModel", ("cfg", "ch", "nc", "verbose")),
        ("nn.tasks:OBBModel", ("cfg", "ch", "nc", "verbose")),
        ("nn.tasks:BaseModel.load", ("self", "weights", "verbose")),
        ("nn.tasks:BaseModel.fuse", ("self", "verbose")),
        ("utils.torch_utils:get_flops", ("model", "imgsz")),
        (
            "engine.trainer:BaseTrainer.build_optimizer",
            ("self", "model", "name", "lr", "momentum", "decay", "iterations"),
        ),
    ],
)
def test_functions_take_what_they_are_given(name, parameters):
    module, _, path = name.partition(":")
    found = importlib.import_module(f"ultralytics.{module}")
    for part in path.split("."):
        found = getattr(found, part)
    known = tuple(inspect.signature(found).parameters)
    assert known[: len(parameters)] == parameters


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        (
            "nn.tasks:parse_model",
            ("globals()[m]", "locals()[a] if a in locals()", "legacy", "Index", "m_.i, m_.f, m_.type"),
        ),
        ("nn.tasks:BaseModel._predict_once", ("m.f", "self.save", "m.i", "embed")),
        ("engine.trainer:BaseTrainer", ('f"model.{x}."', '".dfl"', "isinstance(m, nn.BatchNorm2d)", '"logit_scale"')),
        ("engine.trainer:BaseTrainer.save_model", ('"ema"', '"train_args"', '"epoch"', '"model": None')),
        ("nn.tasks:BaseModel.fuse", ("forward_fuse",)),
    ],
)
def test_functions_do_what_surgeon_counts_on(name, texts):
    module, _, path = name.partition(":")
    found = importlib.import_module(f"ultralytics.{module}")
    for part in path.split("."):
        found = inspect.unwrap(getattr(found, part))
    source = inspect.getsource(found)
    assert [text for text in texts if text not in source] == []


def test_names_and_folders_exist():
    import ultralytics
    from ultralytics.cfg import TASK2DATA
    from ultralytics.nn.modules import C2f, Conv, Detect, Index
    from ultralytics.utils import DEFAULT_CFG_DICT, LOGGER, IterableSimpleNamespace  # noqa: F401
    from ultralytics.utils.loss import E2EDetectLoss  # noqa: F401

    assert {"detect", "segment", "classify", "pose", "obb"} <= TASK2DATA.keys()
    assert hasattr(Conv, "forward_fuse") and hasattr(Conv, "default_act") and hasattr(C2f, "forward_split")
    assert hasattr(Detect, "legacy") and Index.forward
    assert "freeze" in DEFAULT_CFG_DICT
    folder = Path(ultralytics.__file__).parent / "cfg"
    assert (folder / "models").is_dir() and (folder / "datasets" / "coco8.yaml").is_file()


def users() -> list[Path]:
    """Files of the fence that import Ultralytics."""
    found = []
    for path in sorted(FENCE.glob("*.py")):
        imports = {
            root.partition(".")[0]
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            for root in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        if "ultralytics" in imports:
            found.append(path)
    return found


@pytest.mark.parametrize("path", users(), ids=lambda path: path.stem)
def test_each_use_names_its_release(path):
    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    _, found, internals = text.partition("Internals used:")
    assert found and re.search(r"\b8\.\d+\.\d+\b", internals), "the docstring names the internals and their releases"
