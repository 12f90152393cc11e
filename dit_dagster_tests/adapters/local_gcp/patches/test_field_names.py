from __future__ import annotations

from typing import Any

from google.cloud import bigquery

from dit_dagster_tests.adapters.local_gcp.conftest import Emulator


def test_a_field_may_have_a_reserved_name_in_ddl(emulator: Emulator) -> None:
    """DuckDB's reserved words are no concern of a user's; those of GoogleSQL stand in backticks."""

    def probe() -> Any:
        emulator.run("CREATE TABLE d.t (s STRUCT<at INT64, `end` FLOAT64>, l ARRAY<STRUCT<at INT64>>)")
        emulator.run("INSERT INTO d.t VALUES (STRUCT(1 AS at, 2.5 AS `end`), [STRUCT(3 AS at)])")
        names = [field.name for field in emulator.table().schema[0].fields]
        return emulator.run("SELECT s.at, s.`end`, l[OFFSET(0)].at FROM d.t"), names

    emulator.shows(probe, ([(1, 2.5, 3)], ["at", "end"]))


def test_a_field_may_have_a_reserved_name_in_a_schema(emulator: Emulator) -> None:
    """Of a table that is made without SQL."""
    fields = [bigquery.SchemaField("end", "FLOAT64"), bigquery.SchemaField("select", "INT64", mode="REPEATED")]

    def probe() -> Any:
        schema = [bigquery.SchemaField("s", "STRUCT", fields=fields)]
        table = bigquery.Table(f"{emulator.client.project}.{emulator.dataset}.t", schema=schema)
        emulator.client.create_table(table, retry=None)
        emulator.run("INSERT INTO d.t VALUES (STRUCT(2.5 AS `end`, [1] AS `select`))")
        [found] = emulator.table().schema
        return emulator.run("SELECT s.`end` FROM d.t"), [field.name for field in found.fields]

    emulator.shows(probe, ([(2.5,)], ["end", "select"]))
