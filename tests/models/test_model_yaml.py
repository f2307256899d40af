"""A model.yaml from anywhere, checked before Ultralytics' parser evaluates, calls or allocates anything of it."""

import copy

import pytest
import torch
from torch import nn
from ultralytics.nn import tasks

from surgeon.errors import ModelFileError, UntrustedFileError
from surgeon.models.ultralytics.activation import check_model_yaml, layer_class, parse_activation, without_downloads
from surgeon.models.ultralytics.yaml_size import check_size

GOOD = {
    "nc": 3,
    "scales": {"n": [0.5, 0.25, 1024]},
    "scale": "n",
    "activation": "nn.ReLU()",
    "backbone": [[-1, 1, "Conv", [16, 3, 2]], [-1, 3, "C2f", [32, True]], [-1, 1, "nn.MaxPool2d", [2]]],
    "head": [
        [-1, 1, "nn.Upsample", ["None", 2, "nearest"]],
        [[-1, 1], 1, "Concat", [1]],
        [[2, 4], 1, "Detect", ["nc"]],
    ],
}


def altered(row=None, index=1, **header):
    d = copy.deepcopy(GOOD)
    if row is not None:
        d["backbone"][index] = row
    return {**d, **header}


def refused(d, *words, error=ModelFileError, **options):
    with pytest.raises(error) as info:
        check_model_yaml(d, "m.yaml", **options)
    sentence = str(info.value)
    assert "m.yaml" in sentence and "\n" not in sentence and len(sentence) < 400
    for word in words:
        assert word in sentence


def test_a_good_one_is_left_as_it_is():
    d = altered()
    check_model_yaml(d, "m.yaml")
    check_size(d, "m.yaml")
    assert d == GOOD
    tasks.DetectionModel(d, verbose=False)


@pytest.mark.parametrize(
    ("spec", "canonical"),
    [
        ("nn.SiLU()", "torch.nn.SiLU()"),
        (" torch.nn.LeakyReLU(0.1, inplace=True) ", "torch.nn.LeakyReLU(0.1, inplace=True)"),
        ("nn.Hardtanh(-1, +2.5)", "torch.nn.Hardtanh(-1, +2.5)"),
        ("nn.GELU('tanh')", "torch.nn.GELU('tanh')"),
        ("nn.Identity()", "torch.nn.Identity()"),
    ],
)
def test_activations(spec, canonical):
    assert parse_activation(spec, "m.yaml") == canonical
    assert isinstance(eval(canonical), nn.Module)
    check_model_yaml(altered(activation=spec), "m.yaml")


@pytest.mark.parametrize(
    "spec",
    [
        "__import__('os').system('id')",
        "nn.ReLU(__import__('os').system('id'))",
        "nn.ReLU().__class__()",
        "nn.ReLU() or print()",
        "[nn.ReLU() for _ in (1,)][0]",
        "(lambda: nn.ReLU())()",
        "nn.modules.module.torch.hub.load('x')",
        "torch.hub.load('x', 'y')",
        "torch.nn.functional.relu(1)",
        "os.nn.ReLU()",
        "nn.ReLU",
        "nn.Linear(3, 3)",
        "nn.Sequential()",
        "nn.MultiheadAttention(8, 8)",
        "nn.PReLU(10**12)",
        "nn.PReLU(999999999)",
        "nn.PReLU(device='cuda')",
        "nn.LeakyReLU(*[1])",
        "nn.LeakyReLU(**{})",
        "nn.ReLU(f'{1}')",
        "nn.LeakyReLU('a')",
        "nn.LeakyReLU(1, 2, 3)",
        "nn.Nothing()",
        "nn.ReLU();1",
        "nn.ReLU()\nprint(1)",
        "(" * 150,
        "x" * 300,
        5,
        ["nn.ReLU()"],
        {"a": 1},
    ],
)
def test_hostile_activations(spec):
    refused(altered(activation=spec), "activation")


