from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from google.api_core.exceptions import GoogleAPIError
from google.cloud import bigquery

from dit_dagster_tests.adapters.local_gcp.conftest import PROJECT, Emulator

LATER = (datetime.now(UTC) + timedelta(days=2)).replace(microsecond=0)


def create(emulator: Emulator, **attributes: Any) -> Any:
    table = bigquery.Table(emulator.reference(), schema=[bigquery.SchemaField("x", "INTEGER")])
    for name, value in attributes.items():
        setattr(table, name, value)
    return emulator.client.create_table(table)


def create_soon_to_expire(emulator: Emulator) -> datetime:
    """When it expires: soon, though not before it is there."""
    for seconds in (1, 10, 100):
        expires = datetime.now(UTC) + timedelta(seconds=seconds)
        try:
            create(emulator, expires=expires)
        except GoogleAPIError:
            if datetime.now(UTC) < expires:
                raise
        else:
            if datetime.now(UTC) < expires:
                return expires
    raise AssertionError("no table was made in time")


def test_expiry_is_kept(emulator: Emulator) -> None:
    """A table's expiry survives creation and an update of something else."""

    def probe() -> Any:
        table = create(emulator, expires=LATER)
        table.labels = {"a": "b"}
        return emulator.client.update_table(table, ["labels"]).expires, emulator.table().expires

    emulator.shows(probe, (LATER, LATER))


def test_an_expired_table_is_gone(emulator: Emulator) -> None:
    """After its time a table is not found and not listed."""

    def probe() -> Any:
        expires = create_soon_to_expire(emulator)
        time.sleep(max(0.0, (expires - datetime.now(UTC)).total_seconds()) + 0.2)
        names = [table.table_id for table in emulator.client.list_tables(emulator.dataset)]
        return str(emulator.outcome(emulator.table)).partition(":")[0], names

    emulator.shows(probe, ("NotFound", []))


def test_a_view_is_deleted_like_a_table(emulator: Emulator) -> None:
    """Also one that was made by DDL, and one whose table is gone already."""
    emulator.run("CREATE TABLE d.t AS SELECT 1 AS x")
    emulator.run("CREATE VIEW d.v AS SELECT x FROM d.t")
    emulator.client.delete_table(emulator.reference("t"))

    def probe() -> Any:
        emulator.client.delete_table(emulator.reference("v"), retry=None)
        return [table.table_id for table in emulator.client.list_tables(emulator.dataset)]

    emulator.shows(probe, [])


def test_a_datasets_default_expiry_is_given_to_new_tables(emulator: Emulator) -> None:
    """Tables of such a dataset expire, however they are made."""
    dataset = emulator.client.get_dataset(emulator.dataset)
    dataset.default_table_expiration_ms = 3_600_000
    emulator.client.update_dataset(dataset, ["default_table_expiration_ms"])

    def probe() -> Any:
        emulator.run("CREATE TABLE d.t AS SELECT 1 AS x")
        table = emulator.table()
        return round((table.expires - table.created).total_seconds())

    emulator.shows(probe, 3600)


def test_integer_ranges(emulator: Emulator) -> None:
    """Range partitioning is kept."""
    span = bigquery.RangePartitioning(field="x", range_=bigquery.PartitionRange(start=0, end=100, interval=10))

    emulator.shows(lambda: create(emulator, range_partitioning=span).range_partitioning, span)


def test_labels_are_removed_by_null(emulator: Emulator) -> None:
    """Setting a label to None removes it and keeps the others."""
    create(emulator, labels={"a": "1", "b": "2"})

    def probe() -> Any:
        table = emulator.table()
        table.labels["a"] = None
        emulator.client.update_table(table, ["labels"], retry=None)
        return emulator.table().labels

    emulator.shows(probe, {"b": "2"})


def test_a_views_query_is_shown(emulator: Emulator) -> None:
    """A view's resource has its query."""
    emulator.run("CREATE VIEW d.t AS SELECT 1 AS x")

    emulator.shows(lambda: (emulator.table().table_type, emulator.table().view_query), ("VIEW", "SELECT 1 AS x"))


def test_patched_columns_exist(emulator: Emulator) -> None:
    """A column added by updating the schema can be queried."""
    create(emulator)

    def probe() -> Any:
        table = emulator.table()
        table.schema = [*table.schema, bigquery.SchemaField("y", "STRING")]
        emulator.client.update_table(table, ["schema"])
        emulator.run("INSERT INTO d.t (x, y) VALUES (1, 'a')")
        return emulator.run("SELECT y FROM d.t")

    emulator.shows(probe, [("a",)])


def test_a_clone_says_what_it_is_a_clone_of(emulator: Emulator) -> None:
    """A clone is a TABLE with a cloneDefinition."""
    emulator.run("CREATE TABLE d.s AS SELECT 1 AS x")
    emulator.run("CREATE TABLE d.t CLONE d.s")

    def probe() -> Any:
        table = emulator.table()
        return table.table_type, table.clone_definition.base_table_reference.table_id

    emulator.shows(probe, ("TABLE", "s"))


def test_the_list_shows_labels(emulator: Emulator) -> None:
    """tables.list has labels and expiry."""
    create(emulator, labels={"a": "1"}, expires=LATER)

    def probe() -> Any:
        (entry,) = emulator.client.list_tables(f"{PROJECT}.{emulator.dataset}")
        return entry.labels, entry.expires

    emulator.shows(probe, ({"a": "1"}, LATER))
