from __future__ import annotations

from typing import Any

import pytest
from google.cloud import bigquery

from dit_dagster_tests.adapters.local_gcp.conftest import PROJECT, Emulator


def write(emulator: Emulator, sql: str, **settings: Any) -> list[tuple[Any, ...]]:
    settings.setdefault("destination", emulator.reference())
    return emulator.run(sql, **settings)


def test_a_missing_table_is_created(emulator: Emulator) -> None:
    """The result is in the destination, and is what the query returns."""

    def probe() -> tuple[Any, Any]:
        returned = write(emulator, "SELECT x, 'a' AS s FROM UNNEST([1, 2]) AS x")
        return sorted(returned), sorted(emulator.run("SELECT x, s FROM d.t"))

    emulator.shows(probe, ([(1, "a"), (2, "a")], [(1, "a"), (2, "a")]))


@pytest.mark.parametrize(
    ("disposition", "expected"),
    [
        pytest.param("WRITE_APPEND", [(1, "a"), (2, "b")], id="append"),
        pytest.param("WRITE_TRUNCATE", [(2, "b")], id="truncate"),
        pytest.param("WRITE_EMPTY", "Conflict", id="empty"),
    ],
)
def test_dispositions(emulator: Emulator, disposition: str, expected: Any) -> None:
    """Rows that are there stay, go, or forbid the write."""
    emulator.run("CREATE TABLE d.t AS SELECT 1 AS x, 'a' AS s")

    def probe() -> Any:
        outcome = emulator.outcome(lambda: write(emulator, "SELECT 'b' AS s, 2 AS x", write_disposition=disposition))
        if isinstance(outcome, str):
            return outcome.partition(":")[0]
        return sorted(emulator.run("SELECT x, s FROM d.t"))

    emulator.shows(probe, expected)


def test_truncation_replaces_the_schema_and_keeps_the_rest(emulator: Emulator) -> None:
    """WRITE_TRUNCATE takes the query's schema; the creation time and the labels stay."""
    emulator.run("CREATE TABLE d.t (x INT64)")
    table = emulator.table()
    table.labels = {"a": "b"}
    emulator.client.update_table(table, ["labels"])
    before = emulator.table()

    def probe() -> tuple[Any, ...]:
        write(emulator, "SELECT 'q' AS y", write_disposition="WRITE_TRUNCATE")
        after = emulator.table()
        return [f.name for f in after.schema], after.labels, after.created == before.created

    emulator.shows(probe, (["y"], {"a": "b"}, True))


def test_create_never(emulator: Emulator) -> None:
    """A destination that may not be created is not."""
    outcome = emulator.outcome(lambda: write(emulator, "SELECT 1 AS x", create_disposition="CREATE_NEVER"))

    assert outcome.startswith("NotFound")


def test_layout_is_applied(emulator: Emulator) -> None:
    """Partitioning and clustering of the job become the table's; `SELECT *` is no obstacle."""
    emulator.run("CREATE TABLE d.s AS SELECT TIMESTAMP '2024-01-31 10:00:00 UTC' AS ts, 1 AS x")

    def probe() -> tuple[Any, ...]:
        write(
            emulator,
            "SELECT * FROM d.s",
            time_partitioning=bigquery.TimePartitioning(type_="MONTH", field="ts"),
            clustering_fields=["x"],
        )
        table = emulator.table()
        return table.time_partitioning.type_, table.time_partitioning.field, table.clustering_fields

    emulator.shows(probe, ("MONTH", "ts", ["x"]))


def test_a_partition_is_replaced(emulator: Emulator) -> None:
    """`t$20240102` with WRITE_TRUNCATE replaces that day only."""
    emulator.run(
        "CREATE TABLE d.t PARTITION BY day AS"
        " SELECT DATE '2024-01-01' AS day, 1 AS x UNION ALL SELECT DATE '2024-01-02', 2"
    )
    target = emulator.reference("t$20240102")

    def probe() -> Any:
        write(
            emulator,
            "SELECT DATE '2024-01-02' AS day, 9 AS x",
            destination=target,
            write_disposition="WRITE_TRUNCATE",
        )
        return sorted(emulator.run("SELECT x FROM d.t"))

    emulator.shows(probe, [(1,), (9,)])


