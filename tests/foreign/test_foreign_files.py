"""Files of edited networks: read again without surgeon, opened by surgeon, measured, edited again, undone."""

from __future__ import annotations

import json

import pytest
import torch
from foreign_networks import PACKAGES, PLAIN, REPOSITORIES, build, run, same
from test_foreign_edits import SAMPLE

import surgeon

CLASSES = {**PACKAGES, **{name: "plain_networks" for name in PLAIN if name != "resnet18"}, "sequential": None}
LOADED = """
import json, sys, torch
from foreign_networks import run, same
found = {}
for name in sys.argv[2:]:
    loaded = torch.load(f"{sys.argv[1]}/edited-{name}.pt", map_location="cpu", weights_only=False)["model"]
    want = torch.load(f"{sys.argv[1]}/edited-{name}.outputs")
    found[name] = same(run(loaded.eval()), want)
rooms = ("surgeon.surgery", "surgeon.workflows", "surgeon.cli")
found["imported"] = sorted(m for m in sys.modules if m.startswith(rooms))
print(json.dumps(found))
"""


def trust(name):
    return [] if CLASSES[name] is None else ["--trust-module", CLASSES[name]]


def quick(names, *fast):
    return [name if name in fast else pytest.param(name, marks=pytest.mark.slow) for name in names]


def reopened(path, name):
    return surgeon.open(path, trust_modules=[CLASSES[name]] if CLASSES[name] else ())


@pytest.fixture(scope="module")
def written(opened, tmp_path_factory):
    """``written(name)``: the file of a network with one block, and beside it what it puts out."""
    folder = tmp_path_factory.mktemp("written")

    def get(name):
        path = folder / f"edited-{name}.pt"
        if not path.exists():
            block, site, _ = SAMPLE[name]
            edited = opened(name).insert(block, after=site)
            edited.save(path)
            torch.save(run(edited.module), path.with_suffix(".outputs"))
        return path

    return get


def test_files_load_in_a_process_that_knows_no_surgeon(written, fresh):
    names = ["yolov5n", "yolox-nano", "sequential", "functional", "no-parameters"]
    folder = {written(name).parent for name in names}.pop()
    found = json.loads(fresh(LOADED, folder, *names).stdout.splitlines()[-1])
    assert found.pop("imported") == []
    assert found == dict.fromkeys(names, True)


@pytest.mark.slow
def test_files_of_all_networks_do(written, fresh):
    names = [*REPOSITORIES, *PLAIN]
    folder = {written(name).parent for name in names}.pop()
    found = json.loads(fresh(LOADED, folder, *names).stdout.splitlines()[-1])
    assert found == {**dict.fromkeys(names, True), "imported": []}


@pytest.mark.parametrize("name", quick(REPOSITORIES + PLAIN, "yolov5n", "yolox-nano", "sequential", "functional"))
def test_surgeon_opens_its_file_again_edits_and_undoes(name, written, opened):
    _, site, second = SAMPLE[name]
    model = reopened(written(name), name)
    assert same(run(model.module), run(opened(name).module))
    twice = model.insert("lska", after=second or site)
    assert same(run(twice.module), run(model.module))
    once = twice.undo()
    state, want = once.module.state_dict(), model.module.state_dict()
    assert list(state) == list(want) and all(torch.equal(state[n], want[n]) for n in want)
    assert json.dumps(once.module.yaml) == json.dumps(model.module.yaml)
    original = once.undo()
    state, want = original.module.state_dict(), opened(name).module.state_dict()
    assert list(state) == list(want) and all(torch.equal(state[n], want[n]) for n in want)
    assert json.dumps(original.module.yaml) == json.dumps(opened(name).module.yaml)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in original.module.modules())


def test_undo_of_a_replacement_takes_the_module_from_the_source(opened, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("yolov5n", "functional"):
        torch.save(build(name), tmp_path / f"{name}.pt")
        source = reopened(tmp_path / f"{name}.pt", name)
        edited = source.replace(SAMPLE[name][2], "lska")
        edited.save(tmp_path / f"{name}-lska.pt")
        back = reopened(tmp_path / f"{name}-lska.pt", name).undo(trust_modules=[CLASSES[name]])
        state, want = back.module.state_dict(), source.module.state_dict()
        assert list(state) == list(want) and all(torch.equal(state[n], want[n]) for n in want)


@pytest.mark.parametrize("name", quick(REPOSITORIES + PLAIN, "yolox-nano"))
def test_the_command_line_on_files(name, command, tmp_path):
    block, site, _ = SAMPLE[name]
    network = build(name)
    torch.save(network, "net.pt")
    flags = trust(name)
    words = ("insert", "net.pt", "--module", block, "--after", site, "--out", "edited.pt", "--no-latency")
    report = command(*words, *flags)
    assert "identity" in report
    tree = command("tree", "edited.pt", "--imgsz", "128", "--depth", "2", *flags)
    assert any(title in tree for title in ("GAM", "ACmix", "LSKA", "FLA", "MHSA"))
    assert ("stage" in tree) == ("backbone.0" not in tree)
    command("profile", "edited.pt", "--imgsz", "128", "--no-latency", "--json", "profile.json", *flags)
    profile = json.loads((tmp_path / "profile.json").read_text())
    assert profile["params"] == sum(p.numel() for p in reopened("edited.pt", name).module.parameters())
    assert profile["counts"]["ultralytics_gflops"] is None and profile["counts"]["macs"] > 0
    assert sum(layer["macs"] for layer in profile["layers"]) <= profile["counts"]["macs"]
    table = command("compare", "net.pt", "edited.pt", "--imgsz", "128", "--no-latency", *flags)
    assert "params" in table and ("stages of" in table) == ("stage" in tree)
    command("undo", "edited.pt", "--out", "back.pt", *flags)
    assert same(run(reopened("back.pt", name).module), run(network))
