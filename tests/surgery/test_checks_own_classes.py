"""Pastes that run and do nothing, or half of what they should: each is refused by name, and --force plants it."""

from __future__ import annotations

import pytest
import torch

import surgeon
from surgeon.blocks import all_blocks, create
from surgeon.errors import CheckError
from surgeon.surgery.checks.futile import futile_work, half_precision

NETWORK, SITE = "yolov8n-cls.yaml", "backbone.8"


@pytest.fixture(autouse=True)
def _importable(monkeypatch, pytestconfig):
    monkeypatch.syspath_prepend(str(pytestconfig.rootpath / "tests" / "surgery"))


@pytest.mark.parametrize(
    ("paste", "check", "sentence"),
    [
        ("Identity", "liveness", "has no effect"),
        (
            "BatchSoftmax",
            "class",
            r"gather\.weight, spread\.weight never change its output; its softmax 1 stays at 1",
        ),
        ("SigmoidOfSoftmax", "class", r"its sigmoid 2 stays at 0\.50\d\d to 0\.50\d\d whatever the image"),
        ("OnlyWithShortcut", "class", r"attention\.weight never change its output"),
        ("MeanOfNorm", "class", "its softmax 1 stays at .* whatever the image"),
        ("SumInHalf", "class", r"in float16 .* its sigmoid 1 stays at 0\.62\d\d to 0\.62"),
        ("WritesItsInput", "identity", "output moved"),
        ("StartsAsIdentity", "liveness", "starts as the identity by its own initialisation.*--start paper"),
    ],
)
def test_refused_by_name(paste, check, sentence):
    with pytest.raises(CheckError, match=f"its check '{check}' failed: .*{sentence}") as caught:
        surgeon.open(NETWORK).insert(f"futile_pastes:{paste}", after=SITE)
    assert "\n" not in str(caught.value)


def test_force_plants_it_and_says_what_is_idle():
    after = surgeon.open(NETWORK).insert("futile_pastes:OnlyWithShortcut", after=SITE, force=True)
    said = [check for check in after.result.checks if "planted all the same" in check.detail]
    assert [check.name for check in said] == ["class"] and "attention.weight" in said[0].detail
    with pytest.raises(CheckError, match="'gradients' failed: the backward pass fails with the gate open"):
        surgeon.open(NETWORK).replace("backbone.8", "futile_pastes:WritesItsInput")


def test_what_works_passes():
    after = surgeon.open(NETWORK).insert("futile_pastes:Sound", after=SITE)
    last = after.result.checks[-1]
    assert last.name == "class" and "every gate responds" in last.detail
    surgeon.open(NETWORK).insert("futile_pastes:StartsAsIdentity", after=SITE, start="paper")


def test_what_cannot_be_asked_is_said_not_praised():
    after = surgeon.open(NETWORK).insert("futile_pastes:SmallMapsOnly", after=SITE)
    asked = [check for check in after.result.checks if "SmallMapsOnly" in check.detail and check.name == "class"]
    assert [check.ran for check in asked] == [False] and "every gate" not in asked[0].detail
    assert (
        "runs at none of 40x40, 20x20" in asked[0].detail and "ValueError: only maps of up to 6 rows" in asked[0].detail
    )
    wide = surgeon.open(NETWORK).insert("futile_pastes:Wide", after=SITE)
    assert "not asked in float16" in wide.result.checks[-1].detail


#: Kept as their authors have them: one of EMA's two softmaxes; polarized attention's softmax over all pixels in a gate.
KNOWN = {"ema", "polarized"}


def test_no_block_of_the_catalog_does_futile_work():
    found = set()
    for info in all_blocks():
        for settings in ({}, *info.examples):
            torch.manual_seed(0)
            block = create(info.name, 32, **settings)
            asked = futile_work(block, 32)
            assert not asked.untold
            if asked.found or half_precision(block, 32).found:
                found.add(info.name)
    assert found == KNOWN
