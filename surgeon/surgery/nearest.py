"""The sites that would work where one does not: the nearest by row, each tried on paper. Torch-free."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from surgeon.graph import LayerGraph, Site

SHOWN = 4


def nearest_sites(graph: LayerGraph, site: Site, works: Callable[[Site], bool], *, inputs: bool) -> str:
    """What works near a site, as the second half of a refusal.

    Args:
        graph: The network.
        site: Where it does not work.
        works: Whether the edit can be made at a site.
        inputs: Whether a row that reads several is addressed by its inputs (``Concat:0``).
    """
    layers = sorted(graph, key=lambda layer: (abs(layer.index - site.layer.index), layer.index))
    found: list[str] = []
    for candidate in (c for layer in layers for c in _sites(graph, layer.index, inputs)):
        if candidate != site and works(candidate):
            found.append(str(candidate))
        if len(found) == SHOWN:
            break
    return f"the nearest sites that work: {', '.join(found)}" if found else f"no site of {graph.name} works"


def _sites(graph: LayerGraph, index: int, inputs: bool) -> Iterator[Site]:
    layer = graph.layers[index]
    if inputs and len(layer.inputs) > 1:
        yield from (Site(layer=layer, port=port) for port in range(len(layer.inputs)))
    else:
        yield Site(layer=layer)
