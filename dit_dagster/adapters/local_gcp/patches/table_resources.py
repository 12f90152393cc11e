"""Table resources keep everything that they are given.

BigQuery: expirationTime (and removal at that time), rangePartitioning, requirePartitionFilter, clustering, a view's
query, the origin of clones and snapshots, and new columns of a patched schema are kept; a label patched to null goes;
a dataset's default expiry is given to its new tables. Deleting a table deletes a view as well.
Emulator: drops all of them; a patch makes a clone a table; patched columns exist in the resource only; a view that was
made by DDL cannot be deleted.
Here: kept. Expired tables are not found, and are dropped within a second.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from dit_dagster.adapters.local_gcp.emulation import layout
from dit_dagster.adapters.local_gcp.emulation.emulator import Table
from dit_dagster.adapters.local_gcp.emulation.patch import Patch, reroute, wrap

_TABLE = "/projects/{project_id}/datasets/{dataset_id}/tables/{table_id}"
_SWEEP_SECONDS = 1.0


def apply() -> None:
    """Wrap both directions between resources and records, and the catalog's look-up."""
    from bqemulator.api.routes import datasets, tables
    from bqemulator.catalog.duckdb_repository import DuckDBCatalogRepository
    from bqemulator.versioning.snapshots import SnapshotManager

    wrap(tables, "_rest_to_table_meta", _recorded)
    wrap(tables, "_table_to_rest", _shown)
    wrap(tables, "_table_to_list_item", _listed)
    wrap(datasets, "_rest_to_dataset_meta", _without_null_labels)
    for method in ("PATCH", "PUT"):
        reroute(tables.router, method, _TABLE, _with_new_columns)
    reroute(tables.router, "DELETE", _TABLE, _of_its_kind)
    wrap(DuckDBCatalogRepository, "create_table", _with_default_expiry)
    wrap(DuckDBCatalogRepository, "get_table", _unless_expired)
    wrap(DuckDBCatalogRepository, "list_tables", _the_unexpired)
    wrap(SnapshotManager, "run_gc_loop", _and_sweep)


PATCH = Patch(name="table_resources", apply=apply)


def _recorded(original: Any) -> Any:
    def to_record(project: str, dataset: str, body: dict[str, Any], clock: Any, existing: Any = None) -> Any:
        body = {**body, "labels": _labels(body, existing)}
        record = original(project, dataset, body, clock, existing)
        kept: dict[str, Any] = layout.of_resource(body)
        if existing is not None:
            for name in ("range_partitioning", "expiration_time", "base_table", "snapshot_time"):
                kept.setdefault(name, getattr(existing, name))
        if "expirationTime" in body:
            kept["expiration_time"] = _moment(body["expirationTime"])
        if "type" in body and existing is not None:
            kept["table_type"] = existing.table_type
        return record.model_copy(update=kept)

    return to_record


def _labels(body: dict[str, Any], existing: Any) -> dict[str, str]:
    merged = {**(existing.labels if existing else {}), **(body.get("labels") or {})}
    return {name: value for name, value in merged.items() if value is not None}


def _moment(milliseconds: Any) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(int(milliseconds) / 1000, UTC)


def _without_null_labels(original: Any) -> Any:
    def to_record(project: str, body: dict[str, Any], clock: Any, existing: Any = None) -> Any:
        return original(project, {**body, "labels": _labels(body, existing)}, clock, existing)

    return to_record


def _shown(original: Any) -> Any:
    def to_resource(record: Any) -> dict[str, Any]:
        body: dict[str, Any] = original(record)
        return body | _extra(record) | {"location": "US"}

    return to_resource


def _listed(original: Any) -> Any:
    def to_item(record: Any) -> dict[str, Any]:
        from bqemulator.api.routes.tables import _time_partitioning_to_rest

        item: dict[str, Any] = original(record)
        if record.labels:
            item["labels"] = record.labels
        if record.time_partitioning:
            item["timePartitioning"] = _time_partitioning_to_rest(record.time_partitioning)
        if record.clustering:
            item["clustering"] = {"fields": list(record.clustering.fields)}
        return item | _extra(record)

    return to_item


