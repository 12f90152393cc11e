"""CREATE keeps partitioning, clustering and OPTIONS.

BigQuery: PARTITION BY (all forms), CLUSTER BY and OPTIONS(labels, expiration_timestamp, friendly_name, ...) are kept.
Emulator: keeps PARTITION BY a bare column and the description.
Here: all are kept; an unknown option is refused.
"""

from __future__ import annotations

from typing import Any

from dit_dagster.adapters.local_gcp.emulation import layout, options
from dit_dagster.adapters.local_gcp.emulation.emulator import Table
from dit_dagster.adapters.local_gcp.emulation.patch import Patch, wrap


def apply() -> None:
    """Complete what the catalog learns from CREATE TABLE, CREATE VIEW and CREATE SCHEMA."""
    from bqemulator.catalog import ddl_sync

    wrap(ddl_sync, "sync_created_table", lambda original: _completed(original, "TABLE"))
    wrap(ddl_sync, "sync_created_view", lambda original: _completed(original, "VIEW"))
    wrap(ddl_sync, "sync_created_schema", _completed_schema)


PATCH = Patch(name="table_options", apply=apply)


def _completed(original: Any, kind: str) -> Any:
    def sync(sql: str, project: str, ctx: Any) -> None:
        create = _create(sql, kind)
        existing = _record(create, project, ctx) if create is not None else None
        original(sql, project, ctx)
        if create is None or (existing is not None and create.args.get("exists")):
            return
        record = _record(create, project, ctx)
        changes = layout.of_ddl(create) | options.changes(options.of_create(create), ctx)
        if record is not None and changes:
            if (time := changes.get("time_partitioning")) is not None and record.time_partitioning is not None:
                kept = {"expiration_ms", "require_partition_filter"}
                changes["time_partitioning"] = time.model_copy(
                    update={name: getattr(record.time_partitioning, name) for name in kept}
                )
            ctx.catalog.update_table(record.model_copy(update=changes))

    return sync


def _completed_schema(original: Any) -> Any:
    def sync(sql: str, project: str, ctx: Any) -> None:
        create = _create(sql, "SCHEMA")
        original(sql, project, ctx)
        if create is None or not (found := options.changes(options.of_create(create), ctx)):
            return
        from bqemulator.catalog.ddl_sync import _detect_create_schema

        name = _detect_create_schema(sql, project)
        record = ctx.catalog.get_dataset(*name) if name else None
        if record is not None:
            ctx.catalog.update_dataset(record.model_copy(update=found))

    return sync


def _create(sql: str, kind: str) -> Any | None:
    import sqlglot
    from sqlglot import exp

    if "CREATE" not in sql.upper():
        return None
    try:
        tree = sqlglot.parse_one(sql, read="bigquery")
    except sqlglot.errors.ParseError:
        return None
    return tree if isinstance(tree, exp.Create) and (tree.kind or "").upper() == kind else None


def _record(create: Any, project: str, ctx: Any) -> Any | None:
    from sqlglot import exp

    target = create.this.this if isinstance(create.this, exp.Schema) else create.this
    if not isinstance(target, exp.Table) or not target.db:
        return None
    return ctx.catalog.get_table(*Table(target.catalog or project, target.db, target.name))
