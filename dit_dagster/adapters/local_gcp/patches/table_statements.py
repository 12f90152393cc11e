"""CLONE, COPY, SNAPSHOT and ALTER in all their forms.

BigQuery: CREATE [OR REPLACE] TABLE [IF NOT EXISTS] a CLONE|COPY b, CREATE SNAPSHOT TABLE a CLONE b, each with FOR
SYSTEM_TIME AS OF and OPTIONS(...); ALTER TABLE|VIEW|SCHEMA SET OPTIONS(...); ALTER TABLE changes the schema shown.
Emulator: knows the bare forms, runs SET OPTIONS without effect, and shows the old schema after an ALTER.
Here: all of them.
"""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

from dit_dagster.adapters.local_gcp.emulation import layout, options, placement
from dit_dagster.adapters.local_gcp.emulation.emulator import Table, transaction
from dit_dagster.adapters.local_gcp.emulation.patch import Patch, wrap

_NAME = r"`?[\w$-]+`?(?:\s*\.\s*`?[\w$-]+`?){0,2}|`[\w$.-]+`"
_COPY = re.compile(
    rf"^\s*CREATE\s+(?P<replace>OR\s+REPLACE\s+)?(?P<snapshot>SNAPSHOT\s+)?TABLE\s+(?P<exists>IF\s+NOT\s+EXISTS\s+)?"
    rf"(?P<target>{_NAME})\s+(?P<verb>CLONE|COPY)\s+(?P<source>{_NAME})"
    r"(?P<time>\s+FOR\s+SYSTEM_TIME\s+AS\s+OF\s+.+?)?(?:\s+OPTIONS\s*\((?P<options>.*)\))?\s*;?\s*$",
    re.IGNORECASE | re.DOTALL,
)
_SET = re.compile(
    rf"^\s*ALTER\s+(?P<kind>TABLE|VIEW|MATERIALIZED\s+VIEW|SCHEMA)\s+(?P<exists>IF\s+EXISTS\s+)?(?P<target>{_NAME})"
    r"\s+SET\s+OPTIONS\s*\((?P<options>.*)\)\s*;?\s*$",
    re.IGNORECASE | re.DOTALL,
)
_ALTER = re.compile(rf"^\s*ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?P<target>{_NAME})\s", re.IGNORECASE)
_COMMENTS = re.compile(r"\A(?:\s*(?:--[^\n]*\n|#[^\n]*\n|/\*.*?\*/))*", re.DOTALL)


def apply() -> None:
    """Intercept the statements, alone or in a script; look at the schema again after an ALTER."""
    from bqemulator.jobs import executor
    from bqemulator.scripting.interpreter import ScriptInterpreter

    wrap(executor, "_maybe_run_versioning_ddl", _alone)
    wrap(ScriptInterpreter, "_exec_sql", _in_script)
    wrap(executor, "execute_query_job", _with_schema)


PATCH = Patch(name="table_statements", apply=apply)


def _alone(original: Any) -> Any:
    async def run(project: str, sql: str, ctx: Any) -> Any:
        import pyarrow

        return pyarrow.table({}) if await _handled(sql, project, ctx) else await original(project, sql, ctx)

    return run


def _in_script(original: Any) -> Any:
    async def run(interpreter: Any, sql: str) -> None:
        if await _handled(sql, interpreter._project_id, interpreter._ctx):
            interpreter._final_table = None
            return
        await original(interpreter, sql)
        _look_again(sql, interpreter._project_id, interpreter._ctx)

    return run


def _with_schema(original: Any) -> Any:
    async def execute(project: str, job: str, sql: str, parameters: Any, ctx: Any, **options: Any) -> Any:
        result = await original(project, job, sql, parameters, ctx, **options)
        _look_again(sql, project, ctx)
        return result

    return execute


async def _handled(sql: str, project: str, ctx: Any) -> bool:
    sql = _COMMENTS.sub("", sql, count=1)
    if found := _COPY.match(sql):
        await _copy(found, project, ctx)
    elif found := _SET.match(sql):
        _set_options(found, project, ctx)
    else:
        return False
    return True


