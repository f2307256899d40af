"""``python -m docs.reference.terminal``: draw docs/terminal.svg, what a real command prints on a terminal.

The figures are those of a recorded result, so that the drawing is the same on every machine.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs" / "terminal.svg"
COMMAND = "surgeon report profiles/yolov8n-gam/epyc-1-thread.json"
COLUMNS = 100
LAST = "Measured on"
"""Below this line come the commands that train; they are left out."""


def shown() -> Text:
    """What the command prints on a colour terminal, down to `LAST`."""
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLORTERM")}
    done = subprocess.run(
        [sys.executable, "-m", "surgeon.cli.main", *COMMAND.split()[1:]],
        check=True,
        cwd=ROOT,
        env={**kept, "COLUMNS": str(COLUMNS), "FORCE_COLOR": "1", "TERM": "xterm-256color", "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    lines = Text.from_ansi(done.stdout).split("\n")
    end = next(number for number, line in enumerate(lines) if line.plain.startswith(LAST))
    return Text("\n").join([Text.assemble(("$ ", "bold green"), COMMAND), *lines[:end], Text("…")])


def drawing() -> str:
    """The same as SVG, with whatever monospaced font the reader has: nothing is loaded from a network."""
    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True, color_system="truecolor")
    console.print(shown(), no_wrap=True, overflow="ignore", highlight=False)
    svg = console.export_svg(title="surgeon", unique_id="terminal")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    return svg.replace("Fira Code, ", "ui-monospace, Menlo, Consolas, DejaVu Sans Mono, ")


if __name__ == "__main__":
    FILE.write_text(drawing(), encoding="utf-8")
