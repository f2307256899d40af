"""``python -m docs.gallery``: write the pages anew, and remove those of blocks that are gone."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))  # for the plain forms


def main() -> None:
    """Write every page that differs."""
    from docs.gallery.files import files

    wanted = files()
    for old in (ROOT / "docs" / "blocks").glob("*"):
        if f"docs/blocks/{old.name}" not in wanted:
            old.unlink()
    for name, text in wanted.items():
        path = ROOT / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
