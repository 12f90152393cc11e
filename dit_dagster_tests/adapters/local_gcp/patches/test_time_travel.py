from __future__ import annotations

from typing import Any

from google.cloud import bigquery

from dit_dagster_tests.adapters.local_gcp.conftest import Emulator


def moment(emulator: Emulator) -> str:
    ((now,),) = emulator.run("SELECT CURRENT_TIMESTAMP()")
    return f"TIMESTAMP '{now.isoformat()}'"


def test_a_time_without_a_copy_is_an_error(emulator: Emulator) -> None:
    """The rows of today are not returned for yesterday."""
    emulator.run("CREATE TABLE d.t AS SELECT 1 AS x")
    before = moment(emulator)
    emulator.run("CREATE OR REPLACE TABLE d.t AS SELECT 2 AS x")

    outcome = emulator.outcome(lambda: emulator.run(f"SELECT x FROM d.t FOR SYSTEM_TIME AS OF {before}"))
    emulator.shows(lambda: str(outcome).partition(":")[0], "BadRequest")


def test_the_time_since_the_last_change_is_now(emulator: Emulator) -> None:
    """A table that has not changed since is read as it is."""

    def probe() -> Any:
        emulator.run("CREATE OR REPLACE TABLE d.t AS SELECT 1 AS x")
        emulator.run("INSERT INTO d.t (x) VALUES (2)")
        then = moment(emulator)
        emulator.run("INSERT INTO d.t (x) VALUES (3)")
        return sorted(emulator.run(f"SELECT x FROM d.t FOR SYSTEM_TIME AS OF {then}")), len(
            emulator.run(f"SELECT x FROM d.t FOR SYSTEM_TIME AS OF {moment(emulator)}")
        )

    assert probe() == ([(1,), (2,)], 3)


def test_a_dataset_that_asks_for_none_keeps_no_copies(emulator: Emulator) -> None:
    """Then a time before the last change is an error, where the others answer."""
    brief = bigquery.Dataset(f"{emulator.client.project}.brief")
    brief.labels = {"time_travel": "none"}
    emulator.client.create_dataset(brief)
    emulator.run("CREATE TABLE brief.t (x INT64)")
    emulator.run("INSERT INTO brief.t (x) VALUES (1)")
    then = moment(emulator)
    emulator.run("INSERT INTO brief.t (x) VALUES (2)")

    outcome = emulator.outcome(lambda: emulator.run(f"SELECT x FROM brief.t FOR SYSTEM_TIME AS OF {then}"))
    emulator.client.delete_dataset("brief", delete_contents=True)
    emulator.shows(lambda: "BadRequest" in str(outcome), True)
