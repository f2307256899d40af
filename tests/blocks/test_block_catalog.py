"""The catalog: names, settings, and sentences for what cannot work."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from typing import Any

import pytest

from surgeon.blocks import BlockInfo, all_blocks, catalog, create, get, names
from surgeon.errors import BlockError

INFOS = pytest.mark.parametrize("info", all_blocks(), ids=lambda info: info.name)


def test_loads_no_torch() -> None:
    code = (
        "import sys, surgeon.blocks as b\n"
        "for info in b.all_blocks(): info.resolve(12, 12, {}), info.cost(12, 12, 5, 7, {})\n"
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules, 'heavy import'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_names_and_aliases_are_unique() -> None:
    known = [spelling for info in all_blocks() for spelling in (info.name, *info.aliases)]
    assert len(known) == len(set(known)) and {"mhsa", "gam", "fla", "lska", "acmix"} <= set(names())
    assert all(get(spelling.upper()) is get(info.name) for info in all_blocks() for spelling in info.aliases)
    assert get("GAM") is get("gam_attention") is get(" Gam ")


@pytest.mark.parametrize(("typo", "meant"), [("gamm", "gam"), ("lksa", "lska"), ("acmixx", "acmix")])
def test_unknown_names_list_the_nearest(typo: str, meant: str) -> None:
    with pytest.raises(BlockError, match=f"{typo}.*Did you mean {meant}.*surgeon blocks lists all"):
        get(typo)


@INFOS
def test_entry_agrees_with_its_class(info: BlockInfo) -> None:
    module, _, name = info.factory.partition(":")
    parameters = list(inspect.signature(getattr(importlib.import_module(module), name)).parameters.values())
    assert [parameter.name for parameter in parameters[:2]] == ["in_channels", "out_channels"]
    assert {p.name: p.default for p in parameters[2:]} == dict(info.defaults)
    assert all(parameter.kind is inspect.Parameter.KEYWORD_ONLY for parameter in parameters[2:])
    assert set(info.options) == set(info.defaults) and all(info.options.values())
    assert info.paper and info.summary.endswith(".") and info.source.startswith("https://")


@INFOS
@pytest.mark.parametrize("channels", [1, 3, 12, 17, 20, 96])
def test_defaults_fit_any_width(info: BlockInfo, channels: int) -> None:
    resolved = info.resolve(channels, channels, {})
    # A default of null stands for a value that follows from the others, and is no adaptation.
    given = [key for key, default in info.defaults.items() if default is not None]
    adapted = {key for key in given if resolved.settings[key] != info.defaults[key]}
    assert len(resolved.notes) == len(adapted)
    assert all(any(key in note for note in resolved.notes) for key in adapted)
    module = create(info.name, channels)
    parameters = sum(parameter.numel() for parameter in module.parameters())
    assert parameters == info.cost(channels, channels, 4, 5, {}).params


def test_an_adapted_default_says_so() -> None:
    resolved = get("fla").resolve(12, 12, {})
    assert resolved.settings["num_heads"] == 6
    assert resolved.notes == ("fla: num_heads is 6 instead of the default 8: heads must divide the 12 channels.",)
    assert get("gam").resolve(3, 3, {}).settings["rate"] == 3
    grouped = get("gam").resolve(24, 24, {"variant": "grouped"})
    assert grouped.settings["groups"] == 3 and "groups" in grouped.notes[0]


REFUSED: list[tuple[str, int, int, dict[str, Any], str]] = [
    ("fla", 12, 12, {"num_heads": 8}, r"num_heads=8 .*12 channels.*work: 1, 2, 3, 4, 6, 12\."),
    ("mhsa", 12, 12, {"heads": 5}, r"heads=5 .*work: 1, 2, 3, 4, 6, 12\."),
    ("mhsa", 12, 12, {"heads": 0}, "takes an integer of at least 1"),
    ("mhsa", 12, 12, {"heads": "four"}, "takes an integer of at least 1"),
    ("mhsa", 12, 12, {"heads": True}, "takes an integer of at least 1"),
    ("mhsa", 12, 12, {"heads": float("nan")}, "heads=nan"),
    ("mhsa", 12, 12, {"heads": float("inf")}, "heads=inf"),
    ("mhsa", 12, 12, {"table": [14]}, r"\[height, width\]"),
    ("mhsa", 12, 12, {"position": "yes"}, "true or false"),
    ("mhsa", 12, 12, {"variant": "papre"}, "one of leaderj1001, paper"),
    ("mhsa", 12, 12, {"head": 4}, r"no setting 'head'\. Did you mean heads\?.*table"),
    ("mhsa", 12, 24, {}, "keeps its channels: 12 go in, so 12 come out, not 24"),
    ("fla", 12, 24, {}, "keeps its channels"),
    ("lska", 12, 24, {}, "keeps its channels"),
    ("lska", 12, 12, {"k_size": 9}, "one of 7, 11, 23, 35, 41, 53"),
    ("gam", 4, 4, {"rate": 8}, r"at least one channel\. Values that work: 1, 2, 3, 4\."),
    ("gam", 12, 12, {"groups": 4}, "only the grouped variant"),
    ("gam", 12, 10, {"variant": "grouped"}, "multiple of 4, not 10"),
    ("gam", 24, 24, {"variant": "grouped", "groups": 4}, r"work: 1, 2, 3, 6\."),
    ("acmix", 12, 10, {"head": 4}, r"10 output channels.*work: 1, 2, 5, 10\."),
    ("acmix", 12, 12, {"kernel_att": 6}, "an odd integer"),
    ("acmix", 0, 12, {}, "at least 1"),
    ("mlca", 12, 12, {"gamma": 0}, "above 0"),
    ("mlca", 12, 12, {"local_weight": "half"}, "takes a number"),
    ("msca", 12, 12, {"variant": "block", "mlp_ratio": 0.01}, r"at least one channel; from 0\.0833 up"),
    ("ema", 12, 12, {"factor": 5}, r"factor=5 .*work: 1, 2, 3, 4, 6, 12\."),
    ("cpca", 3, 3, {"reduction": 4}, r"at least one channel\. Values that work: 1, 2, 3\."),
    ("caa", 12, 12, {"h_kernel_size": 4}, "an odd integer"),
    ("doubleattention", 12, 12, {"reconstruct": False, "c_m": 8}, r"c_m=8 .*12 must come out.*work: 12\."),
    ("sk", 17, 17, {"split_input": True}, r"2 paths do not divide the 17 channels\. Values that work: False\."),
    ("sk", 16, 16, {"variant": "paste", "split_input": True}, "only timm's paths"),
    ("sk", 16, 16, {"kernels": [3, 4]}, "a list of odd integers"),
    ("parnet", 16, 16, {"variant": "paste", "se_block": False}, "built in"),
    ("se", 12, 12, {"reduction": 16}, r"reduction=16 .*at least one channel\. Values that work: 1, 2, 3, .*12\."),
    ("se", 12, 12, {"rd_ratio": 0.5}, "only variant=timm reads rd_ratio"),
    ("eca", 12, 12, {"variant": "timm", "k_size": 3}, "length from the width.*variant=official"),
    ("cbam", 12, 12, {"pool_types": ["avg", "min"]}, "a list of one or more of avg, max, lp, lse"),
    ("simam", 12, 12, {"e_lambda": 0}, "a number above 0"),
    ("shuffleattention", 192, 192, {"groups": 64}, r"half of the 192 channels, 96\. Values that work: 1, 2, 3, "),
    ("senetv2", 20, 20, {"variant": "sae", "reduction": 16}, r"divide the 20 channels\. .*work: 1, 2, 4, 5, 10, 20\."),
    ("sge", 12, 12, {"groups": 8}, r"groups=8 .*work: 1, 2, 3, 4, 6, 12\."),
    ("gc", 12, 12, {"fuse_scale": False}, "leaves nothing to do"),
    ("nam", 12, 12, {"shape": 7}, r"no setting 'shape'\. It takes none"),
]


@pytest.mark.parametrize(("name", "channels", "out", "given", "sentence"), REFUSED)
def test_refuses_with_what_would_work(name: str, channels: int, out: int, given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BlockError, match=sentence):
        get(name).resolve(channels, out, given)
    with pytest.raises(BlockError, match=sentence):
        create(name, channels, out, **given)


def test_values_from_yaml_are_typed() -> None:
    assert get("mhsa").resolve(12, 12, {"table": [5, 7]}).settings["table"] == (5, 7)
    assert get("mhsa").resolve(12, 12, {"table": 5}).settings["table"] == (5, 5)
    assert get("fla").resolve(16, 16, {"position": None}).settings["position"] is None
    assert catalog.get("gam").resolve(16, 16, {"rate": 2.0}).settings["rate"] == 2
