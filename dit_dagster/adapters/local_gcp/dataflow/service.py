"""Runs the jobs: a queue with a few slots, a process for each job that runs, and an end for each that is cancelled."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dit_dagster.adapters.local_gcp.dataflow.images import Images, Interpreter, NoWorker, WorkerImage
from dit_dagster.adapters.local_gcp.dataflow.jobs import Job, Jobs
from dit_dagster.adapters.local_gcp.dataflow.rules import Rules
from dit_dagster.adapters.local_gcp.dataflow.work import Assignment, Work, at_work
from dit_dagster.model.step_environment import own_folders

_TICK = 0.1
_LAST_LINES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where jobs run: the storage's directory, a folder for logs, and a worker's variables, in a container and not."""

    storage: Path
    logs: Path
    variables: Callable[[], Mapping[str, str]]
    contained: Callable[[], Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    """What a worker said last: that it was done, or of what it failed."""

    error: str | None


class Service:
    """Takes jobs and brings each to its end, at most `slots` at a time."""

    def __init__(self, jobs: Jobs, images: Images, rules: Rules, around: Surroundings, *, slots: int) -> None:
        self._jobs = jobs
        self._images = images
        self._rules = rules
        self._around = around
        self._slots = threading.Semaphore(slots)
        self._asked_to_end: dict[str, threading.Event] = {}
        around.logs.mkdir(parents=True, exist_ok=True)
        for job in jobs.all():
            if not job.is_over:
                jobs.say(job.id, "ERROR", "the local Dataflow ended while the job was active")
                jobs.change(job.id, "JOB_STATE_FAILED")

    def submit(self, job: Job) -> None:
        """Queue a job that was just added."""
        self._asked_to_end[job.id] = threading.Event()
        threading.Thread(target=self._bring_to_its_end, args=(job,), name=job.id, daemon=True).start()

    def cancel(self, job_id: str) -> None:
        """Ask a job to end; it is cancelled once its process is gone."""
        self._jobs.change(job_id, "JOB_STATE_CANCELLING")
        self._asked_to_end[job_id].set()

    def _bring_to_its_end(self, job: Job) -> None:
        try:
            if self._has_slot(job):
                try:
                    self._run(job)
                finally:
                    self._slots.release()
        except Exception as error:  # noqa: BLE001 - a job always ends, and says of what
            if not self._asked_to_end[job.id].is_set():  # a container that is taken away fails whoever listens to it
                self._fail(job, f"the local Dataflow failed: {type(error).__name__}: {error}")
        if self._asked_to_end[job.id].is_set():
            self._jobs.change(job.id, "JOB_STATE_CANCELLED")

    def _has_slot(self, job: Job) -> bool:
        """Wait in the queue; False if the job is cancelled there."""
        asked = self._asked_to_end[job.id]
        while not asked.wait(_TICK):
            if not self._rules.of(job).hold and self._slots.acquire(blocking=False):
                return True
        return False

    def _run(self, job: Job) -> None:
        rule = self._rules.of(job)
        worker = self._worker(job)
        if isinstance(worker, NoWorker):
            self._fail(job, worker.reason)
            return
        identity = {"userDisplayProperties": {"worker_identity": worker.identity}}
        self._jobs.change(job.id, "JOB_STATE_PENDING", jobMetadata=identity)
        if self._asked_to_end[job.id].wait(rule.seconds):
            return
        self._jobs.change(job.id, "JOB_STATE_RUNNING")
        if rule.fail is not None:
            self._fail(job, rule.fail)
        elif rule.done:
            self._jobs.change(job.id, "JOB_STATE_DONE")
        else:
            self._work(job, worker)

    def _worker(self, job: Job) -> Interpreter | WorkerImage | NoWorker:
        """What runs all images that the job names."""
        found = {image: self._images.worker_of(image) for image in job.images}
        missing = [one for one in found.values() if isinstance(one, NoWorker)]
        if missing:
            return missing[0]
        workers = {one for one in found.values() if not isinstance(one, NoWorker)}
        if len(workers) != 1:
            return NoWorker(reason=f"the local Dataflow runs jobs of one worker image; this one names {list(found)}")
        return workers.pop()

    def _work(self, job: Job, worker: Interpreter | WorkerImage) -> None:
        log = self._around.logs / f"{job.id}.log"
        with tempfile.TemporaryDirectory(prefix="dataflow-") as scratch, log.open("wb") as output:
            given = Assignment(
                task={"storage": str(self._around.storage), "options": job.options, "scratch": scratch},
                scratch=Path(scratch),
                storage=self._around.storage,
                variables={**self._around.variables(), **own_folders(Path(scratch))},
                contained=self._around.contained(),
                labels=job.labels,
            )
            with at_work(worker, given, output) as work:
                threading.Thread(target=self._end_when_asked, args=(job, work), daemon=True).start()
                ended = self._heard(job, work.said())
        # Only now: who waits for the job must not find its worker still there.
        if ended is not None:
            self._end(job, ended)
        elif not self._asked_to_end[job.id].is_set():
            last = "\n".join(log.read_text(errors="replace").splitlines()[-_LAST_LINES:])
            self._fail(job, f"the worker ended with {work.exit_code}:\n{last}")

    def _heard(self, job: Job, lines: Iterable[bytes]) -> _Ended | None:
        """Take down what the worker says; how it said that it ended, if it did."""
        ended: _Ended | None = None
        for line in lines:
            said: dict[str, Any] = json.loads(line)
            if "metrics" in said:
                self._jobs.measure(job.id, said["metrics"])
            if "error" in said:
                ended = _Ended(error=said["error"])
            if "done" in said:
                ended = _Ended(error=None)
        return ended

    def _end(self, job: Job, ended: _Ended) -> None:
        if ended.error is None:
            self._jobs.change(job.id, "JOB_STATE_DONE")
        else:
            self._fail(job, ended.error)

    def _end_when_asked(self, job: Job, work: Work) -> None:
        while not work.is_over:
            if self._asked_to_end[job.id].wait(_TICK):
                work.end()
                return

    def _fail(self, job: Job, reason: str) -> None:
        self._jobs.say(job.id, "ERROR", reason)
        self._jobs.change(job.id, "JOB_STATE_FAILED")
