"""An output of one table per day is compared as a whole, whichever phase wrote which day."""

from __future__ import annotations

import pytest

from dit_dagster_tests.scenarios.bench import PROGRAM, Bench

BY_DAY = PROGRAM.replace("sql = open", "import datetime\nsql = open").replace(
    ".format(start=start, end=end, visits=visits, daily=daily)",
    "\nfirst, last = map(datetime.date.fromisoformat, (start, end))\n"
    "days = [first + datetime.timedelta(days=n) for n in range((last - first).days)]\n"
    "sql = '\\n'.join(sql.format(day=day, visits=visits, shard=f'{daily}_{day:%Y%m%d}') for day in days)",
)
SCRIPT = """
CREATE TABLE IF NOT EXISTS `{shard}` (vessel STRING, visits INT64);
DELETE FROM `{shard}` WHERE TRUE;
INSERT INTO `{shard}` (vessel, visits)
SELECT vessel, COUNT(*) FROM `{visits}` WHERE DATE(seen) = '{day}' GROUP BY 1;
"""
APPENDING = SCRIPT.replace("DELETE FROM `{shard}` WHERE TRUE;", "")


@pytest.mark.parametrize(
    ("script", "verdict"),
    [pytest.param(SCRIPT, "IDENTICAL", id="a day is replaced"), pytest.param(APPENDING, "DIFFERENT", id="a day grows")],
)
def test_daily_tables_are_compared_as_one(bench: Bench, script: str, verdict: str) -> None:
    """T=2, W=2: a day that two phases wrote is one table, and its rows are compared with their day."""
    bench.declare(outputs={"daily": {"sharded": "on", "keys": ["shard", "vessel"], "day": "shard"}}, mutations=None)
    bench.commit(script, "sharded", program=BY_DAY)

    ran = bench.run("bf", "bfd", commit="sharded")

    assert ran.verdicts == {"bfd": verdict}
    assert ran.comparison("bfd")["rows_left"] == 8 * 4