def test_rows_of_another_partition_are_refused(emulator: Emulator) -> None:
    """A decorated destination takes rows of its partition only, and stays as it was."""
    emulator.run("CREATE TABLE d.t PARTITION BY day AS SELECT DATE '2024-01-01' AS day")
    target = emulator.reference("t$20240102")

    def probe() -> tuple[str, Any]:
        sql = "SELECT DATE '2024-01-03' AS day"
        outcome = emulator.outcome(lambda: write(emulator, sql, destination=target, write_disposition="WRITE_TRUNCATE"))
        return str(outcome).partition(":")[0], len(emulator.run("SELECT * FROM d.t"))

    emulator.shows(probe, ("BadRequest", 1))


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param("INSERT INTO d.s (x) VALUES (1)", id="statement"),
        pytest.param("DECLARE a INT64 DEFAULT 1; SELECT a AS x", id="script"),
    ],
)
def test_what_cannot_have_a_destination_is_refused(emulator: Emulator, sql: str) -> None:
    """Statements and scripts with a destination fail."""
    emulator.run("CREATE TABLE d.s (x INT64)")

    emulator.shows(lambda: str(emulator.outcome(lambda: write(emulator, sql))).partition(":")[0], "BadRequest")


def test_functions_may_come_first(emulator: Emulator) -> None:
    """A temporary function before the query is part of it."""
    sql = "CREATE TEMP FUNCTION twice(v INT64) AS (v * 2); SELECT twice(x) AS x FROM UNNEST([3]) AS x"

    emulator.shows(lambda: (write(emulator, sql), emulator.run("SELECT x FROM d.t")), ([(6,)], [(6,)]))


def test_parameters_reach_the_query(emulator: Emulator) -> None:
    """Query parameters work with a destination."""
    parameters = [bigquery.ScalarQueryParameter("a", "INT64", 5)]

    def probe() -> Any:
        write(emulator, "SELECT @a AS x", query_parameters=parameters)
        return emulator.run("SELECT x FROM d.t")

    emulator.shows(probe, [(5,)])


def test_fields_may_be_added_when_allowed(emulator: Emulator) -> None:
    """ALLOW_FIELD_ADDITION adds a column; without it the query is refused."""
    emulator.run("CREATE TABLE d.t AS SELECT 1 AS x")

    def probe() -> tuple[str, Any]:
        sql = "SELECT 2 AS x, 'n' AS y"
        refused = emulator.outcome(lambda: write(emulator, sql, write_disposition="WRITE_APPEND"))
        write(
            emulator,
            sql,
            write_disposition="WRITE_APPEND",
            schema_update_options=["ALLOW_FIELD_ADDITION"],
        )
        return refused.partition(":")[0], sorted(emulator.run("SELECT x, y FROM d.t"))

    emulator.shows(probe, ("BadRequest", [(1, None), (2, "n")]))


def test_a_changed_type_is_refused(emulator: Emulator) -> None:
    """Text does not become a number on the way into a table."""
    emulator.run("CREATE TABLE d.t AS SELECT 1 AS x")

    def probe() -> tuple[str, Any]:
        outcome = emulator.outcome(lambda: write(emulator, "SELECT '7' AS x", write_disposition="WRITE_APPEND"))
        return str(outcome).partition(":")[0], emulator.run("SELECT x FROM d.t")

    emulator.shows(probe, ("BadRequest", [(1,)]))


def test_nothing_is_left_over(emulator: Emulator) -> None:
    """No hidden table remains, also after a failure."""
    emulator.outcome(lambda: write(emulator, "SELECT 1 AS x"))
    emulator.outcome(lambda: write(emulator, "SELECT nonsense"))

    names = [table.table_id for table in emulator.client.list_tables(f"{PROJECT}.{emulator.dataset}")]
    assert names == (["t"] if emulator.patched else [])
