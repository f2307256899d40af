"""Choosing from the catalog."""

from __future__ import annotations

import pytest

from surgeon.blocks import all_blocks
from surgeon.blocks.catalog.matching import matching
from surgeon.errors import BlockError


def names(**wanted: object) -> set[str]:
    return {info.name for info in matching(all_blocks(), **wanted)}  # type: ignore[arg-type]


def test_by_kind_shape_and_text() -> None:
    assert names() == {info.name for info in all_blocks()}
    assert "conv1x1" in names(kinds=("convolution",)) and "gam" not in names(kinds=("convolution",))
    assert {"lska", "mhsa", "fla"} <= names(keeps_shape=True) and not names(keeps_shape=True) & {"gam", "acmix"}
    assert names(text="large separable") == {"lska"} == names(text="LARGE_separable_kernel")
    assert "gam" in names(kinds=("convolution", "attention"), text="gam")


def test_says_what_there_is() -> None:
    with pytest.raises(BlockError, match=r"kind 'atention'\. Did you mean attention"):
        names(kinds=("atention",))
    with pytest.raises(BlockError, match="No block fits --kind attention --match 'zzz'"):
        names(kinds=("attention",), text="zzz")
