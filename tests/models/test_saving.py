"""What an edit writes: two files or none, plain data, and names that stay valid."""

from __future__ import annotations

import hashlib

import pytest
import torch
import yaml

import surgeon
from surgeon.errors import OutputError, SurgeonError

BLOCKS = ("acmix", "fla", "gam", "lska", "mhsa")
# Deterministic sample of the matrix of tests/integration/test_matrix.py, which runs under -m slow.
SAMPLE = [
    ("yolov8n.yaml", "gam", "backbone.9"),
    ("yolo11n.yaml", "fla", "backbone.4"),
    ("yolov8n-seg.yaml", "lska", "head.5"),
    ("yolo26n-pose.yaml", "mhsa", "backbone.9"),
    ("yolo11n-obb.yaml", "acmix", "head.2"),
    ("yolov8n-cls.yaml", "gam", "backbone.8"),
    ("yolov10n.yaml", "lska", "SPPF"),
    ("yolov9t.yaml", "fla", "backbone.9"),
    ("yolov8n-world.yaml", "gam", "backbone.9"),
]


def test_saved_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    edited = surgeon.open("yolov8n.yaml").insert("gam", after="backbone.9")
    first, second = edited.save(), edited.save()
    assert (first.name, second.name) == ("yolov8n-gam.pt", "yolov8n-gam-2.pt")
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "yolov8n-gam-2.pt", "yolov8n-gam-2.yaml", "yolov8n-gam.pt", "yolov8n-gam.yaml",
    ]  # fmt: skip
    again = surgeon.open(first)
    state = again.module.state_dict()
    assert all(torch.equal(t, state[n]) for n, t in edited.module.state_dict().items())
    assert again.tree().layers[10].kind == "GAM" and again.tree().layers[10].planted
    twice = again.insert("lska", after="GAM")
    assert [e["source"] for e in twice.module.yaml["surgeon"]["edits"]] == ["yolov8n.yaml", "yolov8n-gam.pt"]
    from_yaml = surgeon.open(first.with_suffix(".yaml"))
    assert list(from_yaml.module.state_dict()) == list(state)


def test_what_is_in_the_way_is_refused(tmp_path):
    edited = surgeon.open("yolov8n.yaml").insert("lska", after=9)
    out = tmp_path / "a.pt"
    out.write_bytes(b"precious")
    with pytest.raises(OutputError, match="--force"):
        edited.save(out)
    assert out.read_bytes() == b"precious" and len(list(tmp_path.iterdir())) == 1
    edited.save(out, force=True)
    source = hashlib.sha256(out.read_bytes()).hexdigest()
    again = surgeon.open(out).insert("lska", after=9)
    with pytest.raises(OutputError, match="source itself"):
        again.save(out, force=True)
    assert hashlib.sha256(out.read_bytes()).hexdigest() == source
    for bad in (tmp_path / "no" / "a.pt", tmp_path / "a.onnx", tmp_path / "yolov8n.pt"):
        with pytest.raises(OutputError):
            edited.save(bad)
    assert {p.name for p in tmp_path.iterdir()} == {"a.pt", "a.yaml"}


def test_an_interrupted_save_leaves_nothing(tmp_path, monkeypatch):
    edited = surgeon.open("yolov8n.yaml").insert("lska", after=9)
    stock = torch.save

    def interrupted(obj, path):
        stock(obj, path)
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        edited.save(tmp_path / "a.pt")
    assert not list(tmp_path.iterdir())


def test_pickles_name_nothing_of_surgeon_but_one_function(tmp_path):
    path = surgeon.open("yolov8n.yaml").insert("acmix", after=9).save(tmp_path / "a.pt")
    names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    assert [name for name in names if "surgeon" in name] == ["yolo_surgeon.restore"]


def test_a_yaml_edited_by_hand_to_another_width_says_so(tmp_path):
    path = surgeon.open("yolov8n.yaml").insert("gam", after=9).save(tmp_path / "yolov8n-gam.pt").with_suffix(".yaml")
    text = path.read_text()
    path.write_text(text.replace("[0.33, 0.25, 1024]", "[0.33, 0.5, 1024]"))
    with pytest.raises(SurgeonError, match="plants gam at 256 channels, but row -1 now has 512"):
        surgeon.open(path)


def test_the_yaml_is_plain_and_has_one_scale(tmp_path):
    path = surgeon.open("yolov8s.yaml").insert("lska", after=9).save(tmp_path / "yolov8s-lska.pt").with_suffix(".yaml")
    data = yaml.safe_load(path.read_text())
    assert data["scales"] == {"s": [0.33, 0.5, 1024]}
    assert data["backbone"][10][2] == "surgeon.lska"
    assert data["surgeon"]["edits"][0]["recipe"]["edits"][0]["after"] == "9"


def test_an_edit_shows_itself_before_it_is_saved():
    before = surgeon.open("yolov8n-cls.yaml")
    after = before.insert("se", after="backbone.8")
    assert before.report is None
    assert after.report.copied == len(after.result.tensors.copied) and after.report.training is None
    bundle = after.report._repr_mimebundle_()
    assert "insert se after backbone.8" in bundle["text/plain"] and "<table" in bundle["text/html"]
