"""Every check that runs after each edit, seen failing on an edit that breaks its promise."""

from __future__ import annotations

import pytest
import torch

import surgeon
from surgeon.blocks import planted
from surgeon.errors import CheckError, InputError
from surgeon.models.ultralytics import rows

NETWORK, SITE = "yolov8n-cls.yaml", "backbone.8"


@pytest.fixture(autouse=True)
def _importable(monkeypatch, pytestconfig):
    monkeypatch.syspath_prepend(str(pytestconfig.rootpath / "tests" / "surgery"))


def refused(name, block="gam", **options):
    """The message of the edit that must fail in this check."""
    with pytest.raises(CheckError, match=f"the edit was undone, its check '{name}' failed") as caught:
        surgeon.open(NETWORK).insert(block, after=SITE, **options)
    assert caught.value.exit_code == 1 and "\n" not in str(caught.value)
    return str(caught.value)


def after_applying(monkeypatch, change):
    """Let a change happen to every edited network before it is checked."""
    stock = rows.apply_rows

    def apply_rows(*args, **kwargs):
        edited = stock(*args, **kwargs)
        change(edited)
        return edited

    monkeypatch.setattr(rows, "apply_rows", apply_rows)


def test_all_hold():
    checks = surgeon.open(NETWORK).insert("gam", after=SITE).result.checks
    assert [check.name for check in checks] == [
        "tensors", "shapes", "identity", "calls", "rebuild", "liveness", "gradients",
    ]  # fmt: skip
    assert "called once in a forward pass" in checks[3].detail


def test_tensors(monkeypatch):
    def spoil(edited):
        edited.model[2].cv1.conv.weight.data[0] += 1

    after_applying(monkeypatch, spoil)
    assert "157 of 158" in refused("tensors") and "model.2.cv1.conv.weight" in refused("tensors")


def test_a_gate_that_is_ignored_and_lets_the_block_through(monkeypatch):
    monkeypatch.setattr(planted, "gated", lambda x, fx, gate: fx)
    assert "output moved by up to" in refused("identity")


def test_a_gate_that_is_ignored_and_lets_nothing_through(monkeypatch):
    monkeypatch.setattr(planted, "gated", lambda x, fx, gate: x)
    assert "gam0 has no effect" in refused("liveness")


def test_a_block_that_nothing_reads(monkeypatch):
    def bypass(edited):
        edited.model[-1].f = 8
        edited.save = [8]

    after_applying(monkeypatch, bypass)
    # The rebuild would tell as well; of a block without a gate nothing else does.
    monkeypatch.setattr("surgeon.surgery.checks.sequence.check_rebuild", lambda passes: ())
    assert "gam0 has no effect" in refused("liveness", start="paper")


def test_a_block_that_runs_twice(monkeypatch):
    def again(edited):
        def run(head, args):
            edited.model[9](args[0])

        edited.model[-1].register_forward_pre_hook(run)

    after_applying(monkeypatch, again)
    assert "gam0 is called twice in a forward pass, expected once" in refused("calls")


def test_a_rebuild_that_gives_another_network():
    assert "do not survive a rebuild" in refused("rebuild", "broken_blocks:AnotherEachTime")


def test_a_rebuild_that_wires_otherwise(monkeypatch):
    def rewire(edited):
        edited.model[3].f = 2
        edited.save = [2]

    after_applying(monkeypatch, rewire)
    assert "wires the rows differently" in refused("rebuild")


def test_gradients():
    assert "no gradient reaches what precedes gam" not in refused("gradients", "broken_blocks:CutsGradients")
    assert "no gradient reaches what precedes cutsgradients0" in refused("gradients", "broken_blocks:CutsGradients")
    assert "not finite with the gate open" in refused("gradients", "broken_blocks:GradientNotFinite")


def test_what_a_network_was_is_put_back():
    before = surgeon.open(NETWORK)
    after = before.insert("gam", after=SITE).insert("lska", after="GAM")
    for module in (before.module, after.module):
        assert all(p.requires_grad for p in module.parameters())
        assert all(p.grad is None for p in module.parameters())
        assert not any(m._forward_hooks or m._forward_pre_hooks for m in module.modules())
    assert not after.module.model[9].gate.any() and not after.module.model[10].gate.any()


def test_a_block_without_a_gate_is_not_opened():
    checks = surgeon.open(NETWORK).insert("gam", after=SITE, start="paper").result.checks
    assert {c.name: c.detail for c in checks}["liveness"] == "what gam0 puts out has an effect"


def test_many_blocks_at_once():
    """All gates open in one pass; where that kills a gradient each is asked alone."""
    after = surgeon.open(NETWORK).insert("lska", after="backbone.*")
    found = {check.name: check.detail for check in after.result.checks}
    assert found["calls"].count("lska") == len(after.module.model) - 10 > 5
    assert "never" not in found["gradients"]


def test_an_unknown_level_is_refused():
    with pytest.raises(InputError, match="checks 'slow' is unknown: fast or full"):
        surgeon.open(NETWORK).insert("gam", after=SITE, checks="slow")


def test_the_callers_random_state_is_untouched():
    torch.manual_seed(5)
    expected = torch.rand(3)
    before = surgeon.open(NETWORK)
    torch.manual_seed(5)
    before.insert("gam", after=SITE)
    assert torch.equal(torch.rand(3), expected)
