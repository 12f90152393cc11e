"""JUnit and Markdown say what the report says, whatever stands in it."""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from dit_dagster.evidence.cases import headline, whole, worst
from dit_dagster.evidence.junit import junit, junit_of_failure
from dit_dagster.evidence.markdown import code, markdown, markdown_of_failure
from dit_dagster.model.verdict import EXIT_CODES, Outcome
from dit_dagster_tests.evidence.html.a_run import NASTY, a_run

RUN = a_run()
ANYTHING = st.text(st.characters(exclude_categories=()), max_size=60)
GFM = MarkdownIt("commonmark").enable("table")


def changed(said: str, /, **comparison: Any) -> dict[str, Any]:
    """The run with another outcome, these fields in each of its comparisons, and no phase that failed."""
    run = copy.deepcopy(RUN)
    run["comparisons"] = [{**one, **comparison} for one in run["comparisons"]]
    for mode in run["modes"]:
        for phase in mode["phases"]:
            phase["outcome"] = "ran"
    return {**run, "outcome": said}


def elements(text: str) -> Counter[str]:
    return Counter(element.tag for element in ET.fromstring(text.encode()).iter())


def test_junit_has_a_case_for_every_pair_every_failed_phase_and_the_run() -> None:
    """A difference is a failure, a pair without a state is an error, and so is a phase that failed."""
    found = ET.fromstring(junit(RUN).encode())

    cases = {case.get("name"): [child.tag for child in case] for case in found.iter("testcase")}
    assert {name: tags for name, tags in cases.items() if "phase" not in str(name)} == {
        "bf ~ bfd": ["failure"],
        "bf ~ bftruncate": [],
        "bf ~ mutate_recover": ["error"],
        "run": [],
    }
    assert [tags for name, tags in cases.items() if "phase" in str(name)] == [["error"]]
    assert (found.get("tests"), found.get("failures"), found.get("errors")) == ("5", "1", "2")


@pytest.mark.parametrize("outcome", ["inconclusive", "error", "fail", "something new", None])
def test_junit_is_green_for_a_pass_alone(outcome: str | None) -> None:
    """Nothing is ever a skipped test, which CI would show in green."""
    found = elements(junit(changed("pass", outcome=outcome, passed=False, verdict="EMPTY", explanation=None)))

    assert found["failure"] + found["error"] == found["testcase"] - 1
    assert found["skipped"] == 0


def test_markdown_tells_what_the_change_does() -> None:
    """Once for all modes of which the same is to be said; what is not known is told as well."""
    table = markdown(RUN).partition("#### Against `bbbbbbbbbbbb`")[2]

    rows = [line for line in table.splitlines() if line.startswith("| `daily`")]
    assert [row.split(" | ")[:3] for row in rows] == [
        ["| `daily`", "`bf, bftruncate`", "**DIFFERENT**"],
        ["| `daily`", "`bfd`", "**SKIPPED**"],
    ]
    assert "it was not run" in rows[1]
    assert "#### Against" not in markdown({**RUN, "against": None})


def test_junit_tells_what_the_change_does_and_does_not_judge_it() -> None:
    """As the suite's output: a line for each output and mode."""
    found = ET.fromstring(junit(RUN).encode())

    [said] = [element.text or "" for element in found.iter("system-out")]
    lines = said.splitlines()
    assert lines[0] == "against bbbbbbbbbbbb"
    assert [line.split(":")[:2] for line in lines[1:]] == [
        ["daily in bf", " DIFFERENT"],
        ["daily in bftruncate", " DIFFERENT"],
        ["daily in bfd", " SKIPPED"],
    ]
    assert found.get("failures") == "1"
    assert elements(junit({**RUN, "against": None}))["system-out"] == 0


def test_junit_of_a_pass_has_nothing_red() -> None:
    """Every case, and the run."""
    found = elements(junit(changed("pass", outcome="pass", passed=True, verdict="IDENTICAL")))

    assert (found["failure"], found["error"], found["testcase"]) == (0, 0, 4)


@pytest.mark.parametrize("outcome", ["inconclusive", "error"])
def test_a_run_that_no_pair_explains_is_red_itself(outcome: str) -> None:
    """Interrupted, say, after its last comparison."""
    found = ET.fromstring(junit(changed(outcome, outcome="pass", passed=True, verdict="IDENTICAL")).encode())

    [case] = [case for case in found.iter("testcase") if len(case)]
    assert (case.get("name"), case[0].tag) == ("run", "error")


def test_a_run_without_comparisons_is_no_pass_whatever_it_says() -> None:
    """Zero comparisons are zero failures, which is what green is made of elsewhere."""
    empty = {**changed("pass"), "comparisons": []}

    assert (whole(empty), elements(junit(empty))["error"]) == (Outcome.INCONCLUSIVE, 1)
    assert "INCONCLUSIVE" in markdown(empty)


