"""Copy jobs copy all sources, and nothing over what is there.

BigQuery: several sources are concatenated; writeDisposition is WRITE_EMPTY unless said otherwise; partition
decorators select; layout and schema come along; destinationExpirationTime is set.
Emulator: copies the first source only, appends by default, and drops the rest.
Here: all of it. Clones, snapshots and restores stay the emulator's, with their expiry.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

from dit_dagster.adapters.local_gcp.emulation import layout, partitions, placement
from dit_dagster.adapters.local_gcp.emulation.emulator import Table
from dit_dagster.adapters.local_gcp.emulation.patch import Patch, wrap


def apply() -> None:
    """Replace plain copies in the executor of copy jobs."""
    from bqemulator.jobs import executor

    wrap(executor, "execute_copy_job", _copying)


PATCH = Patch(name="copies", apply=apply)


def _copying(original: Any) -> Any:
    async def execute(project: str, job: str, config: dict[str, Any], ctx: Any) -> Any:
        copy = config["copy"]
        if (copy.get("operationType") or "COPY") == "COPY":
            async with ctx.engine.write_lock():
                _copy(project, copy, ctx)
            result = _done(project, job, config, ctx)
        else:
            result = await original(project, job, config, ctx)
        if expiry := copy.get("destinationExpirationTime"):
            target, _ = partitions.split(Table.of(copy["destinationTable"], project))
            record = ctx.catalog.get_table(*target)
            moment = datetime.fromisoformat(expiry)
            ctx.catalog.update_table(record.model_copy(update={"expiration_time": moment}))
        return result

    return execute


def _copy(project: str, copy: dict[str, Any], ctx: Any) -> None:
    sources = [copy["sourceTable"]] if copy.get("sourceTable") else copy["sourceTables"]
    selected = [_selected(Table.of(source, project), ctx) for source in sources]
    placement.check_target(copy, project, ctx)
    target, _ = partitions.split(Table.of(copy["destinationTable"], project))
    staging = target._replace(table=f"_dit_stage_{uuid4().hex}")
    first = selected[0][0]
    try:
        placement.stage(staging, " UNION ALL BY NAME ".join(query for _, query in selected), ctx, schema=first.schema_)
        described = layout.of_record(first)
        ctx.catalog.update_table(ctx.catalog.get_table(*staging).model_copy(update=described))
        placement.place(staging, copy, project, ctx)
    finally:
        placement.drop(staging, ctx)


def _selected(table: Table, ctx: Any) -> tuple[Any, str]:
    """The source's record, and the query for its rows."""
    from bqemulator.domain.errors import NotFoundError

    name, partition = partitions.split(table)
    record = ctx.catalog.get_table(*name)
    if record is None:
        raise NotFoundError(f"Not found: Table {name.project}:{name.dataset}.{name.table}")
    return record, f"SELECT * FROM {name.sql} WHERE {partitions.condition(record, partition)}"


def _done(project: str, job: str, config: dict[str, Any], ctx: Any) -> Any:
    from bqemulator.catalog.models import JobMeta

    now = ctx.clock.now()
    return JobMeta(
        project_id=project,
        job_id=job,
        job_type="COPY",
        state="DONE",
        configuration=config,
        statistics={"copy": {}},
        creation_time=now,
        start_time=now,
        end_time=now,
        etag=job,
    )
