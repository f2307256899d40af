"""The record of edits as data: what an entry keeps, and what a damaged one says."""

from __future__ import annotations

import copy

import pytest

from surgeon.errors import ModelFileError
from surgeon.graph.former import FormerNetwork, FormerRow
from surgeon.surgery.record import composed, description_digest, read_record

GAM = {"surgeon_recipe": 1, "edits": [{"insert": "gam", "after": "0"}]}


def entry(**changes):
    data = {
        "recipe": GAM,
        "source": "m.pt",
        "source_sha256": "ab",
        "renames": {1: 2, 2: 3},
        "before": {"rows": [2, 1], "from": {2: [-1, 0]}, "yaml": "cd"},
        "tensors": {"former": "a", "kept": "a", "planted": "b"},
    }
    return {**data, **changes}


def record(*entries):
    return {"backbone": [], "head": [], "surgeon": {"version": 1, "edits": list(entries)}}


def test_a_model_without_a_record():
    assert read_record({"backbone": []}, "m") == ()


def test_an_entry_tells_the_former_network():
    (found,) = read_record(record(entry()), "m.pt")
    assert found.former == FormerNetwork(
        rows=(
            FormerRow(now=0, source=-1),
            FormerRow(now=2, source=-1),
            FormerRow(now=3, source=(-1, 0)),
        ),
        backbone=2,
    )
    assert found.former.back("model.2.cv1.conv.weight") == "model.1.cv1.conv.weight"
    assert found.former.back("model.1.gate") is None, "the row that the edit planted"
    assert found.former.forth("model.2.x") == "model.3.x" and found.former.back("stride") == "stride"
    assert composed([found, found]) == {0: 0, 1: 3}, "row 2 of the second network was planted by the first edit"
    assert composed([]) == {}


def test_dropped_rows():
    before = {"rows": [2, 1], "from": {}, "yaml": "cd", "dropped": {1: [-1, 1, "SPPF", [64, 5]]}}
    (found,) = read_record(record(entry(before=before, renames={2: 1})), "m.pt")
    assert found.former.dropped == (1,)
    assert found.former.rows[1].description == (-1, 1, "SPPF", [64, 5])
    assert [row.now for row in found.former.rows] == [0, None, 1]


def test_an_entry_of_an_older_surgeon_tells_no_way_back():
    old = {key: value for key, value in entry().items() if key not in ("before", "tensors")}
    (found,) = read_record(record(old), "m.pt")
    assert found.former is None and found.digests is None
    assert composed([found]) is None


DAMAGED = [
    {"recipe": 5},
    {"recipe": {"surgeon_recipe": 1, "edits": []}},
    {"source": None},
    {"source_sha256": 7},
    {"renames": {1: 2, 2: 2}},
    {"renames": {1: -4}},
    {"renames": "x"},
    {"before": {"rows": [2], "from": {}, "yaml": ""}},
    {"before": {"rows": [-1, 3], "from": {}, "yaml": ""}},
    {"before": {"rows": [10**9, 1], "from": {}, "yaml": ""}},
    {"before": {"rows": [2, 1], "from": {1: 5}, "yaml": ""}},
    {"before": {"rows": [2, 1], "from": {1: "x"}, "yaml": ""}},
    {"before": {"rows": [2, 1], "from": {}, "yaml": "", "dropped": {1: [-1]}}},
    {"before": {"rows": [2, 1], "from": {}, "yaml": "", "dropped": {1: 5}}},
    {"before": {"rows": [2, 1], "from": {}}},
    {"before": [1]},
    {"tensors": {"former": "a"}},
    {"grafts": "x"},
]


@pytest.mark.parametrize("changes", DAMAGED, ids=str)
def test_a_damaged_entry_is_refused_by_its_number(changes):
    with pytest.raises(ModelFileError, match=r"m\.pt: edit 2 of its record"):
        read_record(record(entry(), entry(**changes)), "m.pt")


@pytest.mark.parametrize("found", [[], {"edits": 5}, {}, {"edits": [{}] * 2000}, 7])
def test_a_damaged_record(found):
    with pytest.raises(ModelFileError, match=r"m\.pt: the record of its edits is damaged"):
        read_record({"surgeon": found}, "m.pt")


def test_the_digest_of_a_description_knows_order_and_values():
    one = {"nc": 80, "backbone": [[-1, 1, "Conv", [64, 3, 2]]]}
    other = copy.deepcopy(one)
    assert description_digest(one) == description_digest(other)
    other["backbone"][0][3][0] = 32
    assert description_digest(one) != description_digest(other)
    assert description_digest({"a": 1, "b": 2}) != description_digest({"b": 2, "a": 1})
