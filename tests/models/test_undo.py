"""The way back: an undone edit is as if it had never been, and what is not exactly so says so."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import surgeon
from surgeon import workflows
from surgeon.blocks.planted import PlantedBlock
from surgeon.errors import CheckError, InputError, ModelFileError, PlanError
from surgeon.surgery.recipe import Insert, Recipe, Remove, Replace
from surgeon.surgery.recipe_file import load_recipes, to_yaml

SCALES = {"yolov8n.yaml": "yolov8s.yaml", "yolo11n.yaml": "yolo11s.yaml", "yolov10n.yaml": "yolov10s.yaml"}


def equal(one, other):
    """State dicts byte for byte and in order, descriptions in order, wiring."""
    mine, theirs = one.state_dict(), other.state_dict()
    assert list(mine) == list(theirs)
    assert all(mine[n].dtype == theirs[n].dtype and torch.equal(mine[n], theirs[n]) for n in mine)
    assert one.yaml == other.yaml and list(one.yaml) == list(other.yaml)
    assert [(row.i, row.f) for row in one.model] == [(row.i, row.f) for row in other.model]
    assert one.save == other.save
    return True


def train(module, *, blocks_only=False):
    """Change weights as training would."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if parameter.is_floating_point() and (not blocks_only or "block" in name):
                parameter.add_(0.01)


def planted(module):
    return [(path, m.block_name, m.start) for path, m in module.named_modules() if isinstance(m, PlantedBlock)]


BLOCKS = st.sampled_from(["lska", "gam", "mhsa"])
PLACES = ["backbone.2", "backbone.4", "SPPF", "head.2", "head.5"]
EDITS = st.one_of(
    st.builds(Insert, module=BLOCKS, after=st.sampled_from(PLACES), start=st.sampled_from(["identity", "paper"])),
    st.builds(Insert, module=BLOCKS, before=st.sampled_from(["head.1:0", "head.2", "backbone.3"])),
    st.builds(Insert, module=BLOCKS, after=st.sampled_from(["backbone.4.m.0.cv2", "backbone.2.cv1"])),
    st.builds(Replace, module=st.just("lska"), at=st.just("SPPF")),
    st.builds(Remove, at=st.sampled_from(["backbone.8", "LSKA", "GAM"])),
)


@settings(max_examples=3, deadline=None, derandomize=True, phases=[Phase.generate])
@given(
    name=st.sampled_from(sorted(SCALES)),
    several=st.lists(st.lists(EDITS, min_size=1, max_size=2).map(tuple), min_size=1, max_size=3),
)
def test_undo_of_any_edits_is_exact_and_the_recipe_replays_on_another_scale(tmp_path_factory, name, several):
    before = surgeon.open(name)
    model, done = before, []
    for edits in several:
        try:
            following = model.apply(Recipe(edits=edits))
        except InputError:  # a site that is gone, ambiguous or cannot take it: refused before anything happened
            continue
        done.append(model)
        model = following
    if not done:
        return
    back = model
    for former in reversed(done):
        back = back.undo(source=former)
        assert equal(back.module, former.module)
    result = workflows.undo(model.opened, steps=None)
    assert equal(result.after.module, before.module)
    assert result.same_tensors and result.same_description and not result.trained and not result.blocks_trained

    path = tmp_path_factory.mktemp("recipe") / "recipe.yaml"
    path.write_text(to_yaml(model.recipe()))
    assert load_recipes(path) == model.recipe()
    again = before.apply(path)
    assert [(row.i, row.f, row.type) for row in again.module.model] == [
        (row.i, row.f, row.type) for row in model.module.model
    ]
    other = surgeon.open(SCALES[name])
    replayed = other.apply(path)
    assert planted(replayed.module) == planted(model.module), "at the same places, at other widths"
    assert len(replayed.recipe()) == len(done)
    assert equal(workflows.undo(replayed.opened, steps=None).after.module, other.module)


def test_steps_and_what_cannot_be_undone():
    before = surgeon.open("yolov8n.yaml")
    twice = before.insert("lska", after=4).insert("gam", after="backbone.2.cv1")
    assert len(twice.undo().recipe()) == 1
    assert equal(twice.undo(2).module, before.module) and equal(twice.undo(None).module, before.module)
    for steps in (0, 3):
        with pytest.raises(PlanError, match=f"records 2 edits: undo 1 to 2 of them, not {steps}"):
            twice.undo(steps)
    with pytest.raises(PlanError, match="records no edit"):
        before.undo()
    with pytest.raises(PlanError, match="records no edit"):
        before.recipe()


def test_trained_weights_stay_and_it_is_said():
    before = surgeon.open("yolov8n.yaml")
    edited = before.insert("lska", after=4)
    train(edited.module)
    result = workflows.undo(edited.opened)
    assert result.trained and result.blocks_trained and not result.same_tensors and result.same_description
    state, trained = result.after.module.state_dict(), edited.module.state_dict()
    assert list(state) == list(before.module.state_dict())
    assert all(torch.equal(state[new], trained[old]) for new, old in result.kept.items()) and len(result.kept) == 355
    assert result.after.module.yaml == before.module.yaml


