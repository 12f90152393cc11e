"""What every JobService promises."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from dit_dagster.adapters.local_gcp import LocalCloud
from dit_dagster.adapters.memory import MemoryJobs
from dit_dagster.errors import NotFound
from dit_dagster.model.identity import JobId
from dit_dagster.ports import JobMarks, JobService, RemoteJob
from dit_dagster_tests.adapters.local_gcp.dataflow.conftest import new_dataflow

AN_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Jobs:
    """A service, how to queue a job there with the label of this test, and how to let it fail."""

    service: JobService
    mark: str
    queue: Callable[[], JobId]
    fail: Callable[[JobId, str], None]

    def found(self, **more: str) -> list[tuple[JobId, str]]:
        jobs = self.service.find(JobMarks(labels={"dit_run": self.mark, **more}), datetime.now(UTC) - AN_HOUR)
        return [(job.id, job.state) for job in jobs]


def in_memory() -> Jobs:
    service, mark = MemoryJobs(), "here"

    def queue() -> JobId:
        made = RemoteJob(
            id=JobId(secrets.token_hex(4)), name=f"dit-{secrets.token_hex(4)}", state="QUEUED", labels={"dit_run": mark}
        )
        service.put(made)
        return made.id

    def fail(job: JobId, why: str) -> None:
        service.put(replace(service.job(job), state="FAILED"), why)

    return Jobs(service=service, mark=mark, queue=queue, fail=fail)


def on_the_local_cloud(cloud: LocalCloud) -> Jobs:
    dataflow = new_dataflow(cloud)
    dataflow.put("images", {"none": {"python": "/nowhere", "identity": "nobody"}})
    dataflow.rule(hold=True)

    def fail(job: JobId, why: str) -> None:
        dataflow.rule(fail=why)
        dataflow.until(job)

    return Jobs(
        service=dataflow.jobs,
        mark=dataflow.mark,
        queue=lambda: dataflow.post(f"dit-contract-{secrets.token_hex(4)}").id,
        fail=fail,
    )


def wait_for_the_end(jobs: Jobs, job: JobId) -> None:
    while not jobs.service.job(job).is_over:
        time.sleep(0.05)


@pytest.fixture(params=["memory", "dataflow"])
def jobs(request: pytest.FixtureRequest) -> Jobs:
    if request.param == "memory":
        return in_memory()
    return on_the_local_cloud(request.getfixturevalue("local_cloud"))


def test_a_queued_job_is_found_by_all_of_its_labels(jobs: Jobs) -> None:
    """And not by one that it does not have."""
    job = jobs.queue()

    assert jobs.found() == [(job, "QUEUED")]
    assert jobs.found(dit_step="other") == []
    jobs.service.cancel(job)


def test_a_job_is_found_by_its_name(jobs: Jobs) -> None:
    """Where it has no labels that would tell it; the marks go together."""
    one, other = jobs.queue(), jobs.queue()
    name, since = jobs.service.job(one).name, datetime.now(UTC) - AN_HOUR

    found = [
        [job.id for job in jobs.service.find(JobMarks(labels=labels, name=name), since)]
        for labels in ({}, {"dit_run": jobs.mark}, {"dit_run": "another"})
    ]

    assert found == [[one], [one], []]
    jobs.service.cancel(one)
    jobs.service.cancel(other)


def test_what_is_cancelled_ends(jobs: Jobs) -> None:
    """Once it has ended it is still found, and cancelling it again changes nothing."""
    job = jobs.queue()
    jobs.service.cancel(job)
    wait_for_the_end(jobs, job)
    jobs.service.cancel(job)

    assert jobs.found() == [(job, "CANCELLED")]


def test_what_ended_before_the_time_asked_for_is_not_found(jobs: Jobs) -> None:
    """What is active is, however old it may be."""
    ended, active = jobs.queue(), jobs.queue()
    jobs.service.cancel(ended)
    wait_for_the_end(jobs, ended)

    found = jobs.service.find(JobMarks(labels={"dit_run": jobs.mark}), datetime.now(UTC) + AN_HOUR)

    assert [job.id for job in found] == [active]
    jobs.service.cancel(active)


def test_a_failed_job_says_why(jobs: Jobs) -> None:
    """In its own words."""
    job = jobs.queue()
    jobs.fail(job, "no quota")

    assert (jobs.service.job(job).state, jobs.service.errors(job)) == ("FAILED", ("no quota",))
    assert jobs.service.metrics(job) == {}


def test_what_is_not_there_is_not_found(jobs: Jobs) -> None:
    """Whatever is asked of it."""
    nobody = JobId("nobody")
    for ask in (jobs.service.job, jobs.service.cancel, jobs.service.errors, jobs.service.metrics):
        with pytest.raises(NotFound, match="no job nobody"):
            ask(nobody)
