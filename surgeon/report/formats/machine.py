"""Results as JSON, for ``--json FILE`` and ``--json -``. Facts as stored, never the rounded text of a report."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TextIO

from surgeon.blocks.catalog.info import BlockInfo
from surgeon.errors import OutputError
from surgeon.gate.judge import CheckResult
from surgeon.graph.layer import LayerGraph
from surgeon.graph.modules import ModuleTree
from surgeon.profiler.deployed.figures import DeployedComparison
from surgeon.profiler.results import SCHEMA_VERSION, Comparison, ProfileResult
from surgeon.report.check import check_data
from surgeon.report.diff import ModelDiff, diff_data
from surgeon.report.documents import Reportable
from surgeon.report.edit import EditReport
from surgeon.report.report import Report
from surgeon.report.training import training_data

STDOUT = "-"


def render(report: Report) -> str:
    """A report as JSON text: one result, or several as a list of ``kind`` ``results``."""
    return _text(all_to_dict(report.results))


def all_to_dict(results: Sequence[Reportable]) -> dict[str, Any]:
    """Results as plain JSON data: one by itself, several as a list."""
    data = [to_dict(result) for result in results]
    return data[0] if len(data) == 1 else {"schema_version": SCHEMA_VERSION, "kind": "results", "results": data}


def to_dict(result: Reportable) -> dict[str, Any]:
    """A result as plain JSON data; profiles and comparisons in the form that can be opened again."""
    if isinstance(result, ProfileResult | Comparison | DeployedComparison):
        from surgeon.profiler.saved import to_json

        data: dict[str, Any] = json.loads(to_json(result))
        return data
    if isinstance(result, EditReport):
        return _edit(result)
    if isinstance(result, ModelDiff):
        return diff_data(result)
    if isinstance(result, CheckResult):
        return check_data(result)
    return tree_data(result) if isinstance(result, LayerGraph) else _block(result)


def blocks_to_dict(blocks: Iterable[BlockInfo]) -> dict[str, Any]:
    """The catalog as plain JSON data."""
    return {"schema_version": SCHEMA_VERSION, "kind": "blocks", "blocks": [_block(block) for block in blocks]}


def write_json(data: dict[str, Any], target: str, *, stdout: TextIO | None = None) -> None:
    """Write JSON data to a file, or alone to standard output for ``-``.

    Args:
        data: From `to_dict` or `blocks_to_dict`.
        target: Path of the file, or ``-``.
        stdout: Used for ``-`` in place of standard output.

    Raises:
        OutputError: The file cannot be written.
    """
    text = _text(data)
    if target == STDOUT:
        (sys.stdout if stdout is None else stdout).write(text)
        return
    try:
        Path(target).write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror or error}. Choose another --json FILE.") from error


def _text(data: dict[str, Any]) -> str:
    return json.dumps(data, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def _edit(report: EditReport) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": "edit",
        "source": report.source,
        "outputs": list(report.outputs),
        "edits": list(report.edits),
        "tensors": {
            "copied": report.copied,
            "adopted": report.adopted,
            "fresh": report.fresh,
            "dropped": report.dropped,
            "copied_names": list(report.copied_names),
            "adopted_names": list(report.adopted_names),
            "fresh_names": list(report.fresh_names),
            "dropped_names": list(report.dropped_names),
        },
        "checks": [
            {"name": check.name, "passed": check.passed, "ran": check.ran, "detail": check.detail}
            for check in report.checks
        ],
        "passed": report.passed,
        "notes": list(report.notes),
        "training": None if report.training is None else training_data(report.training),
        "comparison": None if report.comparison is None else to_dict(report.comparison),
        "dry_run": report.dry_run,
    }


def tree_data(graph: LayerGraph, modules: ModuleTree | None = None, depth: int = 0) -> dict[str, Any]:
    """The rows of a network as plain JSON data, with ``depth`` levels of the modules inside them."""
    data: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "kind": "tree",
        "name": graph.name,
        "family": graph.family,
        "imgsz": list(graph.imgsz),
        "params": sum(layer.params for layer in graph),
        "layers": [
            {
                "key": layer.key,
                "index": layer.index,
                "site": layer.site,
                "kind": layer.kind,
                "path": layer.path,
                "inputs": list(layer.inputs),
                "out_shape": None if layer.out_shape is None else list(layer.out_shape),
                "params": layer.params,
                "planted": layer.planted,
            }
            for layer in graph
        ],
    }
    if modules is not None and depth:
        data["modules"] = [dataclasses.asdict(node) for node in modules if 0 < node.depth <= depth]
    return data


def _block(block: BlockInfo) -> dict[str, Any]:
    return {
        "name": block.name,
        "title": block.title,
        "kind": block.kind,
        "summary": block.summary,
        "paper": block.paper,
        "year": block.year,
        "source": block.source,
        "changes_channels": block.changes_channels,
        "keeps_shape": block.keeps_shape,
        "differences": block.differences,
        "defaults": {name: _plain(value) for name, value in block.defaults.items()},
        "options": dict(block.options),
        "constraints": block.constraints,
        "aliases": list(block.aliases),
    }


def _plain(value: object) -> Any:
    """A default as JSON can hold it."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else str(value)
