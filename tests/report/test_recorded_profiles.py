"""The results in profiles/: they open, they render, they name the command of the README, and their figures agree."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from surgeon.profiler.results import Comparison, ProfileResult
from surgeon.profiler.saved import from_json
from surgeon.profiler.timing.confidence import median_interval, quantile
from surgeon.report.documents import document_of
from surgeon.report.formats.console import to_text

FOLDER = Path(__file__).parents[2] / "profiles"
FILES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.glob("*/*.json"))


def recorded(name: str) -> ProfileResult | Comparison:
    """The result of a file; that of an edit is the comparison at its end."""
    data = json.loads((FOLDER / name).read_text("utf-8"))
    assert data["schema_version"] == 1
    return from_json(json.dumps(data["comparison"] if data["kind"] == "edit" else data))


def command_of(name: str) -> str:
    """What the README says reproduces a file."""
    (line,) = [line for line in (FOLDER / "README.md").read_text("utf-8").splitlines() if f"`{name}`" in line]
    return line.split("`")[-2].removesuffix(" --json FILE")


def test_there_are_some() -> None:
    assert len(FILES) >= 2


@pytest.mark.parametrize("name", FILES)
def test_it_opens_and_renders(name: str) -> None:
    found = recorded(name)
    text = to_text(document_of(found), width=80)
    assert max(map(len, text.splitlines())) <= 80
    assert found.command == command_of(name)
    assert f"Reproduce: {found.command}" in " ".join(text.split())


@pytest.mark.parametrize("name", FILES)
def test_it_keeps_its_machine_and_its_network(name: str) -> None:
    found = recorded(name)
    for result in found.results if isinstance(found, Comparison) else (found,):
        machine = result.environment
        assert machine.before is not None and machine.after is not None
        assert machine.after.clock_s > machine.before.clock_s
        assert machine.software is not None and machine.software.onednn is not None
        assert result.yaml_sha256 is not None
        assert sum(row.macs for row in result.layers) == result.counts.macs
        assert (result.settings.imgsz, result.settings.threads) == ((320, 320), 1)


@pytest.mark.parametrize("name", FILES)
def test_its_figures_are_those_of_its_samples(name: str) -> None:
    found = recorded(name)
    results = found.results if isinstance(found, Comparison) else (found,)
    for latency in [result.latency for result in results]:
        assert latency is not None
        assert quantile(sorted(latency.samples_ms), 0.5) == latency.median_ms
    for pair in found.paired if isinstance(found, Comparison) else ():
        interval = median_interval(pair.log_ratios)
        assert [math.log(x) for x in (pair.ratio, pair.ratio_low, pair.ratio_high)] == pytest.approx(
            [interval.median, interval.low, interval.high]
        )