def _extra(record: Any) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    if record.expiration_time is not None:
        extra["expirationTime"] = str(int(record.expiration_time.timestamp() * 1000))
    if (span := record.range_partitioning) is not None:
        bounds = {"start": str(span.start), "end": str(span.end), "interval": str(span.interval)}
        extra["rangePartitioning"] = {"field": span.field, "range": bounds}
    if record.time_partitioning is not None and record.time_partitioning.require_partition_filter:
        extra["requirePartitionFilter"] = True
    if record.table_type == "VIEW" and record.view_query:
        extra["view"] = {"query": record.view_query, "useLegacySql": False}
    if record.base_table and record.table_type in {"CLONE", "SNAPSHOT"}:
        project, dataset, table = record.base_table.split(".")
        origin = {"baseTableReference": {"projectId": project, "datasetId": dataset, "tableId": table}}
        moment = (record.snapshot_time or record.creation_time).isoformat().replace("+00:00", "Z")
        if record.table_type == "CLONE":
            extra |= {"type": "TABLE", "cloneDefinition": origin | {"cloneTime": moment}}
        else:
            extra["snapshotDefinition"] = origin | {"snapshotTime": moment}
    return extra


def _of_its_kind(original: Any) -> Any:
    async def delete_table(**request: Any) -> Any:
        ctx = request["ctx"]
        name = Table(request["project_id"], request["dataset_id"], request["table_id"])
        record = ctx.catalog.get_table(*name)
        if record is not None and record.table_type == "VIEW":
            async with ctx.engine.write_lock():
                ctx.engine.execute(f"DROP VIEW IF EXISTS {name.sql}")
        return await original(**request)

    return delete_table


def _with_new_columns(original: Any) -> Any:
    async def patch_table(**request: Any) -> Any:
        from bqemulator.api.routes.tables import _field_to_rest
        from bqemulator.storage.type_map import bq_schema_to_duckdb_columns

        ctx = request["ctx"]
        name = Table(request["project_id"], request["dataset_id"], request["table_id"])
        before = ctx.catalog.get_table(*name)
        body = await original(**request)
        after = ctx.catalog.get_table(*name)
        known = {field.name.lower() for field in before.schema_.fields}
        added = [_field_to_rest(field) for field in after.schema_.fields if field.name.lower() not in known]
        if before.table_type != "VIEW":
            for column, kind in bq_schema_to_duckdb_columns(added):
                ctx.engine.execute(f'ALTER TABLE {name.sql} ADD COLUMN "{column}" {kind}')
        return body

    return patch_table


def _with_default_expiry(original: Any) -> Any:
    def create_table(catalog: Any, record: Any) -> Any:
        dataset = catalog.get_dataset(record.project_id, record.dataset_id)
        life = dataset.default_table_expiration_ms if dataset else None
        if life and record.expiration_time is None:
            moment = record.creation_time + timedelta(milliseconds=int(life))
            record = record.model_copy(update={"expiration_time": moment})
        return original(catalog, record)

    return create_table


def _expired(record: Any) -> bool:
    return record.expiration_time is not None and record.expiration_time <= datetime.now(UTC)


def _unless_expired(original: Any) -> Any:
    def get_table(catalog: Any, project: str, dataset: str, table: str) -> Any:
        record = original(catalog, project, dataset, table)
        if record is not None and _expired(record):
            _remove(catalog, record)
            return None
        return record

    return get_table


def _the_unexpired(original: Any) -> Any:
    def list_tables(catalog: Any, project: str, dataset: str) -> Any:
        return tuple(record for record in original(catalog, project, dataset) if not _expired(record))

    return list_tables


def _remove(catalog: Any, record: Any) -> None:
    name = Table(record.project_id, record.dataset_id, record.table_id)
    kind = "VIEW" if record.table_type == "VIEW" else "TABLE"
    catalog._engine.connection.execute(f"DROP {kind} IF EXISTS {name.sql}")
    catalog._cache.delete_table(*name, not_found_ok=True)
    catalog._engine.connection.execute(
        'DELETE FROM "_bqemulator_catalog"."tables" WHERE project_id = ? AND dataset_id = ? AND table_id = ?',
        list(name),
    )


def _and_sweep(original: Any) -> Any:
    async def run(snapshots: Any, **options: Any) -> None:
        await asyncio.gather(original(snapshots, **options), _sweep(snapshots._catalog))

    return run


async def _sweep(catalog: Any) -> None:
    while True:
        for record in list(catalog._cache._tables.values()):
            if _expired(record):
                _remove(catalog, record)
        await asyncio.sleep(_SWEEP_SECONDS)