@pytest.mark.parametrize(
    "module",
    [
        "check_requirements",
        "torch_safe_load",
        "yaml_model_load",
        "DetectionModel",
        "WorldModel",
        "Ensemble",
        "BaseModel",
        "torch",
        "__builtins__",
        "__import__",
        "nn.functional",
        "nn.init",
        "nn.DataParallel",
        "nn.modules.conv.Conv2d",
        "nn.Parameter",
        "torchvision.ops.nms",
        "torchvision.ops.nothing",
        "os.system",
        "GAM",
        "surgeon.",
        "surgeon.a b",
        "",
        5,
        None,
        ["Conv"],
    ],
)
def test_rows_name_layers_only(module):
    refused(altered([-1, 1, module, ["x"]]), "row 1 (backbone.1)")
    if module not in ("GAM", "", "__import__"):  # names of nothing: parse_model would raise KeyError
        refused(altered([-1, 1, module, []]), lenient=True)


def test_rows_of_blocks():
    row = [-1, 1, "surgeon.gam", [8, 8, {"start": "identity", "settings": {}}]]
    check_model_yaml(altered(row), "m.yaml")
    check_size(altered(row), "m.yaml")
    foreign = [-1, 1, "surgeon.mine.blocks:Gate", [8, 8, {}]]
    for lenient in (False, True):
        refused(altered(foreign), "--trust-module mine", error=UntrustedFileError, lenient=lenient)
        refused(altered(foreign), error=UntrustedFileError, trust_modules=["min"], lenient=lenient)
    check_model_yaml(altered(foreign), "m.yaml", trust_modules=["mine"])
    check_model_yaml(altered([-1, 1, "GAM", [8]]), "m.yaml", is_block=lambda name: name == "GAM")
    check_model_yaml(altered([-1, 1, "GAM", [8]]), "m.yaml", lenient=True)


@pytest.mark.parametrize("block", ["gam", "conv1x1"])
def test_size_of_blocks_that_change_the_width(block):
    """They are built before parse_model knows any width."""
    d = altered([-1, 1, f"surgeon.{block}", [90_000, 99_000, {"start": "paper", "settings": {}}]])
    check_model_yaml(d, "m.yaml")
    with pytest.raises(ModelFileError, match=r"m\.yaml asks for more than 1000000000 parameters"):
        check_size(d, "m.yaml")


def test_size_of_what_stands_beside_a_block_that_takes_a_list():
    d = altered([[0, 0], 1, "surgeon.mine.blocks:Fuse", [[16, 16], 16, {"start": "paper", "settings": {}}]])
    check_model_yaml(d, "m.yaml", trust_modules=["mine"])
    check_size(d, "m.yaml")
    d["backbone"][2] = [-1, 1, "Conv", [90_000, 99]]
    d["scales"] = {"n": [1.0, 1.0, 99_999]}
    with pytest.raises(ModelFileError, match=r"m\.yaml asks for more than 1000000000 parameters"):
        check_size(d, "m.yaml")


@pytest.mark.parametrize("text", ["d", "ast", "layers", "m", "args", "base_modules", "torch", "x"])
def test_internal_names_of_the_parser(text):
    refused(altered([-1, 1, "Conv", [text]]), "internal name")


@pytest.mark.parametrize(
    "text", ["a b", "1+", "__import__('os')", "(" * 300, "x" * 600, "[1", "1e999", "9" * 50, "-" * 400]
)
def test_texts_that_are_neither_word_nor_literal(text):
    refused(altered([-1, 1, "Conv", [text]]))


