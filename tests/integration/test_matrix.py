"""Every shipped config at its smallest scale × five blocks × three sites."""

from __future__ import annotations

import re

import pytest
from comparing import check_insertion

import surgeon
from surgeon.models.ultralytics.yaml_source import shipped_names

BLOCKS = ("acmix", "fla", "gam", "lska", "mhsa")
_FAMILY = re.compile(r"^(yolo(?:e-)?v?\d+)([a-z]?)((?:-.*)?)$")


def smallest_scales() -> list[str]:
    """One name a config file: its smallest scale, in the order n, t, s, m, c, l …"""
    best: dict[tuple[str, str], str] = {}
    for name in shipped_names():
        found = _FAMILY.match(name)
        if found is None:
            best[(name, "")] = name
        elif found[2]:
            key = (found[1], found[3])
            if key not in best or "ntsmbclxe".index(found[2]) < "ntsmbclxe".index(_FAMILY.match(best[key])[2]):
                best[key] = name
        elif not any(n.startswith(f"{found[1]}n{found[3]}") for n in shipped_names()):
            best[(name, "")] = name
    return sorted(best.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", smallest_scales())
def test_five_blocks_at_three_sites(name):
    graph = surgeon.open(name).tree(256)
    sites = [x for x in graph if x.is_feature_map and graph.consumers(x.key)]
    # Small maps for the global attentions: the shallowest of the three is at stride 8 or deeper.
    sites = [x for x in sites if x.out_shape[2] <= 32] or sites
    for layer in {x.key: x for x in (sites[0], sites[len(sites) // 2], sites[-1])}.values():
        for block in BLOCKS:
            check_insertion(name, block, layer.site)
