"""The report in a real browser: on a phone and a desk, in the light and in the dark, by ear and by keyboard."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from dit_dagster.evidence.html import comparison_page, run_page
from dit_dagster.evidence.pages import write_page
from dit_dagster_tests.evidence.html.a_run import a_comparison, a_run

_PHONE, _DESK = 360, 1280
_NAMED = {"table", "image", "link", "region", "navigation", "heading", "article", "columnheader", "rowheader"}

every_view = pytest.mark.parametrize(
    ("page", "width", "scheme"),
    [
        pytest.param(page, width, scheme, id=f"{page} {width} {scheme}")
        for page in ("run", "comparison")
        for width in (_PHONE, _DESK)
        for scheme in ("light", "dark")
    ],
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """The pages with everything in them, as files."""
    folder = tmp_path_factory.mktemp("pages")
    pages = {"run": run_page(a_run()), "comparison": comparison_page(a_comparison())}
    return {name: write_page(folder / f"{name}.html", page) for name, page in pages.items()}


def shown(browser: webdriver.Chrome, file: Path, width: int = _DESK, scheme: str = "light") -> None:
    """Open a page at a width and in a colour scheme, with everything unfolded."""
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width == _PHONE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    requests(browser)
    browser.get(file.as_uri())
    browser.execute_script("document.querySelectorAll('details').forEach(each => each.open = true)")


@every_view
def test_it_fits_the_screen(
    browser: webdriver.Chrome, files: Mapping[str, Path], page: str, width: int, scheme: str
) -> None:
    """Nothing is cut, and nobody scrolls sideways but within a part that says so."""
    shown(browser, files[page], width, scheme)

    seen, needed = browser.execute_script("return [innerWidth, document.documentElement.scrollWidth]")
    assert (seen, needed <= width) == (width, True)
    assert browser.execute_script(_OUTSIDE) == []


@every_view
def test_every_word_can_be_read(
    browser: webdriver.Chrome, files: Mapping[str, Path], page: str, width: int, scheme: str
) -> None:
    """Text has the contrast of WCAG's level AA on whatever is behind it, and the scheme is the reader's."""
    shown(browser, files[page], width, scheme)

    light = browser.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(245, 246, 248)"
    assert light == (scheme == "light")
    assert browser.execute_script(_PALE) == []


def test_nothing_leaves_the_page(browser: webdriver.Chrome, files: Mapping[str, Path]) -> None:
    """The file itself is all that is asked for, and no value of it has run."""
    for file in files.values():
        shown(browser, file)

        assert {url for url in requests(browser) if not url.startswith("data:")} == {file.as_uri()}
        assert browser.title.startswith("✕")


@pytest.mark.parametrize("page", ["run", "comparison"])
def test_a_screen_reader_gets_names_and_structure(
    browser: webdriver.Chrome, files: Mapping[str, Path], page: str
) -> None:
    """As the browser tells assistive technology: every table, picture, link and heading has a name."""
    shown(browser, files[page], _PHONE)

    nodes = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    told = [(node["role"]["value"], _name(node)) for node in nodes if not node["ignored"] and "role" in node]
    assert {role for role, name in told if role in _NAMED and not name} == set()
    assert {"table", "rowheader", "columnheader", "heading", "main"} <= {role for role, _ in told}
    first = next(name for role, name in told if role == "heading")
    assert first.split()[0] in ("FAIL", "DIFFERENT")


def test_every_table_says_what_its_cells_are_about(browser: webdriver.Chrome, files: Mapping[str, Path]) -> None:
    """A caption, headings with a scope, and as many cells in each row as there are columns."""
    shown(browser, files["run"])

    tables = browser.find_elements(By.TAG_NAME, "table")
    assert len(tables) > 5
    assert browser.execute_script(_TABLES) == []


def test_the_keyboard_reaches_everything(browser: webdriver.Chrome, files: Mapping[str, Path]) -> None:
    """First a way past the head, which shows when it has the focus; the verdicts are links to their pairs."""
    shown(browser, files["run"])

    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    skip: Any = browser.switch_to.active_element
    assert (skip.text, skip.rect["x"] >= 0) == ("Skip to the answer", True)

    browser.find_element(By.CSS_SELECTOR, ".matrix td.fail a").send_keys(Keys.ENTER)
    assert browser.current_url.endswith("#comparison-1")
    assert "Where the modes part" in browser.find_element(By.ID, "comparison-1").text


def requests(browser: webdriver.Chrome) -> list[str]:
    """What the browser has asked for since it was last looked at."""
    entries: list[dict[str, Any]] = browser.get_log("performance")  # type: ignore[no-untyped-call]  # selenium's
    messages = [json.loads(entry["message"])["message"] for entry in entries]
    return [one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent"]


def _name(node: Mapping[str, Any]) -> str:
    return str(node.get("name", {}).get("value", ""))


_OUTSIDE = """
return [...document.querySelectorAll('main *, header *')]
  .filter(each => !each.closest('.scroll, .unseen, svg') && each.getClientRects().length)
  .filter(each => each.getBoundingClientRect().right > innerWidth + 0.5)
  .map(each => each.tagName + ' ' + each.className + ' ' + each.textContent.slice(0, 60));
"""

_PALE = """
const parts = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
const light = ([r, g, b]) => [r, g, b].map(each => each / 255)
  .map(each => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4)
  .reduce((sum, each, i) => sum + each * [0.2126, 0.7152, 0.0722][i], 0);
const behind = element => {
  for (let each = element; each; each = each.parentElement) {
    const colour = parts(getComputedStyle(each).backgroundColor);
    if (colour.length === 3 || colour[3] === 1) return colour;
  }
  return [255, 255, 255];
};
const pale = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement, style = getComputedStyle(element);
  if (!walker.currentNode.data.trim() || !element.getClientRects().length) continue;
  if (element.closest('title, desc, .unseen, .count')) continue;
  const ink = element.closest('svg') ? style.fill : style.color;
  const [a, b] = [light(parts(ink)), light(behind(element))].sort((x, y) => y - x);
  const ratio = (a + 0.05) / (b + 0.05);
  const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.7 && style.fontWeight >= 700);
  if (ratio < (large ? 3 : 4.5)) pale.push(`${walker.currentNode.data.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
}
return pale;
"""

_TABLES = """
return [...document.querySelectorAll('table')].filter(table => {
  const rows = [...table.rows].map(row => row.cells.length);
  const scoped = [...table.querySelectorAll('th')].every(each => ['col', 'row'].includes(each.scope));
  return !table.caption?.textContent.trim() || !scoped || new Set(rows).size !== 1 || !table.tHead;
}).map(table => table.textContent.slice(0, 80));
"""
