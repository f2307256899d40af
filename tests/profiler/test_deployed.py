"""ONNX files against each other, in real sessions on a clock that only the test moves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from profiler_support import FakeClock
from torch import Tensor, nn

from surgeon.errors import InputError
from surgeon.models.exporting import export_onnx, export_outputs
from surgeon.profiler.deployed.figures import DeployedComparison, DeployedModel
from surgeon.profiler.deployed.measure import Opened, compare_sessions, fixed_shape, open_onnx
from surgeon.profiler.saved import from_json, to_json
from surgeon.profiler.settings import ProfileSettings
from surgeon.report.deployed import deployed_document
from surgeon.report.formats.console import to_text

pytest.importorskip("onnxruntime")

SETTINGS = ProfileSettings(imgsz=(8, 8), time_budget_s=2.0, precision=0.01)


class Slowed:
    """A session that takes milliseconds of a fake clock."""

    def __init__(self, session: Any, clock: FakeClock, ms: float) -> None:
        self.session, self.clock, self.ms = session, clock, ms

    def get_inputs(self) -> Any:
        return self.session.get_inputs()

    def run(self, names: None, given: dict[str, Any]) -> Any:
        self.clock.ms += self.ms
        return self.session.run(names, given)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.onnx"
    export_outputs(nn.Conv2d(3, 2, 3).eval().requires_grad_(False), torch.rand(1, 3, 8, 8), path)
    return path


def opened(path: Path, clock: FakeClock, ms: float, name: str, *, exported: bool = False) -> Opened:
    model = DeployedModel(name=name, source=name, sha256=None, exported=exported, file_bytes=2**20, build_s=0.5)
    return Opened(model=model, session=Slowed(open_onnx(path, 1, name), clock, ms))


def compared(path: Path) -> DeployedComparison:
    clock = FakeClock()
    models = [opened(path, clock, 10.0, "before.onnx"), opened(path, clock, 11.0, "after", exported=True)]
    return compare_sessions(models, SETTINGS, clock=clock, command="surgeon compare before.onnx after.pt")


def test_pairs_of_sessions(file: Path) -> None:
    found = compared(file)
    (paired,) = found.paired
    assert (paired.ratio, paired.verdict, paired.stopped_by) == (pytest.approx(1.1), "slower", "precision")
    assert len(paired.epoch_pairs) == 3
    assert [one.latency.median_ms for one in found.models if one.latency] == pytest.approx([10.0, 11.0])
    assert from_json(to_json(found)) == found
    assert not found.interrupted


def test_the_report_says_what_is_not_known(file: Path) -> None:
    text = to_text(deployed_document(compared(file)))
    assert max(map(len, text.splitlines()[:8])) <= 80
    flat = " ".join(text.split())
    assert "after 1.00 MiB 11.00 ms 1.100x 1.100 - 1.100 slower" in flat
    assert "Exported here, for this size, as yolo export does it: after (0.5 s)." in flat
    assert "are not counted of ONNX graphs" in flat
    assert "Reproduce: surgeon compare before.onnx after.pt" in flat


def test_sizes_must_fit(file: Path, tmp_path: Path) -> None:
    clock = FakeClock()
    two = [opened(file, clock, 1.0, "a.onnx"), opened(file, clock, 1.0, "b.onnx")]
    assert fixed_shape(two[0].session) == (1, 3, 8, 8)
    for settings in (replace(SETTINGS, imgsz=(8, 9)), replace(SETTINGS, batch=2)):
        with pytest.raises(InputError, match=r"a\.onnx takes images of 1x3x8x8 .* give --imgsz and --batch"):
            compare_sessions(two, settings, clock=clock)
    anything = tmp_path / "open.onnx"

    def observe(x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        return [x * 2], []

    export_onnx(nn.Identity(), observe, torch.rand(1, 3, 8, 8), anything, dynamic=True)
    assert fixed_shape(open_onnx(anything, 1, "open.onnx")) == (None, 3, None, None)


def test_what_is_no_model_of_images_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.onnx"
    text.write_text("no model", encoding="utf-8")
    with pytest.raises(InputError, match=r"text\.onnx is no ONNX model that ONNX Runtime can open \("):
        open_onnx(text, 1, "text.onnx")
    flat = tmp_path / "flat.onnx"
    export_outputs(nn.Linear(4, 2).requires_grad_(False), torch.rand(1, 4), flat)
    with pytest.raises(InputError, match=r"flat\.onnx takes images tensor\(float\) \[1, 4\]; what can be timed"):
        open_onnx(flat, 1, "flat.onnx")
