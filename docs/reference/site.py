"""The documentation as a site: ``python -m docs.reference.site OUT``. Built offline by Zensical.

In the repository pages link to files beside ``docs``; on the site there are none, so those links become their paths.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).parents[1]
_LINK = re.compile(r"\[([^\]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")


def build(out: Path) -> None:
    """Build the site.

    Args:
        out: Folder of the site, which must not exist.

    Raises:
        RuntimeError: Zensical refuses; the message is its own.
    """
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder) / "docs"
        shutil.copytree(DOCS, copied, ignore=shutil.ignore_patterns("*.py", "gallery", "reference", "_site", ".*"))
        for page in copied.rglob("*.md"):
            original = DOCS / page.relative_to(copied)
            page.write_text(inward(page.read_text("utf-8"), original.parent), encoding="utf-8")
        command = [sys.executable, "-m", "zensical", "build", "--strict", "-f", str(copied / "zensical.toml")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
        shutil.copytree(copied / "_site", out)


def inward(text: str, folder: Path) -> str:
    """The text with links that lead out of ``docs`` replaced by the path in the repository.

    Args:
        text: Of a page.
        folder: Where the page lies.
    """

    def replaced(link: re.Match[str]) -> str:
        words, target, _ = link.groups()
        path = (folder / target).resolve()
        if "://" in target or path.is_relative_to(DOCS) or not path.exists():
            return link[0]
        where = f"`{path.relative_to(DOCS.parent)}`"
        return where if words.strip("`") in (path.name, target) else f"{words} ({where})"

    return _LINK.sub(replaced, text)


if __name__ == "__main__":
    build(Path(sys.argv[1]))
