from __future__ import annotations

from google.cloud import bigquery

from dit_dagster_tests.adapters.local_gcp.conftest import PROJECT, Emulator


def test_an_error_is_an_error(emulator: Emulator) -> None:
    """query_and_wait raises, rather than return nothing."""
    outcome = emulator.outcome(lambda: list(emulator.client.query_and_wait("SELECT nonsense")))

    emulator.shows(lambda: str(outcome).partition(":")[0], "BadRequest")


def test_a_missing_table_is_not_found(emulator: Emulator) -> None:
    """The error has the right kind."""
    sql = f"SELECT * FROM {emulator.dataset}.nothing"
    outcome = emulator.outcome(lambda: list(emulator.client.query_and_wait(sql)))

    emulator.shows(lambda: str(outcome).partition(":")[0], "NotFound")


def test_the_default_dataset_is_known(emulator: Emulator) -> None:
    """Bare table names are in the default dataset."""
    emulator.run("CREATE TABLE d.t AS SELECT 5 AS x")
    config = bigquery.QueryJobConfig(default_dataset=f"{PROJECT}.{emulator.dataset}")

    emulator.shows(lambda: [row.x for row in emulator.client.query_and_wait("SELECT x FROM t", job_config=config)], [5])


def test_results_come_in_pages(emulator: Emulator) -> None:
    """More rows than a page holds."""
    rows = emulator.client.query_and_wait("SELECT x FROM UNNEST(GENERATE_ARRAY(1, 25)) AS x", page_size=10)

    assert sorted(row.x for row in rows) == list(range(1, 26))


def test_the_limit_on_bytes_applies(emulator: Emulator) -> None:
    """maximum_bytes_billed is kept here too."""
    emulator.run("CREATE TABLE d.t AS SELECT 5 AS x")
    config = bigquery.QueryJobConfig(maximum_bytes_billed=1)
    sql = f"SELECT x FROM {emulator.dataset}.t"
    outcome = emulator.outcome(lambda: list(emulator.client.query_and_wait(sql, job_config=config)))

    emulator.shows(lambda: "or higher required" in str(outcome), True)
