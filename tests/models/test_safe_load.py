"""Checkpoints as people really have them load without running code, or say in one sentence what would work."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from ultralytics import RTDETR, YOLO
from ultralytics.nn import tasks
from ultralytics.utils import IterableSimpleNamespace
from ultralytics.utils.loss import v8DetectionLoss

from surgeon.errors import MissingDependencyError, ModelFileError, UntrustedFileError
from surgeon.models.ultralytics.safe_load import load_checkpoint, network_of

DATA = Path(__file__).parents[2].parent / "shared" / "data"


def shared(name):
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    return path


def same_weights(found, expected):
    states = found.state_dict(), expected.state_dict()
    assert list(states[0]) == list(states[1])
    return all(torch.equal(a, b) for a, b in zip(states[0].values(), states[1].values(), strict=True))


@pytest.fixture
def small():
    return tasks.DetectionModel("yolov8n.yaml", nc=3, verbose=False)


FAMILIES = ["yolov8n", "yolo11n-seg", "yolov8n-pose", "yolo11n-obb", "yolov8n-cls", "rtdetr-l", "yolov8n-world"]


@pytest.mark.parametrize("name", FAMILIES)
def test_what_ultralytics_saves(tmp_path, name):
    model = (RTDETR if name.startswith("rtdetr") else YOLO)(f"{name}.yaml")
    path = tmp_path / "saved.pt"
    model.save(path)
    before = set(torch.serialization.get_safe_globals())
    checkpoint = load_checkpoint(path)
    assert set(torch.serialization.get_safe_globals()) == before
    network = network_of(checkpoint)
    assert type(network) is type(model.model)
    assert same_weights(network, model.model.half())
    assert network.yaml == model.model.yaml


def test_checkpoint_of_torch_save(tmp_path, small):
    path = tmp_path / "full.pt"
    torch.save({"epoch": 3, "model": None, "ema": small, "optimizer": {"lr": 0.1}, "train_args": {"imgsz": 64}}, path)
    checkpoint = load_checkpoint(path)
    assert checkpoint["epoch"] == 3 and checkpoint["train_args"] == {"imgsz": 64}
    assert network_of(checkpoint) is checkpoint["ema"]
    image = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        assert torch.equal(network_of(checkpoint).eval()(image)[0], small.eval()(image)[0])


def test_a_bare_network(tmp_path, small):
    torch.save(small, tmp_path / "bare.pt")
    assert same_weights(load_checkpoint(tmp_path / "bare.pt")["model"], small)


def test_what_training_leaves_in_a_checkpoint(tmp_path, small):
    """The loss of the last validation, NumPy numbers, paths, settings, and replaced forward methods."""
    small.args = IterableSimpleNamespace(box=7.5, cls=0.5, dfl=1.5, epochs=1)
    small.criterion = v8DetectionLoss(small)
    small.fuse(verbose=False)
    numbers = {"f8": np.float64(0.25), "f4": np.float32(0.5), "i8": np.int64(7), "b": np.bool_(True)}
    torch.save({"model": small, "train_metrics": numbers, "save_dir": tmp_path / "runs"}, tmp_path / "trained.pt")
    checkpoint = load_checkpoint(tmp_path / "trained.pt")
    assert checkpoint["train_metrics"] == numbers
    assert [type(v) for v in checkpoint["train_metrics"].values()] == [type(v) for v in numbers.values()]
    assert checkpoint["save_dir"] == tmp_path / "runs"
    network = network_of(checkpoint)
    assert network.criterion.hyp.box == 7.5 and network.args.epochs == 1
    image = torch.rand(1, 3, 64, 64)
    assert torch.equal(network.eval()(image)[0], small.eval()(image)[0])


def test_transforms_of_a_classifier(tmp_path):
    transforms = pytest.importorskip("torchvision.transforms")
    network = tasks.ClassificationModel("yolov8n-cls.yaml", verbose=False)
    network.transforms = transforms.Compose(
        [
            transforms.Resize(64, interpolation=transforms.InterpolationMode.BILINEAR),
            transforms.CenterCrop(64),
            transforms.ToTensor(),
            transforms.Normalize([0.0], [1.0]),
        ]
    )
    torch.save({"model": network}, tmp_path / "cls.pt")
    found = network_of(load_checkpoint(tmp_path / "cls.pt")).transforms
    assert repr(found) == repr(network.transforms)


def test_names_of_old_releases(tmp_path, small, monkeypatch):
    """Silence, YOLOv10DetectionModel and ultralytics.yolo.utils are gone from Ultralytics, not from files."""

    class YOLOv10DetectionModel(tasks.DetectionModel):
        __module__ = "ultralytics.nn.tasks"
        __qualname__ = "YOLOv10DetectionModel"

    monkeypatch.setattr(tasks, "YOLOv10DetectionModel", YOLOv10DetectionModel, raising=False)
    network = YOLOv10DetectionModel("yolov8n.yaml", verbose=False)
    torch.save({"model": network}, tmp_path / "v10.pt")
    monkeypatch.delattr(tasks, "YOLOv10DetectionModel")
    assert type(load_checkpoint(tmp_path / "v10.pt")["model"]) is tasks.DetectionModel
    assert type(load_checkpoint(tmp_path / "v10.pt", trust=True)["model"]) is tasks.DetectionModel


def test_a_user_package(tmp_path, monkeypatch):
    package = tmp_path / "their_blocks"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "gates.py").write_text(
        "import pathlib\nfrom torch import nn\n"
        f"pathlib.Path({str(tmp_path / 'imported')!r}).touch()\n"
        "class Gate(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.norm_class = nn.BatchNorm2d\n"
        "    def forward(self, x):\n        return 2 * x\n"
        "def helper():\n    return 1\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import their_blocks.gates

    path, stray = tmp_path / "gated.pt", tmp_path / "stray.pt"
    torch.save({"model": nn.Sequential(their_blocks.gates.Gate())}, path)
    torch.save({"model": nn.Sequential(nn.ReLU()), "f": their_blocks.gates.helper}, stray)
    for name in ("their_blocks.gates", "their_blocks"):
        monkeypatch.delitem(sys.modules, name)
    (tmp_path / "imported").unlink()

    with pytest.raises(UntrustedFileError, match="--trust-module their_blocks") as refused:
        load_checkpoint(path)
    assert "their_blocks.gates.Gate" in str(refused.value) and "--trust unpickles" in str(refused.value)
    with pytest.raises(UntrustedFileError):
        load_checkpoint(path, trust_modules=["my_bloc"])
    assert not (tmp_path / "imported").exists()

    network = network_of(load_checkpoint(path, trust_modules=["their_blocks"]))
    assert (tmp_path / "imported").exists()
    assert torch.equal(network(torch.ones(1)), torch.full((1,), 2.0))
    assert network[0].norm_class is nn.BatchNorm2d
    with pytest.raises(UntrustedFileError, match="helper"):
        load_checkpoint(stray, trust_modules=["their_blocks"])


def test_a_package_that_is_not_installed(tmp_path, monkeypatch):
    class Gone(nn.Module):
        __module__ = "gone_package.blocks"
        __qualname__ = "Gone"

    module = type(sys)("gone_package.blocks")
    module.Gone = Gone
    monkeypatch.setitem(sys.modules, "gone_package", type(sys)("gone_package"))
    monkeypatch.setitem(sys.modules, "gone_package.blocks", module)
    torch.save({"model": Gone()}, tmp_path / "gone.pt")
    monkeypatch.delitem(sys.modules, "gone_package.blocks")
    monkeypatch.delitem(sys.modules, "gone_package")
    with pytest.raises(MissingDependencyError, match="gone_package"):
        load_checkpoint(tmp_path / "gone.pt", trust_modules=["gone_package"])
    with pytest.raises(MissingDependencyError, match="gone_package"):
        load_checkpoint(tmp_path / "gone.pt", trust=True)


def test_trust_reads_everything(tmp_path, small):
    model = YOLO("yolov8n.yaml")
    torch.save(model, tmp_path / "facade.pt")
    with pytest.raises(UntrustedFileError):
        load_checkpoint(tmp_path / "facade.pt")
    assert same_weights(load_checkpoint(tmp_path / "facade.pt", trust=True)["model"], model.model)
    torch.save({"model": small}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(ModelFileError, match=r"before 1\.6"):
        load_checkpoint(tmp_path / "old.pt")
    assert same_weights(load_checkpoint(tmp_path / "old.pt", trust=True)["model"], small)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ({"a": torch.zeros(2), "b": torch.zeros(3)}, "weights without a network"),
        (nn.Linear(2, 2).state_dict(), "weights without a network"),
        ({"state_dict": nn.Linear(2, 2).state_dict(), "epoch": 1}, "weights without a network"),
        ({"model": nn.Linear(2, 2).state_dict(), "ema": None}, "weights without a network"),
        ({"model": None, "ema": None, "epoch": -1}, "its ema and model are empty"),
        ({"model": 5}, "its ema and model are empty"),
        ({"names": ["a"], "epoch": 1}, "neither ema nor model"),
        ({}, "neither ema nor model"),
        ([1, 2], "holds a list"),
        (torch.zeros(3), "holds a Tensor"),
    ],
)
def test_checkpoints_without_a_network(tmp_path, content, word):
    path = tmp_path / "w.pt"
    torch.save(content, path)
    for trust in (False, True):
        with pytest.raises(ModelFileError, match=word) as refused:
            load_checkpoint(path, trust=trust)
        assert str(path) in str(refused.value) and "\n" not in str(refused.value)


def test_damaged_inside(tmp_path, small):
    path = tmp_path / "d.pt"
    torch.save({"model": small}, path)
    content = bytearray(path.read_bytes())
    start = content.index(b"ultralytics.nn.tasks")
    content[start - 60 : start] = b"\xff" * 60
    path.write_bytes(content)
    for trust in (False, True):
        with pytest.raises(ModelFileError) as refused:
            load_checkpoint(path, trust=trust)
        assert str(path) in str(refused.value) and "\n" not in str(refused.value)
        assert len(str(refused.value)) < 500


def test_torch_that_cannot_load_safely(tmp_path, small, monkeypatch):
    torch.save({"model": small}, tmp_path / "m.pt")
    monkeypatch.delattr(torch.serialization, "get_unsafe_globals_in_checkpoint")
    with pytest.raises(MissingDependencyError, match=r"torch 2\.6"):
        load_checkpoint(tmp_path / "m.pt")


def test_a_trained_yolov9():
    network = network_of(load_checkpoint(shared("yolov9t_ball.pt")))
    assert type(network) is tasks.DetectionModel
    with torch.no_grad():
        assert torch.isfinite(network.float().eval()(torch.zeros(1, 3, 64, 64))[0]).all()


def test_a_yolov5_repository_checkpoint():
    with pytest.raises(UntrustedFileError, match="models\\.common\\.Bottleneck") as refused:
        load_checkpoint(shared("yolov5n_face_original_format.pt"))
    assert "--trust-module models" in str(refused.value) and "7 names that" in str(refused.value)
    assert "original YOLOv5" in str(refused.value)
