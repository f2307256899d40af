"""Edges, adapters, other resolutions and fusions on real networks."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from comparing import outputs, same
from hypothesis import given, settings
from hypothesis import strategies as st

import surgeon
from surgeon.errors import BlockError, CheckError, InputError, PlanError
from surgeon.models.ultralytics.build import rebuild


@pytest.fixture(scope="module")
def yolov8n():
    return surgeon.open("yolov8n.yaml")


def test_a_block_on_one_edge(yolov8n):
    after = yolov8n.insert("lska", edge=(9, 20))
    assert after.module.model[20].in_channels == 256 and after.module.model[20].f == 9
    assert after.module.model[21].f == [19, 20]
    assert [row.f for row in after.module.model[:20]] == [row.f for row in yolov8n.module.model[:20]]
    assert after.result.plan.keeps_output and same(outputs(yolov8n.module), outputs(after.module))
    assert same(outputs(after.module), outputs(yolov8n.insert("lska", edge="SPPF->Concat[3]").module))


def test_adapters_are_rows_and_are_counted(yolov8n):
    after = yolov8n.replace("head.2", "mhsa", adapt=True)
    kinds = [layer.kind for layer in after.tree()]
    assert kinds[12:14] == ["conv1x1", "MHSA"] and len(kinds) == 24
    assert after.module.model[12].out_channels == after.module.model[13].in_channels == 128
    assert any("conv1x1 adapter 384 -> 128" in note for note in after.result.plan.notes)
    assert after.name == "yolov8n-mhsa"
    profile = after.profile(imgsz=64, latency=False)
    by_kind = {layer.kind: layer for layer in profile.layers}
    assert by_kind["conv1x1"].params == 384 * 128 + 128
    assert by_kind["conv1x1"].macs == 384 * 128 * 4 * 4
    again = rebuild(after.module)
    assert same(outputs(again), outputs(after.module))


def test_what_a_removal_leaves(yolov8n):
    after = yolov8n.remove("head.2", adapt=True)
    assert [layer.kind for layer in after.tree()][12] == "conv1x1" and len(after.module.model) == 23
    assert not [n for n in after.result.tensors.fresh if not n.startswith("model.12.")]
    with pytest.raises(PlanError, match=r"head.2 \(C2f\) turns 384 channels into 128.*--adapt"):
        yolov8n.remove("head.2")


def test_a_users_block_that_keeps_its_channels(yolov8n, own_blocks):
    with pytest.raises(BlockError, match=r"384 channels cannot become 128.*--adapt"):
        yolov8n.replace("head.2", "own:Keep")
    kept = yolov8n.replace("head.2", "own:Keep", adapt=True)
    assert [layer.kind for layer in kept.tree()][12:14] == ["conv1x1", "Keep"]


@pytest.mark.parametrize(("site", "block", "row"), [("Upsample[0]", "MyUp", 10), ("backbone.1", "MyDown", 1)])
def test_a_users_block_that_resamples(yolov8n, own_blocks, site, block, row):
    after = yolov8n.replace(site, f"own:{block}")
    assert after.tree().layers[row].out_shape == yolov8n.tree().layers[row].out_shape
    path = after.save(own_blocks / "edited.pt")
    for file in (path, path.with_suffix(".yaml")):
        again = surgeon.open(file, trust_modules=["own"])
        assert again.tree().layers[row].kind == block
        assert list(again.module.state_dict()) == list(after.module.state_dict())


def test_a_block_takes_over_tensors_of_equal_name_and_shape(yolov8n, own_blocks):
    after = yolov8n.replace("backbone.1", "own:MyDown")
    tensors = after.result.tensors
    assert sorted(old.removeprefix("model.1.") for old in tensors.adopted) == sorted(
        ["conv.weight", *(f"bn.{n}" for n in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"))]
    )
    old, new = yolov8n.module.state_dict(), after.module.state_dict()
    assert all(torch.equal(old[a], new[b]) for a, b in tensors.adopted.items())
    assert set(tensors.adopted) == set(tensors.dropped) and set(tensors.adopted.values()) == set(tensors.fresh)
    # A convolution of another shape leaves its kernel behind, and the report says so.
    other = yolov8n.replace("backbone.4.m.0.cv2", "own:Keep").result.tensors
    assert not other.adopted.keys() & {"model.4.m.0.cv2.conv.bias"} and "model.4.m.0.cv2.bn.weight" not in other.adopted
    assert other.adopted == {"model.4.m.0.cv2.conv.weight": "model.4.m.0.cv2.block.conv.weight"}


def test_the_stem_may_be_another_convolution(yolov8n, own_blocks):
    after = yolov8n.replace("backbone.0", "own:MyDown")
    assert (after.module.model[0].in_channels, after.module.model[0].out_channels) == (3, 16)


def test_the_shape_check_decides_on_a_users_block(yolov8n, own_blocks):
    with pytest.raises(CheckError, match="its check 'shapes' failed"):
        yolov8n.replace("Upsample[0]", "own:Keep")


def test_a_block_that_takes_a_list(yolov8n, own_blocks):
    after = yolov8n.replace("Concat[0]", "own:Fuse", scale=0.5)
    planted = after.module.model[11]
    assert (planted.in_channels, planted.out_channels, planted.f) == ([256, 128], 384, [-1, 6])
    assert planted.block.scale == 0.5 and planted.gate is None
    assert after.module.yaml["head"][1] == [
        [-1, 6], 1, "surgeon.own:Fuse", [[256, 128], 384, {"start": "paper", "settings": {"scale": 0.5}}],
    ]  # fmt: skip
    for again in (copy.deepcopy(planted), pickle.loads(pickle.dumps(planted))):
        maps = [torch.rand(1, 256, 4, 6), torch.rand(1, 128, 4, 6)]
        assert torch.equal(again.eval()(maps), copy.deepcopy(planted).eval()(maps))
        assert (again.in_channels, again.f) == ([256, 128], [-1, 6])
    assert same(outputs(rebuild(after.module)), outputs(after.module))
    twice = after.insert("gam", after=9)
    assert twice.module.model[12].f == [-1, 6] and same(outputs(after.module), outputs(twice.module))
    back = twice.remove("GAM")
    assert [r.f for r in back.module.model] == [r.f for r in after.module.model]
    assert sorted(set(back.module.save)) == sorted(set(after.module.save))


def test_a_block_that_takes_a_list_in_files_and_onnx(yolov8n, own_blocks):
    pytest.importorskip("onnxruntime")
    import onnxruntime
    from ultralytics import YOLO

    after = yolov8n.replace("Concat[0]", "own:Fuse")
    path = after.save(own_blocks / "fused.pt")
    with pytest.raises(surgeon.errors.SurgeonError, match="--trust-module own"):
        surgeon.open(path)
    for file in (path, path.with_suffix(".yaml")):
        again = surgeon.open(file, trust_modules=["own"])
        assert again.module.model[11].in_channels == [256, 128]
        assert again.module.model[11].f == [-1, 6]
    session = onnxruntime.InferenceSession(YOLO(str(path)).export(format="onnx", dynamic=True, imgsz=64, verbose=False))
    for size, batch in (((96, 160), 1), ((64, 128), 2)):
        image = torch.rand(batch, 3, *size, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            wanted = copy.deepcopy(after.module).eval()(image)[0]
        got = torch.from_numpy(session.run(None, {session.get_inputs()[0].name: image.numpy()})[0])
        assert (got - wanted).abs().max() <= 1e-5 * wanted.abs().max()


def test_lists_and_single_maps_are_not_mixed_up(yolov8n, own_blocks):
    with pytest.raises(BlockError, match=r"Fuse takes a list of feature maps .*replace --at Concat"):
        yolov8n.insert("own:Fuse", after=9)
    with pytest.raises(BlockError, match=r"Keep takes one feature map, and 2 come in here: .*takes_list = True"):
        yolov8n.replace("Concat[0]", "own:Keep")
    with pytest.raises(PlanError, match=r"head.1 \(Concat\) reads 2 rows and cannot be replaced: GAM reads one"):
        yolov8n.replace("Concat[0]", "gam")


PLACES = [str(i) for i in range(0, 23, 2)]
EDITS = st.one_of(
    st.builds(surgeon.Insert, module=st.just("lska"), edge=st.sampled_from([("4", "14"), ("9", "20"), ("12", "17")])),
    st.builds(surgeon.Insert, module=st.just("conv1x1"), after=st.sampled_from(PLACES)),
    st.builds(surgeon.Replace, module=st.sampled_from(["lska", "gam", "mhsa"]), at=st.sampled_from(PLACES)),
    st.builds(surgeon.Remove, at=st.sampled_from(PLACES)),
)


@settings(max_examples=8, deadline=None, derandomize=True)
@given(st.lists(EDITS, min_size=2, max_size=4), st.booleans())
def test_any_sequence_holds_its_promises_or_is_refused(yolov8n, edits, adapt):
    try:
        after = yolov8n.apply(surgeon.Recipe(edits=tuple(edits), adapt=adapt))
    except InputError as refused:
        assert "\n" not in str(refused)
        return
    again = rebuild(after.module)
    assert same(outputs(again, (64, 96)), outputs(after.module, (64, 96)))
    kept = after.result.tensors
    assert len(kept.copied) + len(kept.dropped) == 355
