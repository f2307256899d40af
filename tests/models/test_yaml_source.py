"""Finding a model description by name or path, and reading it as plain data."""

from pathlib import Path

import pytest
import yaml
from ultralytics.nn import tasks

import surgeon
from surgeon.errors import ModelFileError
from surgeon.models import files
from surgeon.models.ultralytics.shipped import shipped_files
from surgeon.models.ultralytics.yaml_reader import read_yaml
from surgeon.models.ultralytics.yaml_source import is_shipped, resolve_yaml, shipped_names, task_of

ONE_SCALE_EACH = sorted({str(path): name for name, path in shipped_files().items()}.values())


def written(folder, name="mine.yaml", base="yolov8", **changes):
    data = {**yaml.safe_load(shipped_files()[base].read_text()), **changes}
    path = folder / name
    path.write_text(yaml.safe_dump(data))
    return path


def test_names():
    names = shipped_names()
    assert names == sorted(set(names))
    for name in (
        "yolov8n",
        "yolo11x-seg",
        "rtdetr-l",
        "yolov9c",
        "yolo12n",
        "yolov8s-world",
        "yoloe-11m-seg",
        "yolov8",
    ):
        assert name in names and is_shipped(name) and is_shipped(f"{name}.yaml")
    assert is_shipped("yolov5n6.yaml")
    assert not is_shipped("yolov8n-gam.yaml") and not is_shipped("yolov8q")


@pytest.mark.parametrize("name", ONE_SCALE_EACH)
def test_every_shipped_description_resolves(name):
    found = resolve_yaml(f"{name}.yaml")
    assert found.shipped and found.name == name and found.sha256 is None and found.origin == f"{name}.yaml"
    stock = tasks.yaml_model_load(f"{name}.yaml")
    if stock.get("scales"):
        assert found.scale == (stock["scale"] or next(iter(stock["scales"])))
    assert all(found.data[key] == stock[key] for key in stock if key not in ("scale", "backbone"))
    assert found.data["backbone"] == stock["backbone"] or found.notes
    assert getattr(tasks, task_of(found.data).network)
    assert task_of(found.data).task == (tasks.guess_model_task(stock) or "detect")


@pytest.mark.parametrize(
    ("name", "file", "scale", "expected"),
    [
        ("yolov8n.yaml", "yolov8.yaml", "n", ("detect", "YOLO", "DetectionModel")),
        ("yolo11x-seg.yml", "yolo11-seg.yaml", "x", ("segment", "YOLO", "SegmentationModel")),
        ("yolo12n", "yolo12.yaml", "n", ("detect", "YOLO", "DetectionModel")),
        ("rtdetr-l.yaml", "rtdetr-l.yaml", "l", ("detect", "RTDETR", "RTDETRDetectionModel")),
        ("yolov9c", "yolov9c.yaml", "", ("detect", "YOLO", "DetectionModel")),
        ("yolov10b", "yolov10b.yaml", "b", ("detect", "YOLO", "DetectionModel")),
        ("yolov5n6.yaml", "yolov5-p6.yaml", "n", ("detect", "YOLO", "DetectionModel")),
        ("yolov8s-worldv2", "yolov8-worldv2.yaml", "s", ("detect", "YOLOWorld", "WorldModel")),
        ("yoloe-11m-seg", "yoloe-11-seg.yaml", "m", ("segment", "YOLOE", "YOLOESegModel")),
        ("yolov8l-obb", "yolov8-obb.yaml", "l", ("obb", "YOLO", "OBBModel")),
        ("yolov8m-pose", "yolov8-pose.yaml", "m", ("pose", "YOLO", "PoseModel")),
        ("yolov8n-cls", "yolov8-cls.yaml", "n", ("classify", "YOLO", "ClassificationModel")),
    ],
)
def test_scale_and_task(name, file, scale, expected):
    found = resolve_yaml(name)
    assert (found.path.name, found.scale, found.data["scale"] or "") == (file, scale, scale)
    task = task_of(found.data)
    assert (task.task, task.facade, task.network) == expected
    assert not found.notes


def test_a_name_without_a_scale_says_which_is_taken():
    found = resolve_yaml("yolov8.yaml")
    assert found.scale == "n" and "scale n is taken" in found.notes[0]


def test_torchvision_weights_are_not_downloaded():
    found = resolve_yaml("yolo11-cls-resnet18")
    assert found.data["backbone"][0][3][2] == "None" and "not downloaded" in found.notes[0]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("yolov8q.yaml", ("no scale 'q'", "n, s, m, l, x")),
        ("yolo11q-seg", ("yolo11-seg has no scale 'q'", "n, s, m, l, x")),
        ("yolo8n", ("did you mean", "yolov8n")),
        ("yolov8n-sge.yaml", ("did you mean", "yolov8n-seg")),
        ("yolov9x", ("yolov9t", "yolov9m")),
        ("resnet50", ("no model description resnet50",)),
        ("missing/yolov8n.yaml", ("no model description missing/yolov8n.yaml",)),
        ("https://example.com/yolov8n.yaml", ("downloads nothing",)),
        ("ul://user/project/model.yaml", ("downloads nothing",)),
        ("yolov8*.yaml", ("no model description",)),
        ("", ("no model description",)),
        (".", ("no model description",)),
        ("a\x00b.yaml", ("no model description",)),
        ("x" * 5000 + "/a.yaml", ("no model description",)),
        ("x" * 5000 + ".yaml", ("no model description",)),
    ],
)
def test_unknown_names(name, words):
    with pytest.raises(ModelFileError) as refused:
        resolve_yaml(name)
    for word in words:
        assert word in str(refused.value)