def test_frozen_weights_are_those_of_before_though_the_block_was_trained():
    before = surgeon.open("yolov8n.yaml")
    edited = before.insert("lska", after=4)
    train(edited.module, blocks_only=True)
    result = workflows.undo(edited.opened)
    assert result.same_tensors and result.blocks_trained and not result.trained
    assert equal(result.after.module, before.module)


def test_head_flags_go_with_the_record():
    """Replacing every C3k2 of yolo11n would build another head: the flag in the record keeps it, and goes with it."""
    before = surgeon.open("yolo11n.yaml")
    kinds = [i for i, row in enumerate(before.module.model) if type(row).__name__ == "C3k2"]
    edited = before.apply(Recipe(edits=tuple(Replace(module="gam", at=str(i)) for i in kinds)))
    assert edited.module.yaml["surgeon"]["head_flags"] == {"legacy": False}
    back = edited.undo(source=before)
    assert equal(back.module, before.module) and "surgeon" not in back.module.yaml
    train(edited.module)
    result = workflows.undo(edited.opened, source=before.opened)
    assert result.trained and len(result.restored) == len(edited.result.tensors.dropped)
    assert result.after.drift is not None and not result.after.drift.lost


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A float16 checkpoint as the trainer writes it, of which an edit drops tensors."""
    monkeypatch.chdir(tmp_path)
    from ultralytics import YOLO

    model = YOLO("yolov8n.yaml", verbose=False)
    with torch.no_grad():
        for parameter in model.model.parameters():
            parameter.mul_(1 + torch.rand_like(parameter) / 100)
    torch.save({"model": copy.deepcopy(model.model).half(), "train_args": {"task": "detect"}}, tmp_path / "best.pt")
    surgeon.open("best.pt").replace("SPPF", "lska").insert("gam", after=4).save("edited.pt")
    return tmp_path


def test_dropped_tensors_come_from_the_file_by_its_content(files):
    """Two edits were made in one go: the file stood before the first of them."""
    edited = surgeon.open("edited.pt")
    result = workflows.undo(edited.opened, steps=None)
    source = surgeon.open("best.pt")
    assert equal(result.after.module, source.module) and result.restored_from == "best.pt"
    pt, _ = workflows.save_undone(result, "again.pt")
    held, again = (torch.load(path, weights_only=False)["model"] for path in ("best.pt", pt))
    assert equal(again, held) and next(again.parameters()).dtype == torch.float16

    (files / "best.pt").rename(files / "other name.pt")
    with pytest.raises(PlanError, match=r"needs the tensors that it dropped from best\.pt .*--source FILE"):
        edited.undo(None)
    assert equal(edited.undo(None, source="other name.pt").module, source.module)
    surgeon.open("yolov8n.yaml").save("best.pt")
    with pytest.raises(PlanError, match=r"best\.pt is not the model that it was made from: its tensors are others"):
        edited.undo(None)
    with pytest.raises(ModelFileError, match=r"none\.pt does not exist"):
        edited.undo(None, source="none.pt")
    assert len(edited.undo().recipe()) == 1, "the insertion needs no source"


def test_what_was_planted_and_dropped_without_a_file_is_gone():
    before = surgeon.open("yolov8n.yaml")
    planted = before.insert("gam", after=4)
    removed = planted.remove("GAM")
    assert equal(removed.undo().module, planted.module), "in memory the model before is at hand"
    with pytest.raises(PlanError, match="stood before an earlier edit, which planted what the last one dropped"):
        workflows.undo(removed.opened)


def test_a_record_that_does_not_fit_is_no_undo():
    edited = surgeon.open("yolov8n.yaml").insert("lska", after=4)
    edited.module.yaml["surgeon"]["edits"][-1]["tensors"]["former"] = "0" * 64
    with pytest.raises(CheckError, match="the record does not fit the network"):
        edited.undo()
    del edited.module.yaml["surgeon"]["edits"][-1]["tensors"]
    with pytest.raises(PlanError, match="recorded no way back"):
        edited.undo()


def test_an_absent_row_is_an_error(tmp_path):
    edited = surgeon.open("yolov8n.yaml").insert("lska", after=4)
    path = edited.save(tmp_path / "edited.pt")
    assert surgeon.open(path).recipe() == edited.recipe()
    loaded = torch.load(path, weights_only=False)
    stock = surgeon.open("yolov8n.yaml").module
    stock.yaml = loaded["model"].yaml
    torch.save({**loaded, "model": stock}, path)
    with pytest.raises(ModelFileError, match=r"edited\.pt records a block lska as row 5, which is absent"):
        surgeon.open(path)


def test_a_network_without_rows_is_undone_too():
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 16, 3, 2, 1), torch.nn.SiLU(), torch.nn.Conv2d(16, 32, 3, 2, 1), torch.nn.Conv2d(32, 8, 1)
    )
    before = surgeon.open(net)
    back = before.insert("lska", after="2").undo()
    assert {n: t.tolist() for n, t in back.module.state_dict().items()} == {
        n: t.tolist() for n, t in net.state_dict().items()
    }
    assert back.module.yaml == before.module.yaml
