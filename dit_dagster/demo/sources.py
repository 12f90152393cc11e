"""Loads the input of the sample pipeline into BigQuery, once: every flight from New York in 2013."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from google.cloud import bigquery
from google.cloud.exceptions import NotFound

from dit_dagster.errors import BadSource

if TYPE_CHECKING:
    import pandas as pd

FLIGHTS_ROWS: Final = 336_776
AIRCRAFT_ROWS: Final = 3_322

Schema = tuple[bigquery.SchemaField, ...]

# Parquet is matched to the columns by position on some engines: the frames below are put into this order.
FLIGHTS_SCHEMA: Final = (
    bigquery.SchemaField("departed_at", "TIMESTAMP", description="when it left the gate; NULL: cancelled"),
    bigquery.SchemaField("scheduled_at", "TIMESTAMP", description="when it should have left"),
    bigquery.SchemaField("arrived_at", "TIMESTAMP", description="NULL: cancelled, or not recorded"),
    bigquery.SchemaField("carrier", "STRING"),
    bigquery.SchemaField("flight", "INTEGER", description="the flight's number"),
    bigquery.SchemaField("tailnum", "STRING", description="the aircraft; NULL for some cancelled flights"),
    bigquery.SchemaField("origin", "STRING"),
    bigquery.SchemaField("dest", "STRING"),
    bigquery.SchemaField("distance", "INTEGER", description="miles"),
    bigquery.SchemaField("air_time", "INTEGER", description="minutes in the air"),
)
AIRCRAFT_SCHEMA: Final = (
    bigquery.SchemaField("tailnum", "STRING"),
    bigquery.SchemaField("built", "INTEGER", description="the year"),
    bigquery.SchemaField("type", "STRING"),
    bigquery.SchemaField("manufacturer", "STRING"),
    bigquery.SchemaField("model", "STRING"),
    bigquery.SchemaField("engines", "INTEGER"),
    bigquery.SchemaField("seats", "INTEGER"),
    bigquery.SchemaField("engine", "STRING"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSources:
    """The two source tables, as `project.dataset.table`, and whether this call had to load them."""

    flights: str
    aircraft: str
    flights_rows: int
    aircraft_rows: int
    loaded: bool


def load(client: bigquery.Client, dataset: str) -> LoadedSources:
    """Make `flights` and `aircraft` exist, complete, in `dataset` (`dataset` or `project.dataset`).

    A table that already has the right columns and number of rows is left alone, so that its identity stands;
    anything else under its name is replaced. A missing dataset is created in the client's location.
    """
    reference = bigquery.DatasetReference.from_string(dataset, default_project=client.project)
    client.create_dataset(reference, exists_ok=True)
    flights, aircraft = reference.table("flights"), reference.table("aircraft")
    has_flights = _is_complete(client, flights, FLIGHTS_SCHEMA, FLIGHTS_ROWS)
    has_aircraft = _is_complete(client, aircraft, AIRCRAFT_SCHEMA, AIRCRAFT_ROWS)
    if not (has_flights and has_aircraft):
        # Imported late: pandas takes a second, which a table that is there need not cost.
        from dit_dagster.demo import nycflights

        if not has_flights:
            _replace(client, flights, FLIGHTS_SCHEMA, nycflights.flights(), partitioned_by="departed_at")
        if not has_aircraft:
            _replace(client, aircraft, AIRCRAFT_SCHEMA, nycflights.aircraft(), partitioned_by=None)
    return LoadedSources(
        flights=_full_name(flights),
        aircraft=_full_name(aircraft),
        flights_rows=FLIGHTS_ROWS,
        aircraft_rows=AIRCRAFT_ROWS,
        loaded=not (has_flights and has_aircraft),
    )


def _is_complete(client: bigquery.Client, table: bigquery.TableReference, schema: Schema, rows: int) -> bool:
    if not _fits(client, table, schema):
        return False
    # COUNT rather than num_rows, which lags behind on some engines.
    (counted,) = client.query_and_wait(f"SELECT COUNT(*) AS n FROM `{_full_name(table)}`")
    return bool(counted["n"] == rows)


def _fits(client: bigquery.Client, table: bigquery.TableReference, schema: Schema) -> bool:
    try:
        found = client.get_table(table).schema
    except NotFound:
        return False
    return [(f.name, f.field_type) for f in found] == [(f.name, f.field_type) for f in schema]


def _replace(
    client: bigquery.Client,
    table: bigquery.TableReference,
    schema: Schema,
    frame: pd.DataFrame,
    *,
    partitioned_by: str | None,
) -> None:
    if not _fits(client, table, schema):
        client.delete_table(table, not_found_ok=True)
    definition = bigquery.Table(table, schema=schema)
    if partitioned_by:
        definition.time_partitioning = bigquery.TimePartitioning(field=partitioned_by)
    # Created first: a parquet load into a table that is not there fails on the local emulator.
    client.create_table(definition, exists_ok=True)
    parquet = io.BytesIO()
    frame.to_parquet(parquet, index=False)
    # Truncating and loading is one step, so that two processes that load at once do not double the rows.
    config = bigquery.LoadJobConfig(
        source_format=bigquery.SourceFormat.PARQUET,
        schema=schema,
        time_partitioning=definition.time_partitioning,
        write_disposition=bigquery.WriteDisposition.WRITE_TRUNCATE,
    )
    client.load_table_from_file(parquet, table, rewind=True, job_config=config).result()
    if not _is_complete(client, table, schema, len(frame)):
        raise BadSource(f"{_full_name(table)} is not complete after it was loaded; load it again")


def _full_name(table: bigquery.TableReference) -> str:
    return f"{table.project}.{table.dataset_id}.{table.table_id}"
