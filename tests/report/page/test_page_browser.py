"""The page in a real Chromium, from disk: no error, no request, and everything a reader can do with it."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from surgeon.profiler.device_peak import DevicePeak
from surgeon.report.page import to_page

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt install chromium")


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as running:
        found = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def opened(browser, tmp_path):
    """``opened(result, width)``: the page in a window; console, errors and requests are collected and must be none."""
    seen, contexts = [], []

    def open_page(result, width=1400, **options):
        path = tmp_path / f"page{len(contexts)}.html"
        path.write_text(to_page(result), "utf-8")
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: seen.append(message.text))
        page.on("pageerror", lambda error: seen.append(str(error)))
        page.on("request", lambda request: request.url == path.as_uri() or seen.append(request.url))
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert seen == []


def rows(page):
    """Row numbers of the table of rows, as they stand."""
    return page.locator("table.rows tbody tr td:first-child").all_inner_texts()


def test_tooltips_have_the_whole_row(opened, comparison):
    page = opened(comparison)
    tip = page.locator("#tip")
    assert not tip.is_visible()
    for mark in ("a.box.added", ".bars.m-latency tr.added"):
        page.locator(mark).first.hover()
        told = tip.inner_text().split("\n")
        pairs = dict(zip(told[::2], told[1::2], strict=True))
        assert pairs["module"] == "+ GAM" and pairs["params"] == "1.640 M" and pairs["from"] == "9", pairs
    page.locator("h1").hover()
    assert not tip.is_visible()


def test_hovering_a_box_picks_out_its_links(opened, comparison):
    page = opened(comparison)
    page.locator("a.box.added").hover()
    hot = page.locator(".links.picked .link.hot")
    ends = {(one.get_attribute("data-from"), one.get_attribute("data-to")) for one in hot.all()}
    assert ends == {("9", "10"), ("10", "11"), ("10", "21")}
    page.locator("h1").hover()
    assert page.locator(".links.picked").count() == 0


def test_tables_sort_both_ways_and_keep_the_total_last(opened, v8n):
    page = opened(v8n)
    head = page.get_by_role("button", name="params", exact=True)
    head.click()
    order = sorted(v8n.layers, key=lambda row: row.params)
    cells = page.locator("table.rows tbody tr td:nth-child(6)").all_inner_texts()
    assert cells[: len(order)] == [f"{row.params:,}" for row in order]
    assert page.locator("th[aria-sort=ascending]").inner_text().startswith("params")
    head.press("Enter")
    assert rows(page)[0] == str(order[-1].index)
    assert page.locator("th[aria-sort=descending]").count() == 1
    assert page.locator("table.rows tbody tr").last.locator("td").nth(2).inner_text() == "total"


def test_rows_that_did_not_change_can_be_hidden_and_a_link_shows_them(opened, comparison):
    page = opened(comparison)
    assert page.locator("table.rows tbody tr:visible").count() == 25  # the rows, and their total
    page.get_by_label("only rows that changed").check()
    assert page.locator("table.rows tbody tr:visible").count() == 4
    page.locator("a.box").nth(2).click()
    assert page.url.endswith("-2") and page.locator("table.rows tr:target").is_visible()


def test_the_choice_of_figures_changes_picture_and_bars(opened, v8n):
    page = opened(v8n)
    for label, figure in (("latency, ms", "10.23"), ("params", "897,664"), ("GFLOPs", "0.718")):
        page.get_by_label(label, exact=True).check()
        assert page.locator("a.box").last.locator(".figure:visible").all_text_contents() == [figure]
        last = page.locator(".bars:visible tbody tr:last-child td").first.inner_text()
        assert last.partition(" ± ")[0] == figure
    assert page.get_by_label("activation memory").is_disabled()


def test_themes(opened, v8n):
    def colour(page):
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    light, dark = opened(v8n, color_scheme="light"), opened(v8n, color_scheme="dark")
    assert colour(light) == "rgb(255, 255, 255)" and colour(dark) == "rgb(16, 21, 28)"
    for page in (light, dark):
        page.get_by_label("theme").select_option("dark")
        assert colour(page) == "rgb(16, 21, 28)"
        page.get_by_label("theme").select_option("light")
        assert colour(page) == "rgb(255, 255, 255)"
        page.get_by_label("theme").select_option("dark")
        page.emulate_media(media="print")
        assert colour(page) == "rgb(255, 255, 255)"


def contrast(page, selector, background):
    """WCAG contrast of an element's text or fill on a colour variable."""
    return page.evaluate(
        """([selector, background]) => {
          const rgb = (text) => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
          const light = (text) => rgb(text).map((v) => v / 255)
            .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
            .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
          const probe = document.createElement("i");
          probe.style.color = `var(${background})`;
          document.body.append(probe);
          const found = document.querySelector(selector);
          const style = getComputedStyle(found);
          const ink = found instanceof SVGElement ? style.fill : style.color;
          const [a, b] = [light(ink), light(getComputedStyle(probe).color)];
          probe.remove();
          return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        }""",
        [selector, background],
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_can_be_read_in_both_themes(opened, comparison, scheme):
    page = opened(comparison, color_scheme=scheme)
    for selector, background in (
        ("body", "--bg"),
        (".conditions p", "--bg"),
        ("td.v-more", "--bg"),
        ("tr.added td.text", "--bg"),
        (".box.backbone .name", "--blue-face"),
        (".box.backbone .shape", "--blue-face"),
        (".box.head .figure", "--green-face"),
        (".box.added .name", "--hot-face"),
        (".box.changed .shape", "--violet-face"),
        (".net .level", "--bg"),
    ):
        assert contrast(page, selector, background) >= 4.5, selector


def test_the_keyboard_reaches_everything(opened, comparison):
    page = opened(comparison)
    page.locator("a.box").first.focus()
    told = []
    for key in ("ArrowDown", "ArrowRight", "End", "ArrowDown", "Home", "ArrowUp"):
        page.keyboard.press(key)
        told.append(page.evaluate("document.activeElement.dataset.box"))
    assert told == ["1", "2", "23", "23", "0", "0"]
    assert page.locator("#tip").is_visible()
    assert page.locator("a.box").first.get_attribute("aria-describedby") == "tip"
    page.keyboard.press("Escape")
    assert not page.locator("#tip").is_visible()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('svg')") is None
    page.locator("a.box").nth(10).focus()
    page.keyboard.press("Enter")
    assert page.locator("tr:target").count() == 1
    page.reload()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "jump"


def test_a_screen_reader_gets_names_and_tables(opened, comparison):
    page = opened(comparison)
    picture = page.get_by_role("group", name="yolov8n + GAM: row by row")
    assert picture.get_by_role("link", name="row 10 GAM, added").count() == 1
    assert page.get_by_role("img", name="verdict slower").count() == 1
    for name in ("row", "params"):
        assert page.get_by_role("columnheader", name=name, exact=True).first.is_visible()
    assert page.get_by_role("group", name="bars show").count() == 1
    assert page.locator("html").get_attribute("lang") == "en"


def test_the_page_fits_any_window(opened, two_candidates, v8n):
    peaked = replace(
        v8n,
        peak=DevicePeak(gflops=90.0, bandwidth_gbs=12.0),
        layers=tuple(replace(row, deployed_flops=row.macs + 1, deployed_bytes=1000) for row in v8n.layers),
    )
    for result in (two_candidates, peaked):
        page = opened(result)
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        for width in (400, 700, 1280, 1650, 2500):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.locator("a.box").last.hover()
            box = page.locator("#tip").bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= width
            page.locator("h1").hover()


def test_names_stay_inside_their_boxes(opened, comparison):
    """Text is clipped in Python by its number of letters; the browser must not need to clip common names."""
    page = opened(comparison)
    assert page.evaluate(
        """[...document.querySelectorAll("a.box")].every((box) => {
          const face = box.querySelector(".face").getBoundingClientRect();
          return [...box.querySelectorAll("text")].every((text) => {
            const at = text.getBoundingClientRect();
            return !at.width || (at.left >= face.left && at.right <= face.right && at.bottom <= face.bottom + 1);
          });
        })"""
    )


def test_without_scripts_all_is_there(opened, comparison):
    page = opened(comparison, java_script_enabled=False)
    assert page.locator("a.box").count() == 24
    assert page.get_by_label("theme").is_hidden()
    page.get_by_label("params", exact=True).check()
    assert page.locator(".bars.m-params").is_visible() and not page.locator(".bars.m-latency").is_visible()


def test_printing_opens_every_network(opened, two_candidates):
    page = opened(two_candidates)
    assert page.locator("details.network:not([open])").count() == 1
    page.pdf()
    assert page.locator("details.network:not([open])").count() == 0


def test_commands_can_be_copied(opened, v8n):
    page = opened(v8n)
    page.get_by_role("button", name="copy").last.click()
    page.get_by_role("button", name="copied").wait_for()
    assert page.evaluate("getSelection().toString()").strip() == v8n.command
