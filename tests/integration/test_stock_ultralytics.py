"""An edited file in the hands of stock Ultralytics: predict, val, train, resume, export, in processes that never
imported surgeon."""

from __future__ import annotations

import pytest
import surgeon

BLOCKS = ("acmix", "fla", "gam", "lska", "mhsa")
TASKS = {
    "yolov8n-seg.yaml": "segment",
    "yolov8n-pose.yaml": "pose",
    "yolov8n-obb.yaml": "obb",
    "yolov8n-cls.yaml": "classify",
    "yolov10n.yaml": "detect",
    "yolo26n.yaml": "detect",
}


def planted(tmp_path, model, block, after, **settings):
    path = surgeon.open(model).insert(block, after=after, **settings).save(tmp_path / f"{block}.pt")
    assert path.with_suffix(".yaml").exists()
    return path


@pytest.mark.parametrize("block", BLOCKS)
def test_every_block_trains_and_exports_with_stock_ultralytics(block, tmp_path, dataset, stock_session):
    path = planted(tmp_path, "yolov8n.yaml", block, "backbone.9")
    data = dataset("detect")
    found = stock_session(path, data, "detect", tmp_path, "predict", "train", "precision", "onnx")
    assert found["predict"] == {"images": 1, "planted": 1}
    assert found["train"]["planted"] == 1
    assert found["train"]["gate_moved"]
    assert found["train"]["finite"]
    # The class branch has 80 classes in the file and 2 in the dataset: 3 × (weight + bias) start afresh.
    assert found["train"]["of"] - found["train"]["equal"] == 6
    assert found["precision"]["fused"] <= 1e-4
    assert found["precision"]["ema"] <= 1e-4
    assert found["precision"]["torch.float16"] and found["precision"]["torch.bfloat16"]
    assert found["onnx"]["nodes"] > 0, "the block's nodes are in the exported graph"
    assert found["onnx"]["worst"] <= 1e-4


@pytest.mark.parametrize(("model", "task"), TASKS.items())
def test_every_task_survives_training(model, task, tmp_path, dataset, stock_session):
    path = planted(tmp_path, model, "gam", "backbone.8")
    found = stock_session(path, dataset(task), task, tmp_path, "predict", "train", "val", "onnx")
    assert found["train"]["planted"] == 1
    assert found["train"]["gate_moved"]
    assert found["train"]["finite"]
    assert found["onnx"]["nodes"] > 0
