"""Values of options."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click
import pytest
from click.shell_completion import ShellComplete

from surgeon.blocks import catalog
from surgeon.cli.main import cli
from surgeon.cli.measuring import Measuring
from surgeon.cli.values import Batches, Device, Percent, Seconds, Sizes, setting


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("640", ((640, 640),)),
        ("480x640", ((480, 640),)),
        ("320,640,480X640", ((320, 320), (640, 640), (480, 640))),
        ("640, 640x640", ((640, 640),)),
    ],
)
def test_sizes(text: str, sizes: tuple[tuple[int, int], ...]) -> None:
    assert Sizes().convert(text, None, None) == sizes


@pytest.mark.parametrize(
    "text", ["", "0", "-640", "640x", "x640", "3q", "640x480x3", "320,", "1e3", "99999", "640 480"]
)
def test_no_sizes(text: str) -> None:
    with pytest.raises(click.BadParameter, match="no image size"):
        Sizes().convert(text, None, None)


@pytest.mark.parametrize(
    ("text", "seconds"), [("10", 10), ("10s", 10), ("1.5 s", 1.5), (".5", 0.5), ("500ms", 0.5), ("2m", 120)]
)
def test_seconds(text: str, seconds: float) -> None:
    assert Seconds().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "0", "-3", "ten", "10h", "inf", "nan", "1" * 400])
def test_no_seconds(text: str) -> None:
    with pytest.raises(click.BadParameter, match="no time"):
        Seconds().convert(text, None, None)


@pytest.mark.parametrize(("text", "fraction"), [("0.5%", 0.005), ("2", 0.02), (" 1.5 %", 0.015)])
def test_percents(text: str, fraction: float) -> None:
    assert Percent().convert(text, None, None) == pytest.approx(fraction)


@pytest.mark.parametrize("text", ["", "0", "-1%", "51%", "half", "nan", "inf"])
def test_no_percents(text: str) -> None:
    with pytest.raises(click.BadParameter, match="no precision"):
        Percent().convert(text, None, None)


def test_batches() -> None:
    assert Batches().convert("1,4, 4,2", None, None) == (1, 4, 2)
    for text in ("", "0", "1,", "a", "1.5", "-1"):
        with pytest.raises(click.BadParameter, match="no batch size"):
            Batches().convert(text, None, None)


def test_devices() -> None:
    assert [Device().convert(text, None, None) for text in ("0", "CPU", "cuda:1")] == ["cuda:0", "cpu", "cuda:1"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("k=8", 8),
        ("k=0.5", 0.5),
        ("k=1e-3", 0.001),
        ("k=true", True),
        ("k=null", None),
        ("k=sigmoid", "sigmoid"),
        ("k='8'", "8"),
        ("k=[7, 9]", [7, 9]),
        ("k={a: 1}", {"a": 1}),
        ("k=a=b", "a=b"),
    ],
)
def test_setting_is_typed_as_yaml(text: str, value: Any) -> None:
    key, typed = setting(text)
    assert key == "k"
    assert typed == value
    assert type(typed) is type(value)


@pytest.mark.parametrize(
    "text",
    ["k", "=8", "a b=1", "k=[1", "k=!!python/object/apply:os.system [true]", "k=2024-01-01", "k=!!binary aGk="],
)
def test_no_setting(text: str) -> None:
    with pytest.raises(click.UsageError, match="--set"):
        setting(text)


DEFAULT = Measuring(
    imgsz=((640, 640),),
    batch=(1,),
    device="cpu",
    half=False,
    latency=True,
    time_budget=None,
    precision=0.005,
    threads=1,
)


def test_measuring_as_words() -> None:
    assert DEFAULT.words() == []
    sizes = ((320, 320), (480, 640))
    other = replace(DEFAULT, imgsz=sizes, batch=(2,), device="cuda:0", half=True, latency=False, time_budget=2.5)
    other = replace(other, precision=0.02, threads=2)
    assert other.words() == [
        *("--imgsz", "320,480x640", "--batch", "2", "--device", "cuda:0", "--half", "--no-latency"),
        *("--time-budget", "2.5", "--precision", "2%", "--threads", "2"),
    ]
    assert [(one.imgsz, one.precision, one.threads) for one in other.settings()] == [(size, 0.02, 2) for size in sizes]
    with pytest.raises(click.UsageError, match="one size"):
        other.only_settings()
    with pytest.raises(click.UsageError, match="one batch size"):
        replace(DEFAULT, batch=(1, 2)).only_settings()


def test_what_only_a_gpu_has() -> None:
    asked = replace(DEFAULT, cold=True, cuda_graph=True, energy=True)
    with pytest.raises(click.UsageError, match="--cold --cuda-graph --energy: only a CUDA device"):
        asked.settings()
    found = replace(asked, device="cuda:1")
    assert found.words() == ["--device", "cuda:1", "--cold", "--cuda-graph", "--energy"]
    (settings,) = found.settings()
    assert (settings.cold, settings.cuda_graph, settings.energy) == (True, True, True)
    assert settings.differences(replace(settings, cold=False, energy=False)) == ("cold",)


def test_completion_of_blocks() -> None:
    completer = ShellComplete(cli, {}, "surgeon", "_SURGEON_COMPLETE")
    found = completer.get_completions(["insert", "--module"], "")
    assert [item.value for item in found] == list(catalog.names())
    assert [item.value for item in completer.get_completions(["insert", "--module"], "ga")] == ["gam"]
    assert "insert" in [item.value for item in completer.get_completions([], "ins")]
