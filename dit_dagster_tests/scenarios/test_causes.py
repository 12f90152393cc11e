"""Causes that only a run can tell: what the plan, the declaration and the other outputs add to a comparison."""

from __future__ import annotations

from typing import Any

import pytest

from dit_dagster_tests.scenarios.bench import PROGRAM, Bench, Ran

LATE = """
CREATE TABLE IF NOT EXISTS `{daily}` (day DATE, vessel STRING, visits INT64, version INT64);
CREATE TABLE IF NOT EXISTS `{totals}` (day DATE, score INT64);
DELETE FROM `{daily}` WHERE day >= '{start}' AND day < '{end}';
DELETE FROM `{totals}` WHERE day >= '{start}' AND day < '{end}';
INSERT INTO `{daily}` (day, vessel, visits, version)
SELECT DATE(seen), vessel, COUNT(*), 1 FROM `{visits}`
WHERE DATE(seen) >= '{start}' AND DATE(seen) < '{end}' GROUP BY 1, 2;
INSERT INTO `{daily}` (day, vessel, visits, version)
SELECT day, vessel, visits * 10, 2 FROM `{daily}`
WHERE day >= '{start}' AND day < '{end}' AND DATE_DIFF(DATE '{end}', DATE '{start}', DAY) > 2;
CREATE OR REPLACE VIEW `{daily}_last` AS
SELECT * FROM `{daily}` WHERE TRUE QUALIFY ROW_NUMBER() OVER (PARTITION BY day, vessel ORDER BY version DESC) = 1;
INSERT INTO `{totals}` (day, score)
SELECT day, SUM(visits) * EXTRACT(DAY FROM day) + EXTRACT(DAY FROM day) * EXTRACT(DAY FROM day)
FROM `{daily}_last` WHERE day >= '{start}' AND day < '{end}' GROUP BY day;
"""
"""A daily phase leaves out the second version of its rows: the update was forgotten there."""

OUTPUTS: dict[str, Any] = {
    "daily": {
        "view": "{table}_last",
        "keys": ["day", "vessel"],
        "day": "day",
        "ignore": {"version": "bookkeeping"},
        "versioned": {"key": ["day", "vessel"], "version": "version"},
    },
    "totals": {"keys": ["day"], "day": "day"},
}
COMMAND = ["python", "job.py", "{start}", "{end}", "{source.visits}", "{table.daily}", "{table.totals}"]
TWO_TABLES = PROGRAM.replace("visits, daily = sys.argv[1:5]", "visits, daily, totals = sys.argv[1:6]").replace(
    "daily=daily)", "daily=daily, totals=totals)"
)


@pytest.fixture
def late(bench: Bench) -> Ran:
    bench.declare(outputs=OUTPUTS, steps=[{"name": "count", "command": COMMAND}])
    bench.commit(LATE, "late", program=TWO_TABLES)
    return bench.run("bf", "bfd", commit="late")


def causes(ran: Ran, output: str) -> list[str]:
    one = next(each for each in ran.json["comparisons"] if each["output"] == output)
    return [cause["name"] for cause in one["explanation"]["causes"]]


def test_a_stale_version_and_what_is_made_of_it(late: Ran) -> None:
    """Every row that differs is on the right as the left had it before its update; the totals only follow."""
    assert late.verdicts == {"daily.bfd": "DIFFERENT", "totals.bfd": "DIFFERENT"}
    assert causes(late, "daily")[0] == "stale version"
    assert causes(late, "totals") == ["upstream"]
