"""`modified`, `etag` and `num_rows` follow the data.

BigQuery: lastModifiedTime and etag change with every statement, load or stream that changes a table; numRows is
current; creationTime stays, except that CREATE OR REPLACE makes a new table.
Emulator: DML changes none of them; a load sets numRows back and forth; CREATE TABLE IF NOT EXISTS resets creationTime.
Here: the engine notices every statement that writes a table, whatever path it took (query, script, load, stream,
copy, storage API), and stamps the table in the same transaction, so that a crash cannot leave new data under an old
stamp. A stamp is later than any before it on that table by at least 1 ms, the finest that the API shows; the etag is
new with each. numRows and numBytes are computed when asked for.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from dit_dagster.adapters.local_gcp.emulation import sizes
from dit_dagster.adapters.local_gcp.emulation.emulator import Table, registered, transaction, written_table
from dit_dagster.adapters.local_gcp.emulation.patch import Patch, reroute, wrap

_MILLISECOND = timedelta(milliseconds=1)
_IF_NOT_EXISTS = re.compile(r"\bCREATE\s+TABLE\s+IF\s+NOT\s+EXISTS\b", re.IGNORECASE)


def apply() -> None:
    """Watch the engine's statements, keep stamps increasing in the catalog, answer GET with current numbers."""
    from bqemulator.api.routes import tables
    from bqemulator.catalog import ddl_sync
    from bqemulator.catalog.duckdb_repository import DuckDBCatalogRepository
    from bqemulator.storage.engine import DuckDBEngine

    wrap(DuckDBCatalogRepository, "__init__", _introduce)
    wrap(DuckDBCatalogRepository, "update_table", _increasing)
    wrap(DuckDBCatalogRepository, "create_table", _after_its_namesake)
    wrap(DuckDBEngine, "execute", _stamping_writes)
    wrap(ddl_sync, "sync_created_table", _keep_existing)
    reroute(tables.router, "GET", "/projects/{project_id}/datasets/{dataset_id}/tables/{table_id}", _current_numbers)


PATCH = Patch(name="modification", apply=apply)


def _introduce(original: Any) -> Any:
    def initialise(catalog: Any, engine: Any, **options: Any) -> None:
        original(catalog, engine, **options)
        engine.dit_catalog = catalog
        catalog.dit_latest = {}

    return initialise


def _increasing(original: Any) -> Any:
    def update_table(catalog: Any, table: Any) -> Any:
        current = catalog.get_table(table.project_id, table.dataset_id, table.table_id)
        return original(catalog, _stamped(catalog, table, current))

    return update_table


def _after_its_namesake(original: Any) -> Any:
    def create_table(catalog: Any, table: Any) -> Any:
        return original(catalog, _stamped(catalog, table, None))

    return create_table


def _stamped(catalog: Any, table: Any, current: Any | None) -> Any:
    """`table` with a stamp later than any that its name has had."""
    name = (table.project_id, table.dataset_id, table.table_id)
    before: datetime | None = current.last_modified_time if current else catalog.dit_latest.get(name)
    now: datetime = _now(table.last_modified_time)
    moment = now if before is None else max(now, before + _MILLISECOND)
    catalog.dit_latest[name] = moment
    return table.model_copy(update={"last_modified_time": moment, "etag": f'"{uuid4().hex}"'})


def _now(stamp: datetime) -> datetime:
    return max(stamp, datetime.now(stamp.tzinfo))


def _stamping_writes(original: Any) -> Any:
    def execute(engine: Any, sql: str, parameters: Any = None) -> Any:
        written = written_table(sql)
        if written is None or not hasattr(engine, "dit_catalog"):
            return original(engine, sql, parameters)
        with transaction(engine):
            result = _detached(original(engine, sql, parameters))
            record = registered(engine.dit_catalog, *written)
            if record is not None:
                engine.dit_catalog.update_table(record)
        return result

    return execute


class _Detached:
    """A statement's result, read before the connection is used for the next one."""

    def __init__(self, table: Any, description: Any) -> None:
        self._table = table
        self.description = description

    def to_arrow_table(self) -> Any:
        return self._table

    def fetchall(self) -> list[tuple[Any, ...]]:
        return [tuple(row.values()) for row in self._table.to_pylist()]

    def fetchone(self) -> tuple[Any, ...] | None:
        return next(iter(self.fetchall()), None)


def _detached(result: Any) -> Any:
    description = result.description
    return _Detached(result.to_arrow_table(), description) if description else result


def _keep_existing(original: Any) -> Any:
    def sync_created_table(bq_sql: str, project_id: str, ctx: Any) -> None:
        target = _target(bq_sql, project_id) if _IF_NOT_EXISTS.search(bq_sql) else None
        if target is not None and ctx.catalog.get_table(*target) is not None:
            return
        original(bq_sql, project_id, ctx)

    return sync_created_table


def _target(bq_sql: str, project: str) -> Table | None:
    from bqemulator.catalog.ddl_sync import _detect_plain_create_table, _split_target

    found = _detect_plain_create_table(bq_sql)
    return None if found is None else Table(*_split_target(found, project))


def _current_numbers(original: Any) -> Any:
    def get_table(**request: Any) -> dict[str, Any]:
        ctx = request["ctx"]
        body: dict[str, Any] = original(**request)
        record = ctx.catalog.get_table(request["project_id"], request["dataset_id"], request["table_id"])
        if record is None or record.table_type == "VIEW":
            return body
        size = str(sizes.logical_bytes(ctx.engine, record))
        body |= {"numRows": str(sizes.row_count(ctx.engine, record)), "numBytes": size}
        body |= {"numActiveLogicalBytes": size, "numTotalLogicalBytes": size}
        return body

    return get_table
