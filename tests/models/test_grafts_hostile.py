"""Files whose grafts are not what an edit writes: each is refused, and nothing of it runs."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import surgeon
import yolo_surgeon
from surgeon.errors import ModelFileError, UntrustedFileError


def saved(tmp_path, change):
    model = surgeon.open("yolov8n.yaml").insert("gam", after="backbone.4.m.0.cv2")
    module = copy.deepcopy(model.module)
    change(module)
    path = tmp_path / "evil.pt"
    torch.save({"model": module, "ema": None, "train_args": {}}, path)
    return path


def test_a_hook_elsewhere_is_refused(tmp_path):
    def change(module):
        module.model[0]._forward_hooks[7] = yolo_surgeon.graft_after

    with pytest.raises(UntrustedFileError, match="stores a GraftHook"):
        surgeon.open(saved(tmp_path, change))


def test_a_hook_in_another_table_is_refused(tmp_path):
    def change(module):
        module.model[0]._state_dict_hooks[yolo_surgeon.HOOK_KEY] = yolo_surgeon.graft_after

    with pytest.raises(UntrustedFileError, match="stores a GraftHook"):
        surgeon.open(saved(tmp_path, change))


def test_a_file_cannot_call_a_hook(tmp_path):
    class Call:
        def __reduce__(self):
            return yolo_surgeon.graft_after, (nn.Identity(), (), None)

    path = tmp_path / "evil.pt"
    torch.save({"model": Call()}, path)
    with pytest.raises(ModelFileError):
        surgeon.open(path)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"host": "model.4", "how": "after", "module": "os:system", "channels": [3, 3]}, ["--trust-module os"]),
        ({"host": "model.4", "how": "sideways"}, ["damaged"]),
        ({"host": "__class__.__init__ ", "how": "remove"}, ["names no module"]),
        ({"host": "model.4", "how": "after", "module": "gam", "channels": [90000, 90000]}, ["parameters"]),
        ({"host": "model.4", "how": "after", "module": "nope", "channels": [8, 8]}, ["There is no block"]),
        ("not a mapping", ["damaged"]),
    ],
)
def test_a_damaged_or_hostile_record_is_refused(tmp_path, entry, words):
    def change(module):
        module.yaml["surgeon"]["grafts"] = [entry]

    with pytest.raises(ModelFileError) as info:
        surgeon.open(saved(tmp_path, change))
    assert all(word in str(info.value) for word in words), str(info.value)


def test_a_record_whose_graft_is_absent_is_an_error(tmp_path):
    def change(module):
        host = module.model[4].m[0].cv2
        del host._modules["surgeon_after_0"]
        host._forward_hooks.clear()

    with pytest.raises(ModelFileError, match="absent"):
        surgeon.open(saved(tmp_path, change))


def test_a_record_whose_hook_is_absent_is_an_error(tmp_path):
    def change(module):
        module.model[4].m[0].cv2._forward_hooks.clear()

    with pytest.raises(ModelFileError, match="absent"):
        surgeon.open(saved(tmp_path, change))
