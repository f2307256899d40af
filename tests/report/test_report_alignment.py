from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surgeon.profiler.results import LayerProfile
from surgeon.report.alignment import align
from surgeon.report.tables import Emphasis


def _statuses(pairs):
    return {status: [p for p in pairs if p.status is status] for status in Emphasis}


@pytest.mark.parametrize("anchor", [0, 4, 9, 15, 21])
@pytest.mark.parametrize("by_map", [True, False])
def test_an_inserted_row_is_the_only_added_one(v8n, insert_gam, anchor, by_map):
    edited, renames = insert_gam(anchor)
    found = _statuses(align(v8n.layers, edited.layers, renames if by_map else None))
    assert [pair.after.kind for pair in found[Emphasis.ADDED]] == ["GAM"]
    assert not found[Emphasis.REMOVED]
    readers = sum(anchor in row.inputs for row in v8n.layers)
    assert len(found[Emphasis.CHANGED]) == readers
    assert all(pair.changes == ("inputs",) for pair in found[Emphasis.CHANGED])


def test_a_removed_row_stands_where_it_was(v8n, insert_gam):
    edited, _ = insert_gam(9)
    pairs = align(edited.layers, v8n.layers)
    assert [pair.before.kind for pair in pairs if pair.status is Emphasis.REMOVED] == ["GAM"]
    assert pairs[10].status is Emphasis.REMOVED


def test_a_replaced_row_is_one_changed_row(v8n):
    rows = list(v8n.layers)
    rows[9] = replace(rows[9], kind="LSKA", params=170_000)
    changed = [pair for pair in align(v8n.layers, rows) if pair.status is not Emphasis.NORMAL]
    assert [pair.changes for pair in changed] == [("kind", "params")]


def test_a_wider_network_lines_up_by_kind(v8n):
    wide = tuple(
        replace(row, params=row.params * 4, macs=row.macs * 4, executed=row.executed * 4) for row in v8n.layers
    )
    pairs = align(v8n.layers, wide)
    assert all(pair.before.index == pair.after.index for pair in pairs)


def test_replaced_blocks_between_changed_rows_are_changed_rows(v8n):
    kinds = {"C2f": "C3k2"}
    rows = [
        replace(row, kind=kinds.get(row.kind, row.kind), params=row.params + (row.params > 0)) for row in v8n.layers
    ]
    pairs = align(v8n.layers, rows)
    assert {pair.status for pair in pairs} == {Emphasis.NORMAL, Emphasis.CHANGED}
    assert all(pair.before.index == pair.after.index for pair in pairs)


def test_a_row_that_the_map_does_not_know_is_new(v8n):
    renames = {row.key: row.key for row in v8n.layers[:-1]}
    pairs = align(v8n.layers, v8n.layers, renames)
    assert [pair.status for pair in pairs[-2:]] == [Emphasis.REMOVED, Emphasis.ADDED]


def _rows(kinds):
    none = {"out_shape": None, "params": 0, "macs": 0, "executed": 0}
    return [
        LayerProfile(key=f"row{i}", index=i, site=f"backbone.{i}", kind=kind, inputs=(i - 1,), **none)
        for i, kind in enumerate(kinds)
    ]  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from("abc"), max_size=8), st.lists(st.sampled_from("abc"), max_size=8))
def test_every_row_appears_once_and_in_order(before, after):
    pairs = align(_rows(before), _rows(after))
    assert [pair.before.index for pair in pairs if pair.before] == list(range(len(before)))
    assert [pair.after.index for pair in pairs if pair.after] == list(range(len(after)))
