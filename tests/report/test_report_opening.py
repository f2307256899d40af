"""Saved results open again as what they were, and nothing else opens."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from surgeon.errors import InputError
from surgeon.report.edit import CheckLine, EditReport
from surgeon.report.formats.machine import all_to_dict, to_dict
from surgeon.report.opening import from_text, open_file

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("path", sorted((ROOT / "profiles").glob("*/*.json")), ids=lambda path: path.parent.name)
def test_real_results_are_what_they_were(path) -> None:
    (result,) = open_file(path)
    (again,) = from_text(json.dumps(to_dict(result)))
    assert again == result
    data = json.loads(path.read_text("utf-8"))
    known = to_dict(result)
    assert data["kind"] == known["kind"] and data.get("checks") == known.get("checks")


def test_lists_open_in_order(v8n, comparison) -> None:
    report = EditReport(source="a.pt", checks=(CheckLine("c", True),), comparison=comparison, notes=("n",))
    assert from_text(json.dumps(all_to_dict((v8n, report, comparison)))) == (v8n, report, comparison)


def test_other_files_are_refused_by_name(v8n, tmp_path) -> None:
    good = to_dict(v8n)
    edit = to_dict(EditReport(source="a.pt"))
    cases = {
        "not JSON": "{",
        "its kind is None": "[]",
        "holds a diff": '{"kind": "diff"}',
        "is empty": '{"kind": "results", "results": []}',
        "saved in schema 9": json.dumps({**good, "schema_version": 9}),
        "saved in schema 8": json.dumps({**edit, "schema_version": 8}),
        "edit is damaged": json.dumps({**edit, "checks": [{}]}),
        "result is damaged": json.dumps({**good, "params": "x"}),
    }
    for number, (said, text) in enumerate(cases.items()):
        path = tmp_path / f"{number}.json"
        path.write_text(text)
        with pytest.raises(InputError, match=said) as caught:
            open_file(path)
        assert str(path) in str(caught.value)
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    for name in ("missing.json", "binary.json"):
        with pytest.raises(InputError, match=f"cannot read .*{name}"):
            open_file(tmp_path / name)


def test_an_edit_without_a_comparison_opens_too(tmp_path) -> None:
    report = EditReport(source="a.pt", copied=3, copied_names=("x", "y", "z"), dry_run=True)
    assert from_text(json.dumps(to_dict(report))) == (report,)
    assert from_text(json.dumps(to_dict(replace(report, notes=("n",)))))[0].notes == ("n",)
