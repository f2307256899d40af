"""Edits on real networks through the public API: what is carried over, what a rebuild gives, what a file holds."""

from __future__ import annotations

import copy
import hashlib
import pickle
import subprocess
import sys

import pytest
import torch
from comparing import check_insertion, outputs, same
from hypothesis import given, settings
from hypothesis import strategies as st

import surgeon
from surgeon.errors import CheckError, PlanError, SurgeonError
from surgeon.models.ultralytics.build import rebuild

BLOCKS = ("acmix", "fla", "gam", "lska", "mhsa")
# Deterministic sample of the matrix of tests/integration/test_matrix.py, which runs under -m slow.
SAMPLE = [
    ("yolov8n.yaml", "gam", "backbone.9"),
    ("yolo11n.yaml", "fla", "backbone.4"),
    ("yolov8n-seg.yaml", "lska", "head.5"),
    ("yolo26n-pose.yaml", "mhsa", "backbone.9"),
    ("yolo11n-obb.yaml", "acmix", "head.2"),
    ("yolov8n-cls.yaml", "gam", "backbone.8"),
    ("yolov10n.yaml", "lska", "SPPF"),
    ("yolov9t.yaml", "fla", "backbone.9"),
    ("yolov8n-world.yaml", "gam", "backbone.9"),
]


@pytest.mark.parametrize(("name", "block", "site"), SAMPLE)
def test_insertion_keeps_every_tensor_and_the_output(name, block, site):
    check_insertion(name, block, site)


def test_a_rename_map_keeps_what_name_matching_loses():
    before = surgeon.open("yolo11n.yaml")
    after = before.insert("lska", after=4)
    assert len(after.result.tensors.copied) == 499
    old, new = before.module.state_dict(), after.module.state_dict()
    by_name = sum(n in new and new[n].shape == t.shape for n, t in old.items())
    assert by_name < 100, "the figure that users of name matching get"


def test_start_paper_and_replace_move_the_output_and_say_how_far():
    before = surgeon.open("yolov8n.yaml")
    for after in (before.insert("gam", after=9, start="paper"), before.replace("SPPF", "lska")):
        moved = {check.name: check.detail for check in after.result.checks}["moved"]
        assert "output moved by up to" in moved
        assert not same(outputs(before.module), outputs(after.module))
        assert after.module.model[-14].gate is None
    replaced = before.replace("SPPF", "lska")
    assert len(replaced.result.tensors.dropped) == 12
    assert len(replaced.result.tensors.copied) == 355 - 12


def test_a_replacement_may_change_channels():
    after = surgeon.open("yolov8n.yaml").replace("head.2", "gam")
    planted = after.module.model[12]
    assert (planted.in_channels, planted.out_channels) == (384, 128)
    again = rebuild(after.module)
    assert {n: t.shape for n, t in again.state_dict().items()} == {
        n: t.shape for n, t in after.module.state_dict().items()
    }


def test_remove():
    before = surgeon.open("yolo11n.yaml")
    after = before.remove("C2PSA")
    assert len(after.module.model) == len(before.module.model) - 1
    assert after.result.tensors.dropped and not after.result.tensors.fresh


def test_removing_a_planted_block_gives_the_original_back():
    before = surgeon.open("yolov8n.yaml")
    there_and_back = before.insert("gam", after=9).remove("GAM")
    state = there_and_back.module.state_dict()
    assert list(state) == list(before.module.state_dict())
    assert all(torch.equal(t, state[n]) for n, t in before.module.state_dict().items())
    assert [r.f for r in there_and_back.module.model] == [r.f for r in before.module.model]
    assert there_and_back.module.save == before.module.save
    for section in ("backbone", "head"):
        assert there_and_back.module.yaml[section] == before.module.yaml[section]
    assert len(there_and_back.module.yaml["surgeon"]["edits"]) == 2, "editing an edited model appends to its record"


