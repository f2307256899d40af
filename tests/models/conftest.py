"""Users' own classes in a module of their own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for own_blocks.py: pytest's importlib mode leaves test folders out


@pytest.fixture
def own_blocks(tmp_path, monkeypatch):
    """The folder of an importable module ``own`` with the classes of own_blocks.py."""
    from own_blocks import SOURCE

    (tmp_path / "own.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("own", None)