@pytest.mark.parametrize("said", [*Outcome, "green"])
@pytest.mark.parametrize("of_pair", [*Outcome, "green"])
def test_every_form_says_the_same(said: str, of_pair: str) -> None:
    """The exit code, JUnit, Markdown and the line of a check agree, and none is better than the worst of its parts."""
    run = changed(said, outcome=of_pair, passed=of_pair == "pass", verdict="X")
    green = said == of_pair == "pass"

    red = elements(junit(run))
    found = {
        EXIT_CODES[whole(run)] == 0,
        red["failure"] + red["error"] == 0,
        markdown(run).startswith("### ✓"),
        headline(run).startswith("PASS"),
    }

    assert found == {green}


def test_a_pass_whose_fields_contradict_each_other_is_none() -> None:
    """`outcome` says pass, `passed` does not."""
    assert whole(changed("pass", outcome="pass", passed=False)) is Outcome.ERROR


def test_a_run_without_a_report_is_an_error_in_both() -> None:
    """Refused, or killed before it could say anything."""
    found = elements(junit_of_failure("trips", "a" * 40, "no commit 'x'"))

    assert (found["error"], found["testcase"]) == (1, 1)
    assert "ERROR" in markdown_of_failure("trips", "a" * 40, "no commit 'x'")


def test_the_worst_comes_first() -> None:
    """Failures before errors before what is inconclusive."""
    assert [case.outcome for case in worst(RUN)] == [Outcome.FAIL, Outcome.INCONCLUSIVE]
    assert headline(RUN) == "FAIL: daily bf ~ bfd DIFFERENT; 1 of 3 pairs pass"


def test_markdown_has_the_matrix_the_worst_the_cost_and_the_link() -> None:
    """What a reviewer wants to know without opening anything."""
    text = markdown(RUN, link="https://dagster.example/runs/7")

    for part in (
        "### ✕ trips: FAIL",
        "| `daily` | ✕ DIFFERENT | ✓ IDENTICAL | ? SKIPPED |",
        "| `daily` | `bf ~ bfd` | DIFFERENT | 43 | `speed` 30, `name` 12, `left_at` 5 | time shift |",
        "comparisons: 125.8 MB billed; 48.7 s",
        "[the report](https://dagster.example/runs/7)",
    ):
        assert part in text


def test_markdown_holds_no_value_of_any_row() -> None:
    """A comment is read by more people than the warehouse."""
    text = markdown(RUN) + headline(RUN)

    assert [value for value in ("1527.93", "1528.01", "2013-12-29", NASTY[:20]) if value in text] == []


@pytest.mark.parametrize(
    "link",
    [None, "javascript:alert(1)", "https://x.example/) [click](https://evil.example", "https://x.example/a b", ""],
)
def test_what_is_no_link_is_none(link: str | None) -> None:
    """An address comes from a setting, and is still looked at."""
    assert "](" not in markdown(RUN, link=link)


def rendered(text: str) -> list[Any]:
    return [child for token in GFM.parse(text) for child in (token, *(token.children or ()))]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "@mia",
            "#1",
            "https://evil.example",
            "<script>x</script>",
            "![x](https://evil.example/x.png)",
            "a|b",
            "`",
            "``",
        ),
        *(
            "`x`",
            "\\",
            "a\nb",
            "\n# big",
            "<!-- dit trips -->",
            "\u202egnirts",
            "x" * 10_000,
            "$(id)",
            "-->",
            "\\|",
            "|",
        ),
    ],
)
def test_a_text_from_outside_is_one_code_span(text: str) -> None:
    """No mention, no link, no picture, no tag, and no way out of its cell."""
    tokens = rendered(f"| a | b |\n|---|---|\n| {code(text)} | end |\n")

    assert [token.type for token in tokens if token.type in ("image", "link_open", "html_inline", "html_block")] == []
    cells = [token for token in tokens if token.type == "td_open"]
    spans = [token.content for token in tokens if token.type == "code_inline"]
    assert (len(cells), len(spans)) == (2, 1)


@given(ANYTHING)
def test_any_name_and_any_reason_leave_the_forms_whole(text: str) -> None:
    """XML that can be read, a table of as many cells as before, and the same verdict."""
    run = changed("fail", output=text or "x", reason=text, left=text or "x", outcome="fail", passed=False)

    parsed = ET.fromstring(junit(run).encode("utf-8", "strict"))
    cells = [token.type for token in rendered(markdown(run))].count("td_open")

    assert parsed.get("failures") == "3"
    assert cells == 4 + 3 * 6 + 2 * 6
