"""A mode that could not have failed says so: trap 52 of docs/traps.md.

The pipeline keeps one stay per vessel, from its first to its last day. A run extends what stands there, so that a
stay which began before the run is known from the table alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from dit_dagster_tests.scenarios.bench import Bench, Ran

CUT = "UPDATE `{daily}` SET last = DATE_SUB(DATE '{start}', INTERVAL 1 DAY) WHERE last >= '{start}';"
DROP = "DELETE FROM `{daily}` WHERE last >= '{end}';"
"""The bug: what ends after the run is taken for a stay that a later run writes again, and its beginning is lost."""


def script(truncate: str) -> str:
    return f"""
CREATE TABLE IF NOT EXISTS `{{daily}}` (vessel STRING, first DATE, last DATE);
DELETE FROM `{{daily}}` WHERE first >= '{{start}}';
{truncate}
CREATE OR REPLACE TABLE `{{daily}}` AS
SELECT vessel, MIN(first) AS first, MAX(last) AS last
FROM (
  SELECT vessel, first, last FROM `{{daily}}`
  UNION ALL
  SELECT vessel, MIN(DATE(seen)), MAX(DATE(seen)) FROM `{{visits}}`
  WHERE DATE(seen) >= '{{start}}' AND DATE(seen) < '{{end}}' GROUP BY vessel
)
GROUP BY vessel;
"""


SHORT = {"v1": (1, 3), "v2": (5, 7), "v3": (8, 8)}
"""Stays by first and last day in January 2024. The second spans the first day of the tail, and none more than that."""
LONG = {**SHORT, "v4": (5, 8)}
APART = {"v1": (1, 6), "v2": (7, 7), "v3": (8, 8)}
SPAN = {"daily": {"span": {"start": "first", "end": "last"}}}


def stays(bench: Bench, of: Mapping[str, tuple[int, int]]) -> None:
    rows = " UNION ALL ".join(
        f"SELECT '{vessel}' AS vessel, TIMESTAMP_ADD(TIMESTAMP '2024-01-01 06:00:00', INTERVAL d * 24 HOUR) AS seen "
        f"FROM UNNEST(GENERATE_ARRAY({first - 1}, {last - 1})) AS d"
        for vessel, (first, last) in of.items()
    )
    bench.query(f"CREATE OR REPLACE TABLE `{bench.source}.visits` AS {rows}")


def run(bench: Bench, of: Mapping[str, tuple[int, int]], *modes: str, truncate: str, **declared: Any) -> Ran:
    stays(bench, of)
    bench.declare(
        outputs=declared.pop("outputs", SPAN), lookback=1, reads_back=None, owns_to_end=True, outage=None, **declared
    )
    bench.commit(script(truncate), "stays")
    return bench.run("bf", *modes, commit="stays")


def test_trap_52_a_truncate_bug_that_no_row_could_show_is_not_a_pass(bench: Bench) -> None:
    """Trap 52: no stay reaches over the days that are run again, and the reason says which would. bfd was exercised."""
    ran = run(bench, SHORT, "bfd", "bftruncate", truncate=DROP)

    again = ran.comparison("bftruncate")
    assert (ran.exit_code, ran.verdicts) == (3, {"bfd": "IDENTICAL", "bftruncate": "NOT_EXERCISED"})
    assert "no row of daily reaches over what bftruncate runs again ([2024-01-07, 2024-01-08))" in again["reason"]
    assert "starts before 2024-01-07 and ends on 2024-01-08 or later" in again["reason"]
    assert ran.comparison("bfd")["exercised"] == "1 row spans its boundaries"


def test_trap_52_the_same_bug_shows_on_a_row_that_reaches_over(bench: Bench) -> None:
    """Trap 52, the other side: with such a row it is DIFFERENT, and what was exercised is told there too."""
    ran = run(bench, LONG, "bfd", "bftruncate", truncate=DROP)

    assert (ran.exit_code, ran.verdicts) == (1, {"bfd": "IDENTICAL", "bftruncate": "DIFFERENT"})
    assert ran.comparison("bftruncate")["exercised"] == (
        "2 rows span its boundaries; 1 row reaches over what was run again"
    )


def test_trap_52_a_right_pipeline_with_such_a_row_passes(bench: Bench) -> None:
    """Trap 52: the case beside it stays green, and without a warning; a run of the same states remembers all of it."""
    ran = run(bench, LONG, "bfd", "bftruncate", "repeat", truncate=CUT)
    again = bench.run("bf", "bfd", "bftruncate", "repeat", commit="stays")

    assert (ran.exit_code, set(ran.verdicts.values())) == (0, {"IDENTICAL"})
    assert [one["warnings"] for one in ran.json["comparisons"]] == [[], [], []]
    found = ran.comparison("bftruncate")["detail"]["evidence"]["exercised"]
    assert (found["spanning"], [one["spanning"] for one in found["boundaries"]], found["over"]) == (2, [2, 1], 1)
    assert (again.executed, again.json["comparisons"]) == (0, ran.json["comparisons"])
    assert ran.comparison("repeat")["exercised"] == ""


def test_trap_52_rows_that_all_end_at_a_boundary_exercise_none(bench: Bench) -> None:
    """Trap 52: no stay spans a boundary, so that even a program which forgets what was open would pass."""
    ran = run(bench, APART, "bfd", "repeat", truncate=CUT)

    assert (ran.exit_code, ran.verdicts) == (3, {"bfd": "NOT_EXERCISED", "repeat": "IDENTICAL"})
    assert "no row of daily spans a slice boundary of bfd (2024-01-07, 2024-01-08)" in ran.comparison("bfd")["reason"]


@pytest.mark.parametrize(
    ("outputs", "warnings"),
    [
        pytest.param({"daily": {"day": "day"}}, 0, id="by day"),
        pytest.param({"daily": {}}, 1, id="nothing is declared"),
    ],
)
def test_trap_52_a_right_pipeline_without_a_span_stays_green(
    bench: Bench, outputs: dict[str, Any], warnings: int
) -> None:
    """Trap 52: by day it is exercised by its days; with nothing declared, a warning says that nobody can tell."""
    bench.declare(outputs=outputs)

    ran = bench.run("bf", "bfd", "bftruncate", "mutate_recover", "outage_recovery", "repeat")

    assert (ran.exit_code, set(ran.verdicts.values())) == (0, {"IDENTICAL"})
    told = {one["right"]: len(one["warnings"]) for one in ran.json["comparisons"]}
    assert told == {**dict.fromkeys(("bfd", "bftruncate", "mutate_recover", "outage_recovery"), warnings), "repeat": 0}
    if not warnings:
        assert ran.comparison("bftruncate")["exercised"] == (
            "rows on both sides of 3 of 3 boundaries; 3 days were written twice (12 rows)"
        )
