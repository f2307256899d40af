"""Installations made of text: distributions, packages and drivers that are not there."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest


class Site:
    """A folder that Python looks for packages in, before all others."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def package(self, name: str, **files: str) -> Path:
        """A package with files; ``init`` is its ``__init__.py``."""
        home = self.folder / name
        home.mkdir(parents=True, exist_ok=True)
        for stem, text in {"init": "", **files}.items():
            (home / f"{'__init__' if stem == 'init' else stem}.py").write_text(text)
        return home

    def distribution(
        self, name: str, version: str, requires: Sequence[str] = (), modules: Mapping[str, str] | None = None
    ) -> None:
        """What pip leaves of an installation; `modules` maps a package to the text of its ``__init__.py``."""
        info = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True, exist_ok=True)
        lines = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}", *(f"Requires-Dist: {r}" for r in requires)]
        (info / "METADATA").write_text("\n".join(lines) + "\n")
        record = []
        for module, text in (modules or {}).items():
            self.package(module, init=text)
            digest = urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
            record.append(f"{module}/__init__.py,sha256={digest},{len(text)}")
        (info / "RECORD").write_text("\n".join(record) + "\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return Site(folder)


@pytest.fixture
def said() -> Callable[..., dict[str, tuple[str, str, str]]]:
    """Findings by subject: level, text, remedy."""

    def table(findings) -> dict[str, tuple[str, str, str]]:
        return {one.subject: (one.level.value, one.text, one.remedy) for one in findings}

    return table
