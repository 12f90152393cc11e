"""Ending a run from elsewhere: asked through the registry, obeyed by its processes; done here if they are dead."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from dit_dagster.errors import InfrastructureError
from dit_dagster.model.identity import RunId
from dit_dagster.ports import Event, Registry
from dit_dagster.running.cleaning import Premises, clean, look_around
from dit_dagster.running.collection import ENDS, collectable, of_run
from dit_dagster.running.pulse import cancel_request
from dit_dagster.running.remote_jobs import end_jobs_of_run

_POLL_SECONDS = 1.0
_PATIENCES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class WasCancelled:
    """The run is over. `by_itself`: its process ended it; otherwise it was dead, and was cleaned up after.

    `jobs` counts the Dataflow jobs that had to be cancelled here, because its process did not.
    """

    by_itself: bool
    removed: int = 0
    jobs: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyOver:
    """It had ended before: nothing to cancel."""

    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSuchRun:
    """The registry knows no run of that name: nothing to cancel."""


Cancellation = WasCancelled | AlreadyOver | NoSuchRun


def cancel(premises: Premises, run_id: RunId) -> Cancellation:
    """End a run, whatever it is doing unless it is over. Raises InfrastructureError if it cannot be told how it went.

    What is terminal is listed (ENDS); a run that is only planned, or waits, is cancelled like any other.
    """
    registry = premises.registry
    events = registry.of_run(run_id)
    if not events:
        # The absence of an answer is not the absence of a run: this was an answer, or it would have raised.
        return NoSuchRun()
    ended = _end(events)
    if ended is not None:
        return AlreadyOver(outcome=_outcome(ended))
    registry.append([cancel_request(run_id, events[0].pipeline)])
    last = _wait(registry, run_id)
    jobs = end_jobs_of_run(premises.jobs, run_id, registry.of_run(run_id))
    if last is not None:
        stopped = last.kind == "run_cancelled" or last.payload.get("stopped_by_signal") is not None
        return WasCancelled(by_itself=True, jobs=jobs) if stopped else AlreadyOver(outcome=_outcome(last))
    return replace(_clean_up_after(premises, run_id, events[0].pipeline), jobs=jobs)


def _wait(registry: Registry, run_id: str) -> Event | None:
    """The run's end, once it has come; None once the run is silent for longer than the registry's patience."""
    deadline = time.monotonic() + _PATIENCES * registry.patience
    while True:
        ended = _end(registry.of_run(run_id))
        if ended is not None:
            return ended
        heard = registry.heard()
        last = heard.runs.get(run_id)
        if last is None or (heard.now - last).total_seconds() >= registry.patience:
            return None
        if time.monotonic() > deadline:
            raise InfrastructureError(
                f"run {run_id} was asked to end and is still at it; 'dit cancel' waits for it again"
            )
        time.sleep(min(_POLL_SECONDS, registry.patience / 4))


def _clean_up_after(premises: Premises, run_id: str, pipeline: str) -> WasCancelled:
    """Its end is written first: from then on it is not alive, and what it left behind can go."""
    end = Event(kind="run_cancelled", run_id=run_id, pipeline=pipeline, payload={}, event_id=f"{run_id}-cancelled")
    premises.registry.append([end])
    swept = clean(premises, of_run(collectable(look_around(premises)), run_id))
    if swept.failed:
        raise InfrastructureError(f"run {run_id} is over, but not all that it left could be removed: {swept.failed[0]}")
    return WasCancelled(by_itself=False, removed=len(swept.gone))


def _end(events: tuple[Event, ...]) -> Event | None:
    return next((event for event in events if event.kind in ENDS), None)


def _outcome(end: Event) -> str:
    return str(end.payload.get("outcome", "cancelled"))
