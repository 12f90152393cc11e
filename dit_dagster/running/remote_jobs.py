"""The Dataflow jobs that a step starts: expected, found by their marks, recorded before they are waited for.

The marks are labels; of a program that passes none on, the job's name. The registry hears of a job three times.
`job_expected` before the step starts: from then on whoever cancels the run looks for jobs with its marks, queued ones
included. `job_submitted` with the job's id, as soon as it is seen.
`job_ended` with its state, counters and errors. So the registry knows every job that is waited for, or left behind.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from dit_dagster.errors import DitError, InfrastructureError, Interrupted, StepFailed, Unreachable
from dit_dagster.model.beam import BeamJob, BeamPlace, rendered
from dit_dagster.model.pipeline import Pipeline
from dit_dagster.model.state import JobRecord
from dit_dagster.ports import Event, JobMarks, JobService, RemoteJob
from dit_dagster.running.labels import RUN, label_value

EXPECTED, SUBMITTED, ENDED = "job_expected", "job_submitted", "job_ended"
JOB_FAILED = "ended FAILED"
_CLOCKS_APART = timedelta(minutes=10)
_APPEAR_POLLS = 10
_END_SECONDS = _SILENT_SECONDS = 300.0
_LONGEST_ERROR = 1500

Say = Callable[[str, Mapping[str, object]], None]


def refuse_unplaced(pipeline: Pipeline, place: BeamPlace) -> None:
    """UsageError if a step on Dataflow would be missing where to run. Before any side effect."""
    for step in pipeline.steps:
        if step.beam is not None:
            rendered(step.beam, place, BeamJob(name="dit", labels={}))


@dataclass(slots=True, kw_only=True)
class StepJobs:
    """The jobs with `marks`, which only this step of this attempt has. `say` records an event, `line` writes the log.

    `image` is what their workers must run, if that is declared; `hide` takes secrets out of what they say.
    """

    step: str
    service: JobService
    marks: JobMarks
    image: str | None
    say: Say
    line: Callable[[str], None]
    hide: Callable[[str], str] = str
    _since: datetime = field(default_factory=lambda: datetime.now(UTC) - _CLOCKS_APART)
    _seen: dict[str, RemoteJob] = field(default_factory=dict)
    _looking: threading.Lock = field(default_factory=threading.Lock)

    @contextlib.contextmanager
    def followed(self) -> Iterator[None]:
        """While the block runs, which starts the jobs, look for them; if it raises, end them."""
        self.say(EXPECTED, {"step": self.step, "labels": dict(self.marks.labels), "name": self.marks.name})
        over = threading.Event()
        thread = threading.Thread(target=self._keep_looking, args=(over,), daemon=True)
        thread.start()
        try:
            yield
        except BaseException:
            over.set()
            thread.join()
            with contextlib.suppress(DitError):  # the error that is under way says more
                self.cancel()
            raise
        over.set()
        thread.join()

    def finished(self, stopped: Callable[[], bool]) -> tuple[JobRecord, ...]:
        """Wait for all of them. StepFailed unless each is DONE, on the declared image, and there is one."""
        self._await_first(stopped)
        answered = time.monotonic()
        while active := [job for job in self._seen.values() if not job.is_over]:
            if stopped():
                self._give_up()
            time.sleep(self.service.poll_seconds)
            try:
                for job in active:
                    self._take_down(self.service.job(job.id))
                answered = time.monotonic()
            except Unreachable as error:  # the job goes on meanwhile, for hours perhaps
                self.line(f"# {error}")
                if time.monotonic() - answered > _SILENT_SECONDS:
                    raise
        records = tuple(self._recorded(job) for job in self._seen.values())
        for record in records:
            self._check(record)
        return records

    def cancel(self) -> None:
        """End all of them, and wait until they have; what they would write later would be in nobody's state."""
        self._look()
        cancel_jobs(self.service, [job for job in self._seen.values() if not job.is_over])

    def _give_up(self) -> NoReturn:
        """End the jobs because the run is to stop; that it stops matters more than an answer."""
        try:
            self.cancel()
        except DitError as error:
            self.line(f"# the jobs could not be cancelled; 'dit cancel' tries again: {error}")
        raise Interrupted(15)

    def _keep_looking(self, over: threading.Event) -> None:
        while not over.wait(self.service.poll_seconds):
            with contextlib.suppress(InfrastructureError):  # it is looked for again, and at the end for good
                self._look()

    def _look(self) -> None:
        with self._looking:
            for job in self.service.find(self.marks, self._since):
                self._take_down(job)

    def _take_down(self, job: RemoteJob) -> None:
        before = self._seen.get(job.id)
        if before is None:
            images = list(job.images)
            self.say(SUBMITTED, {"step": self.step, "job": job.id, "name": job.name, "images": images})
            self.line(f"# step {self.step!r}: Dataflow job {job.id} ({job.name})")
        if before is None or before.state != job.state:
            self.line(f"# job {job.id}: {job.state}")
        self._seen[job.id] = job

    def _await_first(self, stopped: Callable[[], bool]) -> None:
        """A job can take a moment to appear in lists."""
        self._look()
        for again in range(_APPEAR_POLLS + 1):
            if self._seen:
                return
            if stopped():
                self._give_up()
            if again == _APPEAR_POLLS:
                raise StepFailed(
                    f"step {self.step!r} ended, and Dataflow has no job with {self.marks}: the program must pass "
                    "runner, labels and job name on to Beam; check beam.flags in defs.yaml"
                )
            time.sleep(self.service.poll_seconds)
            self._look()

    def _recorded(self, job: RemoteJob) -> JobRecord:
        record = record_of_job(self.service, job, self.step)
        record = replace(record, error=self.hide(record.error))
        self.say(ENDED, record.to_json())
        for name, value in record.metrics.items():
            self.line(f"# job {job.id}: {name} = {value}")
        if record.error:
            self.line(f"# job {job.id}: {record.error}")
        return record

    def _check(self, record: JobRecord) -> None:
        if record.state != "DONE":
            said = f": {record.error}" if record.error else ""
            raise StepFailed(f"step {self.step!r}: Dataflow job {record.id} ended {record.state}{said}")
        if self.image is not None and self.image not in record.images:
            raise StepFailed(
                f"step {self.step!r}: Dataflow job {record.id} ran {', '.join(record.images) or 'no image'}, declared "
                f"is {self.image}: the program does not pass its worker image on; check beam.flags in defs.yaml"
            )


