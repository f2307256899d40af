"""From options in their order to edits: each ``--module`` begins one, what stands behind it belongs to it.

Where a command begins with its site (``replace --at SPPF --module lska``), each site begins an edit instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import click

from surgeon.cli.command import Word
from surgeon.cli.values import edge, setting
from surgeon.surgery.recipe import Edit, Insert, Recipe, Remove, Replace

INSERT_SITES = "--after SITE, --before SITE, --edge 'SITE->SITE' or --inside KIND"
SITES = ("after", "before", "edge", "between", "inside", "at")


@dataclass(slots=True)
class _Group:
    """The options of one edit."""

    first: Word
    module: str | None = None
    site: Word | None = None
    start: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    def add(self, word: Word) -> None:
        if word.name == "module":
            if self.module is not None:
                raise click.UsageError(f"--module {word.value} has no site of its own: put its site before it too")
            self.module = word.value
        elif word.name in SITES:
            self._place(word)
        elif word.name == "set":
            key, value = setting(word.value)
            if key in self.settings:
                raise click.UsageError(f"--set {key} is given twice for --module {self.module or self.first.value}")
            self.settings[key] = value
        else:
            if self.start is not None:
                raise click.UsageError(f"--start is given twice for --module {self.module or self.first.value}")
            self.start = word.value

    def _place(self, word: Word) -> None:
        if self.site is not None:
            raise click.UsageError(
                f"--module {self.module} has two sites, {_text(self.site)} and {_text(word)}: begin a second edit with "
                "its own --module, or name several rows by a glob such as 'C2f[*]'"
            )
        self.site = word


def inserts(words: Sequence[Word]) -> Recipe:
    """The recipe of ``surgeon insert``.

    Raises:
        click.UsageError: An edit has no block, no site, or two.
        InputError: An edit is none.
    """
    return Recipe(edits=tuple(_insert(group) for group in _groups(words, INSERT_SITES)))


def replacements(words: Sequence[Word]) -> Recipe:
    """The recipe of ``surgeon replace``; raises as `inserts`."""
    return Recipe(edits=tuple(_replace(group) for group in _groups(words, "--at SITE")))


def removals(words: Sequence[Word]) -> Recipe:
    """The recipe of ``surgeon remove``; raises as `inserts`."""
    sites = [word.value for word in words if word.name == "at"]
    if not sites:
        raise click.UsageError("say which row to remove: --at SITE")
    return Recipe(edits=tuple(Remove(at=site) for site in sites))


def _insert(group: _Group) -> Edit:
    assert group.module is not None and group.site is not None
    name, value = group.site.name, group.site.value
    return Insert(
        module=group.module,
        after=value if name == "after" else None,
        before=value if name == "before" else None,
        edge=edge(value, between=name == "between") if name in ("edge", "between") else None,
        inside=value if name == "inside" else None,
        settings=group.settings,
        start=group.start or "identity",
    )


def _replace(group: _Group) -> Edit:
    assert group.module is not None and group.site is not None
    if group.start == "identity":
        raise click.UsageError(
            f"--start identity cannot hold for a replacement: {group.module} computes something else than the row at "
            f"{group.site.value}; leave --start out, or use surgeon insert"
        )
    return Replace(module=group.module, at=group.site.value, settings=group.settings)


def _groups(words: Sequence[Word], site: str) -> list[_Group]:
    edits = [word for word in words if word.name in ("module", "set", "start", *SITES)]
    if not any(word.name == "module" for word in edits):
        raise click.UsageError("say which block to plant: --module NAME (surgeon blocks lists them)")
    if edits[0].name in ("set", "start"):
        raise click.UsageError(f"{_text(edits[0])} stands before every --module: put it behind the one it belongs to")
    leads = ("module",) if edits[0].name == "module" else SITES
    groups: list[_Group] = []
    for word in edits:
        if word.name in leads:
            groups.append(_Group(word))
        groups[-1].add(word)
    for group in groups:
        if group.module is None:
            raise click.UsageError(f"{_text(group.first)} has no block of its own: give it a --module NAME")
        if group.site is None:
            raise click.UsageError(f"--module {group.module} has no site: put {site} behind it")
    return groups


def _text(word: Word) -> str:
    return f"--{word.name} {word.value}"
