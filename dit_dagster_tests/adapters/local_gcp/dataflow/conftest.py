"""The local Dataflow through its client, and jobs of which nothing runs: rules say what becomes of them."""

from __future__ import annotations

import json
import secrets
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dit_dagster.adapters.dataflow import DataflowJobs
from dit_dagster.adapters.local_gcp import LocalCloud
from dit_dagster.model.identity import JobId
from dit_dagster.ports import JobMarks, RemoteJob

REGION = "europe-west1"
SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """What the API answered: `request_id` is that of the request that the job was made for."""

    id: JobId
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataflow:
    """The client, and a label that only this test's jobs have."""

    jobs: DataflowJobs
    cloud: LocalCloud
    mark: str

    @property
    def label(self) -> Mapping[str, str]:
        return {"dit_run": self.mark}

    def put(self, path: str, content: Any) -> None:
        request = urllib.request.Request(
            f"{self.cloud.dataflow}/dit/{path}", data=json.dumps(content).encode(), method="PUT"
        )
        urllib.request.urlopen(request).close()

    def rule(self, **rule: Any) -> None:
        """What becomes of this test's jobs."""
        self.put("rules", {self.mark: {"labels": dict(self.label), **rule}})

    def post(self, name: str, image: str = "none", **changes: Any) -> Posted:
        """Create a job as a client would whose pipeline is staged; the API's answer."""
        body = {
            "name": name,
            "clientRequestId": secrets.token_hex(4),
            "labels": dict(self.label),
            "environment": {
                "sdkPipelineOptions": {"options": {"pipelineUrl": "gs://nowhere/pipeline.pb"}},
                "workerPools": [{"workerHarnessContainerImage": image}],
            },
            **changes,
        }
        place = f"{self.cloud.dataflow}/v1b3/projects/{self.cloud.project}/locations/{REGION}/jobs"
        with urllib.request.urlopen(place, data=json.dumps(body).encode()) as answer:
            created = json.load(answer)
        return Posted(id=JobId(created["id"]), request_id=created["clientRequestId"])

    def find(self) -> tuple[RemoteJob, ...]:
        return self.jobs.find(JobMarks(labels=self.label), datetime.now(UTC) - timedelta(hours=1))

    def until(self, job_id: JobId, condition: Callable[[RemoteJob], bool] = lambda job: job.is_over) -> RemoteJob:
        """The job, once it is as wanted: over, unless something else is asked for."""
        deadline = time.monotonic() + SECONDS
        while not condition(job := self.jobs.job(job_id)):
            assert time.monotonic() < deadline, job
            time.sleep(0.05)
        return job


@pytest.fixture
def dataflow(local_cloud: LocalCloud) -> Dataflow:
    """A client, with a label of this test's own."""
    return new_dataflow(local_cloud)


def new_dataflow(cloud: LocalCloud) -> Dataflow:
    jobs = DataflowJobs.local(endpoint=cloud.dataflow, project=cloud.project, region=REGION)
    return Dataflow(jobs=jobs, cloud=cloud, mark=f"run-{secrets.token_hex(4)}")
