"""jobs.query means the same as jobs.insert.

BigQuery: jobs.query takes defaultDataset, labels, maximumBytesBilled, connectionProperties and the rest, and answers
an error with an HTTP error.
Emulator: ignores most of them, and answers an SQL error with an empty result, which the client returns as such.
Here: the request becomes a query job and its outcome the answer.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from dit_dagster.adapters.local_gcp.emulation.patch import Patch, reroute

_JOB_KEYS = ("labels", "dryRun", "jobTimeoutMs")
_STATUS = {"notFound": 404, "duplicate": 409, "accessDenied": 403}


def apply() -> None:
    """Replace the route."""
    from bqemulator.api.routes import jobs

    reroute(jobs.router, "POST", "/projects/{project_id}/queries", lambda _: _query)


PATCH = Patch(name="synchronous_queries", apply=apply)


async def _query(**request: Any) -> dict[str, Any]:
    from bqemulator.api.routes import jobs
    from bqemulator.domain.errors import InvalidQueryError

    body = await request["request"].json()
    if not body.get("query", "").strip():
        raise InvalidQueryError("Empty query")
    ctx, project = request["ctx"], request["project_id"]
    job = f"job_{uuid4().hex}"
    query = {name: value for name, value in body.items() if name not in _JOB_KEYS}
    config = {**{name: body[name] for name in _JOB_KEYS if name in body}, "query": query}
    result = await jobs._handle_query_job(
        project, job, config, dry_run=bool(body.get("dryRun")), ctx=ctx, caller=request["caller"], now=ctx.clock.now()
    )
    if isinstance(result, dict):
        return _previewed(result, project)
    ctx.catalog.upsert_job(result)
    if result.error_result is not None:
        raise _http_error(result.error_result)
    return _answered(result, project, job, int(body.get("maxResults", 10000)))


def _previewed(job: dict[str, Any], project: str) -> dict[str, Any]:
    statistics = job["statistics"]["query"]
    return {
        "kind": "bigquery#queryResponse",
        "jobReference": {"projectId": project, "location": "US"},
        "jobComplete": True,
        "totalBytesProcessed": statistics["totalBytesProcessed"],
        "schema": statistics.get("schema", {"fields": []}),
        "rows": [],
        "totalRows": "0",
        "cacheHit": False,
    }


def _answered(result: Any, project: str, job: str, limit: int) -> dict[str, Any]:
    from bqemulator.api.routes.jobs import _attach_query_metadata
    from bqemulator.jobs.executor import JOB_RESULTS, JOB_SCHEMAS
    from bqemulator.storage.arrow_bridge import arrow_table_to_bq_rows

    table = JOB_RESULTS[job]
    answer: dict[str, Any] = {
        "kind": "bigquery#queryResponse",
        "jobReference": {"projectId": project, "jobId": job, "location": "US"},
        "queryId": job,
        "jobComplete": True,
        "totalBytesProcessed": result.statistics.get("query", {}).get("totalBytesProcessed", "0"),
        "schema": {"fields": JOB_SCHEMAS.get(job, [])},
        "rows": arrow_table_to_bq_rows(table, limit=limit),
        "totalRows": str(table.num_rows),
    }
    _attach_query_metadata(answer, result)
    if session := result.statistics.get("sessionInfo"):
        answer["sessionInfo"] = session
    if table.num_rows > limit:
        answer["pageToken"] = str(limit)
    return answer


def _http_error(error: dict[str, Any]) -> Exception:
    from bqemulator.domain.errors import DomainError

    class QueryFailed(DomainError):  # type: ignore[misc]  # the emulator has no types
        http_status = _STATUS.get(error["reason"], 400)
        bq_reason = error["reason"]
        grpc_status_name = "FAILED"

    return QueryFailed(error["message"], location=error.get("location"))
