"""What a run reads: cohorts, tables named for one run, and sources as they were at a time."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from dit_dagster import api
from dit_dagster.errors import BadSource, TooMuchToRead, UnknownName, UsageError
from dit_dagster.evidence.crossing import diff_json
from dit_dagster.model.cohort import parse_moment, parse_tables
from dit_dagster.running.orchestrator import Stop
from dit_dagster_tests.scenarios.bench import GOOD, Bench

SHORT = {"window": {"start": date(2024, 1, 1), "end": date(2024, 1, 6)}}


def declare(bench: Bench, cohort: dict[str, Any], **more: Any) -> None:
    bench.declare(cohorts={"small": cohort}, **more)


def test_a_cohort_is_a_bundle_of_days_and_tables(bench: Bench) -> None:
    """It replaces the window and the tables that it names; the report says which cohort it was."""
    bench.query(f"CREATE TABLE `{bench.source}.few` AS SELECT * FROM `{bench.source}.visits` WHERE vessel = 'v1'")
    declare(bench, {**SHORT, "sources": {"visits": f"{bench.source}.few"}})

    ran = bench.run("bf", "bftruncate", cohort="small")

    assert (ran.exit_code, ran.json["window"]) == (0, ["2024-01-01", "2024-01-06"])
    assert ran.json["sources"]["visits"]["table"] == f"{bench.source}.few"
    assert ran.json["selection"]["cohort"] == "small"


def test_the_default_cohort_is_what_a_run_without_flags_reads(bench: Bench) -> None:
    """So that it is cheap; every state is shared with a run that names the same days."""
    declare(bench, SHORT, default_cohort="small")

    first = bench.run("bf", "bftruncate")
    bench.declare()
    named = bench.run("bf", "bftruncate", start=date(2024, 1, 1), end=date(2024, 1, 6))

    assert first.json["window"] == ["2024-01-01", "2024-01-06"]
    assert (named.executed, named.reused) == (0, 3)


def test_a_cohort_can_name_a_whole_dataset(bench: Bench) -> None:
    """Every source's table, under its own name there; a table that is named for the run wins over it."""
    for table in ("visits", "other"):
        bench.query(f"CREATE TABLE `{bench.scratch}.{table}` AS SELECT * FROM `{bench.source}.visits`")
    declare(bench, {"dataset": str(bench.scratch)})

    found = [
        bench.explain("bf", cohort="small", tables=tables)["sources"]["visits"]["table"]
        for tables in ({}, {"visits": f"{bench.scratch}.other"})
    ]

    assert found == [f"{bench.scratch}.visits", f"{bench.scratch}.other"]


def test_trap_26_days_that_are_too_thin_are_refused_before_anything_runs(bench: Bench) -> None:
    """Trap 26: the rows of every day are counted, and the message says which day has how many."""
    declare(bench, {"rows_per_day": 6})

    with pytest.raises(BadSource, match=r"has 5 rows on 2024-01-01, and fewer than 6 on 8 of 8 days; cohort small"):
        bench.run("bf", "bftruncate", cohort="small")
    assert bench.events("run_planned") == []


