"""All files of the gallery, made in memory: what the tool writes and the test compares."""

from __future__ import annotations

from docs.gallery.drawing import drawing
from docs.gallery.index import index
from docs.gallery.page import page
from docs.gallery.widths import feature_maps
from surgeon.blocks import all_blocks


def pages() -> dict[str, str]:
    """Path from the repository's root -> text, of every page."""
    blocks, maps = all_blocks(), feature_maps()
    written = {"docs/blocks.md": index(blocks)}
    return written | {f"docs/blocks/{info.name}.md": page(info, maps) for info in blocks}


def drawings() -> dict[str, str]:
    """Path from the repository's root -> SVG, of every drawing."""
    return {f"docs/blocks/{info.name}.svg": drawing(info) for info in all_blocks()}


def files() -> dict[str, str]:
    """Everything."""
    return pages() | drawings()