def test_the_source_is_never_touched():
    before = surgeon.open("yolov8n.yaml")
    state = {n: t.clone() for n, t in before.module.state_dict().items()}
    description = copy.deepcopy(before.module.yaml)
    attributes = set(before.module.model[-1].__dict__)
    before.insert("lska", after="backbone.*")
    assert before.module.yaml == description
    assert all(torch.equal(t, state[n]) for n, t in before.module.state_dict().items())
    assert set(before.module.model[-1].__dict__) == attributes
    assert all(p.grad is None for p in before.module.parameters())


def test_building_a_block_consumes_no_random_numbers():
    """Otherwise everything initialised after it differs, and no ablation is fair."""
    torch.manual_seed(3)
    expected = torch.rand(4)
    after = surgeon.open("yolov8n.yaml").insert("gam", after=9)
    torch.manual_seed(3)
    rebuild(after.module)
    assert torch.equal(torch.rand(4), expected)
    torch.manual_seed(0)
    stock = type(after.module)("yolov8n.yaml", verbose=False)
    torch.manual_seed(0)
    again = type(after.module)(copy.deepcopy(after.module.yaml), verbose=False)
    assert same(list(stock.model[-1].parameters()), list(again.model[-1].parameters()))


def test_first_batch_loss_is_the_baselines():
    """In training mode, with the gate closed, under the same random state."""
    before = surgeon.open("yolov8n.yaml")
    after = before.insert("lska", after=9)
    from ultralytics.cfg import get_cfg

    losses = []
    for module in (copy.deepcopy(before.module), copy.deepcopy(after.module)):
        module.args = get_cfg()
        module.train()
        batch = {
            "img": torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)),
            "cls": torch.tensor([[1.0], [3.0]]), "bboxes": torch.tensor([[0.5, 0.5, 0.4, 0.4]] * 2),
            "batch_idx": torch.tensor([0.0, 1.0]),
        }  # fmt: skip
        torch.manual_seed(0)
        losses.append(module.loss(batch)[0].sum())
    assert torch.equal(*losses)


@pytest.mark.parametrize("block", BLOCKS)
def test_a_planted_block_survives_copy_and_pickle_in_any_type(block):
    from surgeon.blocks.planted import PlantedBlock

    planted = PlantedBlock(block, 32, 32, {}, "identity").half()
    planted.i, planted.f, planted.type, planted.np = 4, -1, "x", 7
    with torch.no_grad():
        planted.gate.fill_(0.5)
    planted.gate.requires_grad_(False)
    for again in (copy.deepcopy(planted), pickle.loads(pickle.dumps(planted))):
        assert again.state_dict().keys() == planted.state_dict().keys()
        for name, tensor in planted.state_dict().items():
            assert torch.equal(again.state_dict()[name], tensor) and again.state_dict()[name].dtype == tensor.dtype
        assert (again.i, again.f, again.type, again.np, again.training) == (4, -1, "x", 7, planted.training)
        assert not again.gate.requires_grad and all(p.requires_grad for p in again.block.parameters())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_the_gate_is_exact_at_both_ends(dtype):
    from surgeon.blocks.gate import gated

    generator = torch.Generator().manual_seed(0)
    x = (torch.randn(2, 16, 5, 7, generator=generator) * 30).to(dtype)
    fx = (torch.randn(2, 16, 5, 7, generator=generator) * 3e-3).to(dtype)
    assert torch.equal(gated(x, fx, torch.zeros(16)), x)
    assert torch.equal(gated(x, fx, torch.ones(16)), fx)


USER_BLOCKS = """
import torch
from torch import nn

class Good(nn.Module):
    def __init__(self, channels, k=3):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, k, padding=k // 2, groups=channels)
    def forward(self, x):
        return x * self.conv(x).sigmoid()

class DoesNothing(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1)
    def forward(self, x):
        self.conv(x)
        return x

class Fixed(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.table = nn.Parameter(torch.zeros(1, channels, 4, 4))
    def forward(self, x):
        return x + self.table

class Shrinks(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1, stride=2)
    def forward(self, x):
        return self.conv(x)
"""


@pytest.fixture
def user_blocks(tmp_path, monkeypatch):
    (tmp_path / "my_blocks.py").write_text(USER_BLOCKS)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("my_blocks", None)


