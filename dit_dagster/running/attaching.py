"""Waiting for a run that another process works on, or did until it died: then its Dataflow jobs are what is left.

A job outlives the process that submitted it. Its id is in the registry, and its label on it, so anybody can go on
waiting. What it has written belongs to an attempt that nobody will commit; but its state, counters and errors are kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from dit_dagster.errors import UnknownName
from dit_dagster.model.identity import RunId
from dit_dagster.model.state import JobRecord
from dit_dagster.ports import Event, JobService, Registry, RemoteJob
from dit_dagster.running.collection import ENDS
from dit_dagster.running.labels import STEP
from dit_dagster.running.remote_jobs import SUBMITTED, expects_jobs, jobs_of_run, record_of_job

ATTENDED = "job_attended"
_POLL_SECONDS = 1.0
_TOLD = (SUBMITTED, "committed", "failed", "cancelled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The run has come to its own end."""

    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphaned:
    """The run's process is dead. `jobs` are those that it left behind, all of them over by now."""

    jobs: tuple[JobRecord, ...]


def attach(
    registry: Registry, service: Callable[[], JobService], run_id: RunId, tell: Callable[[str], None]
) -> Ended | Orphaned:
    """Wait until the run has ended; if its process is dead, until its jobs have. `tell` gets a line for each event.

    Raises UnknownName if there is no such run.
    """
    told: set[str] = set()
    while True:
        events = registry.of_run(run_id)
        if not events:
            raise UnknownName(f"no run {run_id!r} in the registry; 'dit runs' lists those there are")
        for line in _news(events):
            if line not in told:
                told.add(line)
                tell(line)
        end = next((event for event in events if event.kind in ENDS), None)
        if end is not None:
            return Ended(outcome=str(end.payload.get("outcome", "cancelled")))
        if _is_silent(registry, run_id):
            return Orphaned(jobs=_outlived(registry, service, events, tell))
        time.sleep(min(_POLL_SECONDS, registry.patience / 4))


def _news(events: tuple[Event, ...]) -> list[str]:
    return [
        f"{event.payload.get('mode')} phase {int(event.payload.get('index', 0)) + 1}: {event.kind.replace('_', ' ')}"
        + (f" {event.payload['job']}" if event.kind == SUBMITTED else "")
        for event in events
        if event.kind in _TOLD
    ]


def _is_silent(registry: Registry, run_id: str) -> bool:
    heard = registry.heard()
    last = heard.runs.get(run_id)
    return last is None or (heard.now - last).total_seconds() >= registry.patience


def _outlived(
    registry: Registry, service: Callable[[], JobService], events: tuple[Event, ...], tell: Callable[[str], None]
) -> tuple[JobRecord, ...]:
    """Wait for the jobs of a dead run, and record what became of each, which is no sign of the run's life."""
    if not expects_jobs(events):
        return ()
    connected = service()
    jobs = {job.id: job for job in jobs_of_run(connected, events[0].run_id, events)}
    states: dict[str, str] = {}
    while True:
        for job in jobs.values():
            if states.get(job.id) != job.state:
                states[job.id] = job.state
                tell(f"job {job.id} ({job.name}): {job.state}")
        if all(job.is_over for job in jobs.values()):
            break
        time.sleep(connected.poll_seconds)
        jobs = {one: job if job.is_over else connected.job(one) for one, job in jobs.items()}
    records = tuple(record_of_job(connected, job, job.labels.get(STEP, "")) for job in jobs.values())
    registry.append([_attended(events[0], job, record) for job, record in zip(jobs.values(), records, strict=True)])
    return records


def _attended(first: Event, job: RemoteJob, record: JobRecord) -> Event:
    return Event(
        kind=ATTENDED,
        run_id=first.run_id,
        pipeline=first.pipeline,
        payload=record.to_json(),
        event_id=f"{first.run_id}-attended-{job.id}",
    )
