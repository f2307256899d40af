"""Edges, adapters and users' own classes through the command line, as its own process and in this one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("loaded")

OWN = """
import torch
from torch import nn
from torch.nn import functional as F


class MyUp(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, 4 * channels, 1)

    def forward(self, x):
        return F.pixel_shuffle(self.conv(x), 2)


class MyDown(nn.Module):
    def __init__(self, c1, c2):
        super().__init__()
        self.conv = nn.Conv2d(c1, c2, 3, 2, 1)

    def forward(self, x):
        return self.conv(x)


class Fuse(nn.Module):
    takes_list = True

    def __init__(self, widths, out_channels):
        super().__init__()
        self.project = nn.ModuleList(nn.Conv2d(c, out_channels, 1) for c in widths)

    def forward(self, maps):
        return sum(conv(x) for conv, x in zip(self.project, maps))
"""
QUICK = ("--no-latency", "--imgsz", "64", "-q", "--json", "-")


@pytest.mark.parametrize(("site", "block"), [("Upsample[0]", "MyUp"), ("backbone.1", "MyDown")])
def test_a_users_own_class_in_the_place_of_a_row(
    shell: Callable[..., Any], folder: Path, site: str, block: str
) -> None:
    (folder / "mymod.py").write_text(OWN)
    done = shell("replace", "--at", site, "--module", f"mymod:{block}", *QUICK)
    assert done.code == 0, done.err
    assert {path.suffix for path in folder.glob(f"yolov8n-{block.lower()}.*")} == {".pt", ".yaml"}
    assert json.loads(done.out)["checks"]


def test_a_users_own_class_that_takes_a_list(shell: Callable[..., Any], folder: Path) -> None:
    (folder / "mymod.py").write_text(OWN)
    done = shell("replace", "--at", "Concat[0]", "--module", "mymod:Fuse", *QUICK)
    assert done.code == 0, done.err
    refused = shell("tree", "yolov8n-fuse.pt")
    assert refused.code == 2 and "--trust-module mymod" in refused.one_line
    shown = shell("tree", "yolov8n-fuse.pt", "--trust-module", "mymod")
    assert shown.code == 0 and "Fuse" in shown.out


def test_an_adapter_in_plan_and_report(run: Callable[..., Any], folder: Path) -> None:
    refused = run("replace", "--at", "head.2", "--module", "mhsa")
    assert refused.code == 2 and "head.2 (C2f) turns 384 channels into 128" in refused.one_line
    assert "--adapt" in refused.one_line and not list(folder.glob("*.pt"))
    plan = run("replace", "--at", "head.2", "--module", "mhsa", "--adapt", "--dry-run")
    assert plan.code == 0 and "conv1x1 adapter 384 -> 128" in plan.out.splitlines()[9]
    data = json.loads(run("replace", "--at", "head.2", "--module", "mhsa", "--adapt", "--dry-run", "--json", "-").out)
    rows = {row["key"]: row for row in data["rows"]}
    assert rows["adapter0"]["block"]["module"] == "conv1x1" and rows["adapter0"]["inputs"] == ["row11"]
    assert data["recipe"]["adapt"] is True
    done = run("replace", "--at", "head.2", "--module", "mhsa", "--adapt", *QUICK[:4])
    assert done.code == 0, done.err
    assert "conv1x1 adapter 384 -> 128 before MHSA at head.2 (C2f)" in " ".join(done.out.split())
    assert (folder / "yolov8n-mhsa.pt").exists()
    taken_out = run("remove", "--at", "head.2", "--adapt", *QUICK[:4])
    assert taken_out.code == 0 and "conv1x1" in taken_out.out


def test_an_edge(run: Callable[..., Any], folder: Path) -> None:
    spellings = [("--edge", "9->20"), ("--between", "SPPF", "Concat[3]")]
    plans = [json.loads(run("insert", "--module", "lska", *edge, "--dry-run", "--json", "-").out) for edge in spellings]
    assert plans[0]["rows"] == plans[1]["rows"]
    assert [row["inputs"] for row in plans[0]["rows"] if row["key"] in ("lska0", "row20")] == [
        ["row9"],
        ["row19", "lska0"],
    ]
    refused = run("insert", "--module", "lska", "--edge", "9->21")
    assert refused.code == 2
    assert refused.one_line.endswith(
        "there is no edge 9->21: head.11 (C2f) reads head.10 (Concat), and backbone.9 (SPPF) is read by "
        "head.0 (Upsample), head.10 (Concat)"
    )
    assert not list(folder.glob("*.pt"))