def test_a_users_own_block(user_blocks):
    after = surgeon.open("yolov8n.yaml").insert("my_blocks:Good", after=9, settings={"k": 5})
    assert after.module.model[10].block.conv.kernel_size == (5, 5)
    path = after.save(user_blocks / "own.pt")
    with pytest.raises(SurgeonError, match="--trust-module my_blocks"):
        surgeon.open(path)
    again = surgeon.open(path, trust_modules=["my_blocks"])
    assert again.tree().layers[10].kind == "Good"
    with pytest.raises(SurgeonError, match="--trust-module my_blocks"):
        surgeon.open(path.with_suffix(".yaml"))
    sys.modules.pop("my_blocks")
    from_yaml = surgeon.open(path.with_suffix(".yaml"), trust_modules=["my_blocks"])
    assert from_yaml.tree().layers[10].kind == "Good"
    script = f"from ultralytics import YOLO; import torch; m = YOLO({str(path)!r}).model; print(len(m.model))"
    env_path = str(user_blocks)
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {env_path!r}); {script}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip().endswith("24"), done.stderr[-2000:]


@pytest.mark.parametrize(
    ("block", "sentence"),
    [("DoesNothing", "liveness|gradients"), ("Fixed", "shapes"), ("Shrinks", "shapes")],
)
def test_blocks_that_break_a_promise_are_undone(user_blocks, block, sentence):
    with pytest.raises(CheckError, match=f"the edit was undone, its check '({sentence})' failed") as caught:
        surgeon.open("yolov8n.yaml").insert(f"my_blocks:{block}", after=9)
    assert caught.value.exit_code == 1 and "\n" not in str(caught.value)


def test_a_trained_checkpoint_of_somebody(shared_data, tmp_path):
    """yolov9t_ball.pt does not match its own yaml: 72 tensors of its head do not survive a stock rebuild."""
    source = shared_data / "yolov9t_ball.pt"
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    before = surgeon.open(source)
    assert len(before.opened.drift.lost) == 72 and not before.opened.drift.unrestored
    after = before.insert("fla", after="backbone.9")
    assert all(check.passed for check in after.result.checks)
    path = after.save(tmp_path / "edited.pt")
    assert not surgeon.open(path).opened.drift.lost, "the edited file rebuilds as it is"
    assert hashlib.sha256(source.read_bytes()).hexdigest() == digest


def test_drift_that_cannot_be_restored_needs_force():
    model = surgeon.open("yolov8n.yaml")
    model.module.model[4].cv1 = copy.deepcopy(model.module.model[2].cv1)
    live = surgeon.open(model.module)
    with pytest.raises(PlanError, match=r"does not match its own model.yaml: .*--force"):
        live.insert("gam", after=9)


@settings(max_examples=8, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from(BLOCKS), st.integers(1, 21)), min_size=1, max_size=3))
def test_any_sequence_of_insertions_keeps_the_output(edits):
    before = surgeon.open("yolov8n.yaml")
    recipe = surgeon.Recipe(edits=tuple(surgeon.Insert(module=block, after=str(site)) for block, site in edits))
    after = before.apply(recipe)
    assert len(after.result.tensors.copied) == 355
    assert same(outputs(before.module, (64, 96)), outputs(after.module, (64, 96)))


def test_networks_opened_side_by_side_do_not_disturb_each_other():
    """Ultralytics keeps ``Detect.legacy`` on the class, where the last network that was built leaves it."""
    older, newer = surgeon.open("yolov8n.yaml"), surgeon.open("yolo11n.yaml")
    for model in (older, newer, older):
        assert model.insert("lska", after="backbone.9").result is not None


def test_a_rebuild_leaves_one_dimensional_norms_as_they_are():
    """Ultralytics gives its eps to what is exactly a BatchNorm2d; BAM has a BatchNorm1d too."""
    block = surgeon.open("yolov8n.yaml").insert("bam", after="backbone.9", start="paper").module.model[10]
    kinds = {type(m): m.eps for m in block.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)}
    assert kinds == {torch.nn.BatchNorm1d: 1e-5, torch.nn.BatchNorm2d: 1e-3}
