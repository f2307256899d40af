"""Results survive JSON exactly, and what is no saved result is refused in a sentence."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import types
import typing
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surgeon.errors import InputError
from surgeon.profiler.results import SCHEMA_VERSION, Comparison, Environment, PairedLatency, ProfileResult
from surgeon.profiler.saved import from_json, to_json


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of an annotated type; NaN is left out because it equals nothing."""
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        fields = {name: values_of(hint) for name, hint in hints.items() if name != "schema_version"}
        return st.builds(typing.cast(Any, kind), **fields)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return st.one_of(*map(values_of, arguments))
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(values_of(arguments[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*map(values_of, arguments))
    if origin is dict:
        return st.dictionaries(values_of(arguments[0]), values_of(arguments[1]), max_size=2)
    return {
        float: st.floats(allow_nan=False),
        int: st.integers(),
        str: st.text(max_size=5),
        bool: st.booleans(),
        type(None): st.none(),
    }[kind]


@pytest.mark.parametrize("kind", [ProfileResult, Comparison])
def test_round_trip_is_exact(kind: type) -> None:
    @settings(max_examples=25, deadline=None, database=None)
    @given(values_of(kind))
    def check(result: Any) -> None:
        assert from_json(to_json(result)) == result
        assert from_json(to_json(result, indent=None)) == result

    check()


def test_infinite_bounds_are_valid_json() -> None:
    pair = PairedLatency(
        pairs=1, ratio=1.0, ratio_low=0.0, ratio_high=float("inf"), verdict="inconclusive",
        baseline_ms=1.0, candidate_ms=1.0, log_ratios=(0.0,), stopped_by="budget", elapsed_s=1.0,
    )  # fmt: skip
    text = to_json(Comparison(results=(), paired=(pair,)))
    assert "Infinity" not in text
    assert from_json(text) == Comparison(results=(), paired=(pair,))


def document(**changes: Any) -> str:
    return json.dumps(json.loads(to_json(Comparison(results=()))) | changes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not json", "it is not JSON"),
        ("[]", "its kind is None"),
        (document(kind="poem"), "its kind is 'poem', known are profile, comparison"),
        (document(schema_version=99), rf"saved in schema 99, this surgeon reads {SCHEMA_VERSION}"),
        (document(schema_version=None), "saved in schema None"),
        (document(mood="good"), "Comparison has no field 'mood'"),
        (document(notes="text"), "a list was expected"),
        (document(results=[{"name": 3}]), "damaged: 3 is no str"),
        (document(kind="profile"), "damaged"),
    ],
)
def test_other_files_are_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_json(text)


def test_pure_files_load_no_torch() -> None:
    names = (
        "saved", "results", "settings", "environment", "flops.ledger",
        "timing.confidence", "timing.verdict", "timing.pressure", "timing.warmup",
    )  # fmt: skip
    imports = ", ".join(f"surgeon.profiler.{name}" for name in names)
    code = f"import sys, {imports}; sys.exit('torch' in sys.modules or 'ultralytics' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_environment_is_data() -> None:
    found = Environment(python="3", platform="x", cpu="c", cpus=1, gpu=None, packages={})
    assert dataclasses.asdict(found)["cpus"] == 1