def test_a_file_of_ones_own(tmp_path, monkeypatch):
    path = written(tmp_path, nc=7)
    found = resolve_yaml(path)
    assert not found.shipped and found.path == path and found.data["nc"] == 7 and found.name == "mine"
    assert found.sha256 == files.sha256(path) and found.origin == str(path)
    with pytest.raises(ModelFileError, match=r"did you mean the file mine\.yaml"):
        resolve_yaml(tmp_path / "mine2.yaml")
    monkeypatch.chdir(tmp_path)
    written(tmp_path, "yolov8n.yaml", nc=9)
    assert resolve_yaml("yolov8n.yaml").data["nc"] == 9
    assert resolve_yaml("yolov8n").shipped


def test_scale_letter_of_a_file(tmp_path):
    written(tmp_path, "yolov8-gam.yaml")
    assert resolve_yaml(tmp_path / "yolov8m-gam.yaml").scale == "m"
    one = written(tmp_path, "yolov8x-only.yaml", scales={"n": [0.33, 0.25, 1024]})
    with pytest.raises(ModelFileError, match="no scale 'x'; it has n"):
        resolve_yaml(one)


def test_hostile_files(tmp_path):
    marker = tmp_path / "ran"
    for change in (
        {"activation": f"open({str(marker)!r}, 'w')"},
        {"head": [[-1, 1, "check_requirements", [f"touch {marker}"]]]},
        {"head": [[-1, 1, "surgeon.subprocess:Popen", [1, 1, {}]]]},
    ):
        with pytest.raises(ModelFileError):
            resolve_yaml(written(tmp_path, **change))
    path = tmp_path / "tag.yaml"
    path.write_text(f"nc: !!python/object/apply:os.system ['touch {marker}']\n")
    with pytest.raises(ModelFileError, match="no valid YAML"):
        resolve_yaml(path)
    assert not marker.exists()


LEVELS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9)
)
MERGES = "a0: &a0 {k: v}\n" + "".join(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 9))
BROKEN = {
    "alias bomb": (LEVELS, "anchors"),
    "merge bomb": (MERGES, "anchors"),
    "loop": ("a: &a [*a]\n", "contains itself"),
    "deep": ("[" * 5000, "nests deeper"),
    "deep mapping": ("".join(f"{' ' * i}a:\n" for i in range(60)), "nests deeper"),
    "large": ("# " + "x" * 300_000, "larger than"),
    "many": ("a: [" + "1," * 120_000 + "1]", "too many|larger than"),
    "empty": ("", "is empty"),
    "comment": ("# nothing\n", "is empty"),
    "list": ("- 1\n- 2\n", "no mapping"),
    "text": ("hello", "no mapping"),
    "numbers as keys": ("1: 2\n", "no mapping"),
    "syntax": ("a: [1, 2\nb: }", "no valid YAML"),
    "binary": ("\x00\x01\x02", "no valid YAML"),
    "two documents": ("a: 1\n---\nb: 2\n", "no valid YAML"),
    "huge integer": ("a: " + "9" * 10_000, "no valid YAML"),
    "key that is a list": ("? [1]\n: 2\n", "no valid YAML"),
    "bad date": ("a: 2020-99-99\n", "no valid YAML"),
    "no model": ("nc: 80\n", "no backbone"),
    "data set": ("train: a\nval: b\nnames: [x]\n", "dataset description"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files(tmp_path, name):
    content, words = BROKEN[name]
    path = tmp_path / "b.yaml"
    path.write_text(content)
    with pytest.raises(ModelFileError) as refused:
        resolve_yaml(path)
    sentence = str(refused.value)
    assert "b.yaml" in sentence and "\n" not in sentence and any(word in sentence for word in words.split("|"))


def test_reading(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_bytes("\ufeffactivation: None\nx: &x [1, 2]\ny: *x\nz: ä\n".encode())
    assert read_yaml(path) == {"activation": None, "x": [1, 2], "y": [1, 2], "z": "ä"}
    with pytest.raises(ModelFileError, match="cannot be read"):
        read_yaml(Path("/nonexistent/a.yaml"))


def test_a_last_row_that_is_no_head():
    d = resolve_yaml("yolov8n").data
    d["head"] = d["head"][:-1]
    with pytest.raises(ModelFileError, match=r"mine\.yaml ends in C2f, which is no head"):
        task_of(d, "mine.yaml")


def test_an_activation_of_ones_own_stays_in_its_network(tmp_path):
    """Releases of Ultralytics before 8.4.164 give it to every network that is built afterwards."""
    path = written(tmp_path, "relu8n.yaml", activation="torch.nn.ReLU()")
    opened = surgeon.open(path).insert("se", after="backbone.9")
    kinds = [
        {type(m.act).__name__ for m in net.modules() if type(m).__name__ == "Conv"} - {"Identity"}
        for net in (opened.module, surgeon.open("yolov8n.yaml").module)
    ]
    assert kinds == [{"ReLU"}, {"SiLU"}]
