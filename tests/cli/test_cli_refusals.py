"""Every refusal: one sentence, exit code 2, nothing written, the source as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.usefixtures("loaded")

SOURCE = "small.yaml"
GAM = ["--module", "gam", "--after", "backbone.9"]
REFUSED = {
    "unknown site": (["insert", SOURCE, "--module", "gam", "--after", "backbone.99"], "backbone.0 to backbone.9"),
    "unknown kind": (["insert", SOURCE, "--module", "gam", "--after", "SPPX"], "SPPF"),
    "ambiguous site": (["insert", SOURCE, "--module", "gam", "--after", "C2f"], "C2f[*]"),
    "unknown block": (["insert", SOURCE, "--module", "gamm", "--after", "9"], "gam"),
    "unknown setting": (["insert", SOURCE, *GAM, "--set", "heads=2"], "rate"),
    "bad value": (["insert", SOURCE, *GAM, "--set", "rate=many"], "rate"),
    "bad value for the channels": (["insert", SOURCE, "--module", "mhsa", "--after", "9", "--set", "heads=7"], "heads"),
    "after the head": (["insert", SOURCE, "--module", "gam", "--after", "Detect"], "Detect:*"),
    "before the image": (["insert", SOURCE, "--module", "gam", "--before", "0"], "image"),
    "missing model": (["insert", "nope.pt", *GAM], "nope.pt"),
    "unknown yaml": (["insert", "yolov8q.yaml", *GAM], "n, s, m, l, x"),
    "no checkpoint": (["insert", "picture.pt", *GAM], "picture.pt"),
    "existing output": (["insert", SOURCE, *GAM, "--out", "taken.pt"], "--force"),
    "output is the source": (["insert", SOURCE, *GAM, "--out", "small.pt", "--force"], "source"),
    "output is no .pt": (["insert", SOURCE, *GAM, "--out", "out.onnx"], ".pt"),
    "no folder for the output": (["insert", SOURCE, *GAM, "--out", "no/out.pt"], "folder"),
    "bad image size": (["insert", SOURCE, *GAM, "--imgsz", "640p"], "480x640"),
    "impossible image size": (["insert", SOURCE, *GAM, "imgsz=100"], "multiple"),
    "several image sizes": (["insert", SOURCE, *GAM, "imgsz=64,96"], "64,96"),
    "no device": (["insert", SOURCE, *GAM, "--device", "cuda:9"], "cuda"),
    "no device for a profile": (["profile", SOURCE, "--device", "cuda:9", "--json", "new.json"], "cuda:9"),
    "no device for a comparison": (["compare", SOURCE, SOURCE, "--device", "cuda:9", "--cold"], "cuda:9"),
    "cold on a CPU": (["profile", SOURCE, "--cold"], "add --device cuda"),
    "CUDA graph on a CPU": (["compare", SOURCE, SOURCE, "--cuda-graph", "--energy"], "--cuda-graph --energy: only"),
    "energy on a CPU": (["insert", SOURCE, *GAM, "--energy"], "--energy: only a CUDA device has that"),
    "no room for the batch": (["insert", SOURCE, *GAM, "--batch", "5000000"], "would fit, and --no-latency counts"),
    "odd device": (["insert", SOURCE, *GAM, "--device", "toaster"], "toaster"),
    "JSON as the output": (["insert", SOURCE, *GAM, "--out", "a.pt", "--json", "a.pt"], "a.json"),
    "existing JSON": (["insert", SOURCE, *GAM, "--json", "taken.json"], "--force"),
    "JSON is the source": (["insert", SOURCE, *GAM, "--json", SOURCE, "--force"], "a model"),
    "no folder for the JSON": (["insert", SOURCE, *GAM, "--json", "no/a.json"], "no folder"),
    "existing JSON of a profile": (["profile", SOURCE, "--json", "taken.json"], "--force"),
    "a setting as an option": (["insert", SOURCE, *GAM, "--rate", "4"], "--set rate=VALUE"),
    "-o of an edit": (["insert", SOURCE, *GAM, "-o", "a.pt"], "--out FILE.pt"),
    "misspelt option": (["insert", SOURCE, "--modul", "gam"], "did you mean --module"),
    "no module": (["insert", SOURCE, "--after", "9"], "--module NAME"),
    "no site": (["insert", SOURCE, "--module", "gam"], "--after SITE"),
    "two sites": (["insert", SOURCE, *GAM, "--before", "12"], "two sites"),
    "no such class": (["insert", SOURCE, "--module", "surgeon.blocks.gam:Gim", "--after", "9"], "Gim"),
    "no such package": (["insert", SOURCE, "--module", "nopackage.mod:Block", "--after", "9"], "nopackage"),
    "inserted head": (
        ["insert", SOURCE, "--module", "mbconvhead", "--after", "9"],
        "surgeon replace --module mbconvhead --at Detect",
    ),
    "replaced head": (["replace", SOURCE, "--at", "Detect", "--module", "gam"], "head"),
    "identity replacement": (["replace", SOURCE, "--at", "9", "--module", "gam", "--start", "identity"], "identity"),
    "changed stride": (["replace", SOURCE, "--at", "1", "--module", "gam"], "resolution"),
    "changed channels": (["remove", SOURCE, "--at", "0"], "image"),
    "removed Concat": (["remove", SOURCE, "--at", "head.1"], "input"),
    "no row": (["remove", SOURCE], "--at SITE"),
    "no recipe": (["apply", "nope.yaml", SOURCE], "nope.yaml"),
    "odd recipe": (["apply", SOURCE, SOURCE], "recipe"),
    "untrusted recipe": (["apply", "own.yaml", SOURCE, "--trust-module", "other"], "--trust-module mine"),
}


@pytest.fixture
def stocked(folder: Path) -> Path:
    """A folder with a source and what stands in the way."""
    from ultralytics.utils import ROOT

    text = (ROOT / "cfg" / "models" / "v8" / "yolov8.yaml").read_text()
    (folder / SOURCE).write_text(text)
    (folder / "taken.json").write_bytes(b"mine")
    (folder / "taken.pt").write_bytes(b"mine")
    (folder / "picture.pt").write_bytes(b"\xff\xd8\xff\xe0 no checkpoint")
    edits = [{"insert": "mine.blocks:Mine", "after": 9}]
    (folder / "own.yaml").write_text(yaml.safe_dump({"surgeon_recipe": 1, "edits": edits}))
    return folder


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str, stocked: Path, run: Callable[..., Any], listing: Callable[[Path], dict[str, str]]) -> None:
    words, said = REFUSED[case]
    before = listing(stocked)
    outcome = run(*words)
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.one_line.startswith("surgeon: ")
    assert said in outcome.one_line
    assert listing(stocked) == before


@pytest.mark.parametrize(
    "case", ["unknown site", "unknown setting", "bad value for the channels", "after the head", "impossible image size"]
)
def test_a_dry_run_refuses_the_same(
    case: str, stocked: Path, run: Callable[..., Any], listing: Callable[[Path], dict[str, str]]
) -> None:
    words, said = REFUSED[case]
    before = listing(stocked)
    outcome = run(*words, "--dry-run")
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.one_line
    assert listing(stocked) == before
