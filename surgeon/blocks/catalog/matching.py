"""Choosing blocks of the catalog by what is known of them; torch-free."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from surgeon.blocks.catalog.info import BlockInfo
from surgeon.blocks.catalog.settings import unknown
from surgeon.errors import BlockError


def matching(
    blocks: Iterable[BlockInfo], *, kinds: Sequence[str] = (), keeps_shape: bool = False, text: str = ""
) -> tuple[BlockInfo, ...]:
    """The blocks that have all that is asked.

    Args:
        blocks: To choose from.
        kinds: Any of these kinds; all where empty.
        keeps_shape: Only blocks whose output always has the shape of their input.
        text: Found in the name, an alias, the summary or the paper, in any case.

    Raises:
        BlockError: No block is of such a kind, or none has all of it.
    """
    every = tuple(blocks)
    known = list(dict.fromkeys(info.kind for info in every))
    for kind in kinds:
        if kind not in known:
            raise BlockError(unknown("No block is of kind", kind, known))
    found = tuple(
        info
        for info in every
        if (not kinds or info.kind in kinds)
        and (not keeps_shape or info.keeps_shape)
        and text.lower() in "\n".join((info.name, info.title, *info.aliases, info.summary, info.paper)).lower()
    )
    if not found:
        wanted = [*(f"--kind {kind}" for kind in kinds), *(["--keeps-shape"] if keeps_shape else [])]
        wanted += [f"--match {text!r}"] if text else []
        raise BlockError(f"No block fits {' '.join(wanted)}; `surgeon blocks` lists all {len(every)}.")
    return found
