"""Load jobs read files as BigQuery does.

BigQuery: columns of Parquet, Avro and JSON match by name, a missing table is created from the files' or the job's
schema, WRITE_TRUNCATE replaces the schema too, a failed load changes nothing, numbers in TIMESTAMP columns of JSON are
seconds, CSV has no header unless skipLeadingRows says so, URIs may have wildcards, `table$20240131` is a partition.
Emulator: Parquet and Avro match by position and need an existing table, numbers in TIMESTAMP columns fail, the first
line of every CSV is dropped, a failure half way leaves what was read, decorators and wildcards are errors.
Here: files are read into a hidden table of the right types, which then becomes, or is added to, the destination.
"""

from __future__ import annotations

import os
from typing import Any
from uuid import uuid4

from dit_dagster.adapters.local_gcp.emulation import files, partitions, placement
from dit_dagster.adapters.local_gcp.emulation.emulator import Table
from dit_dagster.adapters.local_gcp.emulation.patch import Patch, wrap

_APPEND = "WRITE_APPEND"


def apply() -> None:
    """Replace the executor of load jobs, for inserted and uploaded ones."""
    from bqemulator.api.routes import jobs, upload
    from bqemulator.jobs import executor

    assert jobs, upload  # noqa: S101 - loaded, so that their copies are rebound
    wrap(executor, "execute_load_job", lambda _: _execute)


PATCH = Patch(name="loads", apply=apply)


async def _execute(project: str, job: str, config: dict[str, Any], ctx: Any) -> Any:
    from bqemulator.api.routes.jobs import _domain_error_to_error_result, _failed_job_meta
    from bqemulator.domain.errors import DomainError

    started = ctx.clock.now()
    try:
        async with ctx.engine.write_lock():
            statistics = _load(project, config["load"], ctx)
    except DomainError as error:
        reason = _domain_error_to_error_result(error)
    except Exception as error:  # noqa: BLE001 - a bad file is this job's outcome, whatever DuckDB calls it
        reason = {"reason": "invalid", "message": f"Error while reading data, error message: {error}"}
    else:
        return _done(project, job, config, statistics, started, ctx)
    return _failed_job_meta(
        project_id=project, job_id=job, job_type="LOAD", config=config, error_result=reason, now=started
    )


def _done(project: str, job: str, config: dict[str, Any], statistics: Any, started: Any, ctx: Any) -> Any:
    from bqemulator.catalog.models import JobMeta

    return JobMeta(
        project_id=project,
        job_id=job,
        job_type="LOAD",
        state="DONE",
        configuration=config,
        statistics={"load": statistics},
        creation_time=started,
        start_time=started,
        end_time=ctx.clock.now(),
        etag=job,
    )


def _load(project: str, load: dict[str, Any], ctx: Any) -> dict[str, str]:
    placement.check_target(load, project, ctx, _APPEND)
    target, _ = partitions.split(Table.of(load["destinationTable"], project))
    staging = target._replace(table=f"_dit_stage_{uuid4().hex}")
    kind = load.get("sourceFormat", "CSV").upper()
    schema = _schema(load, kind, ctx.catalog.get_table(*target))
    columns = _columns(schema)
    paths = files.resolved(load.get("sourceUris", []), ctx)
    try:
        source = files.rows(kind, files.Source(paths=paths, options=load, columns=columns, ctx=ctx))
        definition = ", ".join(f'"{name}" {duckdb}' for name, duckdb in columns.items())
        placement.stage(staging, source, ctx, schema=schema, columns=definition)
        (count,) = ctx.engine.execute(f"SELECT COUNT(*) FROM {staging.sql}").fetchone()
        placement.place(staging, load, project, ctx, _APPEND)
    finally:
        placement.drop(staging, ctx)
    size = str(sum(os.path.getsize(path) for path in paths))  # noqa: PTH202 - paths are text here
    return {"inputFiles": str(len(paths)), "inputFileBytes": size, "outputRows": str(count), "outputBytes": size}


def _schema(load: dict[str, Any], kind: str, record: Any | None) -> Any | None:
    """The schema to read with: the job's, or the table's where the files have none. None: as the files say."""
    from bqemulator.api.routes.tables import _parse_schema_fields
    from bqemulator.catalog.models import TableSchema
    from bqemulator.domain.errors import ValidationError

    if fields := (load.get("schema") or {}).get("fields"):
        return TableSchema(fields=_parse_schema_fields(fields))
    if kind in files.SELF_DESCRIBING or load.get("autodetect"):
        return None
    if record is None:
        raise ValidationError("No schema specified on job or table.")
    return record.schema_


def _columns(schema: Any | None) -> dict[str, str]:
    """DuckDB's type by column name."""
    from bqemulator.api.routes.tables import _field_to_rest
    from bqemulator.storage.type_map import bq_schema_to_duckdb_columns

    return dict(bq_schema_to_duckdb_columns([_field_to_rest(field) for field in schema.fields])) if schema else {}
