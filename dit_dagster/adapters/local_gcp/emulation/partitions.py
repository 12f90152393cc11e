"""Partition decorators: `table$20240131` stands for the rows of one partition."""

from __future__ import annotations

import re
from typing import Any

from dit_dagster.adapters.local_gcp.emulation.emulator import Table

_FORMATS = {"YEAR": "%Y", "MONTH": "%Y%m", "DAY": "%Y%m%d", "HOUR": "%Y%m%d%H"}
_DIGITS = {"YEAR": 4, "MONTH": 6, "DAY": 8, "HOUR": 10}
_NULL = "__NULL__"


def split(table: Table) -> tuple[Table, str | None]:
    """The table, and the partition that its name carries, if any."""
    name, found, partition = table.table.partition("$")
    return (table._replace(table=name), partition) if found else (table, None)


def condition(record: Any, partition: str | None) -> str:
    """DuckDB's condition for the rows of `partition`; all rows for None.

    UnsupportedFeatureError for ingestion time, which the emulator does not keep; ValidationError for a bad name.
    """
    from bqemulator.domain.errors import UnsupportedFeatureError, ValidationError

    if partition is None:
        return "TRUE"
    time, span = record.time_partitioning, record.range_partitioning
    if span is not None and re.fullmatch(r"-?\d+", partition):
        return f'"{span.field}" >= {partition} AND "{span.field}" < {int(partition) + span.interval}'
    if time is None:
        raise ValidationError(f"{record.table_id}${partition}: {record.table_id} is not partitioned")
    if time.field is None:
        raise UnsupportedFeatureError(
            f"{record.table_id}${partition}: the local cloud does not keep ingestion times; partition by a column"
        )
    if partition == _NULL:
        return f'"{time.field}" IS NULL'
    if not re.fullmatch(rf"\d{{{_DIGITS[time.type]}}}", partition):
        raise ValidationError(f"Invalid partition {partition} for a table partitioned by {time.type}")
    return f"strftime(\"{time.field}\", '{_FORMATS[time.type]}') = '{partition}'"


def check_rows(staging: Table, where: str, record: Any, partition: str, ctx: Any) -> None:
    """Raise ValidationError if `staging` holds a row of another partition."""
    from bqemulator.domain.errors import ValidationError

    stray = ctx.engine.execute(f"SELECT 1 FROM {staging.sql} WHERE ({where}) IS NOT TRUE LIMIT 1").fetchone()
    if stray is not None:
        raise ValidationError(f"Some rows belong to different partitions rather than {record.table_id}${partition}")


def page(table: Table, request: dict[str, Any]) -> dict[str, Any]:
    """One page of a query's result, read from its destination."""
    from bqemulator.jobs.executor import build_response_schema
    from bqemulator.storage.arrow_bridge import arrow_table_to_bq_rows

    engine = request["ctx"].engine
    start = int(request["pageToken"]) if request["pageToken"] else request["startIndex"]
    rows = engine.fetch_arrow(f"SELECT * FROM {table.sql} LIMIT {request['maxResults']} OFFSET {start}")
    (total,) = engine.execute(f"SELECT COUNT(*) FROM {table.sql}").fetchone()
    body: dict[str, Any] = {
        "kind": "bigquery#getQueryResultsResponse",
        "jobReference": {"projectId": request["project_id"], "jobId": request["job_id"], "location": "US"},
        "jobComplete": True,
        "schema": {"fields": build_response_schema(rows.schema)},
        "rows": arrow_table_to_bq_rows(rows),
        "totalRows": str(total),
    }
    if start + rows.num_rows < total:
        body["pageToken"] = str(start + rows.num_rows)
    return body
