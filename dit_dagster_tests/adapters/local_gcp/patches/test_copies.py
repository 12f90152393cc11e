from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.cloud import bigquery

from dit_dagster_tests.adapters.local_gcp.conftest import Emulator


def copy(emulator: Emulator, *sources: str, target: str = "t", **settings: Any) -> None:
    config = bigquery.CopyJobConfig(**settings)
    names = [emulator.reference(source) for source in sources]
    emulator.client.copy_table(names, emulator.reference(target), job_config=config, retry=None).result(retry=None)


@pytest.fixture
def with_sources(emulator: Emulator) -> Emulator:
    emulator.run("CREATE TABLE d.a PARTITION BY day CLUSTER BY x AS SELECT DATE '2024-01-01' AS day, 1 AS x")
    emulator.run("CREATE TABLE d.b AS SELECT 2 AS x, DATE '2024-01-02' AS day")
    return emulator


def test_all_sources_are_copied(with_sources: Emulator) -> None:
    """Several sources are one after another in the destination, columns by name."""

    def probe() -> Any:
        copy(with_sources, "a", "b")
        return sorted(with_sources.run("SELECT x FROM d.t"))

    with_sources.shows(probe, [(1,), (2,)])


def test_the_layout_comes_along(with_sources: Emulator) -> None:
    """A copy is partitioned and clustered as its source."""

    def probe() -> Any:
        copy(with_sources, "a")
        table = with_sources.table()
        return table.time_partitioning.field, table.clustering_fields

    with_sources.shows(probe, ("day", ["x"]))


def test_the_default_is_to_write_only_where_nothing_is(with_sources: Emulator) -> None:
    """Without a disposition a table with rows is not written."""
    with_sources.run("CREATE TABLE d.t AS SELECT 9 AS x, DATE '2024-01-02' AS day")

    def probe() -> Any:
        outcome = with_sources.outcome(lambda: copy(with_sources, "a"))
        return str(outcome).partition(":")[0], with_sources.run("SELECT x FROM d.t")

    with_sources.shows(probe, ("Conflict", [(9,)]))


def test_partitions_are_copied(with_sources: Emulator) -> None:
    """Decorators select what is read and what is replaced."""
    with_sources.run(
        "CREATE TABLE d.t PARTITION BY day AS"
        " SELECT 5 AS x, DATE '2024-01-01' AS day UNION ALL SELECT 6, DATE '2024-01-02'"
    )

    def probe() -> Any:
        copy(with_sources, "a$20240101", target="t$20240101", write_disposition="WRITE_TRUNCATE")
        return sorted(with_sources.run("SELECT x FROM d.t"))

    with_sources.shows(probe, [(1,), (6,)])


def test_a_snapshot_by_copy_job_expires(with_sources: Emulator) -> None:
    """destinationExpirationTime of a snapshot is kept."""
    moment = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)

    def probe() -> Any:
        copy(
            with_sources,
            "a",
            operation_type="SNAPSHOT",
            destination_expiration_time=moment.isoformat().replace("+00:00", "Z"),
        )
        table = with_sources.table()
        return table.table_type, table.expires

    with_sources.shows(probe, ("SNAPSHOT", moment))


def test_a_missing_source_fails_the_job(emulator: Emulator) -> None:
    """The client is told, and does not retry."""
    assert emulator.outcome(lambda: copy(emulator, "nothing")).startswith("NotFound")
