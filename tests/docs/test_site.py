"""The site of the documentation: built offline, complete, with links that lead somewhere."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from docs.reference.__main__ import pages
from docs.reference.site import build, inward

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.mark.parametrize("name", ["commands.md", "api.md"])
def test_a_generated_page_is_fresh(name) -> None:
    assert pages()[name] == (DOCS / name).read_text("utf-8"), "run python -m docs.reference"


def test_every_page_is_in_the_navigation() -> None:
    listed = set(_named(tomllib.loads((DOCS / "zensical.toml").read_text("utf-8"))["project"]["nav"]))
    assert listed == {page.name for page in DOCS.glob("*.md")}


def _named(nav):
    for entry in nav:
        for value in entry.values():
            yield from [value] if isinstance(value, str) else _named(value)


def test_links_out_of_the_documentation_become_paths() -> None:
    text = "see [CONTRIBUTING](../CONTRIBUTING.md), [here](../surgeon/errors.py#L1), [numbers](numbers.md), [x](https://a.b)"
    assert inward(text, DOCS) == (
        "see CONTRIBUTING (`CONTRIBUTING.md`), here (`surgeon/errors.py`), [numbers](numbers.md), [x](https://a.b)"
    )


def test_every_link_in_the_repository_leads_somewhere() -> None:
    broken = []
    for page in [*DOCS.rglob("*.md"), *ROOT.glob("*.md")]:
        for target in re.findall(
            r"\]\(([^)#\s]+)", re.sub(r"```.*?```|`[^`]*`", "", page.read_text("utf-8"), flags=re.DOTALL)
        ):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.name}: {target}")
    assert broken == []


class Page(HTMLParser):
    """What a page refers to: links, what it loads, and its own anchors."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        own = dict(attrs)
        self.anchors.add(own.get("id") or "")
        if tag == "a" and own.get("href"):
            self.links.append(own["href"])
        if tag in ("script", "img", "iframe") and own.get("src"):
            self.loads.append(own["src"])
        if tag == "link" and own.get("rel") in ("stylesheet", "preload", "icon", "preconnect") and own.get("href"):
            self.loads.append(own["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> dict[Path, Page]:
    if importlib.util.find_spec("zensical") is None:
        pytest.skip("zensical is not installed (the dev extra has it)")
    folder = tmp_path_factory.mktemp("site") / "site"
    build(folder)
    found = {path: Page(path.read_text("utf-8")) for path in folder.rglob("*.html")}
    assert len(found) > 80
    return found


def test_every_link_leads_somewhere(site) -> None:
    broken = []
    for path, page in site.items():
        if path.name == "404.html":
            continue  # its links are from the root of the server
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            known = site[target].anchors if target in site else set()
            if not target.exists() or (parts.fragment and known and unquote(parts.fragment) not in known):
                broken.append(f"{path.parent.name}: {link}")
    assert broken == []


def test_nothing_is_loaded_from_another_host(site) -> None:
    assert [url for page in site.values() for url in page.loads if urlsplit(url).netloc] == []
