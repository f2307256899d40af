"""Files of the original repositories: opened with consent, refused with the way out, never run."""

from __future__ import annotations

import pickletools
import zipfile
from pathlib import Path

import pytest
import torch
from foreign_networks import build, run, same

import surgeon
from surgeon.errors import MissingDependencyError, ModelFileError, UntrustedFileError

ORIGINAL = """
import numpy, pathlib, sys, torch
import yolov5.models.common, yolov5.models.yolo
from foreign_networks import build
network = build("yolov5n")
network.names, network.hyp = {0: "face"}, {"lr0": 0.01}
# The package calls its modules yolov5.models.*, the repository calls them models.*, and so do its files.
for name in ("models", "models.common", "models.yolo"):
    sys.modules[name] = sys.modules[f"yolov5.{name}"]
for kind in {type(m) for m in network.modules()}:
    kind.__module__ = kind.__module__.removeprefix("yolov5.")
checkpoint = {"epoch": 3, "best_fitness": numpy.array([0.5]), "model": network.half(), "ema": network, "updates": 7}
checkpoint |= {"optimizer": None, "opt": {"save_dir": pathlib.Path("runs")}, "git": {"remote": None}, "date": "today"}
torch.save(checkpoint, "original.pt")
"""
REBUILT = """
import sys, torch
from foreign_networks import run, same
loaded = torch.load(sys.argv[1], map_location="cpu", weights_only=False)["model"]
assert not any(name.startswith(("surgeon.cli", "surgeon.workflows", "surgeon.surgery")) for name in sys.modules)
home = sys.modules[type(loaded).__module__]
rebuilt = home.DetectionModel(loaded.yaml, ch=3, nc=loaded.yaml["nc"])  # what train.py does with a checkpoint
print(home.__name__, rebuilt.load_state_dict(loaded.float().state_dict()), same(run(rebuilt), run(loaded)))
"""


@pytest.fixture(scope="module")
def clone():
    """The folder that holds models/ and utils/, as a clone of the YOLOv5 repository does."""
    yolov5 = pytest.importorskip("yolov5", reason="install requirements-foreign.lock")
    return Path(yolov5.__path__[0])


@pytest.fixture
def original(fresh, clone, tmp_path):
    fresh(ORIGINAL)
    return tmp_path / "original.pt"


def test_original_checkpoint_of_yolov5(original, clone, cli, fresh):
    """Refused, then missing, then opened, edited, rebuilt by the repository's own code: each as its user meets it."""
    refused = cli("tree", original.name, code=2).stderr
    assert "--trust-module models" in refused and "PYTHONPATH" in refused and "holds models/" in refused
    missing = cli("tree", original.name, "--trust-module", "models", code=2).stderr
    assert "'models." in missing and "PYTHONPATH" in missing and "Traceback" not in missing
    words = ("insert", original.name, "--module", "gam", "--after", "backbone.9", "--no-latency", "--out", "edited.pt")
    done = cli(*words, "--trust-module", "models", path=[clone])
    assert "349 of 349" in done.stdout
    rebuilt = fresh(REBUILT, "edited.pt", path=[clone]).stdout.split()
    assert rebuilt[0] == "models.yolo" and rebuilt[-1] == "True"


@pytest.mark.parametrize("mode", [pytest.param("row", marks=pytest.mark.slow), "graft"])
@pytest.mark.parametrize("name", ["yolov5n", pytest.param("gelan-t", marks=pytest.mark.slow)])
def test_the_repositories_own_parser_rebuilds_the_edit(name, mode, opened, fresh, tmp_path):
    opened(name).insert("lska", after="backbone.6", mode=mode).save(tmp_path / "edited.pt")
    assert fresh(REBUILT, "edited.pt").stdout.split()[-1] == "True"


def test_a_checkpoint_that_somebody_trained(shared_data, clone, cli):
    face = shared_data / "yolov5n_face_original_format.pt"
    words = ("insert", face, "--module", "gam", "--after", "backbone.9", "--no-latency", "--out", "face-gam.pt")
    done = cli(*words, "--trust-module", "models", path=[clone])
    assert "identity" in done.stdout


