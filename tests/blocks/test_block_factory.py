"""Blocks by name, and classes of the user's own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from surgeon.blocks import build, create, load_factory
from surgeon.errors import BlockError

USER_CODE = """
from torch import nn

class OneWidth(nn.Module):
    def __init__(self, dim, reduction=16):
        super().__init__()
        self.seen = (dim, reduction)

class TwoWidths(nn.Module):
    def __init__(self, c1, c2, k=3):
        super().__init__()
        self.seen = (c1, c2, k)

class OptionalOutput(nn.Module):
    def __init__(self, inp, oup=None):
        super().__init__()
        self.seen = (inp, oup)

class SecondIsASetting(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.seen = (dim, heads)

class Refuses(nn.Module):
    def __init__(self, dim):
        raise RuntimeError("no")

number = 3
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "users_blocks.py").write_text(USER_CODE)
    (tmp_path / "users_broken.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(__import__("sys").modules, "users_blocks", raising=False)
    return "users_blocks"


def test_create_by_name() -> None:
    torch.manual_seed(0)
    block = create("ACmix", 12, 20, kernel_att=5)
    assert block(torch.randn(1, 12, 6, 5)).shape == (1, 20, 6, 5)


def test_users_classes_are_called_as_their_signature_asks(package: str) -> None:
    assert build(load_factory(f"{package}:OneWidth"), 8, reduction=4).seen == (8, 4)
    assert build(load_factory(f"{package}:OneWidth"), 8).seen == (8, 16)
    assert build(load_factory(f"{package}:TwoWidths"), 8, 12, k=5).seen == (8, 12, 5)
    assert build(load_factory(f"{package}:TwoWidths"), 8).seen == (8, 8, 3)
    assert build(load_factory(f"{package}:OptionalOutput"), 8, 12).seen == (8, 12)
    assert build(load_factory(f"{package}:SecondIsASetting"), 8, heads=2).seen == (8, 2)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("users_blocks", "write package.module:Class"),
        ("users_blocks:", "write package.module:Class"),
        ("no_such_module_here:X", "no module 'no_such_module_here'"),
        ("users_blocks:OneWidht", "no class 'OneWidht'. Did you mean OneWidth"),
        ("users_blocks:number", "no torch.nn.Module class"),
        ("users_broken:X", "importing users_broken failed: ZeroDivisionError"),
    ],
)
def test_unusable_names(package: str, spec: str, sentence: str) -> None:
    with pytest.raises(BlockError, match=sentence):
        load_factory(spec)


def test_unusable_calls(package: str) -> None:
    with pytest.raises(BlockError, match="8 channels cannot become 12"):
        build(load_factory(f"{package}:OneWidth"), 8, 12)
    with pytest.raises(BlockError, match=r"Refuses\(8\) failed: RuntimeError: no"):
        build(load_factory(f"{package}:Refuses"), 8)
    with pytest.raises(BlockError, match="TypeError"):
        build(load_factory(f"{package}:OneWidth"), 8, nonsense=1)
