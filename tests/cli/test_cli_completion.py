"""Completion: through the protocol of the shells, without torch, and nothing where nothing is known."""

from __future__ import annotations

import io
import os
import pickle
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from surgeon.cli.completing import VARIABLE
from surgeon.cli.main import cli
from surgeon.models.ultralytics.outline import outline
from surgeon.models.ultralytics.pickled import description_in

PROBE = """
import sys, time
from surgeon.cli.main import main
start = time.process_time()
try:
    main()
finally:
    assert not {"torch", "ultralytics", "rich"} & set(sys.modules)
    assert time.process_time() - start < 2
"""


def offered(*words: str) -> list[str]:
    """What is offered behind all words but the last, which was begun."""
    completer = ShellComplete(cli, {}, "surgeon", VARIABLE)
    return [item.value for item in completer.get_completions(list(words[:-1]), words[-1])]


def by_protocol(folder: Path, shell: str, *words: str) -> list[str]:
    """The same as a shell asks for it: in a process that loads nothing heavy."""
    number = len(words) - 1
    line = {"COMP_WORDS": " ".join(words), "COMP_CWORD": words[-1] if shell == "fish" else str(number)}
    environment = {**os.environ, **line, VARIABLE: f"{shell}_complete"}
    done = subprocess.run(
        [sys.executable, "-c", PROBE], env=environment, cwd=folder, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_by_the_protocol_of_each_shell(folder: Path, shell: str) -> None:
    found = by_protocol(folder, shell, "surgeon", "insert", "yolo11n.yaml", "--module", "gam", "--after", "SPP")
    assert (
        found
        == {"bash": ["plain,SPPF"], "zsh": ["plain", "SPPF", "backbone.9"], "fish": ["plain,SPPF\tbackbone.9"]}[shell]
    )


def test_sites_of_the_model_that_is_named() -> None:
    sites = offered("insert", "yolov8n.yaml", "--module", "gam", "--after", "")
    assert sites[:2] == ["backbone.0", "backbone.1"]
    assert {"head.12", "SPPF", "C2f[0]", "C2f[7]", "Detect"} <= set(sites)
    assert not any(site.isdigit() for site in sites)
    assert offered("insert", "--after", "backbone.1") == ["backbone.1"]  # the default model
    assert offered("insert", "yolo11n.yaml", "--after", "c2p") == ["C2PSA"]
    assert offered("insert", "--out", "x.pt", "yolo11n.yaml", "imgsz=320", "--after", "c2p") == ["C2PSA"]
    assert offered("replace", "rtdetr-l.yaml", "--at", "AIF") == ["AIFI"]
    assert offered("remove", "yolov8n.yaml", "--at", "2") == ["2", "20", "21", "22"]
    assert offered("insert", "--between", "9", "Ups") == ["Upsample[0]", "Upsample[1]"]
    assert offered("insert", "yolov8n.yaml", "--inside", "c") == ["Conv", "C2f", "Concat"]


def test_nothing_is_offered_for_what_is_not_known(folder: Path) -> None:
    (folder / "broken.yaml").write_text("backbone: [[1\n")
    (folder / "other.yaml").write_text("backbone: 3\nhead: [[1, 2], 3]\n")
    (folder / "broken.pt").write_bytes(b"PK\x03\x04 no archive")
    for model in ("broken.yaml", "other.yaml", "broken.pt", "nope.pt", "nope", "no/where.yaml", "", "a\x00b.pt"):
        assert offered("insert", model, "--after", "") == []


def test_models() -> None:
    assert "yolov8n.yaml" in offered("tree", "yolov8")
    assert offered("tree", "my/yolov8") == ["my/yolov8"]  # as a file: the shell looks for it
    assert offered("check", "a.pt", "--baseline", "yolov8n.y") == ["yolov8n.yaml", "yolov8n.y"]
    assert offered("check", "a.pt", "--convention", "") == ["flops", "executed", "ultralytics", "thop-full", "legacy"]
    assert "yolo11x-seg.yaml" in offered("compare", "yolov8n.yaml", "yolo11x-s")


@pytest.mark.parametrize("name", ["yolov8n.yaml", "yolo11s-seg.yaml", "rtdetr-resnet50.yaml", "yolov10n.yaml"])
@pytest.mark.usefixtures("loaded")
def test_outline_is_what_tree_lists(name: str, folder: Path) -> None:
    from surgeon import workflows

    graph = workflows.tree(workflows.open_model(name), (64, 64))
    assert [(row.index, row.site, row.kind) for row in outline(name)] == [
        (layer.index, layer.site, layer.kind) for layer in graph
    ]


def test_outline_of_a_checkpoint(folder: Path) -> None:
    import torch

    network = torch.nn.Linear(2, 2)
    network.yaml = {
        "backbone": [[-1, 1, "Conv", [3]], [-1, 1, "surgeon.gam", [8, 8, {}]]],
        "head": [[1, 1, "nn.SiLU", []]],
    }
    torch.save({"ema": None, "model": network, "epoch": -1}, "x.pt")
    assert [(row.site, row.kind) for row in outline("x.pt")] == [
        ("backbone.0", "Conv"), ("backbone.1", "GAM"), ("head.0", "SiLU"),
    ]  # fmt: skip
    assert offered("remove", "x.pt", "--at", "ga") == ["GAM"]


@pytest.mark.slow
@pytest.mark.usefixtures("loaded")
def test_outline_of_an_edited_checkpoint(run: Callable, folder: Path) -> None:
    words = ("--module", "gam", "--after", "backbone.9", "--no-latency", "imgsz=64", "--out", "x.pt")
    assert run("insert", "yolov8n.yaml", *words).code == 0
    kinds = [row.kind for row in outline("x.pt")]
    assert kinds[9:11] == ["SPPF", "GAM"]
    assert [row.kind for row in outline("x.yaml")] == kinds
    assert offered("remove", "x.pt", "--at", "ga") == ["GAM"]


class Evil:
    def __reduce__(self) -> tuple:
        return (os.system, ("touch hacked",))


def test_a_pickle_runs_nothing(folder: Path) -> None:
    stream = io.BytesIO()
    pickle.dump({"model": Evil(), "ema": None, "yaml": {"backbone": [[-1, 1, "Conv", []]]}}, stream)
    with zipfile.ZipFile(folder / "evil.pt", "w") as archive:
        archive.writestr("evil/data.pkl", stream.getvalue())
    assert description_in(folder / "evil.pt") == {}
    assert offered("insert", "evil.pt", "--after", "") == []
    assert not (folder / "hacked").exists()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(__import__("signal"), "setitimer"), reason="no interval timers here")