@pytest.mark.parametrize(
    ("name", "package"),
    [("yolov5n", "yolov5"), ("gelan-t", "yolo9"), ("yolox-nano", "yolox"), ("resnet18", "torchvision")],
)
def test_bare_networks_open_with_their_package_named(name, package, tmp_path):
    network = build(name)
    torch.save(network, tmp_path / "bare.pt")
    with pytest.raises(UntrustedFileError, match=f"--trust-module {package} "):
        surgeon.open(tmp_path / "bare.pt")
    assert same(run(surgeon.open(tmp_path / "bare.pt", trust_modules=[package]).module), run(network))


def test_what_a_trusted_module_lacks_is_named(tmp_path, monkeypatch):
    (tmp_path / "halfway.py").write_text("from torch import nn\nclass Net(nn.Conv2d): pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import halfway

    torch.save(halfway.Net(3, 3, 1), tmp_path / "net.pt")
    monkeypatch.delitem(__import__("sys").modules, "halfway")
    (tmp_path / "halfway.py").write_text("import absent_thing\n")
    with pytest.raises(MissingDependencyError, match=r"'halfway', which itself imports 'absent_thing'.*pip install"):
        surgeon.open(tmp_path / "net.pt", trust_modules=["halfway"])
    (tmp_path / "halfway.py").write_text("1 / 0\n")
    with pytest.raises(MissingDependencyError, match="fails when it is imported: division by zero"):
        surgeon.open(tmp_path / "net.pt", trust_modules=["halfway"])


def test_weights_alone_say_what_to_do(tmp_path):
    torch.save({"start_epoch": 3, "model": build("functional").state_dict()}, tmp_path / "weights.pt")
    with pytest.raises(ModelFileError, match=r"weights without a network: .*torch\.save"):
        surgeon.open(tmp_path / "weights.pt")


HOSTILE = {
    "function of the package": b"\x80\x02}q\x00X\x05\x00\x00\x00modelcplain_networks\nunit\n(K\x03K\x08tRs.",
    "module inside the package": b"\x80\x02}q\x00X\x05\x00\x00\x00modelcplain_networks\nthreading.Thread\n)Rs.",
    "os through the package": b"\x80\x02}q\x00X\x05\x00\x00\x00modelcplain_networks\nos.system\n)Rs.",
    "constructor": b"\x80\x02}q\x00X\x05\x00\x00\x00modelcplain_networks\nDictOutput\n)Rs.",
    "arguments": b"\x80\x02}q\x00X\x05\x00\x00\x00modelcplain_networks\nStage\n(K\x03K\x08t\x81s.",
    "os": b"\x80\x02}q\x00X\x05\x00\x00\x00modelcposix\nsystem\n(X\x04\x00\x00\x00truetRs.",
    "array of objects": b"\x80\x02}q\x00X\x05\x00\x00\x00modelcnumpy\ndtype\n(X\x02\x00\x00\x00O8\x89\x88tRs.",
    "constructor of arrays": b"\x80\x02}q\x00X\x05\x00\x00\x00modelcnumpy\nndarray\n(J\xff\xff\xff\x7ftRs.",
}


@pytest.mark.parametrize("attack", HOSTILE)
def test_a_trusted_package_lends_its_classes_and_nothing_else(attack, tmp_path):
    program = HOSTILE[attack]
    list(pickletools.genops(program))  # a pickle indeed
    path = tmp_path / "hostile.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hostile/data.pkl", program)
        archive.writestr("hostile/version", "3\n")
        archive.writestr("hostile/byteorder", "little")
    with pytest.raises((UntrustedFileError, MissingDependencyError)) as refusal:
        surgeon.open(path, trust_modules=["plain_networks"])
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("shape", [(3,), (2, 3)], ids=str)
def test_arrays_of_numbers_come_through_whole(shape, tmp_path):
    import numpy as np

    network = build("functional")
    network.anchors = np.arange(np.prod(shape), dtype=">f4").reshape(shape)
    torch.save({"model": network, "best_fitness": np.array([0.5])}, tmp_path / "net.pt")
    model = surgeon.open(tmp_path / "net.pt", trust_modules=["plain_networks"])
    assert np.array_equal(model.module.anchors, network.anchors) and model.module.anchors.shape == shape
    model.insert("gam", after="body").save(tmp_path / "edited.pt")
    again = torch.load(tmp_path / "edited.pt", weights_only=False)["model"]
    assert type(again.anchors) is np.ndarray and np.array_equal(again.anchors, network.anchors)
