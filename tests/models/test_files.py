"""Every kind of file that people give instead of a checkpoint, and the sentence it gets."""

import hashlib
import io
import json
import os
import pickle
import zipfile

import numpy as np
import pytest
import torch

from surgeon.errors import ModelFileError
from surgeon.models import files
from surgeon.models.files import FileKind


def zip_of(*names):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return buffer.getvalue()


def saved(value, **options):
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


def numpy_archive():
    buffer = io.BytesIO()
    np.savez(buffer, a=np.zeros(3))
    return buffer.getvalue()


HEADER = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
CASES = {
    "checkpoint": (saved({"model": 1}), FileKind.CHECKPOINT, ""),
    "empty": (b"", FileKind.EMPTY, "download or save it again"),
    "truncated": (saved({"w": torch.zeros(9999)})[:20_000], FileKind.TRUNCATED, "cut off"),
    "legacy": (saved({"a": 1}, _use_new_zipfile_serialization=False), FileKind.LEGACY_PICKLE, "--trust"),
    "pickle": (pickle.dumps({"a": 1}), FileKind.PLAIN_PICKLE, "torch.save"),
    "jpeg": (b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(90), FileKind.IMAGE, "only its name"),
    "png": (b"\x89PNG\r\n\x1a\n" + bytes(90), FileKind.IMAGE, "only its name"),
    "webp": (b"RIFF\x00\x00\x00\x00WEBPVP8 " + bytes(90), FileKind.IMAGE, "only its name"),
    "onnx": (b"\x08\x08\x12\x07pytorch\x1a\x05" + bytes(90), FileKind.ONNX, "exported from"),
    "safetensors": (len(HEADER).to_bytes(8, "little") + HEADER + bytes(4), FileKind.SAFETENSORS, "YAML|yaml"),
    "tflite": (b"\x1c\x00\x00\x00TFL3" + bytes(90), FileKind.TFLITE, "exported from"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(90), FileKind.HDF5, "no PyTorch"),
    "gzip": (b"\x1f\x8b\x08" + bytes(90), FileKind.COMPRESSED, "unpack"),
    "tar": (bytes(257) + b"ustar" + bytes(250), FileKind.COMPRESSED, "unpack"),
    "html": (b"\n<!DOCTYPE html><html><title>Sign in</title>", FileKind.HTML, "raw or download link"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", FileKind.LFS_POINTER, "git lfs pull"),
    "yaml": (b"nc: 80\nbackbone: []\n", FileKind.TEXT, ".yaml"),
    "noise": (bytes(range(200, 256)) * 9, FileKind.UNKNOWN, ".pt checkpoint"),
    "npz": (numpy_archive(), FileKind.NUMPY_ARCHIVE, "arrays without a network"),
    "torchscript": (zip_of("m/data.pkl", "m/constants.pkl", "m/code/a.py"), FileKind.TORCHSCRIPT, "exported from"),
    "exported": (zip_of("m/archive_format", "m/data.pkl"), FileKind.EXPORTED_PROGRAM, "exported from"),
    "zip": (zip_of("best.pt", "readme.txt"), FileKind.OTHER_ZIP, "unpack it"),
}


@pytest.mark.parametrize("name", CASES)
def test_kind_and_sentence(tmp_path, name):
    content, kind, remedy = CASES[name]
    path = tmp_path / "best.pt"
    path.write_bytes(content)
    assert files.describe(path) is kind
    if kind is FileKind.CHECKPOINT:
        assert files.require_checkpoint(path) is kind
        return
    with pytest.raises(ModelFileError) as refused:
        files.require_checkpoint(path)
    sentence = str(refused.value)
    assert str(path) in sentence and kind.value in sentence and "\n" not in sentence
    assert any(word in sentence for word in remedy.split("|"))


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_real_exports_are_told_apart(tmp_path):
    scripted = tmp_path / "scripted.pt"
    torch.jit.save(torch.jit.trace(torch.nn.ReLU(), torch.zeros(1)), scripted)
    assert files.describe(scripted) is FileKind.TORCHSCRIPT


def test_paths_that_are_no_files(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    assert files.describe(fifo) is FileKind.SPECIAL
    assert files.describe(tmp_path) is FileKind.DIRECTORY
    assert files.describe(tmp_path / "no.pt") is FileKind.MISSING
    assert files.describe(fifo / "below") is FileKind.MISSING
    assert files.describe("nul\x00byte") is FileKind.MISSING
    with pytest.raises(ModelFileError, match="does not exist"):
        files.require_checkpoint(tmp_path / "no.pt")
    with pytest.raises(ModelFileError, match="name the"):
        files.require_checkpoint(tmp_path)


def test_zip_bomb(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_FREE_EXPANSION_BYTES", 1000)
    path = tmp_path / "bomb.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb/data.pkl", bytes(10_000_000))
    assert files.describe(path) is FileKind.ZIP_BOMB


def test_legacy_is_accepted_with_trust_only(tmp_path):
    path = tmp_path / "old.pt"
    path.write_bytes(CASES["legacy"][0])
    assert files.require_checkpoint(path, legacy_ok=True) is FileKind.LEGACY_PICKLE


def test_sha256(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    assert files.sha256(path) == hashlib.sha256(b"abc").hexdigest()
    with pytest.raises(ModelFileError, match="cannot be read"):
        files.sha256(tmp_path / "b")
