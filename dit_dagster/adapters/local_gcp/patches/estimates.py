"""Bytes processed, dry runs that do not run, and the limit on bytes billed.

BigQuery: a dry run executes nothing and reports the bytes that the query would process: the logical size of the
referenced columns. A query reports totalBytesProcessed and totalBytesBilled (10 MB per table at least, rounded up to
1 MB); over maximumBytesBilled it fails before it runs.
Emulator: a dry run executes SELECTs and scripts, and every number is 0; the limit is ignored.
Here: an estimate from the columns that the text names and their sizes (see sizes.py). Partition and cluster pruning
are not modelled, so it is an upper bound. COUNT(*) counts the narrowest column, not 0 as in BigQuery: 0 means that
no table is read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from dit_dagster.adapters.local_gcp.emulation import reading, sizes
from dit_dagster.adapters.local_gcp.emulation.answers import failed_query
from dit_dagster.adapters.local_gcp.emulation.emulator import Table
from dit_dagster.adapters.local_gcp.emulation.patch import Patch, wrap
from dit_dagster.adapters.local_gcp.emulation.text import is_query, statements
from dit_dagster.adapters.local_gcp.patches.parsing import looking

_MEGABYTE = 1024 * 1024
_MINIMUM = 10 * _MEGABYTE
_without_rows: ContextVar[bool] = ContextVar("without_rows", default=False)


def apply() -> None:
    """Estimate before each query, answer dry runs without rows, refuse what is over the limit."""
    from bqemulator.api.routes import jobs
    from bqemulator.jobs import executor
    from bqemulator.storage.engine import DuckDBEngine

    wrap(executor, "execute_query_job", _counted)
    wrap(jobs, "_dry_run_response", _not_run)
    wrap(jobs, "_build_dry_run_query_response", _with_bytes)
    wrap(jobs, "_handle_query_job", _limited)
    wrap(DuckDBEngine, "fetch_arrow", _schema_only)


PATCH = Patch(name="estimates", apply=apply)


def estimate(sql: str, project: str, ctx: Any) -> tuple[int, int]:
    """(bytes processed, bytes billed)."""
    processed = tables = 0
    for table, columns in looking(reading.columns_read)(sql, project, lambda name: _records(name, ctx)).items():
        record = ctx.catalog.get_table(*table)
        widths = sizes.column_widths(ctx.engine, record)
        width = sum(widths[name] for name in columns) if columns else min(widths.values(), default=0.0)
        processed += round(width * sizes.row_count(ctx.engine, record))
        tables += 1
    return processed, max(math.ceil(processed / _MEGABYTE) * _MEGABYTE, tables * _MINIMUM)


def _records(name: Table, ctx: Any) -> list[Any]:
    if name.table.endswith("*"):
        prefix = name.table[:-1]
        found = ctx.catalog.list_tables(name.project, name.dataset)
        return [record for record in found if record.table_id.startswith(prefix)]
    record = ctx.catalog.get_table(*name)
    return [record] if record is not None else []


def _counted(original: Any) -> Any:
    async def execute(project: str, job: str, sql: str, parameters: Any, ctx: Any, **options: Any) -> Any:
        processed, billed = (0, 0) if _without_rows.get() else estimate(sql, project, ctx)
        result = await original(project, job, sql, parameters, ctx, **options)
        result.statistics["totalBytesProcessed"] = str(processed)
        numbers = {"totalBytesProcessed": str(processed), "totalBytesBilled": str(billed)}
        result.statistics["query"] = result.statistics.get("query", {}) | numbers
        return result

    return execute


def _not_run(original: Any) -> Any:
    async def dry_run(**request: Any) -> dict[str, Any]:
        sql: str = request["bq_sql"]
        parts = statements(sql)
        if len(parts) == 1 and not is_query(sql) and _changes_nothing_known(sql):
            parts = []
        if len(parts) == 1:
            with _no_rows():
                body: dict[str, Any] = await original(**request)
        else:
            body = _bare(request)
        body["totalBytesProcessed"] = str(estimate(sql, request["project_id"], request["ctx"])[0])
        return body

    return dry_run


def _changes_nothing_known(sql: str) -> bool:
    """Whether the emulator would execute this statement in a dry run although it is no query (CALL, EXPORT DATA)."""
    from bqemulator.api.routes.jobs import _DESTRUCTIVE_STATEMENT_TYPES
    from bqemulator.jobs.executor import classify_statement_type

    return classify_statement_type(sql) not in _DESTRUCTIVE_STATEMENT_TYPES


def _bare(request: dict[str, Any]) -> dict[str, Any]:
    """A dry run's answer for what has no schema to preview."""
    reference = {"projectId": request["project_id"]}
    if request["wire_shape"] != "query":
        reference |= {"jobId": request["job_id"], "location": "US"}
    return {
        "kind": "bigquery#queryResponse",
        "jobComplete": True,
        "schema": {"fields": []},
        "rows": [],
        "totalRows": "0",
        "cacheHit": False,
        "statementType": "SCRIPT",
        "jobReference": reference,
    }


def _with_bytes(original: Any) -> Any:
    async def respond(**request: Any) -> dict[str, Any]:
        body: dict[str, Any] = await original(**request)
        processed = str(estimate(request["bq_sql"], request["project_id"], request["ctx"])[0])
        body["statistics"]["totalBytesProcessed"] = processed
        body["statistics"]["query"] |= {"totalBytesProcessed": processed, "totalBytesBilled": "0"}
        return body

    return respond


def _limited(original: Any) -> Any:
    async def handle(project: str, job: str, config: dict[str, Any], **context: Any) -> Any:
        limit = config["query"].get("maximumBytesBilled")
        if limit is not None and not context["dry_run"]:
            _, billed = estimate(_qualified(config["query"], project), project, context["ctx"])
            if billed > int(limit):
                return failed_query(project, job, config, _over_limit(int(limit), billed), context["now"])
        return await original(project, job, config, **context)

    return handle


def _qualified(query: dict[str, Any], project: str) -> str:
    from bqemulator.api.routes.jobs import _apply_default_dataset

    return str(_apply_default_dataset(query.get("query", ""), query, request_project_id=project))


def _over_limit(limit: int, billed: int) -> Any:
    from bqemulator.domain.errors import DomainError

    class BytesBilledLimitExceeded(DomainError):  # type: ignore[misc]  # the emulator has no types
        http_status = 400
        bq_reason = "bytesBilledLimitExceeded"

    return BytesBilledLimitExceeded(f"Query exceeded limit for bytes billed: {limit}. {billed} or higher required.")


@contextmanager
def _no_rows() -> Iterator[None]:
    token = _without_rows.set(True)
    try:
        yield
    finally:
        _without_rows.reset(token)


def _schema_only(original: Any) -> Any:
    def fetch_arrow(engine: Any, sql: str, parameters: Any = None) -> Any:
        if _without_rows.get():
            sql = f"SELECT * FROM (\n{sql}\n) LIMIT 0"
        return original(engine, sql, parameters)

    return fetch_arrow
