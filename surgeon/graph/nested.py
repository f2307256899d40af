"""How users name a module inside a row, or in a network without rows, and which modules that means.

backbone.4.m.0.cv2      as it stands in the module tree, below a row of `surgeon tree`
backbone.*.m.*.cv2      * is any one name of the path, ** any number of them; ? and [ab] as in a shell
C2f[*].m.*.cv2          the first name may be any address of a row
Bottleneck[*]           by kind, as for rows: Bottleneck[3], backbone.Bottleneck[*]
head.2.m.0:1            one input of a module that has several
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from surgeon.errors import AmbiguousSiteError, SiteError
from surgeon.graph.modules import ModuleNode, ModuleTree

_PORT = re.compile(r"^(?P<site>.+):(?P<port>\*|-?\d+)$")
_KIND = re.compile(r"^(?:(?P<scope>.+)\.)?(?P<kind>[A-Za-z_]\w*)\[(?P<which>\*|-?\d+)\]$")
_ROW_KIND = re.compile(r"^(?:(?P<section>backbone|head)\.)?(?P<kind>[A-Za-z_]\w*)\[(?P<which>\*|-?\d+)\]$")
_LISTED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class NestedSite:
    """One place inside a network.

    Attributes:
        node: The module.
        port: Number of one of its inputs, None for the module as a whole.
    """

    node: ModuleNode
    port: int | None = None

    def __str__(self) -> str:
        """The address with the kind, for messages."""
        port = "" if self.port is None else f":{self.port}"
        return f"{self.node.site}{port} ({self.node.kind})"


def resolve_nested(tree: ModuleTree, text: str) -> tuple[NestedSite, ...]:
    """The modules that a user's address means, in the order of the tree.

    Args:
        tree: The network.
        text: The address; see the module's docstring.

    Raises:
        SiteError: Nothing has this name (the nearest valid ones are listed), or several have it and it is no glob.
    """
    address, port = text.strip(), None
    if found := _PORT.match(address):
        address, port = found["site"], found["port"]
    nodes = _nodes(tree, address)
    if not nodes:
        raise SiteError(f"{text!r} matches no module of {tree.name}; {suggest(tree, address)}")
    return tuple(site for node in nodes for site in _with_port(node, port))


def _nodes(tree: ModuleTree, address: str) -> tuple[ModuleNode, ...]:
    exact = tuple(node for node in tree if address in (node.site, node.path))
    if exact:
        return exact[:1]
    if found := _KIND.match(address):
        inside = _scope(tree, found["scope"])
        return _by_kind(tree, inside, address, found["kind"], found["which"])
    if is_pattern(address):
        return _by_path(tree, address)
    return _unmarked_kind(tree, address)


def _by_path(tree: ModuleTree, address: str) -> tuple[ModuleNode, ...]:
    starts: tuple[tuple[str, ...], ...] = ()
    names = address.split(".")
    for split in (1, 2):  # C2f[*].m.*, backbone.C2f[*].m.*
        if _ROW_KIND.match(".".join(names[:split])) and len(names) > split:
            rows = _nodes(tree, ".".join(names[:split]))
            starts = tuple((*row.site.split("."), *names[split:]) for row in rows)
    patterns = starts or (tuple(names),)
    return tuple(
        node
        for node in tree
        if any(_matches(p, tuple(node.site.split("."))) or _matches(p, tuple(node.path.split("."))) for p in patterns)
    )


def _matches(pattern: tuple[str, ...], names: tuple[str, ...]) -> bool:
    if not pattern:
        return not names
    if pattern[0] == "**":
        return any(_matches(pattern[1:], names[skip:]) for skip in range(len(names) + 1))
    return bool(names) and fnmatchcase(names[0], pattern[0]) and _matches(pattern[1:], names[1:])


def is_pattern(address: str) -> bool:
    """Whether an address may mean several modules."""
    return any(sign in address for sign in "*?[")


def _scope(tree: ModuleTree, address: str | None) -> tuple[ModuleNode, ...]:
    """The modules among which a kind is looked for: all, or those below an address."""
    if address is None:
        return tree.nodes
    sections = tuple(node for node in tree if node.site.startswith(f"{address}."))
    if sections:
        return sections
    tops = _nodes(tree, address)
    return tuple(node for node in tree if any(node.path.startswith(f"{top.path}.") for top in tops))


def _by_kind(
    tree: ModuleTree, scope: tuple[ModuleNode, ...], address: str, kind: str, which: str
) -> tuple[ModuleNode, ...]:
    hits = tuple(node for node in scope if node.kind.lower() == kind.lower())
    if which == "*" or not hits:
        return hits
    if not -len(hits) <= int(which) < len(hits):
        raise SiteError(
            f"{tree.name} has {len(hits)} of kind {kind}: {kind}[0] to {kind}[{len(hits) - 1}], no {address}"
        )
    return (hits[int(which)],)


def _unmarked_kind(tree: ModuleTree, address: str) -> tuple[ModuleNode, ...]:
    """A bare kind: fine where there is only one."""
    hits = tuple(node for node in tree if node.kind.lower() == address.lower())
    if len(hits) > 1:
        listed = ", ".join(f"{address}[{i}] = {node.site}" for i, node in enumerate(hits[:_LISTED]))
        more = f" … and {len(hits) - _LISTED} more" if len(hits) > _LISTED else ""
        raise AmbiguousSiteError(
            f"{address!r} names {len(hits)} modules of {tree.name}: {listed}{more}; {address}[*] means all of them"
        )
    return hits


def _with_port(node: ModuleNode, port: str | None) -> tuple[NestedSite, ...]:
    if port is None:
        return (NestedSite(node=node),)
    count = len(node.inputs)
    if port == "*":
        return tuple(NestedSite(node=node, port=number) for number in range(count))
    if not -count <= int(port) < count:
        has = f"{node.site}:0 to {node.site}:{count - 1}" if count else "none that can be named"
        raise SiteError(f"{node} has {count} input(s): {has}, no :{port}")
    return (NestedSite(node=node, port=int(port) % count),)


def suggest(tree: ModuleTree, address: str) -> str:
    """The valid addresses nearest to one that is none."""
    names = address.split(".")
    for end in range(len(names) - 1, 0, -1):
        parent = ".".join(names[:end])
        found = next((node for node in tree if parent in (node.site, node.path)), None)
        if found is not None:
            inside = ", ".join(child.site.rpartition(".")[2] for child in tree.children(found.path)[:12])
            return f"{found} has inside: {inside}" if inside else f"{found} has nothing inside"
    sites = [node.site for node in tree]
    near = difflib.get_close_matches(address, sites, n=3, cutoff=0.6)
    tops = near or [node.site for node in tree if node.depth == 0][:_LISTED]
    return f"nearest: {', '.join(tops)} (surgeon tree --depth 3 lists more)"
