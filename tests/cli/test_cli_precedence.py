"""Flag, environment, surgeon.toml, pyproject.toml, default: in this order, each said and each refused by its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from surgeon.cli.command import given_line, settings_in_use
from surgeon.cli.group import COMMANDS
from surgeon.cli.main import cli
from surgeon.errors import InputError

OWN = """
imgsz = 320
device = "cpu"
[profile]
imgsz = [480, 640]
half = true
latency = false
by = "modules"
[insert]
checks = "full"
[[budget]]
max-params = "3M"
"""
PROJECT = """
[project]
name = "x"
[tool.surgeon]
imgsz = 1280
batch = 4
[tool.surgeon.profile]
imgsz = 1920
time_budget = "3s"
"""


@pytest.fixture
def parsed(folder: Path) -> Callable[..., click.Context]:
    """The context of a command as it would run."""

    def parse(*words: str) -> click.Context:
        with cli.make_context("surgeon", list(words)) as context:
            command = cli.get_command(context, words[0])
            assert command is not None
            return command.make_context(words[0], list(words[1:]), parent=context)

    return parse


def values(context: click.Context, *names: str) -> tuple[Any, ...]:
    return tuple(context.params[name] for name in names)


def test_the_order(parsed: Callable, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each source in turn is put before the ones so far."""

    def size(*words: str) -> tuple[tuple[int, int], ...]:
        return parsed("profile", "m.pt", *words).params["imgsz"]

    assert size() == ((640, 640),)
    (folder / "pyproject.toml").write_text(PROJECT.replace("[tool.surgeon.profile]\nimgsz = 1920\n", ""))
    assert size() == ((1280, 1280),)
    (folder / "pyproject.toml").write_text(PROJECT)
    assert size() == ((1920, 1920),)
    (folder / "surgeon.toml").write_text("imgsz = 320\n")
    assert size() == ((320, 320),)
    (folder / "surgeon.toml").write_text(OWN)
    assert size() == ((480, 480), (640, 640))
    monkeypatch.setenv("SURGEON_IMGSZ", "64")
    assert size() == ((64, 64),)
    monkeypatch.setenv("SURGEON_PROFILE_IMGSZ", "96x128")
    assert size() == ((96, 128),)
    assert size("--imgsz", "32") == size("imgsz=32") == ((32, 32),)
    monkeypatch.setenv("SURGEON_PROFILE_IMGSZ", "")  # as if it were not set
    assert size() == ((64, 64),)


def test_every_kind_of_option(parsed: Callable, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "surgeon.toml").write_text(OWN)
    (folder / "pyproject.toml").write_text(PROJECT)
    context = parsed("profile", "m.pt")
    names = ("half", "latency", "by", "batch", "time_budget", "device", "precision")
    assert values(context, *names) == (True, False, "modules", (4,), 3.0, "cpu", 0.005)
    assert values(parsed("profile", "m.pt", "--latency", "--no-rows"), "latency", "by") == (True, "none")
    monkeypatch.setenv("SURGEON_HALF", "0")
    monkeypatch.setenv("SURGEON_PROFILE_LATENCY", "yes")
    monkeypatch.setenv("SURGEON_BY", "operators")
    assert values(parsed("profile", "m.pt"), "half", "latency", "by") == (False, True, "operators")
    insert = parsed("insert", "--module", "gam", "--after", "9")
    assert values(insert, "imgsz", "checks", "half") == (((320, 320),), "full", False)


def test_where_a_value_comes_from_is_said(run: Callable, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "surgeon.toml").write_text('threads = 2\n[check]\nmax-params = "3M"\n')
    monkeypatch.setenv("SURGEON_IMGSZ", "320")
    words = ("check", "nope.pt", "--threads", "1")
    done = run(*words, "-v")
    assert done.code == 2
    assert done.err.splitlines()[:2] == [
        "--max-params 3M comes from surgeon.toml, check.max-params",
        "--imgsz 320 comes from SURGEON_IMGSZ",
    ]
    assert "nope.pt does not exist" in run(*words).one_line


