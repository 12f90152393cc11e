"""The parts of a page: matrix, headline, calendar, bars, policies, facts."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from dit_dagster.evidence.html.bars import columns, dimensions, histograms
from dit_dagster.evidence.html.days import days
from dit_dagster.evidence.html.facts import facts, moment, spent
from dit_dagster.evidence.html.matrix import headline, matrix
from dit_dagster.evidence.html.policies import policies, policy
from dit_dagster.evidence.html.words import MEANINGS, distance, size
from dit_dagster.model.verdict import _NAMES
from dit_dagster_tests.evidence.html.a_run import NASTY, a_comparison, a_run


def test_every_verdict_has_a_meaning() -> None:
    """One line for each, and for no other."""
    assert MEANINGS.keys() == set(_NAMES.values())


def test_the_matrix_has_every_mode_and_output() -> None:
    """The reference says that it is one; every verdict leads to its section."""
    found = matrix(a_run())

    assert found.outputs == ("daily",)
    assert {row.mode: [(cell.title, cell.target) for cell in row.cells] for row in found.rows} == {
        "bf": [("reference", "")],
        "bfd": [("DIFFERENT", "comparison-1")],
        "bftruncate": [("IDENTICAL", "comparison-2")],
        "mutate_recover": [("SKIPPED", "comparison-3")],
    }


def test_the_headline_says_what_and_where() -> None:
    """The failing pair first, with rows, days, columns and the phase."""
    found = headline(a_run())

    assert (found.outcome, found.answer) == ("fail", "daily differs between modes.")
    assert found.more == "Of 3 comparisons: 1 fail, 1 inconclusive, 1 pass."
    assert [(one.pair, one.outcome) for one in found.findings] == [
        ("daily: bfd against bf", "fail"),
        ("daily: mutate_recover against bf", "inconclusive"),
    ]
    assert found.findings[0].where == (
        "43 rows differ",
        "3 days, 2013-12-28 to 2013-12-30",
        "in speed, name, left_at",
        "first after phase 2 of bfd",
    )


@pytest.mark.parametrize("outcome", ["inconclusive", "error"])
def test_what_is_no_pass_never_reads_like_one(outcome: str) -> None:
    """Not even where nothing differs."""
    report = {**a_run(), "outcome": outcome}

    assert "holds" not in headline(report).answer


@pytest.mark.parametrize(("verdict", "said"), [("IDENTICAL", ""), ("EQUIVALENT", ", within the declared tolerances")])
def test_a_pass_within_tolerances_says_so(verdict: str, said: str) -> None:
    """The tables are not the same then."""
    passing = [{**one, "verdict": verdict, "outcome": "pass", "passed": True} for one in a_run()["comparisons"]]

    found = headline({**a_run(), "outcome": "pass", "comparisons": passing})

    assert found.answer == f"The data holds: every mode comes to the same tables{said}."


def test_a_stopped_run_says_so() -> None:
    """With how much had been judged."""
    report = {**a_run(), "outcome": "inconclusive", "stopped_by_signal": 15}

    assert "stopped by signal 15" in headline(report).more


def with_days(*told: tuple[str, int]) -> dict[str, Any]:
    return a_comparison(days=tuple((date.fromisoformat(day), rows) for day, rows in told))


def test_a_calendar_has_the_windows_weeks() -> None:
    """With the rows of each day, how much that is, and where phases begin; the first day of all begins none."""
    found = days(
        with_days(("2013-01-02", 1), ("2013-01-04", 100)), ["2013-01-01", "2013-01-09"], ["2013-01-01", "2013-01-04"]
    )

    assert found is not None
    [month] = found.months
    cells = {day.number: day for week in month.weeks for day in week if day is not None}
    assert (month.name, len(month.weeks), found.differing, found.most) == ("January 2013", 2, 2, 100)
    assert {number: (day.rows, day.level) for number, day in cells.items() if day.rows} == {2: (1, 1), 4: (100, 4)}
    assert [number for number, day in cells.items() if day.begins] == [4]
    assert [number for number, day in cells.items() if not day.within] == [9, 10, 11, 12, 13]


def test_a_day_outside_the_window_is_shown_all_the_same() -> None:
    """It is where a bug that reaches too far would be."""
    found = days(with_days(("2013-02-28", 3)), ["2013-03-01", "2013-03-08"])

    assert found is not None
    assert [month.name for month in found.months] == ["February 2013", "March 2013"]


def test_of_many_years_only_the_months_that_differ_are_shown() -> None:
    """And the rest of those is counted."""
    first = date(1990, 1, 15)
    told = [((first + timedelta(days=31 * n)).isoformat(), 1) for n in range(0, 100, 2)]

    found = days(with_days(*told), ["1980-01-01", "2020-01-01"])

    assert found is not None
    assert (len(found.months), found.left_out) == (36, 14)


def test_no_calendar_without_days() -> None:
    """Rather than an empty one."""
    assert days(a_comparison(days=())) is None


def test_bars_are_as_long_as_their_counts() -> None:
    """Those within the tolerance are told apart, and what differs seldom is still to be seen."""
    found = columns(a_comparison())

    assert [(each.bar.label, each.bar.count, each.bar.length, each.bar.beside) for each in found.bars] == [
        ("speed", 30, 90.91, 3),
        ("name", 12, 36.36, 0),
        ("left_at", 5, 15.15, 0),
    ]
    assert [each.largest for each in found.bars] == ["120.5", "", "5 h"]


def test_a_histogram_shows_the_gap_between_two_heaps() -> None:
    """In powers of ten, or in units of time."""
    speed, left_at = histograms(a_comparison())

    assert [(bar.label, bar.count, bar.length) for bar in speed.bars] == [
        ("0.1 to 1", 3, 15.0),
        ("1 to 10", 20, 100.0),
        ("10 to 100", 0, 0.0),
        ("100 to 1,000", 10, 50.0),
    ]
    assert [bar.label for bar in left_at.bars] == ["2.8 h to 1.2 d"]


def test_heaps_far_apart_are_not_joined() -> None:
    """A page of empty buckets would show nothing."""
    comparison = a_comparison()
    comparison["columns"][0]["histogram"] = [[-300, 1], [300, 2]]

    assert [bar.label for bar in histograms(comparison)[0].bars] == ["1e-300 to 1e-299", "1e300 to 1e301"]


def test_a_dimensions_null_is_not_a_text() -> None:
    """It has a name of its own."""
    [vessel] = dimensions(a_comparison())

    assert [(bar.label, bar.count) for bar in vessel.bars] == [(NASTY, 30), ("NULL", 13)]


def test_a_policy_says_what_is_not_exact_and_what_is_left_out() -> None:
    """Once for each output."""
    [found] = policies(a_run())

    assert found.columns == (("speed", "within 0.5 or 1 % of the larger value"), ("doc", "as JSON values"))
    assert found.ignored == (("loaded_at", "the time of loading"),)
    assert dict(found.facts)["Rows are paired by"] == "day, vessel"


def test_a_policy_that_this_version_does_not_know_is_told_as_it_is() -> None:
    """A page that leaves it out would claim an exact comparison."""
    comparison = a_comparison()
    comparison["detail"]["evidence"]["policy"]["columns"] = {"v": {"kind": "rounded", "digits": 3}}

    assert policy(comparison).columns == (("v", "rounded (digits: 3)"),)


def test_facts_name_the_code_the_sources_and_the_cost() -> None:
    """With hashes at full length."""
    report = a_run()

    found = facts(report)

    assert dict(found.code)["Commit"] == report["commit"]
    assert dict(found.effort)["Comparing"].startswith("6 statements, 290.5 kB estimated, 125.8 MB billed")
    assert [source.name for source in found.sources] == ["trips"]


def test_a_report_of_an_earlier_version_has_no_cost_to_tell() -> None:
    """Nothing is said of what was not recorded."""
    report = {name: value for name, value in a_run().items() if name not in ("cost", "remembered")}

    assert "Comparing" not in dict(facts(report).effort)


def test_sizes_and_distances_are_read_at_a_glance() -> None:
    """In the largest unit that fits; what reads nothing says so."""
    nothing = {"statements": 0, "bytes_estimated": 0, "bytes_billed": 0, "slot_ms": 0, "seconds": 0.0}

    assert (size(999), size(48_420), size(3 * 10**12)) == ("999 bytes", "48.4 kB", "3.0 TB")
    assert (distance(1.8e10, "microseconds"), distance(2.0, "days")) == ("5 h", "2 days")
    assert (spent(nothing), moment("2026-11-26T16:40:07.639000+00:00")) == (
        "nothing was read",
        "2026-11-26 16:40:07 UTC",
    )


def test_what_is_unexplained_says_so_in_a_sentence() -> None:
    """The word alone would read like a gap in the report."""
    report = a_run()
    report["comparisons"][0]["explanation"]["cause"] = "unexplained"

    assert headline(report).findings[0].what == "not the same rows: no kind of change that is known leaves such a trace"