@pytest.mark.parametrize("text", ["nc", "None", "nearest", "ch", "f", "[1, 2]", "'same'", "-1", "0.5", "resnet18"])
def test_texts_that_are(text):
    check_model_yaml(altered([-1, 1, "Conv", [8, text]]), "m.yaml")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"row": [-1, 1, "Conv"]}, "four"),
        ({"row": "Conv"}, "four"),
        ({"row": [5, 1, "Conv", [8]]}, "reads row 5"),
        ({"row": [1, 1, "Conv", [8]]}, "reads row 1"),
        ({"row": [-2, 1, "Conv", [8]]}, "reads row -2"),
        ({"row": [[], 1, "Concat", [8]]}, "row numbers"),
        ({"row": ["ch", 1, "Conv", [8]]}, "row numbers"),
        ({"row": [-1, 10**9, "Conv", [8]]}, "repeats"),
        ({"row": [-1, True, "Conv", [8]]}, "repeats"),
        ({"row": [-1, 1, "Conv", {"a": 1}]}, "no list"),
        ({"row": [-1, 1, "Conv", [10**9]]}, "numbers up to"),
        ({"row": [-1, 1, "Conv", [float("nan")]]}, "numbers up to"),
        ({"row": [-1, 1, "Conv", [float("inf")]]}, "numbers up to"),
        ({"row": [-1, 1, "Conv", [print]]}, "plain data"),
        ({"backbone": []}, "no backbone"),
        ({"head": {"a": 1}}, "no head"),
        ({"backbone": None, "train": "images"}, "dataset description"),
        ({"backbone": [[-1, 1, "Conv", [8]]] * 1001}, "rows"),
        ({"backbone": [[-1, 500, "Conv", [8]]] * 30}, "times in all"),
        ({"nc": "eval"}, "nc"),
        ({"nc": 10**9}, "numbers up to"),
        ({"nc": -1}, "nc"),
        ({"depth_multiple": float("inf")}, "numbers up to"),
        ({"width_multiple": 1e5}, "width_multiple"),
        ({"scales": {"n": [1e5, 1, 1]}}, "scales"),
        ({"scales": {"n": "abc"}}, "scales"),
        ({"scales": ["n"]}, "scales"),
        ({"scale": "q"}, "no scale 'q'"),
        ({"reg_max": "x"}, "reg_max"),
        ({"notes": "x" * 1000}, "text"),
        ({"notes": object()}, "plain data"),
        ({"surgeon": {"f": print}}, "plain data"),
    ],
)
def test_wrong_in_shape_or_size(change, word):
    refused(altered(**change), word)


def test_nested_bombs():
    layer = []
    for _ in range(10):
        layer = [layer] * 10
    refused(altered(notes=layer), "more than")
    loop = []
    loop.append(loop)
    refused(altered([-1, 1, "Conv", loop]), "nested")


@pytest.mark.filterwarnings("ignore:enable_nested_tensor:UserWarning")
@pytest.mark.parametrize(
    "row",
    [
        [-1, 1, "Conv", [99_999, 99]],
        [-1, 400, "nn.Linear", [90_000, 90_000]],
        [-1, 1, "nn.Transformer", [4096, 8, 99, 99, 99_999]],
        [-1, 9, "C2f", [60_000]],
    ],
)
def test_a_few_lines_that_ask_for_terabytes(row):
    d = altered(row, scales={"n": [1.0, 1.0, 99_999]})
    check_model_yaml(d, "m.yaml")
    hooks = len(torch.nn.modules.module._global_parameter_registration_hooks)
    state = torch.get_rng_state()
    with pytest.raises(ModelFileError, match=r"m\.yaml asks for more than 1000000000 parameters"):
        check_size(d, "m.yaml")
    assert len(torch.nn.modules.module._global_parameter_registration_hooks) == hooks
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.zeros(1).device.type == "cpu"


def test_weights_that_a_row_would_download():
    d = altered([-1, 1, "TorchVision", [512, "resnet18", "DEFAULT", True, 2]], index=0)
    refused(d, "download", "write None")
    refused(altered([-1, 1, "TorchVision", [512, "resnet18"]], index=0), "download")
    check_model_yaml(d, "m.yaml", downloads=True)
    new, notes = without_downloads(d)
    assert new["backbone"][0][3] == [512, "resnet18", "None", True, 2]
    assert len(notes) == 1 and "backbone.0" in notes[0]
    assert d["backbone"][0][3][2] == "DEFAULT"
    check_model_yaml(new, "m.yaml")


def test_layer_class():
    assert layer_class("Conv") is tasks.Conv
    assert layer_class("nn.Conv2d") is nn.Conv2d
    assert layer_class("DetectionModel") is None
