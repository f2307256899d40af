"""Figures with units are read exactly, or refused with what would work."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surgeon.gate import quantity, values


@pytest.mark.parametrize(("text", "kind", "value"), [
    ("9.2G", "flops", 9_200_000_000),
    ("9.2 GFLOPs", "flops", 9_200_000_000),
    ("9.2gflops", "flops", 9_200_000_000),
    (9.2e9, "flops", 9_200_000_000),
    ("9.2e9", "flops", 9_200_000_000),
    ("4.4GMACs", "macs", 4_400_000_000),
    ("3.5M", "params", 3_500_000),
    (3_500_000, "params", 3_500_000),
    ("3.5 M params", "params", None),
    ("40MiB", "memory", 40 * 2**20),
    ("40 MB", "memory", 40_000_000),
    ("1.5GiB", "memory", 3 * 2**29),
    (".5k", "params", 500),
])  # fmt: skip
def test_amounts(text: object, kind: str, value: int | None) -> None:
    if value is None:
        with pytest.raises(ValueError, match="no number of parameters"):
            quantity.amount(text, kind)
    else:
        assert quantity.amount(text, kind) == value


@pytest.mark.parametrize(("text", "kind", "said"), [
    ("9.2", "flops", "its unit is missing, write 9.2M or 9.2G"),
    (3.5, "params", "unit is missing"),
    ("9.2GiB", "flops", "no number of FLOPs"),
    ("9.2GMACs", "flops", "no number of FLOPs"),
    ("40", "memory", "MiB"),
    ("40M", "memory", "MiB"),
    ("-1G", "flops", "no number"),
    ("0G", "flops", "zero"),
    ("inf", "flops", "no number"),
    (float("nan"), "macs", "no number"),
    (True, "params", "no number"),
    ("9,2G", "flops", "no number"),
    (["9G"], "flops", "no number"),
    ("9" * 400 + "G", "flops", "no number"),
    ("1e99999999G", "flops", "no number"),
])  # fmt: skip
def test_refused_amounts(text: object, kind: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        quantity.amount(text, kind)


@given(st.integers(min_value=1, max_value=10**6), st.integers(min_value=0, max_value=3))
def test_amounts_are_exact(number: int, places: int) -> None:
    text = f"{number // 10**places}.{number % 10**places:0{places}d}" if places else str(number)
    assert quantity.amount(f"{text}M", "params") == Fraction(number, 10**places) * 10**6


@pytest.mark.parametrize(("text", "value"), [
    (1.05, "1.05"), ("1.05", "1.05"), ("1.05x", "1.05"), ("+5%", "1.05"), ("-5%", "0.95"), ("105%", "1.05"), (1, "1"),
])  # fmt: skip
def test_ratios(text: object, value: str) -> None:
    assert quantity.ratio(text) == Fraction(value)


@pytest.mark.parametrize("text", ["0", "-1", "five", "-100%", True, "1.05G", float("inf"), [1.05], ""])
def test_refused_ratios(text: object) -> None:
    with pytest.raises(ValueError, match="no ratio"):
        quantity.ratio(text)


def test_other_values() -> None:
    assert [values.image_size(v) for v in (640, "480x640", [480, 640])] == [(640, 640), (480, 640), (480, 640)]
    assert [values.confidence(v) for v in (0.99, "99%", "0.5")] == [0.99, 0.99, 0.5]
    assert [values.seconds(v) for v in (30, "30s", "2m", "500ms")] == [30, 30, 120, 0.5]
    assert [values.device(v) for v in (0, "cuda:1", "CPU")] == ["cuda:0", "cuda:1", "cpu"]


@pytest.mark.parametrize(("parse", "value"), [
    (values.image_size, "0"), (values.image_size, [1, 2, 3]), (values.image_size, "640px"), (values.image_size, True),
    (values.confidence, 1.0), (values.confidence, 0.2), (values.confidence, "x"), (values.confidence, "1/0"),
    (values.seconds, 0), (values.seconds, "-3"), (values.device, "tpu"), (values.whole, 0), (values.whole, 1.5),
    (values.truth, "yes"), (values.words, []), (values.words, [1]), (values.word, 3),
])  # fmt: skip
def test_other_values_refused(parse: object, value: object) -> None:
    with pytest.raises(ValueError, match=r"no|neither"):
        parse(value)