def test_a_file_that_takes_for_ever_is_given_up(folder: Path) -> None:
    """A tuple of itself twice, 60 deep: hashing it as a key takes 2^60 steps."""
    body = b"\x80\x04}K\x01K\x02\x86" + b"2\x86" * 60 + b"K\x01s."
    with zipfile.ZipFile(folder / "slow.pt", "w") as archive:
        archive.writestr("slow/data.pkl", body)
    words = {"COMP_WORDS": "surgeon insert slow.pt --after x", "COMP_CWORD": "4", VARIABLE: "bash_complete"}
    done = subprocess.run(
        [sys.executable, "-m", "surgeon.cli.main"], env={**os.environ, **words}, cwd=folder, capture_output=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode < 0
    assert done.stdout == b""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts(run: Callable, folder: Path, shell: str) -> None:
    done = run("completion", shell)
    assert done.code == 0
    assert f"{VARIABLE}={shell}_complete" in done.out
    if shutil.which(shell):
        (folder / "script").write_text(done.out)
        assert subprocess.run([shell, "-n", "script"], cwd=folder, check=False, timeout=30).returncode == 0
    assert run("completion", "tcsh").code == 2


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash here")
def test_in_a_bash(run: Callable, folder: Path) -> None:
    (folder / "script").write_text(run("completion", "bash").out)
    (folder / "bin").mkdir()
    (folder / "bin" / "surgeon").write_text(f'#!/bin/sh\nexec {sys.executable} -m surgeon.cli.main "$@"\n')
    (folder / "bin" / "surgeon").chmod(0o755)
    ask = (
        'source ./script; COMP_WORDS=(surgeon insert yolov8n.yaml --after "SPP"); COMP_CWORD=4; '
        '_surgeon_completion surgeon SPP --after; echo "${COMPREPLY[@]}"'
    )
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", ask], cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == "SPPF", done.stderr
