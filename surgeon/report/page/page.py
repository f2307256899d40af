"""The page itself: its head, what the reader may choose, and the articles. One file that asks no host for anything."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from html import escape
from importlib.resources import files

from surgeon.profiler.results import ProfileResult
from surgeon.report.documents import Reportable
from surgeon.report.page.articles import Article, article_of
from surgeon.report.page.measures import KEYS, TITLES
from surgeon.report.page.parts import part_html
from surgeon.report.sweep import sweep_document


def to_page(results: Reportable | Sequence[Reportable], *, title: str | None = None) -> str:
    """Results as one HTML page.

    Args:
        results: One or several; several profiles are one network at several settings.
        title: Of the page; by default that of the result.

    Returns:
        The whole file. It works from disk, and its policy forbids the browser every request.

    Raises:
        InputError: A comparison whose settings differ.
    """
    shown = tuple(results) if isinstance(results, Sequence) else (results,)
    alone = len(shown) == 1
    articles = [article_of(one, f"r{number}", 2 if alone else 3) for number, one in enumerate(shown)]
    name = title or (articles[0].title if alone else f"{articles[0].title} and {len(articles) - 1} more")
    overview = "" if alone else _overview(shown)
    body = "".join(_article(article, number, alone) for number, article in enumerate(articles))
    return _shell(name, articles, f"{overview}{body}")


def _shell(name: str, articles: Sequence[Article], body: str) -> str:
    style, script = _resource("style.css"), _resource("script.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; img-src data:"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="generator" content="surgeon"><link rel="icon" href="data:,">'
        f"<title>{escape(name)}</title><style>{style}</style></head><body>"
        f'<a class="jump" href="#main">to the report</a><header class="page"><h1>{escape(name)}</h1>'
        '<label class="theme" hidden>theme <select id="theme"><option>auto</option><option>light</option>'
        "<option>dark</option></select></label></header>"
        f'{_navigation(articles)}{_choice(articles)}<main id="main">{body}</main>'
        '<div id="tip" role="tooltip" hidden></div>'
        f"<script>{script}</script></body></html>\n"
    )


def _choice(articles: Sequence[Article]) -> str:
    """Which figure the bars show, in pictures and beside them."""
    known = {
        measure.key for article in articles for view in article.views for measure in view.measures if measure.known
    }
    if not known:
        return ""
    chosen = next(key for key in ("latency", "flops", "params", "memory") if key in known)
    radios = "".join(
        f'<label><input type="radio" name="measure" id="m-{key}"{" checked" if key == chosen else ""}'
        f"{'' if key in known else ' disabled'}>{TITLES[key]}{'' if key in known else ' (not measured)'}</label>"
        for key in KEYS
    )
    return f'<fieldset class="choice"><legend>bars show</legend>{radios}</fieldset>'


def _navigation(articles: Sequence[Article]) -> str:
    alone = len(articles) == 1
    targets = [
        (f"a{number}-{place}" if alone else f"a{number}", section.title if alone else article.title)
        for number, article in enumerate(articles)
        for place, section in enumerate(article.sections)
        if (alone and section.html) or (not alone and place == 0)
    ]
    links = "".join(f'<a href="#{target}">{escape(text)}</a>' for target, text in targets)
    return f'<nav aria-label="sections">{links}</nav>'


def _article(article: Article, number: int, alone: bool) -> str:
    level = 2 if alone else 3
    heading = "" if alone else f"<h2>{escape(article.title)}</h2>"
    lines = "".join(f"<p>{escape(line)}</p>" for line in article.lines)
    wide: list[str] = []
    beside: list[str] = []
    for place, section in enumerate(article.sections):
        if section.html:
            html = f"<h{level}>{escape(section.title)}</h{level}>{section.html}"
            (beside if section.beside else wide).append(f'<section id="a{number}-{place}">{html}</section>')
    rest = f"<div>{''.join(beside[1:])}</div>" if len(beside) > 1 else ""
    sections = f'{"".join(wide)}<div class="beside">{"".join(beside[:1])}{rest}</div>'
    return f'<article id="a{number}">{heading}<div class="conditions">{lines}</div>{sections}</article>'


def _overview(results: Sequence[Reportable]) -> str:
    """Several profiles of one network as one table."""
    profiles = [result for result in results if isinstance(result, ProfileResult)]
    if len(profiles) < len(results) or len({profile.name for profile in profiles}) > 1:
        return ""
    parts = sweep_document(profiles).parts
    return f"<section><h2>overview</h2>{''.join(part_html(part) for part in parts)}</section>"


@cache
def _resource(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8").strip()