async def _copy(found: re.Match[str], project: str, ctx: Any) -> None:
    from bqemulator.domain.errors import AlreadyExistsError, NotFoundError

    source, target = _table(found["source"], project), _table(found["target"], project)
    record = ctx.catalog.get_table(*source)
    if record is None:
        raise NotFoundError(f"Not found: Table {source.project}:{source.dataset}.{source.table}")
    if ctx.catalog.get_dataset(target.project, target.dataset) is None:
        raise NotFoundError(f"Not found: Dataset {target.project}:{target.dataset}")
    if ctx.catalog.get_table(*target) is not None and not found["replace"]:
        if found["exists"]:
            return
        raise AlreadyExistsError(f"Already Exists: Table {target.project}:{target.dataset}.{target.table}")
    changed = options.changes(options.of_text(found["options"] or ""), ctx)
    kind = "SNAPSHOT" if found["snapshot"] else "CLONE" if found["verb"].upper() == "CLONE" else "TABLE"
    origin = {"table_type": kind, "schema_": record.schema_, **layout.of_record(record)}
    with transaction(ctx.engine):
        if found["time"] or record.table_type == "VIEW":
            await _copy_by_query(source, found["time"] or "", target, project, ctx)
        else:
            placement.drop(target, ctx)
            placement.stage(target, f"SELECT * FROM {source.sql}", ctx, schema=record.schema_)
        made = ctx.catalog.get_table(*target)
        if kind != "TABLE":
            origin |= {"base_table": ".".join(source), "snapshot_time": made.creation_time}
        ctx.catalog.update_table(made.model_copy(update=origin | changed))


async def _copy_by_query(source: Table, time: str, target: Table, project: str, ctx: Any) -> None:
    """Through all stages of a statement: they know what a view reads, and what a table held at `time`."""
    from bqemulator.jobs import executor

    job = f"dit_{uuid4().hex}"
    query = f"CREATE OR REPLACE TABLE {target.bigquery} AS SELECT * FROM {source.bigquery}{time}"
    await executor.execute_query_job(project, job, query, None, ctx)
    executor.JOB_RESULTS.pop(job, None)


def _set_options(found: re.Match[str], project: str, ctx: Any) -> None:
    from bqemulator.domain.errors import NotFoundError

    changed = options.changes(options.of_text(found["options"]), ctx)
    if found["kind"].upper() == "SCHEMA":
        parts = _parts(found["target"])
        owner, dataset = ([project, *parts])[-2:]
        record = ctx.catalog.get_dataset(owner, dataset)
        update = ctx.catalog.update_dataset
    else:
        record = ctx.catalog.get_table(*_table(found["target"], project))
        update = ctx.catalog.update_table
    if record is not None:
        update(record.model_copy(update=changed))
    elif not found["exists"]:
        raise NotFoundError(f"Not found: {found['kind'].title()} {found['target'].replace('`', '')}")


def _look_again(sql: str, project: str, ctx: Any) -> None:
    """Take the schema from the table itself after an ALTER TABLE; descriptions of columns that stay are kept."""
    from bqemulator.catalog.ddl_sync import _introspect_schema

    found = _ALTER.match(_COMMENTS.sub("", sql, count=1))
    if found is None or (record := ctx.catalog.get_table(*_table(found["target"], project))) is None:
        return
    if record.table_type == "VIEW":
        return
    known = {field.name: field for field in record.schema_.fields}
    fresh = _introspect_schema(record.project_id, record.dataset_id, record.table_id, ctx)
    fields = tuple(
        known[field.name] if field.name in known and known[field.name].type == field.type else field
        for field in fresh.fields
    )
    ctx.catalog.update_table(record.model_copy(update={"schema_": fresh.model_copy(update={"fields": fields})}))


def _parts(name: str) -> list[str]:
    return [part.strip() for part in name.replace("`", "").split(".")]


def _table(name: str, project: str) -> Table:
    from bqemulator.domain.errors import InvalidQueryError

    parts = [project, *_parts(name)][-3:]
    if len(_parts(name)) < 2:
        raise InvalidQueryError(f'Table "{name}" must be qualified with a dataset (e.g. dataset.table).')
    return Table(*parts)
