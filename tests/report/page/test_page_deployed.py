"""The page of ONNX files: times and sizes, what cannot be shown, and nothing of what only networks have."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest

from surgeon.profiler.deployed.figures import DeployedComparison, DeployedModel
from surgeon.profiler.fingerprint.data import MachineState
from surgeon.report.documents import document_of
from surgeon.report.page import to_page


@pytest.fixture
def files(v8n, slower):
    models = tuple(
        DeployedModel(
            name="best.onnx",
            source=f"{folder}/best.onnx",
            sha256=digit * 64,
            exported=False,
            file_bytes=12_345_678,
            build_s=0.5,
            latency=v8n.latency,
        )
        for folder, digit in (("before", "a"), ("after", "b"))
    )
    pairs = replace(slower, log_ratios=tuple(0.001 * at for at in range(120)), reason="the machine was busy.")
    return DeployedComparison(
        models=models,
        paired=(pairs,),
        settings=v8n.settings,
        environment=replace(
            v8n.environment,
            packages={"torch": "2.15.0", "onnxruntime": "1.31.1"},
            before=MachineState(utc="", clock_s=0.0),
            after=MachineState(utc="", clock_s=9.0),
        ),
        command="surgeon compare before/best.onnx after/best.onnx",
    )


def test_files_of_one_name_are_told_apart(files):
    text = unescape(to_page(files))
    assert "<title>before/best.onnx -> after/best.onnx</title>" in text
    assert "paired differences of after/best.onnx" in text
    assert document_of(files).tables[0].column("model") == ("before/best.onnx", "after/best.onnx")


def test_every_section_and_none_of_what_there_is_not(files):
    text = unescape(to_page(files))
    assert re.findall(r"<h2>(.*?)</h2>", text) == [
        "summary", "paired differences of after/best.onnx", "environment", "reproduce",
    ]  # fmt: skip
    assert text.count("<svg") == 1 and "chart pairs" in text
    assert 'type="radio"' not in text  # there are no rows whose figures one could choose
    for part in (
        "no picture of the networks",
        "before/best.onnx: file sha256 aaaaaaaaaaaaaaaa",
        "11.77 MiB",
        "was busy.",
        "Measured on Example CPU @ 2.10GHz (2 CPUs) with onnxruntime 1.31.1.",
    ):
        assert part in text
    assert "busy.." not in text
    assert text.count("surgeon compare before/best.onnx after/best.onnx") == 1
