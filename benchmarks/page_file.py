"""How a benchmark ends: its page with the command that repeats it, printed, and in a file if one is named."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path


def finish(lines: Sequence[str], script: str, out: Path | None) -> None:
    """Print and write a page.

    Args:
        lines: The page, as Markdown.
        script: The file that made it, for the command.
        out: Where to write it; None for nowhere.
    """
    command = " ".join(["python", f"benchmarks/{Path(script).name}", *sys.argv[1:]])
    text = "\n".join([*lines, "", "```", command, "```", ""])
    print(text)
    if out is not None:
        out.write_text(text, encoding="utf-8")
