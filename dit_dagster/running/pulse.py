"""The heartbeat of a run: it keeps what the run has and uses from being taken away, and hears of cancellation."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence

from dit_dagster.errors import DitError
from dit_dagster.ports import Claim, Event, Registry

CANCEL_REQUESTED = "cancel_requested"
_LOST_AFTER = 2


def cancel_requested(registry: Registry, run_id: str) -> bool:
    """Whether somebody asked for the end of this run."""
    return bool(registry.of_fingerprints([CANCEL_REQUESTED], [run_id]))


def cancel_request(run_id: str, pipeline: str) -> Event:
    """The event by which a run is asked to end. It is addressed by the run, and asking twice asks once."""
    return Event(
        kind=CANCEL_REQUESTED,
        run_id=run_id,
        pipeline=pipeline,
        fingerprint=run_id,
        payload={},
        event_id=f"{run_id}-cancel",
    )


@contextlib.contextmanager
def beating(
    registry: Registry,
    run_id: str,
    pipeline: str,
    *,
    claims: Callable[[], Sequence[Claim]] = tuple,
    lost: Callable[[str | None], None] = lambda _: None,
    cancelled: Callable[[], None] = lambda: None,
) -> Iterator[None]:
    """As long as the block runs, say four times within the registry's patience that the run is alive.

    `lost` gets what is wrong after two beats in a row that failed. `cancelled` is called when the run was asked to end.
    """
    over = threading.Event()

    def beat() -> None:
        failures = 0
        while not over.wait(registry.patience / 4):
            try:
                _beat(registry, run_id, pipeline, claims())
                if cancel_requested(registry, run_id):
                    cancelled()
                failures = 0
            except DitError as error:
                failures += 1
                # A program with Google's client would go on asking for ten minutes.
                lost(str(error) if failures >= _LOST_AFTER else None)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _beat(registry: Registry, run_id: str, pipeline: str, claims: Sequence[Claim]) -> None:
    """Through the claims if there are any; otherwise for the run alone, which may be comparing."""
    if claims:
        registry.beat(claims)
    else:
        registry.append([Event(kind="beat", run_id=run_id, pipeline=pipeline, payload={})])
