"""The published schema is that of the code, real results fulfil it, and wrong ones do not."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import pytest

from surgeon.profiler.deployed.figures import DeployedComparison, DeployedModel
from surgeon.profiler.saved import to_json
from surgeon.report import schema
from surgeon.report.formats.machine import all_to_dict, to_dict

jsonschema = pytest.importorskip("jsonschema")
REAL = sorted((Path(__file__).parents[2] / "profiles").glob("*/*.json"))
REAL.append(Path(__file__).parent / "golden" / "family.json")


@pytest.fixture(scope="module")
def validator():
    published = json.loads(schema.FILE.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(published)
    return jsonschema.Draft202012Validator(published)


def test_the_published_schema_is_that_of_the_code(request) -> None:
    if request.config.getoption("--rewrite-goldens"):
        schema.FILE.write_text(schema.text(), encoding="utf-8")
    assert schema.FILE.read_text("utf-8") == schema.text(), (
        "a result type changed: run with --rewrite-goldens to publish"
    )


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.parent.name)
def test_real_results_fulfil_it(validator, path) -> None:
    validator.validate(json.loads(path.read_text("utf-8")))


def test_what_is_written_now_fulfils_it(validator, v8n, comparison) -> None:
    validator.validate(json.loads(to_json(v8n)))
    validator.validate(all_to_dict((v8n, comparison)))


def test_deployed_networks_fulfil_it(validator, v8n, slower) -> None:
    models = tuple(
        DeployedModel(
            name=name, source=name, sha256=None, exported=True, file_bytes=9, build_s=0.5, latency=v8n.latency
        )
        for name in ("a.onnx", "b.onnx")
    )
    unbounded = replace(slower, ratio_low=0.0, ratio_high=float("inf"))
    result = DeployedComparison(models=models, paired=(unbounded,), settings=v8n.settings, environment=v8n.environment)
    assert json.loads(to_json(result))["paired"][0]["ratio_high"] == "inf"
    validator.validate(json.loads(to_json(result)))


def test_others_do_not(validator, v8n) -> None:
    good = to_dict(v8n)
    for change in (
        lambda data: data.update(params="many"),
        lambda data: data.update(schema_version=2),
        lambda data: data.update(kind="guess"),
        lambda data: data.update(mystery=1),
        lambda data: data.pop("counts"),
        lambda data: data["settings"].update(imgsz=[320]),
        lambda data: data["latency"].update(median_ms=None),
    ):
        data = copy.deepcopy(good)
        change(data)
        assert not validator.is_valid(data)


def test_every_figure_is_described(validator) -> None:
    definitions = validator.schema["$defs"]
    for name in ("ProfileResult", "LayerProfile", "Counts", "Latency", "PairedLatency", "Memory"):
        silent = {key for key, value in definitions[name]["properties"].items() if "description" not in value}
        assert not silent & {"params", "macs", "median_ms", "ratio", "peak_activation_bytes", "latency_ms"}
