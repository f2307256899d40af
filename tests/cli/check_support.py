"""What the tests of ``surgeon check`` share: a model whose figures are known, and its verdicts read back."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree as Xml

import pytest
from jsonschema import Draft202012Validator

import surgeon.workflows.gating as gating
from surgeon.errors import ModelFileError
from surgeon.profiler.results import Counts, Environment, ProfileResult
from surgeon.profiler.settings import ProfileSettings

SMALL = ("yolov8n.yaml", "imgsz=64")
SCHEMA = json.loads((resources.files("surgeon.report") / "check.schema.json").read_text("utf-8"))
PARAMS = {"n": 3_157_200, "s": 11_166_560}


def valid(text: str) -> dict:
    """The data of a check, after the published schema has passed it."""
    data = json.loads(text)
    Draft202012Validator(SCHEMA).validate(data)
    return data


def cases(path: Path) -> dict[str, str]:
    """Name of every case with what it is: passed, failure or skipped; the totals are checked on the way."""
    root = Xml.fromstring(path.read_bytes())
    found = {}
    for suite in root.iter("testsuite"):
        marks = []
        for case in suite.iter("testcase"):
            assert case.get("classname")
            tags = [tag for tag in ("failure", "skipped", "error") if case.find(tag) is not None]
            assert all(case.find(tag).get("message") for tag in tags)
            marks.append("".join(tags) or "passed")
            found[f"{suite.get('name').split(' (')[0]}: {case.get('name')}"] = marks[-1]
        counts = (suite.get("tests"), suite.get("failures"), suite.get("skipped"), suite.get("errors"))
        assert counts == (
            str(len(marks)),
            str(marks.count("failure")),
            str(marks.count("skipped")),
            str(marks.count("error")),
        )
    for name in ("tests", "failures", "errors"):
        assert root.get(name) == str(sum(int(suite.get(name)) for suite in root))
    return found


def count_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put models whose figures are known in the place of ones that take a second to build and count."""
    environment = Environment(python="", platform="", cpu="", cpus=1, gpu=None, packages={})

    def profile(model: SimpleNamespace, settings: ProfileSettings) -> ProfileResult:
        params = PARAMS[model.name[-1]]
        macs = params * settings.imgsz[0] * settings.imgsz[1] // 64
        return ProfileResult(
            name=model.name,
            source=model.name,
            settings=settings,
            environment=environment,
            params=params,
            trainable_params=params,
            counts=Counts(macs=macs, executed=macs),
            layers=(),
        )

    def open_model(name: str, **_: object) -> SimpleNamespace:
        if name.endswith(".pt"):
            raise ModelFileError(f"{name} is no model")
        return SimpleNamespace(name=Path(name).stem)

    monkeypatch.setattr(gating, "profile", profile)
    monkeypatch.setattr(gating, "open_model", open_model)
    monkeypatch.setattr(gating, "tree", lambda *_: None)
