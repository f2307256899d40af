from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surgeon.report import units

COUNTS = st.integers(min_value=0, max_value=10**15)
FINITE = st.floats(min_value=1e-6, max_value=1e9)
few = settings(max_examples=150, deadline=None)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"), (464, "464"), (999, "999"), (1000, "1.000 k"), (4672, "4.672 k"), (99_995, "100.0 k"),
        (164_608, "164.6 k"),
        (999_960, "1.000 M"), (3_157_200, "3.157 M"), (25_902_640, "25.90 M"), (1_234_567_890, "1.235 G"),
        (None, "not measured"),
    ],
)  # fmt: skip
def test_parameters(count, text):
    assert units.parameters(count) == text


def test_gflops_is_twice_the_macs():
    assert units.gflops(4_372_000_000) == "8.744"
    assert units.gflops(0) == "0.000"
    assert units.gflops(10) == "0.00000002"
    assert units.gflops(None) == "not measured"


def test_giga_ms_mib():
    assert units.giga(8.855) == "8.855"
    assert units.ms(29.306) == "29.31 ms"
    assert units.ms(None) == "not measured"
    assert units.mib(19_660_800) == "18.75 MiB"
    assert units.mib(None) == "not measured"


def test_columns_say_when_a_value_is_below_the_last_digit():
    assert units.gflops_brief(100) == "<0.001"
    assert units.gflops_brief(0) == "0.000"
    assert units.ms_brief(0.004) == "<0.01"
    assert units.ms_brief(0.0) == "0.00"
    assert units.ms_brief(None) == "-"


def test_ratio():
    assert units.ratio(1.5194) == "1.519x"
    assert units.ratio(1.0) == "1.000x"
    assert units.ratio(1.00001) == ">1.000x"
    assert units.ratio(0.99999) == "<1.000x"
    assert units.ratio(1e-9) == "<0.001x"
    assert units.ratio(None) == "-"
    assert units.ratio(math.inf) == "not finite"
    assert units.ratio_of(3, 0) is None
    assert units.ratio_of(None, 3) is None


def test_percent():
    assert units.percent(0.137) == "13.7 %"
    assert units.percent(-0.0043, signed=True) == "-0.43 %"
    assert units.percent(0.000031, signed=True) == "+0.0031 %"
    assert units.percent(0.0, signed=True) == "0.0 %"
    assert units.percent(None) == "not measured"
    assert units.percent(math.nan) == "not finite"


def test_change():
    assert units.change(4_797_152, 3_157_200, units.parameters) == "+1.640 M"
    assert units.change(9.077, 8.855, units.giga) == "+0.222"
    assert units.change(1, 1, units.parameters) == "0"
    assert units.change(1, 2, units.mib) == "-0.000001 MiB"
    assert units.change(None, 2, units.mib) == "-"
    assert units.change(math.inf, 2.0, units.ms) == "not finite"


def test_shapes():
    assert units.shape((1, 256, 20, 20)) == "256x20x20"
    assert units.shape((1, 1000)) == "1000"
    assert units.shape(None) == "-"
    assert units.image_size((480, 640)) == "480x640"


def test_plural():
    assert units.plural(1, "row") == "1 row"
    assert units.plural(2000, "row") == "2,000 rows"


def test_side_by_side_uses_no_more_digits_than_needed():
    assert units.side_by_side((3_157_200, 4_797_152), units.parameters) == ("3.157 M", "4.797 M")
    assert units.side_by_side((3_157_200, 3_157_184), units.parameters) == ("3.15720 M", "3.15718 M")
    assert units.side_by_side((None, 5, 5), units.parameters) == ("not measured", "5", "5")


@few
@given(st.lists(COUNTS | st.none(), min_size=1, max_size=4), st.sampled_from([units.parameters, units.gflops]))
def test_different_counts_look_different(values, form):
    texts = units.side_by_side(values, form)
    for left, text in zip(values, texts, strict=True):
        for right, other in zip(values, texts, strict=True):
            assert (left == right) == (text == other)


@few
@given(COUNTS, st.sampled_from([1, 512, 2**20]))
def test_different_sizes_look_different(size, more):
    before, after = units.side_by_side((size, size + more), units.mib, most_extra=20)
    assert before != after


@few
@given(st.integers(min_value=0, max_value=999 * 10**12))
def test_parameters_are_right_to_four_digits(count):
    number, _, suffix = units.parameters(count).partition(" ")
    value = Decimal(number) * {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}[suffix]
    assert abs(value - count) <= Decimal(count) / 1000
    assert len(number.replace(".", "")) <= 4


@few
@given(COUNTS)
def test_gflops_are_right_to_the_printed_digit(macs):
    text = units.gflops(macs)
    places = len(text.partition(".")[2])
    assert abs(Decimal(text.replace(",", "")) - units.gflops_of(macs)) <= Decimal(1).scaleb(-places) / 2


@few
@given(FINITE)
def test_what_is_not_zero_does_not_look_like_zero(value):
    for text in (units.ms(value), units.giga(value), units.ms_brief(value), units.percent(value), units.ratio(value)):
        assert any(digit in "123456789" for digit in text)


@few
@given(st.floats(min_value=0.5, max_value=2.0))
def test_only_one_looks_like_one(value):
    assert (units.ratio(value) == "1.000x") == (value == 1)


@few
@given(COUNTS, COUNTS)
def test_a_change_has_the_sign_of_the_difference(before, after):
    text = units.change(after, before, units.parameters)
    assert text[0] == ("0" if after == before else "+" if after > before else "-")


@few
@given(st.floats())
def test_no_float_breaks_a_format(value):
    for form in (units.giga, units.ms):
        assert form(value, 0)
    assert units.ratio(value)
    assert units.percent(value, signed=True)
    assert units.change(value, 1.0, units.ms)
