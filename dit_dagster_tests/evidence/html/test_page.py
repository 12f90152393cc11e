"""Whole pages: they need nothing else, and nothing in them acts."""

from __future__ import annotations

import copy
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from dit_dagster.evidence.comparison import compared_json
from dit_dagster.evidence.html import comparison_page, run_page
from dit_dagster.evidence.pages import keep_comparison_page, keep_run_page, write_page
from dit_dagster.model.verdict import (
    Different,
    Empty,
    Error,
    Identical,
    Incomplete,
    SchemaDifferent,
    Verdict,
)
from dit_dagster_tests.evidence.html.a_run import NASTY, a_comparison, a_run, evidence, explanation
from dit_dagster_tests.evidence.test_schema import as_json

VOID = {"meta", "link", "rect", "path", "circle", "br", "wbr"}
FINGERPRINT: Any = "a" * 64


class Page(HTMLParser):
    """The elements of a page with their attributes, in order; `text` as a reader gets it."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.unbalanced: list[str] = []
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, name: str) -> list[str]:
        """The values of an attribute, wherever it is."""
        return [value or "" for _, attributes in self.elements for key, value in attributes.items() if key == name]


RUN = Page(run_page(as_json(a_run())))
PAIR = Page(comparison_page(as_json(a_comparison())))
both = pytest.mark.parametrize("page", [pytest.param(RUN, id="run"), pytest.param(PAIR, id="comparison")])


@both
def test_values_are_inert(page: Page) -> None:
    """A script in a value is text, and signs that would turn the text around them are spelled out."""
    assert not {"script", "iframe", "object", "img", "form"} & {name for name, _ in page.elements}
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert re.search(r"[\u202a-\u202e\u2066-\u2069\u200b\x00-\x08]", page.text) is None
    assert "<script>document.title='run'</script>" in page.text
    assert "U+202E" in page.text


@both
def test_nothing_is_fetched(page: Page) -> None:
    """Links stay on the page; the only style is in it, and imports nothing."""
    assert all(link.startswith("#") or link == "data:," for link in page.all("href") + page.all("src"))
    assert not re.search(r"url\(|@import|https?://", page.text)


@both
def test_every_reference_has_its_target(page: Page) -> None:
    """And no id stands twice."""
    ids = page.all("id")
    named = [name for value in page.all("aria-labelledby") for name in value.split()]

    assert len(ids) == len(set(ids))
    assert {link[1:] for link in page.all("href") if link.startswith("#")} <= set(ids)
    assert set(named) <= set(ids)


@both
def test_the_markup_is_well_formed(page: Page) -> None:
    """Everything that is opened is closed, in order."""
    assert (page.open, page.unbalanced) == ([], [])


@both
def test_headings_leave_no_level_out(page: Page) -> None:
    """One h1, and none more than one deeper than that before it."""
    levels = [int(name[1]) for name, _ in page.elements if re.fullmatch(r"h[1-6]", name)]

    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_a_run_shows_all_that_is_asked_of_it() -> None:
    """Phases, where modes part, days, columns, distances, samples, policies, code, sources, cost."""
    report = a_run()
    said = re.sub(r"\s+", " ", RUN.text)

    wanted = (
        *("daily differs between modes.", "parts from bf after this phase", "December 2013", "up to 120.5"),
        *("0.1 to 1", "the time of loading", report["commit"], report["tree"], report["environment"]),
        *("prod.raw.trips", "125.8 MB billed", "count: exit code 1", "After phase 2 of bfd", "dit show"),
        *("against NULL", "25 % of the differing rows reach over a slice boundary", "as JSON values"),
    )
    assert [words for words in wanted if words not in said] == []


VERDICTS: dict[str, Verdict] = {
    "identical": Identical(evidence=evidence("l", "r")),
    "different": Different(evidence=evidence("l", "r"), explanation=explanation(FINGERPRINT)),
    "schema": SchemaDifferent(evidence=evidence("l", "r"), differences=("v: INT64 ~ STRING",)),
    "incomplete": Incomplete(evidence=evidence("l", "r"), missing_left=(), missing_right=()),
    "empty": Empty(evidence=evidence("l", "r")),
    "error": Error(evidence=evidence("l", "r"), reason=NASTY),
}


@pytest.mark.parametrize("name", VERDICTS)
def test_every_kind_of_verdict_has_a_page(name: str) -> None:
    """From what `dit compare --json` writes, which knows no output."""
    described = as_json(compared_json(VERDICTS[name]))

    page = Page(comparison_page(described))

    assert described["verdict"].replace("_", " ") in page.text
    assert (page.open, page.unbalanced) == ([], [])


def test_a_report_that_an_earlier_version_recorded_has_a_page() -> None:
    """What was not recorded then is not shown."""
    report = copy.deepcopy(as_json(a_run()))
    for name in ("cost", "remembered", "classes"):
        del report[name]
    for comparison in report["comparisons"]:
        for column in comparison["columns"]:
            del column["histogram"]
        for name in ("parting", "parting_untold", "causes"):
            if comparison["explanation"]:
                del comparison["explanation"][name]

    assert "left_at: shift by +5 whole hours" in Page(run_page(report)).text


def test_a_run_that_came_to_nothing_has_a_page() -> None:
    """No modes, no verdicts: no answer."""
    report = {**a_run(), "modes": [], "comparisons": [], "classes": {}, "outcome": "inconclusive"}

    assert "No answer" in Page(run_page(report)).text


def test_pages_are_kept_by_run_and_pair(tmp_path: Path) -> None:
    """With their compiled templates beside them, which change nothing."""
    report, pair = a_run(), a_comparison()

    kept = [keep_run_page(tmp_path, report), keep_comparison_page(tmp_path, report["run_id"], pair)]

    assert [file.relative_to(tmp_path).as_posix() for file in kept] == [
        "20131231-120000-abcdef.html",
        "20131231-120000-abcdef/daily-bf-bfd.html",
    ]
    assert [file.read_text(encoding="utf-8") for file in kept] == [run_page(report), comparison_page(pair)]
    assert any((tmp_path / ".templates").iterdir())


def test_half_a_surrogate_pair_can_be_written(tmp_path: Path) -> None:
    """JSON may hold one; UTF-8 may not."""
    assert write_page(tmp_path / "page.html", "a\ud800b").read_text(encoding="utf-8") == "a?b"


@pytest.mark.parametrize(
    ("skipped", "said"),
    [
        pytest.param(0, "2 pairs had been judged.", id="all were judged"),
        pytest.param(1, "1 pair had been judged, 1 had not.", id="one was"),
        pytest.param(2, "no pair had been judged, 2 had not.", id="none was"),
    ],
)
def test_a_stopped_run_says_how_many_pairs_had_been_judged(skipped: int, said: str) -> None:
    """A pair that was skipped was not judged."""
    comparisons = [
        {**one, "verdict": "SKIPPED", "outcome": "inconclusive"} if place < skipped else one
        for place, one in enumerate(a_run()["comparisons"][:2])
    ]
    report = {**a_run(), "comparisons": comparisons, "outcome": "inconclusive", "stopped_by_signal": 2}

    assert said in Page(run_page(report)).text