def test_a_command_that_reproduces_says_what_a_file_said(
    parsed: Callable, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "surgeon.toml").write_text(OWN)
    monkeypatch.setenv("SURGEON_BATCH", "2")
    with parsed("compare", "a.pt", "b.pt", "--half", "--json", "x.json"):
        assert given_line() == "surgeon compare --imgsz 320 --batch 2 --device cpu a.pt b.pt --half"
    (folder / "surgeon.toml").write_text("[compare]\nlatency = false\nhalf = false\njson = 'y.json'\n")
    with parsed("compare", "a.pt", "b.pt") as context:
        assert given_line() == "surgeon compare --batch 2 --no-latency a.pt b.pt"
        assert settings_in_use(context)["latency"].where == "surgeon.toml, compare.latency"


@pytest.mark.parametrize(("text", "said"), [
    ("imgz = 320", "surgeon.toml, imgz: no command has such an option; did you mean imgsz"),
    ("[profile]\nimgz = 320", "surgeon.toml, profile.imgz: surgeon profile has no such option; did you mean imgsz"),
    ("[profil]\nimgsz = 320", "surgeon.toml, profil: no command has such an option; did you mean profile"),
    ("profile = 3", "surgeon.toml, profile: this is the table of surgeon profile, not 3"),
    ("imgsz = 'huge'", "surgeon.toml, imgsz: 'huge' is no image size"),
    ("imgsz = true", "surgeon.toml, imgsz: "),
    ("[profile]\nthreads = 0", "surgeon.toml, profile.threads: 0 is not in the range"),
    ("[profile]\nhalf = 'maybe'", "surgeon.toml, profile.half: 'maybe' is not a valid boolean"),
    ("trust = true", "surgeon.toml, trust: --trust may be given on the command line only"),
    ("[profile]\ntrust-module = 'os'", "profile.trust-module: --trust-module may be given on the command line only"),
    ("[profile]\nforce = true", "profile.force: --force may be given on the command line only"),
    ("= 3", "surgeon.toml is no TOML: "),
])  # fmt: skip
def test_refusals_name_file_and_key(run: Callable, folder: Path, text: str, said: str) -> None:
    (folder / "surgeon.toml").write_text(text)
    done = run("profile", "m.pt")
    assert done.code == 2
    assert said in done.one_line


def test_refusals_of_the_others(run: Callable, parsed: Callable, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "pyproject.toml").write_text("[tool.surgeon.insert]\nafter = '9'\n")
    assert "pyproject.toml, tool.surgeon.insert.after: --after may be given on the command line only" in (
        run("insert").one_line
    )
    (folder / "pyproject.toml").write_text("[tool]\nsurgeon = 3\n")
    assert "pyproject.toml, tool.surgeon is a table of settings, not 3" in run("profile", "m.pt").one_line
    (folder / "pyproject.toml").write_text("[tool.other]\nimgsz = 3\n")
    assert parsed("profile", "m.pt").params["imgsz"] == ((640, 640),)
    monkeypatch.setenv("SURGEON_TRUST", "1")
    assert parsed("profile", "m.pt").params["trust"] is False  # an environment does not loosen it either
    monkeypatch.setenv("SURGEON_IMGSZ", "huge")
    with pytest.raises(InputError, match="SURGEON_IMGSZ: 'huge' is no image size"):
        parsed("profile", "m.pt")


def test_help_does_not_depend_on_files(run: Callable, folder: Path) -> None:
    (folder / "surgeon.toml").write_text("broken")
    assert run("profile", "--help").code == 0
    assert run("--help").code == 0


@pytest.mark.parametrize("name", COMMANDS)
def test_imgsz_as_ultralytics_spells_it(parsed: Callable, name: str) -> None:
    """Wherever --imgsz, --batch, --device or --half is an option."""
    with cli.make_context("surgeon", [name], resilient_parsing=True) as context:
        command = cli.get_command(context, name)
    options = {param.name: param for param in command.params if isinstance(param, click.Option)}
    words = [f"{key}={value}" for key, value in (("imgsz", "320"), ("batch", "2"), ("device", "0"), ("half", "True"))
             if key in options]  # fmt: skip
    model = ["m.pt"] * sum(isinstance(param, click.Argument) and param.required for param in command.params)
    if words:
        params = parsed(name, *model, *words).params
        spelled = parsed(name, *model, *(w for word in words for w in _dashed(word))).params
        assert {key: params[key] for key in options if key in params} == {
            key: spelled[key] for key in options if key in spelled
        }
        assert all(params[word.partition("=")[0]] not in (None, False) for word in words)


def _dashed(word: str) -> list[str]:
    key, _, value = word.partition("=")
    return ["--half"] if key == "half" else [f"--{key}", value]
