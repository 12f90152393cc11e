from __future__ import annotations

import pytest
from google.cloud import bigquery

from dit_dagster_tests.adapters.local_gcp.conftest import PROJECT, Emulator

ROWS = 1000
MEGABYTE = 1024 * 1024


@pytest.fixture
def with_table(emulator: Emulator) -> Emulator:
    emulator.run(f"CREATE TABLE d.t AS SELECT x, 2.5 AS f, 'ab' AS s FROM UNNEST(GENERATE_ARRAY(1, {ROWS})) AS x")
    emulator.run("CREATE VIEW d.v AS SELECT x, s FROM d.t".replace("d.t", f"{emulator.dataset}.t"))
    return emulator


def dry_run(emulator: Emulator, sql: str) -> int:
    config = bigquery.QueryJobConfig(dry_run=True, use_query_cache=False)
    processed = emulator.client.query(emulator.sql(sql), job_config=config).total_bytes_processed
    return int(processed)


@pytest.mark.parametrize(
    ("sql", "width"),
    [
        pytest.param("SELECT x FROM d.t", 8, id="one column"),
        pytest.param("SELECT x FROM d.t WHERE f > 1", 16, id="a column in WHERE counts"),
        pytest.param("SELECT * FROM d.t", 20, id="star"),
        pytest.param("SELECT s FROM d.t", 4, id="text counts its length and two"),
        pytest.param("SELECT a.* FROM d.t AS a JOIN (SELECT x FROM d.t) AS b USING (x)", 20, id="one table twice"),
        pytest.param("SELECT x FROM d.v", 12, id="a view counts what it reads"),
        pytest.param("WITH c AS (SELECT x FROM d.t) SELECT * FROM c", 8, id="star over a subquery"),
        pytest.param("SELECT COUNT(*) FROM d.t", 4, id="the narrowest column for COUNT"),
        pytest.param("CREATE TABLE d.u AS SELECT f FROM d.t", 8, id="CTAS"),
        pytest.param("INSERT INTO d.t (x) SELECT x FROM d.t", 8, id="insert from select"),
        pytest.param("UPDATE d.t SET x = 1 WHERE TRUE", 20, id="update reads its table"),
        pytest.param("BEGIN SELECT x FROM d.t; END", 20, id="procedural text counts all it names"),
    ],
)
def test_a_dry_run_estimates_the_columns_read(with_table: Emulator, sql: str, width: int) -> None:
    """A dry run reports rows times the width of the referenced columns."""
    with_table.shows(lambda: dry_run(with_table, sql), ROWS * width)


def test_no_table_no_bytes(emulator: Emulator) -> None:
    """0 means that no table is read."""
    assert dry_run(emulator, "SELECT 1") == 0


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param("INSERT INTO d.t (x) VALUES (1); SELECT 1", id="script"),
        pytest.param("EXECUTE IMMEDIATE 'DELETE FROM d.t WHERE TRUE'", id="dynamic"),
        pytest.param("DECLARE a INT64; DROP TABLE d.t", id="declaration"),
    ],
)
def test_a_dry_run_changes_nothing(with_table: Emulator, sql: str) -> None:
    """A dry run of a script does not run it."""

    def probe() -> int:
        with_table.outcome(
            lambda: dry_run(with_table, sql.replace("'DELETE FROM d.t", f"'DELETE FROM {with_table.dataset}.t"))
        )
        return with_table.run("SELECT COUNT(*) FROM d.t")[0][0]  # type: ignore[no-any-return]

    with_table.shows(probe, ROWS)


def test_a_dry_run_shows_the_schema(with_table: Emulator) -> None:
    """The preview has the result's columns."""
    job = with_table.client.query(
        with_table.sql("SELECT x, s FROM d.t"), job_config=bigquery.QueryJobConfig(dry_run=True)
    )

    assert [(field.name, field.field_type) for field in job.schema] == [("x", "INTEGER"), ("s", "STRING")]


def test_a_query_reports_what_it_cost(with_table: Emulator) -> None:
    """Bytes processed are exact in the estimate's sense; bytes billed are at least 10 MB per table."""

    def probe() -> tuple[int | None, int | None]:
        job = with_table.client.query(with_table.sql("SELECT x FROM d.t"))
        job.result()
        return job.total_bytes_processed, job.total_bytes_billed

    with_table.shows(probe, (8 * ROWS, 10 * MEGABYTE))


def test_the_limit_on_bytes_billed_is_kept(with_table: Emulator) -> None:
    """A query that would bill more than its maximum fails before it runs, and says what it needs."""

    def probe() -> str:
        return str(with_table.outcome(lambda: with_table.run("DELETE FROM d.t WHERE TRUE", maximum_bytes_billed=1)))

    with_table.shows(lambda: "10485760 or higher required" in probe(), True)
    assert with_table.run("SELECT COUNT(*) FROM d.t") == [(ROWS if with_table.patched else 0,)]


def test_a_sufficient_limit_is_no_hindrance(with_table: Emulator) -> None:
    """At the limit the query runs."""
    assert with_table.run("SELECT COUNT(*) FROM d.t", maximum_bytes_billed=10 * MEGABYTE) == [(ROWS,)]


def test_wildcard_tables_count_together(emulator: Emulator) -> None:
    """A wildcard counts every table that it matches."""
    for day in ("20200101", "20200102"):
        emulator.run(f"CREATE TABLE d.e_{day} AS SELECT 1 AS x")

    emulator.shows(lambda: dry_run(emulator, f"SELECT x FROM `{PROJECT}.{emulator.dataset}.e_*`"), 16)
