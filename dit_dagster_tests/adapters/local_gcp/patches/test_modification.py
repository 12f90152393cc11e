from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from dit_dagster_tests.adapters.local_gcp.conftest import Emulator

Change = Callable[[Emulator], object]


@pytest.mark.parametrize(
    ("change", "rows"),
    [
        pytest.param(lambda e: e.run("INSERT INTO d.t (x) VALUES (3)"), 3, id="insert"),
        pytest.param(lambda e: e.run("UPDATE d.t SET x = 9 WHERE x = 1"), 2, id="update"),
        pytest.param(lambda e: e.run("DELETE FROM d.t WHERE x = 1"), 1, id="delete"),
        pytest.param(lambda e: e.run("TRUNCATE TABLE d.t"), 0, id="truncate"),
        pytest.param(
            lambda e: e.run(
                "MERGE INTO d.t t USING (SELECT 7 AS x) s ON t.x = s.x WHEN NOT MATCHED THEN INSERT (x) VALUES (x)"
            ),
            3,
            id="merge",
        ),
        pytest.param(
            lambda e: e.run("DECLARE a INT64 DEFAULT 5; INSERT INTO d.t (x) VALUES (a); SELECT 1"), 3, id="script"
        ),
        pytest.param(lambda e: e.run("EXECUTE IMMEDIATE 'INSERT INTO d.t (x) VALUES (1)'"), 3, id="dynamic"),
        pytest.param(lambda e: e.client.insert_rows_json(e.reference(), [{"x": 4}]), 3, id="stream"),
        pytest.param(lambda e: e.client.load_table_from_json([{"x": 5}], e.reference()).result(), 3, id="load"),
        pytest.param(
            lambda e: e.run("SELECT 8 AS x", destination=e.reference(), write_disposition="WRITE_APPEND"),
            3,
            id="destination",
        ),
    ],
)
def test_every_change_shows(emulator: Emulator, change: Change, rows: int) -> None:
    """Whatever changes a table changes its `modified`, `etag` and `num_rows`, and leaves `created`."""
    emulator.run("CREATE TABLE d.t AS SELECT x FROM UNNEST([1, 2]) AS x")

    def probe() -> tuple[bool, bool, bool, int]:
        before = emulator.table()
        change(emulator)
        after = emulator.table()
        return (
            after.modified > before.modified,
            after.etag != before.etag,
            after.created == before.created,
            after.num_rows,
        )

    emulator.shows(probe, (True, True, True, rows))


def test_a_replaced_table_is_a_new_one(emulator: Emulator) -> None:
    """CREATE OR REPLACE with the same content still moves every stamp forward, strictly."""

    def probe() -> list[bool]:
        stamps = []
        for _ in range(5):
            emulator.run("CREATE OR REPLACE TABLE d.t AS SELECT 1 AS x")
            stamps.append(emulator.table())
        return [b.modified > a.modified and b.etag != a.etag for a, b in pairwise(stamps)]

    assert probe() == [True] * 4


def test_two_changes_in_one_script_have_two_stamps(emulator: Emulator) -> None:
    """Changes that follow each other faster than the clock's millisecond are told apart."""
    emulator.run("CREATE TABLE d.t (x INT64)")

    def probe() -> bool:
        before = emulator.table().modified
        emulator.run("; ".join(["INSERT INTO d.t (x) VALUES (1)"] * 5))
        return bool((emulator.table().modified - before).total_seconds() * 1000 >= 5)

    emulator.shows(probe, True)


def test_reading_changes_nothing(emulator: Emulator) -> None:
    """A query, a dry run and CREATE TABLE IF NOT EXISTS leave every stamp alone."""
    emulator.run("CREATE TABLE d.t AS SELECT 1 AS x")

    def probe() -> bool:
        before = emulator.table()
        emulator.run("SELECT * FROM d.t")
        emulator.run("INSERT INTO d.t (x) VALUES (1)", dry_run=True)
        emulator.run("CREATE TABLE IF NOT EXISTS d.t (x INT64)")
        after = emulator.table()
        return (before.etag, before.modified, before.created) == (after.etag, after.modified, after.created)

    emulator.shows(probe, True)


def test_a_table_made_again_under_its_name_is_later(emulator: Emulator) -> None:
    """Dropping and creating a table cannot bring back an old stamp."""
    emulator.run("CREATE TABLE d.t AS SELECT 1 AS x")
    before = emulator.table()
    emulator.client.delete_table(emulator.reference())
    emulator.run("CREATE TABLE d.t AS SELECT 1 AS x")

    assert (emulator.table().modified > before.modified, emulator.table().etag != before.etag) == (True, True)
