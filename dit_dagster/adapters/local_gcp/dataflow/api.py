"""The API's methods: a request in, a response out, no sockets.

https://cloud.google.com/dataflow/docs/reference/rest is the contract. Below /dit/ is what the real one does not have:
what stands in for worker images, and rules by which tests provoke what a real Dataflow does now and then.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dit_dagster.adapters.local_gcp.dataflow.images import Images, Interpreter
from dit_dagster.adapters.local_gcp.dataflow.jobs import IMPORTANCES, BadJob, Job, Jobs, state_named, timestamp
from dit_dagster.adapters.local_gcp.dataflow.rules import Rules
from dit_dagster.adapters.local_gcp.dataflow.service import Service
from dit_dagster.adapters.local_gcp.storage.api import Request, Response, failure

_JOBS = re.compile(
    r"/v1b3/projects/(?P<project>[^/]+)(/locations/(?P<location>[^/]+))?/jobs"
    r"(?P<aggregated>:aggregated)?(/(?P<id>[^/:]+)(/(?P<part>messages|metrics))?)?"
)
_PAGE = 50
_FILTERS: Sequence[str] = ("UNKNOWN", "ALL", "TERMINATED", "ACTIVE")
_VIEWS: Sequence[str] = ("JOB_VIEW_UNKNOWN", "JOB_VIEW_SUMMARY", "JOB_VIEW_ALL", "JOB_VIEW_DESCRIPTION")


class DataflowApi:
    """Answers requests."""

    def __init__(self, jobs: Jobs, service: Service, images: Images, rules: Rules) -> None:
        self._jobs = jobs
        self._service = service
        self._images = images
        self._rules = rules

    def answer(self, request: Request) -> Response:
        """The response to `request`; errors are responses too."""
        try:
            return self._routed(request)
        except (BadJob, TypeError) as error:
            return failure(400, str(error))

    def _routed(self, request: Request) -> Response:
        if request.path == "/healthz":
            return Response(content={"status": "ok"})
        if request.path.startswith("/dit/"):
            return self._provoked(request)
        found = _JOBS.fullmatch(request.path)
        if found is None:
            return failure(404, f"the local Dataflow has no {request.method} {request.path}")
        where = (found["project"], found["location"])
        if found["id"] is None:
            return self._created(request, where) if request.method == "POST" else self._listed(request, where)
        job = self._jobs.find(found["id"])
        if job is None or not _lies(job, where):
            return failure(404, f"(local): Information about job {found['id']} could not be found in our system.")
        match found["part"], request.method:
            case None, "GET":
                return Response(content=_viewed(job, request.query.get("view")))
            case None, "PUT":
                return self._updated(request, job)
            case "messages", "GET":
                return _messages(request, job)
            case "metrics", "GET":
                return Response(content={"metricTime": timestamp(), "metrics": job.metrics})
        return failure(501, f"the local Dataflow does not know {request.method} {request.path}")

    def _created(self, request: Request, where: tuple[str, str | None]) -> Response:
        asked = json.loads(request.body)
        job, is_new = self._jobs.add(where[0], where[1] or "us-central1", asked)
        if is_new:
            self._service.submit(job)
        # Of an active job with this name: its own request id tells the client that it was not taken.
        return Response(content=job.resource)

    def _listed(self, request: Request, where: tuple[str, str | None]) -> Response:
        asked = _named(request.query.get("filter", "ALL"), _FILTERS)
        jobs = sorted((job for job in self._jobs.all() if _lies(job, where) and _passes(job, asked)), key=_place)
        if "name" in request.query:
            jobs = [job for job in jobs if job.resource["name"] == request.query["name"]]
        size = int(request.query.get("pageSize", _PAGE)) or _PAGE
        start = int(request.query.get("pageToken") or 0)
        content: dict[str, Any] = {
            "jobs": [_viewed(job, "JOB_VIEW_SUMMARY") for job in jobs[start : start + size]],
        }
        if start + size < len(jobs):
            content["nextPageToken"] = str(start + size)
        return Response(content=content)

    def _updated(self, request: Request, job: Job) -> Response:
        wanted = state_named(json.loads(request.body).get("requestedState"))
        if wanted != "JOB_STATE_CANCELLED":
            return failure(400, f"(local): a batch job cannot be brought to {wanted}; it can be cancelled")
        if job.is_over:
            return failure(400, f"(local): Workflow modification failed. Causes: job {job.id} is in {job.state}")
        self._service.cancel(job.id)
        changed = self._jobs.find(job.id) or job
        return Response(content=changed.resource)

    def _provoked(self, request: Request) -> Response:
        """PUT /dit/rules: rules by name, or null to take one away. PUT /dit/images: what stands in for an image.

        PUT /dit/engine: where images are that nothing stands in for.
        """
        if request.method != "PUT":
            return failure(404, f"the local Dataflow has no {request.method} {request.path}")
        stated = json.loads(request.body)
        if request.path == "/dit/rules":
            self._rules.state(stated)
        elif request.path == "/dit/engine":
            self._images.engine = stated["address"]
        elif request.path == "/dit/images":
            for image, one in stated.items():
                self._images.stand_in(image, Interpreter(**one))
        else:
            return failure(404, f"the local Dataflow has no {request.path}")
        return Response(content={})


def _lies(job: Job, where: tuple[str, str | None]) -> bool:
    return job.resource["projectId"] == where[0] and where[1] in (None, job.resource["location"])


def _place(job: Job) -> tuple[bool, float]:
    """Active jobs first, then those that ended; within each the latest first."""
    moment = job.resource["currentStateTime"] if job.is_over else job.resource["createTime"]
    return job.is_over, -datetime.fromisoformat(moment).timestamp()


def _passes(job: Job, asked: str) -> bool:
    return {"TERMINATED": job.is_over, "ACTIVE": not job.is_over}.get(asked, True)


def _viewed(job: Job, view: str | None) -> Mapping[str, Any]:
    """A summary leaves out what a job runs; the whole job shows it."""
    if _named(view or "JOB_VIEW_SUMMARY", _VIEWS) == "JOB_VIEW_ALL":
        return job.resource
    return {name: value for name, value in job.resource.items() if name not in ("environment", "steps")}


def _messages(request: Request, job: Job) -> Response:
    least = _named(request.query.get("minimumImportance", "BASIC"), IMPORTANCES).removeprefix("JOB_MESSAGE_")
    since = request.query.get("startTime", "")
    found = [
        one
        for one in job.messages
        if _rank(one["messageImportance"].removeprefix("JOB_MESSAGE_")) >= _rank(least) and one["time"] >= since
    ]
    return Response(content={"jobMessages": found})


def _rank(importance: str) -> int:
    return ("UNKNOWN", "DEBUG", "DETAILED", "BASIC", "WARNING", "ERROR").index(importance)


def _named(value: str, names: Sequence[str]) -> str:
    """An enumeration's value by its name, where a client sent its number."""
    return names[int(value)] if value.isdecimal() and int(value) < len(names) else value
