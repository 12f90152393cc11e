"""A query's destination table is written.

BigQuery: `configuration.query.destinationTable` receives the result, under createDisposition, writeDisposition
(WRITE_EMPTY unless said otherwise), timePartitioning, rangePartitioning, clustering and schemaUpdateOptions;
`table$20240131` names one partition.
Emulator: the job is DONE and nothing was written.
Here: the result is written to a hidden table and then, in one transaction, renamed to the destination or inserted
into it by column name. Statements and scripts cannot have a destination and are refused, as in BigQuery; functions
declared before the query are allowed.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from dit_dagster.adapters.local_gcp.emulation import partitions, placement
from dit_dagster.adapters.local_gcp.emulation.answers import failed_query
from dit_dagster.adapters.local_gcp.emulation.emulator import Table
from dit_dagster.adapters.local_gcp.emulation.patch import Patch, reroute, wrap
from dit_dagster.adapters.local_gcp.emulation.text import first_words, is_query, statements

_KEYS = (
    "destinationTable",
    "writeDisposition",
    "createDisposition",
    "timePartitioning",
    "rangePartitioning",
    "clustering",
    "schemaUpdateOptions",
)
_written: dict[str, Table] = {}  # job id to destination: where its result pages are read from


def apply() -> None:
    """Run queries that have a destination ourselves; read their pages from there."""
    from bqemulator.api.routes import jobs

    wrap(jobs, "_handle_query_job", _to_destination)
    reroute(jobs.router, "GET", "/projects/{project_id}/queries/{job_id}", _pages)


PATCH = Patch(name="destinations", apply=apply)


def _to_destination(original: Any) -> Any:
    async def handle(project: str, job: str, config: dict[str, Any], **context: Any) -> Any:
        from bqemulator.domain.errors import DomainError

        query = config["query"]
        if not query.get("destinationTable"):
            return await original(project, job, config, **context)
        plain = {**config, "query": {name: value for name, value in query.items() if name not in _KEYS}}
        if context["dry_run"]:
            return await original(project, job, plain, **context)
        staging = Table.of(query["destinationTable"], project)._replace(table=f"_dit_stage_{uuid4().hex}")
        try:
            placement.check_target(query, project, context["ctx"])
            plain["query"]["query"] = _staged(query["query"], staging)
            result = await original(project, job, plain, **context)
            if result.error_result is None:
                target = placement.place(staging, query, project, context["ctx"])
                _written[job] = target
            return _described(result, config)
        except DomainError as error:
            return failed_query(project, job, config, error, context["now"])
        finally:
            placement.drop(staging, context["ctx"])

    return handle


def _staged(sql: str, staging: Table) -> str:
    """`sql` with its query turned into the creation of `staging`."""
    from bqemulator.domain.errors import ValidationError

    *before, last = statements(sql)
    if not is_query(last):
        raise ValidationError(f"Cannot set destination table in jobs with {first_words(last)[0]} statements")
    if any(first_words(part, 3)[:1] + first_words(part, 3)[2:] != ("CREATE", "FUNCTION") for part in before):
        raise ValidationError("configuration.query.destinationTable cannot be set for scripts")
    return ";\n".join([*before, f"CREATE TABLE {staging.bigquery} AS\n{last}"])


def _described(result: Any, config: dict[str, Any]) -> Any:
    query = {**result.statistics.get("query", {}), "statementType": "SELECT"}
    query.pop("ddlOperationPerformed", None)
    return result.model_copy(update={"configuration": config, "statistics": {**result.statistics, "query": query}})


def _pages(original: Any) -> Any:
    def get_query_results(**request: Any) -> dict[str, Any]:
        target = _written.get(request["job_id"])
        if target is None:
            body: dict[str, Any] = original(**request)
            return body
        return partitions.page(target, request)

    return get_query_results
