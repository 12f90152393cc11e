"""Jobs remember what they were asked, and an id is used once.

BigQuery: a job resource shows its whole configuration, labels included; a second job with the same id is refused
with 409 duplicate.
Emulator: a finished query job keeps its text only; a second job replaces the first. An upload's job gets another id
than the client chose. Each job is written to the database when it ends, which takes longer than a small query.
Here: the configuration is kept as sent; ids are reserved when a job starts; records of jobs live as long as the
process, as the results of queries do.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from dit_dagster.adapters.local_gcp.emulation.patch import Patch, reroute, wrap

_ID_KEY = "ditJobId"
_running: set[tuple[str, str]] = set()
_uploaded_id: ContextVar[str | None] = ContextVar("uploaded_id", default=None)


def apply() -> None:
    """Keep configurations; reserve ids of inserted and uploaded jobs."""
    from bqemulator.api.routes import jobs, upload
    from bqemulator.catalog.duckdb_repository import DuckDBCatalogRepository

    wrap(DuckDBCatalogRepository, "_write_job", lambda _: lambda *_: None)
    wrap(jobs, "_handle_query_job", _whole_configuration)
    reroute(jobs.router, "POST", "/projects/{project_id}/jobs", _reserved)
    wrap(upload, "_load_configuration_from_envelope", _with_id)
    wrap(upload, "_new_job_id", lambda original: lambda: _uploaded_id.get() or original())
    wrap(upload, "_run_load", _reserved_upload)


PATCH = Patch(name="job_records", apply=apply)


def _whole_configuration(original: Any) -> Any:
    async def handle(project: str, job: str, config: dict[str, Any], **context: Any) -> Any:
        result = await original(project, job, config, **context)
        if isinstance(result, dict):
            return result
        executed = (result.configuration or {}).get("query", {})
        query = {**executed, **config["query"]}
        return result.model_copy(update={"configuration": {**config, "jobType": "QUERY", "query": query}})

    return handle


def _reserved(original: Any) -> Any:
    async def insert_job(**request: Any) -> Any:
        body = await request["request"].json()
        job = body.get("jobReference", {}).get("jobId")
        if job is None or body.get("configuration", {}).get("dryRun"):
            return await original(**request)
        with_id = (request["project_id"], job)
        _reserve(with_id, request["ctx"])
        try:
            return await original(**request)
        finally:
            _running.discard(with_id)

    return insert_job


def _reserve(job: tuple[str, str], ctx: Any) -> None:
    from bqemulator.domain.errors import AlreadyExistsError

    if job in _running or ctx.catalog.get_job(*job) is not None:
        raise AlreadyExistsError(f"Already Exists: Job {job[0]}:US.{job[1]}")
    _running.add(job)


def _with_id(original: Any) -> Any:
    def load_configuration(envelope: dict[str, Any]) -> dict[str, Any]:
        configuration: dict[str, Any] = original(envelope)
        return {**configuration, _ID_KEY: envelope.get("jobReference", {}).get("jobId")}

    return load_configuration


def _reserved_upload(original: Any) -> Any:
    async def run_load(**request: Any) -> Any:
        configuration = dict(request["configuration"])
        job = configuration.pop(_ID_KEY, None)
        request["configuration"] = configuration
        if job is None:
            return await original(**request)
        with_id = (request["project_id"], job)
        _reserve(with_id, request["ctx"])
        token = _uploaded_id.set(job)
        try:
            return await original(**request)
        finally:
            _uploaded_id.reset(token)
            _running.discard(with_id)

    return run_load
