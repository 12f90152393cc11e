"""The JobService port on Google's own Dataflow client, against Google or the local cloud.

The API finds no jobs by their marks: they are listed, and chosen here. Whatever is not known to be over is active, so
that a queued job is found as well as a running one.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Self

from google.api_core import exceptions
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import dataflow_v1beta3 as dataflow

from dit_dagster.errors import InfrastructureError, NotFound, Unreachable
from dit_dagster.model.identity import JobId
from dit_dagster.ports import Environment, JobMarks, RemoteJob

_PREFIX = "JOB_STATE_"
_SECONDS = 60.0
_POLL_SECONDS, _LOCAL_POLL_SECONDS = 10.0, 0.5
_MOST_ERRORS = 5


class DataflowJobs:
    """The jobs of one project and region."""

    poll_seconds: float

    def __init__(self, *, project: str, region: str, endpoint: str | None = None) -> None:
        options: dict[str, Any] = {}
        if endpoint is not None:  # the local cloud: plain HTTP, no credentials
            options = {
                "credentials": AnonymousCredentials(),  # type: ignore[no-untyped-call]
                "client_options": ClientOptions(api_endpoint=endpoint),
                "transport": "rest",
            }
        self._jobs = dataflow.JobsV1Beta3Client(**options)
        self._messages = dataflow.MessagesV1Beta3Client(**options)
        self._metrics = dataflow.MetricsV1Beta3Client(**options)
        self._place = {"project_id": project, "location": region}
        self._endpoint = endpoint
        self.poll_seconds = _POLL_SECONDS if endpoint is None else _LOCAL_POLL_SECONDS

    @classmethod
    def local(cls, *, endpoint: str, project: str, region: str) -> Self:
        """The local cloud's."""
        return cls(project=project, region=region, endpoint=endpoint)

    def find(self, marks: JobMarks, since: datetime) -> tuple[RemoteJob, ...]:
        request = dataflow.ListJobsRequest(**self._place, filter=dataflow.ListJobsRequest.Filter.ALL)
        with _errors_of(f"job by {marks}"):
            found = [one for one in self._listed(request, since) if marks.are_on(dict(one.labels), one.name)]
        return tuple(self.job(JobId(one.id)) for one in found)

    def _listed(self, request: Any, since: datetime) -> Iterator[Any]:
        """Active jobs, then those that ended, the latest first: what ended before `since` ends the list."""
        for one in self._jobs.list_jobs(request=request, timeout=_SECONDS):
            if _job(one).is_over and one.current_state_time < since:
                return
            yield one

    def job(self, job_id: JobId) -> RemoteJob:
        request = dataflow.GetJobRequest(**self._place, job_id=job_id, view=dataflow.JobView.JOB_VIEW_ALL)
        with _errors_of(f"job {job_id}"):
            return _job(self._jobs.get_job(request=request, timeout=_SECONDS))

    def cancel(self, job_id: JobId) -> None:
        asked = dataflow.Job(requested_state=dataflow.JobState.JOB_STATE_CANCELLED)
        request = dataflow.UpdateJobRequest(**self._place, job_id=job_id, job=asked)
        with _errors_of(f"job {job_id}"):
            try:
                self._jobs.update_job(request=request, timeout=_SECONDS)
            except exceptions.BadRequest:
                if not self.job(job_id).is_over:
                    raise

    def errors(self, job_id: JobId) -> tuple[str, ...]:
        least = dataflow.JobMessageImportance.JOB_MESSAGE_ERROR
        request = dataflow.ListJobMessagesRequest(**self._place, job_id=job_id, minimum_importance=least)
        with _errors_of(f"job {job_id}"):
            said = [one.message_text for one in self._messages.list_job_messages(request=request, timeout=_SECONDS)]
        return tuple(said[-_MOST_ERRORS:])

    def metrics(self, job_id: JobId) -> Mapping[str, int | float]:
        request = dataflow.GetJobMetricsRequest(**self._place, job_id=job_id)
        with _errors_of(f"job {job_id}"):
            found = self._metrics.get_job_metrics(request=request, timeout=_SECONDS)
        measured: dict[str, int | float] = {}
        for metric in found.metrics:
            context = dict(metric.name.context)
            value = metric.scalar if metric.scalar is not None else (metric.distribution or {}).get("sum")
            if "tentative" not in context and isinstance(value, int | float):
                step = f"{context['step']}/" if "step" in context else ""
                measured[f"{step}{metric.name.name}"] = int(value) if float(value).is_integer() else float(value)
        return measured

    def stand_in(self, image: str, environment: Environment, identity: str) -> None:
        if self._endpoint is None:
            return
        python = str(environment.directory / "bin" / "python")
        body = json.dumps({image: {"python": python, "identity": identity}}).encode()
        request = urllib.request.Request(f"{self._endpoint}/dit/images", data=body, method="PUT")  # noqa: S310 - ours
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS):  # noqa: S310 - ours
                return
        except OSError as error:
            raise Unreachable(f"the local Dataflow took no stand-in for {image}: {error}") from error


def _job(found: Any) -> RemoteJob:
    pools = found.environment.worker_pools
    named = [image.container_image for pool in pools for image in pool.sdk_harness_container_images]
    named += [pool.worker_harness_container_image for pool in pools]
    return RemoteJob(
        id=JobId(found.id),
        name=found.name,
        state=found.current_state.name.removeprefix(_PREFIX),
        labels=dict(found.labels),
        images=tuple(dict.fromkeys(image for image in named if image)),
        worker=dict(found.job_metadata.user_display_properties).get("worker_identity"),
    )


@contextmanager
def _errors_of(what: str) -> Iterator[None]:
    """Google's errors as ours, saying what they are about."""
    try:
        yield
    except exceptions.NotFound as error:
        raise NotFound(f"Dataflow has no {what}") from error
    except (exceptions.ServiceUnavailable, exceptions.RetryError, exceptions.DeadlineExceeded, OSError) as error:
        raise Unreachable(f"Dataflow did not answer about {what}: {error}; try again") from error
    except exceptions.GoogleAPIError as error:
        raise InfrastructureError(f"Dataflow refused {what}: {error}") from error
