"""Lists are complete, filtered as asked, and paged.

BigQuery: datasets.list filters by labels and hides datasets whose name begins with an underscore unless `all` is
set; jobs.list takes a time from which on jobs were created; every list returns all entries, page by page.
Emulator: ignores the filter, so that a clean-up which lists "its" datasets by label (Apache Beam's does) deletes every
dataset of the project; a list ends silently after 1000 tables or datasets, or 100 jobs.
Here: filters are honoured and what is not understood is refused; pages have tokens.
"""

from __future__ import annotations

import re
from typing import Any

from dit_dagster.adapters.local_gcp.emulation.patch import Patch, reroute

_LABEL = re.compile(r"^labels\.([^:=\s]+)(?:[:=](\S*))?$")
_HUGE = 1_000_000_000
_DEFAULT_PAGE = 1000


def apply() -> None:
    """Replace the three list routes."""
    from bqemulator.api.routes import datasets, jobs, tables

    project = "/projects/{project_id}"
    reroute(datasets.router, "GET", f"{project}/datasets", lambda original: _listing(original, "datasets"))
    reroute(jobs.router, "GET", f"{project}/jobs", lambda original: _listing(original, "jobs"))
    reroute(
        tables.router, "GET", f"{project}/datasets/{{dataset_id}}/tables", lambda original: _listing(original, "tables")
    )


PATCH = Patch(name="listings", apply=apply)


def _listing(original: Any, entries: str) -> Any:
    def list_entries(**request: Any) -> dict[str, Any]:
        query = request["request"].query_params
        body: dict[str, Any] = original(**{**request, "maxResults": _HUGE})
        found = body.get(entries, [])
        if entries == "datasets":
            found = _wanted(found, query)
        if entries == "jobs":
            found = _since(found, int(query.get("minCreationTime") or 0))
        start, size = int(query.get("pageToken") or 0), int(query.get("maxResults") or _DEFAULT_PAGE)
        body[entries] = found[start : start + size]
        if start + size < len(found):
            body["nextPageToken"] = str(start + size)
        return body | {"totalItems": len(found)}

    return list_entries


def _since(jobs: list[dict[str, Any]], moment: int) -> list[dict[str, Any]]:
    """Those created at or after `moment`, in milliseconds."""
    return [job for job in jobs if int(job["statistics"]["creationTime"]) >= moment]


def _wanted(datasets: list[dict[str, Any]], query: Any) -> list[dict[str, Any]]:
    if query.get("all", "false").lower() != "true":
        datasets = [entry for entry in datasets if not entry["datasetReference"]["datasetId"].startswith("_")]
    for term in query.get("filter", "").split():
        name, value = _label(term)
        datasets = [
            entry
            for entry in datasets
            if name in entry.get("labels", {}) and (value is None or entry["labels"][name] == value)
        ]
    return datasets


def _label(term: str) -> tuple[str, str | None]:
    from bqemulator.domain.errors import ValidationError

    found = _LABEL.match(term)
    if found is None:
        raise ValidationError(f"Invalid filter {term!r}: labels.name or labels.name:value")
    return found[1], found[2] or None
