"""Waiting for the jobs of a step, on a service that answers as it pleases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from dit_dagster.adapters.memory import MemoryJobs
from dit_dagster.errors import Interrupted, StepFailed, Unreachable
from dit_dagster.model.identity import JobId
from dit_dagster.ports import JobMarks, RemoteJob
from dit_dagster.running.remote_jobs import StepJobs

LABELS = {"dit_run": "r1", "dit_step": "count"}
JOB = RemoteJob(id=JobId("job-1"), name="dit-count", state="RUNNING", labels=LABELS, images=("gaps:v1",))


class Scripted(MemoryJobs):
    """Each time the job is asked for, the next thing happens, before the answer."""

    def __init__(self, *happenings: Callable[[Scripted], None]) -> None:
        super().__init__()
        self.put(JOB)
        self._happenings = list(happenings)

    def job(self, job_id: JobId) -> RemoteJob:
        if self._happenings:
            self._happenings.pop(0)(self)
        return super().job(job_id)


def silence(_: Scripted) -> None:
    raise Unreachable("no answer")


def becomes(state: str, *errors: str) -> Callable[[Scripted], None]:
    return lambda service: service.put(replace(JOB, state=state), *errors)


def jobs_of(service: MemoryJobs, said: list[str] | None = None, image: str | None = None) -> StepJobs:
    told = said if said is not None else []
    return StepJobs(
        step="count",
        service=service,
        marks=JobMarks(labels=LABELS),
        image=image,
        say=lambda kind, payload: told.append(f"{kind} {payload.get('state', '')}".strip()),
        line=told.append,
        hide=lambda text: text.replace("hunter2", "[TOKEN]"),
    )


def test_a_service_that_is_silent_for_a_while_is_waited_for() -> None:
    """The job goes on meanwhile; its phase does not fail for it."""
    said: list[str] = []
    jobs = jobs_of(Scripted(silence, silence, becomes("DONE")), said)

    with jobs.followed():
        pass
    (record,) = jobs.finished(lambda: False)

    assert (record.state, said.count("# no answer")) == ("DONE", 2)
    assert [line for line in said if line.startswith("job_")] == ["job_expected", "job_submitted", "job_ended DONE"]


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED", "UPDATED", "DRAINED"])
def test_whatever_is_not_done_fails_the_step(state: str) -> None:
    """Somebody may have cancelled it elsewhere: then its tables are not what they should be."""
    jobs = jobs_of(Scripted(becomes(state, "no quota, hunter2")))

    with pytest.raises(StepFailed, match=rf"job job-1 ended {state}: no quota, \[TOKEN\]"):
        jobs.finished(lambda: False)


def test_a_state_that_nobody_knows_is_taken_for_active() -> None:
    """Trap 43: what is over is listed, so that a new state does not look like an end."""
    jobs = jobs_of(Scripted(becomes("PONDERING"), becomes("DONE")))

    assert [record.state for record in jobs.finished(lambda: False)] == ["DONE"]


def test_another_image_than_the_declared_one_fails_the_step() -> None:
    """Trap 21: what ran is read back."""
    with pytest.raises(StepFailed, match="ran gaps:v1, declared is gaps:v2"):
        jobs_of(Scripted(becomes("DONE")), image="gaps:v2").finished(lambda: False)


def test_a_step_that_fails_takes_its_jobs_with_it() -> None:
    """What they would write later would be in nobody's state."""
    service = MemoryJobs()
    service.put(JOB)

    with pytest.raises(StepFailed, match="exit code 1"), jobs_of(service).followed():
        raise StepFailed("exit code 1")

    assert service.job(JOB.id).state == "CANCELLED"


def test_a_run_that_stops_cancels_and_says_if_it_could_not() -> None:
    """Either way it stops."""
    service, said = MemoryJobs(), list[str]()
    service.put(JOB)
    with pytest.raises(Interrupted):
        jobs_of(service, said).finished(lambda: True)
    with pytest.raises(Interrupted):
        jobs_of(Scripted(silence), said).finished(lambda: True)

    assert service.job(JOB.id).state == "CANCELLED"
    assert said[-1] == "# the jobs could not be cancelled; 'dit cancel' tries again: no answer"
