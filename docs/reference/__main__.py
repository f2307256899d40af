"""``python -m docs.reference``: write both pages anew."""

from __future__ import annotations

from pathlib import Path

from docs.reference.api import api_page
from docs.reference.commands import commands_page

ROOT = Path(__file__).parents[1]


def pages() -> dict[str, str]:
    """The text of each generated page, by its name."""
    return {"commands.md": commands_page(), "api.md": api_page()}


if __name__ == "__main__":
    for name, text in pages().items():
        (ROOT / name).write_text(text, encoding="utf-8")