def test_a_cohorts_budget_is_a_limit(bench: Bench) -> None:
    """As `--max-bytes` is, which wins over it."""
    declare(bench, {"max_bytes": 1})

    with pytest.raises(TooMuchToRead):
        bench.run("bf", "bftruncate", cohort="small")
    assert bench.run("bf", "bftruncate", cohort="small", max_bytes=10**12).exit_code == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"cohort": "large"}, "unknown cohort 'large'; visits declares small", id="cohort"),
        pytest.param({"tables": {"calls": "a.b"}}, "unknown source 'calls'; visits has visits", id="source"),
    ],
)
def test_what_is_not_declared_cannot_be_chosen(bench: Bench, options: dict[str, Any], message: str) -> None:
    """Refused with what there is."""
    declare(bench, {})

    with pytest.raises(UnknownName, match=message):
        bench.run("bf", "bftruncate", **options)


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A source that has been appended to, in a dataset that keeps its past; `then` lies before the last row."""

    table: str
    then: datetime

    def append(self, bench: Bench) -> None:
        bench.query(f"INSERT INTO `{self.table}` VALUES ('v9', TIMESTAMP '2024-01-02 03:00:00')")


@pytest.fixture
def past(bench: Bench) -> Iterator[Past]:
    """Made with the client: datasets of our own keep no past."""
    dataset = bench.warehouse.client.create_dataset(f"{bench.source.project}.past_{secrets.token_hex(4)}")
    table = f"{dataset.project}.{dataset.dataset_id}.visits"
    bench.query(f"CREATE TABLE `{table}` AS SELECT * FROM `{bench.source}.visits`")
    bench.query(f"INSERT INTO `{table}` VALUES ('v8', TIMESTAMP '2024-01-02 03:00:00')")
    time.sleep(1.1)
    then = datetime.now(UTC)
    time.sleep(1.1)
    yield Past(table=table, then=then)
    bench.warehouse.client.delete_dataset(dataset, delete_contents=True)


def test_sources_are_read_as_they_were(bench: Bench, past: Past) -> None:
    """What was appended later is not seen, by any phase or any count; and what has not changed is the same source."""
    asked: dict[str, Any] = {"tables": {"visits": past.table}}
    unchanged = bench.run("bf", "bftruncate", **asked, pin_source_at=past.then)
    past.append(bench)

    before = bench.run("bf", "bftruncate", **asked, pin_source_at=past.then)
    now = bench.run("bf", "bftruncate", **asked)
    again = bench.run("bf", "bftruncate", **asked, pin_source_at=past.then)

    def rows(ran: Any) -> int:
        return int(ran.comparison("bftruncate")["rows_left"])

    assert [ran.exit_code for ran in (unchanged, before, now)] == [0, 0, 0]
    assert (rows(unchanged), rows(before), rows(now)) == (33, 33, 34)
    assert "as_of" not in unchanged.json["sources"]["visits"]
    assert before.json["sources"]["visits"]["as_of"] == past.then.isoformat()
    assert (again.executed, again.reused) == (0, 3)


def test_versions_are_compared_on_sources_as_they_were(bench: Bench, past: Past) -> None:
    """Both bindings read the same past, whatever was appended since."""
    bench.commit(f"{GOOD}\n-- said otherwise", "tidied")
    past.append(bench)

    found = api.diff(
        "visits",
        {"before": "good", "after": "tidied"},
        settings=bench.settings,
        modes=["bf"],
        tables={"visits": past.table},
        pin_source_at=past.then,
    )

    assert [(one["verdict"], one["rows_left"]) for one in diff_json(found)["comparisons"]] == [("IDENTICAL", 33)]


def test_a_diff_that_was_stopped_is_no_pass(bench: Bench) -> None:
    """One program on one input is UNCHANGED without a run; that nothing ran to its end is told all the same."""
    stop = Stop()
    stop.ask(15)
    asked = {name: api.Asked(pipeline="visits", commit="good", modes=["bf"]) for name in ("before", "after")}

    found = api.diff_prepared(api.AskedDiff(bindings=asked), bench.settings, stop=stop)

    assert [one.verdict.__class__.__name__ for one in found.crossings] == ["Unchanged"]
    assert diff_json(found)["passed"] is False


def test_a_time_before_the_table_is_refused(bench: Bench) -> None:
    """There is nothing to read."""
    with pytest.raises(BadSource, match="after the time as of which it is to be read"):
        bench.run("bf", "bftruncate", pin_source_at=datetime.now(UTC) - timedelta(days=2))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("yesterday", "write a time such as", id="no time"),
        pytest.param("2026-01-01T00:00:00", "names no time zone", id="no zone"),
        pytest.param("9999-01-01T00:00:00Z", "lies in the future", id="future"),
    ],
)
def test_a_time_that_is_none(text: str, message: str) -> None:
    """Each with what to write."""
    with pytest.raises(UsageError, match=message):
        parse_moment(text)


@pytest.mark.parametrize(
    ("at", "message"),
    [
        pytest.param(datetime(2026, 1, 1), "names no time zone", id="no zone"),  # noqa: DTZ001  # that is the point
        pytest.param(datetime(9999, 1, 1, tzinfo=UTC), "lies in the future", id="future"),
    ],
)
def test_a_time_that_is_none_is_refused_whoever_gives_it(bench: Bench, at: datetime, message: str) -> None:
    """In Python as on the command line."""
    with pytest.raises(UsageError, match=message):
        bench.explain("bf", "bftruncate", pin_source_at=at)


def test_a_cohort_as_of_a_time_to_come_is_refused(bench: Bench) -> None:
    """Until then its sources can change: runs of one cohort would not read the same."""
    bench.declare(cohorts={"later": {"pin_at": "9999-01-01T00:00:00Z"}})

    with pytest.raises(UsageError, match="lies in the future"):
        bench.explain("bf", "bftruncate", cohort="later")


@pytest.mark.parametrize("given", ["visits", "visits=", "visits=a", "visits=a.b;DROP TABLE c", "=a.b"])
def test_a_source_that_is_none(given: str) -> None:
    """A table's name is validated where it enters."""
    with pytest.raises(UsageError):
        parse_tables([given] if not given.startswith("=") else [given, given])