def record_of_job(service: JobService, job: RemoteJob, step: str) -> JobRecord:
    """What became of a job that is over."""
    failed = job.state != "DONE"
    return JobRecord(
        step=step,
        id=job.id,
        name=job.name,
        state=job.state,
        images=job.images,
        worker=job.worker,
        metrics=dict(service.metrics(job.id)),
        error=" / ".join(service.errors(job.id))[-_LONGEST_ERROR:] if failed else "",
    )


def expects_jobs(events: tuple[Event, ...]) -> bool:
    """Whether a run, of these events, may have started jobs."""
    return any(event.kind == EXPECTED for event in events)


def jobs_of_run(service: JobService, run_id: str, events: tuple[Event, ...]) -> tuple[RemoteJob, ...]:
    """Every job of a run: those that have its label, or a name that it expected, whether they were seen or not."""
    expected = [event for event in events if event.kind == EXPECTED]
    since = min(event.at for event in expected if event.at is not None) - _CLOCKS_APART
    names = dict.fromkeys(name for event in expected if (name := event.payload.get("name")) is not None)
    marks = [JobMarks(labels={RUN: label_value(run_id)}), *(JobMarks(labels={}, name=name) for name in names)]
    return tuple({job.id: job for one in marks for job in service.find(one, since)}.values())


def end_jobs_of_run(service: Callable[[], JobService], run_id: str, events: tuple[Event, ...]) -> int:
    """Cancel what is still active of a run's jobs, queued ones included; how many. It asks if there may be some."""
    if not expects_jobs(events):
        return 0
    connected = service()
    return cancel_jobs(connected, [job for job in jobs_of_run(connected, run_id, events) if not job.is_over])


def cancel_jobs(service: JobService, jobs: list[RemoteJob]) -> int:
    """End these jobs and wait until they have ended; how many. InfrastructureError if one does not."""
    for job in jobs:
        service.cancel(job.id)
    deadline = time.monotonic() + _END_SECONDS
    for job in jobs:
        while not service.job(job.id).is_over:
            if time.monotonic() > deadline:
                raise InfrastructureError(f"Dataflow job {job.id} was asked to end and is still at it; cancel again")
            time.sleep(service.poll_seconds)
    return len(jobs)
