"""Putting the rows of a hidden table where a query or load job wants them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dit_dagster.adapters.local_gcp.emulation import layout, partitions
from dit_dagster.adapters.local_gcp.emulation.emulator import Table, transaction

_WIDENING = {("INTEGER", "FLOAT"), ("INTEGER", "NUMERIC"), ("NUMERIC", "FLOAT"), ("DATE", "DATETIME")}


def check_target(options: dict[str, Any], project: str, ctx: Any, default: str = "WRITE_EMPTY") -> None:
    """Raise what BigQuery would, before anything runs: no dataset, no table to write, or one that must be empty."""
    from bqemulator.domain.errors import AlreadyExistsError, NotFoundError, ValidationError

    target, partition = partitions.split(Table.of(options["destinationTable"], project))
    if ctx.catalog.get_dataset(target.project, target.dataset) is None:
        raise NotFoundError(f"Not found: Dataset {target.project}:{target.dataset}")
    record = ctx.catalog.get_table(*target)
    if record is None:
        if options.get("createDisposition") == "CREATE_NEVER":
            raise NotFoundError(f"Not found: Table {target.project}:{target.dataset}.{target.table}")
        if partition is not None:
            raise ValidationError(f"{target.table}${partition}: the local cloud needs the partitioned table to exist")
        return
    if record.table_type in {"VIEW", "SNAPSHOT", "MATERIALIZED_VIEW"}:
        raise ValidationError(f"{target.table} is a {record.table_type} and cannot be written")
    if disposition(options, default) == "WRITE_EMPTY" and _rows(target, partitions.condition(record, partition), ctx):
        raise AlreadyExistsError(f"Already Exists: Table {target.project}:{target.dataset}.{target.table}")


def disposition(options: dict[str, Any], default: str) -> str:
    """What happens to the rows that are there."""
    return str(options.get("writeDisposition") or default)


def place(staging: Table, options: dict[str, Any], project: str, ctx: Any, default: str = "WRITE_EMPTY") -> Table:
    """Move or copy `staging`'s rows to the destination; the destination's name, without its partition."""
    target, partition = partitions.split(Table.of(options["destinationTable"], project))
    record = ctx.catalog.get_table(*target)
    how = disposition(options, default)
    if record is None or (partition is None and how == "WRITE_TRUNCATE"):
        _become(staging, target, options, record, ctx)
    else:
        _insert(staging, record, options, partition, how, ctx)
    ctx.snapshots.record_change(*target)
    return target


def stage(staging: Table, source: str, ctx: Any, *, schema: Any = None, columns: str = "") -> None:
    """Create `staging` from DuckDB's query `source`, with `columns` as its definition if given, and register it."""
    from bqemulator.catalog.ddl_sync import _introspect_schema
    from bqemulator.catalog.models import TableMeta

    with transaction(ctx.engine):
        if columns:
            ctx.engine.execute(f"CREATE TABLE {staging.sql} ({columns})")
            ctx.engine.execute(f"INSERT INTO {staging.sql} BY NAME {source}")
        else:
            ctx.engine.execute(f"CREATE TABLE {staging.sql} AS {source}")
        now = ctx.clock.now()
        ctx.catalog.create_table(
            TableMeta(
                project_id=staging.project,
                dataset_id=staging.dataset,
                table_id=staging.table,
                schema=schema or _introspect_schema(*staging, ctx),
                creation_time=now,
                last_modified_time=now,
                etag="",
            )
        )


def drop(table: Table, ctx: Any) -> None:
    """Remove `table` and every trace of it."""
    ctx.engine.execute(f"DROP TABLE IF EXISTS {table.sql}")
    ctx.catalog.delete_table(*table, not_found_ok=True)


def _become(staging: Table, target: Table, options: dict[str, Any], record: Any | None, ctx: Any) -> None:
    """Rename `staging` to `target`: no row is copied. What was said of the table, but for its schema, stays."""
    fresh = ctx.catalog.get_table(*staging)
    described = layout.of_job(options, fresh.schema_) or layout.of_record(record or fresh)
    kept = {"table_id": target.table, "last_modified_time": datetime.now(UTC), "description": None} | described
    if record is not None:
        kept |= {name: getattr(record, name) for name in ("creation_time", "labels", "expiration_time", "description")}
    with transaction(ctx.engine):
        ctx.engine.execute(f"DROP TABLE IF EXISTS {target.sql}")
        ctx.engine.connection.execute(f'ALTER TABLE {staging.sql} RENAME TO "{target.table}"')
        moved = fresh.model_copy(update=kept)
        if record is None:
            ctx.catalog.create_table(moved)
        else:
            ctx.catalog.update_table(moved)


def _insert(staging: Table, record: Any, options: dict[str, Any], partition: str | None, how: str, ctx: Any) -> None:
    """Insert `staging`'s rows by column name, after removing what `how` says."""
    target = Table(record.project_id, record.dataset_id, record.table_id)
    where = partitions.condition(record, partition)
    fresh = ctx.catalog.get_table(*staging)
    added = _added_fields(fresh.schema_, record.schema_, options)
    with transaction(ctx.engine):
        for field in added:
            _add_column(staging, target, field.name, ctx)
        if partition is not None:
            partitions.check_rows(staging, where, record, partition, ctx)
        if how in {"WRITE_TRUNCATE", "WRITE_TRUNCATE_DATA"}:
            ctx.engine.execute(f"DELETE FROM {target.sql} WHERE {where}")
        ctx.engine.execute(f"INSERT INTO {target.sql} BY NAME SELECT * FROM {staging.sql}")
        if added:
            schema = record.schema_.model_copy(update={"fields": (*record.schema_.fields, *added)})
            ctx.catalog.update_table(ctx.catalog.get_table(*target).model_copy(update={"schema_": schema}))


def _added_fields(new: Any, old: Any, options: dict[str, Any]) -> list[Any]:
    """The fields that `new` brings; ValidationError where BigQuery would refuse to write `new` into `old`."""
    from bqemulator.domain.errors import ValidationError

    known = {field.name.lower(): field for field in old.fields}
    added = [field for field in new.fields if field.name.lower() not in known]
    if added and "ALLOW_FIELD_ADDITION" not in (options.get("schemaUpdateOptions") or ()):
        raise ValidationError(f"Invalid schema update. Cannot add fields (field: {added[0].name})")
    for field in new.fields:
        there = known.get(field.name.lower())
        if there is None or _fits(field, there):
            continue
        raise ValidationError(
            f"Provided Schema does not match. Field {field.name} has changed type from {there.type} to {field.type}"
        )
    return added


def _fits(new: Any, old: Any) -> bool:
    if (new.mode == "REPEATED") != (old.mode == "REPEATED"):
        return False
    kinds = _wire(new.type), _wire(old.type)
    return kinds[0] == kinds[1] or kinds in _WIDENING or "JSON" in kinds


def _wire(kind: str) -> str:
    return {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN", "STRUCT": "RECORD"}.get(kind, kind)


def _add_column(staging: Table, target: Table, name: str, ctx: Any) -> None:
    described = ctx.engine.execute(f"DESCRIBE {staging.sql}").fetchall()
    kind = next(row[1] for row in described if row[0] == name)
    ctx.engine.execute(f'ALTER TABLE {target.sql} ADD COLUMN "{name}" {kind}')


def _rows(table: Table, where: str, ctx: Any) -> bool:
    return ctx.engine.execute(f"SELECT 1 FROM {table.sql} WHERE {where} LIMIT 1").fetchone() is not None
