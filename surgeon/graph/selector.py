"""How users name a site of a network, and which rows that means.

backbone.9   head.3     tenth row of the backbone, fourth of the head
15   -2                 absolute rows, from the end where negative
SPPF   C2f[2]           by kind: the only SPPF, the third C2f
C2f[*]   backbone.*   head.C2f*   backbone.Conv[*]      several rows
Detect:0   Detect:*     one input of a row, or each (where a single input is meant)
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from surgeon.errors import AmbiguousSiteError, SiteError
from surgeon.graph.layer import Layer, LayerGraph

_PORT = re.compile(r"^(?P<site>.+):(?P<port>\*|-?\d+)$")
_INDEXED = re.compile(r"^(?P<kind>[^\[\]]+)\[(?P<which>\*|-?\d+)\]$")
_ROW = re.compile(r"^-?\d+$")
_LISTED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One place in a network.

    Attributes:
        layer: The row.
        port: Number of one of its inputs, None for the row as a whole.
    """

    layer: Layer
    port: int | None = None

    def __str__(self) -> str:
        """The address with the kind, for messages."""
        port = "" if self.port is None else f":{self.port}"
        return f"{self.layer.site}{port} ({self.layer.kind})"


def resolve(graph: LayerGraph, text: str | int) -> tuple[Site, ...]:
    """The sites that a user's address means, in execution order.

    Args:
        graph: The network.
        text: The address; see the module's docstring.

    Returns:
        One site, or several where the address is a glob.

    Raises:
        SiteError: Nothing has this name (the nearest valid ones are listed), or several rows have it and it is no
            glob (they are listed).
    """
    address = str(text).strip()
    port: str | None = None
    if found := _PORT.match(address):
        address, port = found["site"], found["port"]
    layers = _rows(graph, address)
    sites = tuple(site for layer in layers for site in _with_port(layer, port, graph))
    if not sites:
        raise SiteError(f"{text!r} matches no {graph.unit} of {graph.name}; {_suggest(graph, address)}")
    return sites


def _with_port(layer: Layer, port: str | None, graph: LayerGraph) -> tuple[Site, ...]:
    if port is None:
        return (Site(layer=layer),)
    if port == "*":
        return tuple(Site(layer=layer, port=number) for number in range(len(layer.inputs)))
    number = int(port)
    if not -len(layer.inputs) <= number < len(layer.inputs):
        raise SiteError(
            f"{layer.site} ({layer.kind}) of {graph.name} has {len(layer.inputs)} input(s): "
            f"{layer.site}:0 to {layer.site}:{len(layer.inputs) - 1}, no :{port}"
        )
    return (Site(layer=layer, port=number % len(layer.inputs)),)


def _rows(graph: LayerGraph, address: str) -> tuple[Layer, ...]:
    if _ROW.match(address):
        return (_row_by_number(graph, address),)
    if path := tuple(layer for layer in graph if layer.path == address):
        return path
    section, rest = _split_section(graph, address)
    scope = tuple(layer for layer in graph if section is None or layer.section == section)
    if section is not None and _ROW.match(rest):
        return (_row_of_section(graph, section, scope, rest),)
    if found := _INDEXED.match(rest):
        return _rows_by_kind(graph, scope, address, found["kind"], found["which"])
    is_glob = any(sign in rest for sign in "*?")
    hits = tuple(layer for layer in scope if _names(layer, rest))
    if len(hits) > 1 and not is_glob:
        listed = ", ".join(f"{rest}[{i}] = {layer.site}" for i, layer in enumerate(hits[:_LISTED]))
        more = f" … and {len(hits) - _LISTED} more" if len(hits) > _LISTED else ""
        raise AmbiguousSiteError(
            f"{address!r} names {len(hits)} {graph.unit}s of {graph.name}: {listed}{more}; {rest}[*] means all of them"
        )
    return hits


def _names(layer: Layer, pattern: str) -> bool:
    kind = pattern.lower()
    return (
        fnmatchcase(layer.kind.lower(), kind)
        or fnmatchcase(layer.kind.lower().rpartition(".")[2], kind)
        or fnmatchcase(str(layer.section_index), pattern)
    )


def _row_by_number(graph: LayerGraph, address: str) -> Layer:
    number = int(address)
    if not -len(graph) <= number < len(graph):
        raise SiteError(
            f"{graph.name} has {len(graph)} {graph.unit}s, 0 to {len(graph) - 1} (or -1 to -{len(graph)}): no {address}"
        )
    return graph.layers[number]


def _row_of_section(graph: LayerGraph, section: str, scope: tuple[Layer, ...], rest: str) -> Layer:
    number = int(rest)
    if not -len(scope) <= number < len(scope):
        raise SiteError(
            f"the {section} of {graph.name} has {len(scope)} rows: {section}.0 to {section}.{len(scope) - 1}, "
            f"no {section}.{rest}"
        )
    return scope[number]


def _split_section(graph: LayerGraph, address: str) -> tuple[str | None, str]:
    head, dot, rest = address.partition(".")
    if dot and head.lower() in {layer.section for layer in graph}:
        return head.lower(), rest
    return None, address


def _rows_by_kind(
    graph: LayerGraph, scope: tuple[Layer, ...], address: str, kind: str, which: str
) -> tuple[Layer, ...]:
    hits = tuple(layer for layer in scope if _names(layer, kind) and not kind.isdigit())
    if which == "*" or not hits:
        return hits
    number = int(which)
    if not -len(hits) <= number < len(hits):
        raise SiteError(
            f"{graph.name} has {len(hits)} {graph.unit}(s) of kind {kind}: {kind}[0] to {kind}[{len(hits) - 1}], "
            f"no {address}"
        )
    return (hits[number],)


def _suggest(graph: LayerGraph, address: str) -> str:
    kinds = list(dict.fromkeys(layer.kind for layer in graph))
    wanted = re.sub(r"[\[\]*?\d:]", "", address).rpartition(".")[2] or address
    lowered = {name.lower(): name for name in [*kinds, *(layer.site for layer in graph)]}
    near = [lowered[n] for n in difflib.get_close_matches(wanted.lower(), lowered, n=4, cutoff=0.5)]
    near += [lowered[n] for n in difflib.get_close_matches(address.lower(), lowered, n=4, cutoff=0.6)]
    near = list(dict.fromkeys(near))
    sections = {layer.section: layer for layer in graph}
    ranges = ", ".join(
        f"{name}.0 to {layer.site}" if name else f"paths such as {graph.layers[0].path}"
        for name, layer in sections.items()
    )
    nearest = f"nearest: {', '.join(near)}; " if near else ""
    return (
        f"{nearest}valid sites are {ranges}, {graph.unit}s 0 to {len(graph) - 1}, or a kind ({', '.join(kinds[:10])})"
    )
