"""Where the literature puts attention inside the composite modules of YOLO networks. Torch-free data.

"C2f-X", "C3k2-X" and the like run the block on a bottleneck's branch, before its shortcut is added; "C2PSA-X" on the
branch of the position-sensitive attention; "SPPF-LSKA" on the concatenated pooled maps, before the last convolution.
"""

from __future__ import annotations

from surgeon.errors import SiteError
from surgeon.graph.modules import ModuleNode, ModuleTree
from surgeon.graph.nested import resolve_nested

_BRANCHES = {
    "Bottleneck": "cv2",
    "GhostBottleneck": "conv",
    "RepBottleneck": "cv2",
    "RepNBottleneck": "cv2",
    "ResNetBlock": "cv3",
    "PSA": "attn",
    "PSABlock": "attn",
    "ABlock": "attn",
    "CIB": "cv1",
    "RepC3": "m",
}
"""Kind of a residual unit → the last module of its branch, behind which the block goes."""

_POOLS = {"SPPF": "cv2", "SPP": "cv2", "SPPELAN": "cv5", "SPPCSPC": "cv5", "SPPBottleneck": "conv2"}
"""Kind of a pooling module → the convolution that reads its concatenated maps, before which the block goes."""


def places_inside(tree: ModuleTree, kind: str) -> tuple[tuple[str, ModuleNode], ...]:
    """The places inside every module of a kind, as ``after`` or ``before`` a module.

    Args:
        tree: The network.
        kind: A class name (``SPPF``, ``C3k2``), or any address of modules (``backbone.4``).

    Raises:
        SiteError: There is no such module, or nothing is known of where a block goes inside it.
    """
    address = kind if any(sign in kind for sign in "*?[.") or not kind.isidentifier() else f"{kind}[*]"
    hosts = [site.node for site in resolve_nested(tree, address)]
    places: dict[str, tuple[str, ModuleNode]] = {}
    for host in hosts:
        found = _places(tree, host)
        if not found:
            raise SiteError(_unknown(tree, host))
        places.update({node.path: (how, node) for how, node in found})
    return tuple(places.values())


def _places(tree: ModuleTree, host: ModuleNode) -> list[tuple[str, ModuleNode]]:
    found = []
    for node in (host, *tree.below(host.path)):
        if pooled := tree.get(f"{node.path}.{_POOLS.get(node.kind, '?')}"):
            found.append(("before", pooled))
        elif branch := tree.get(f"{node.path}.{_BRANCHES.get(node.kind, '?')}"):
            found.append(("after", branch))
    return found


def _unknown(tree: ModuleTree, host: ModuleNode) -> str:
    kinds = {node.kind for node in tree}
    known = sorted({kind for kind in (*_BRANCHES, *_POOLS) if kind in kinds})
    holders = sorted(
        {node.kind for node in tree if node.depth == 0 and any(n.kind in known for n in tree.below(node.path))}
    )
    inside = ", ".join(f"{host.site}.{n.path.removeprefix(host.path + '.')}" for n in tree.children(host.path)[:6])
    works = (
        f"--inside works for {', '.join(dict.fromkeys([*known, *holders]))}" if known else "--inside knows no kind here"
    )
    return (
        f"nothing is known of where a block goes inside {host}; {works}; or name the place: "
        f"--after {inside or host.site}"
    )
