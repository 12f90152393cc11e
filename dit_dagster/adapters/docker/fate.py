"""What was done to a container from outside: killed, told to end, out of memory, or the engine with it."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from dit_dagster.adapters.docker.engine import Absent, engine_errors

if TYPE_CHECKING:
    from docker import APIClient

_MARGIN = timedelta(seconds=1)
_LOOKS = 3
_OF_A_SIGNAL = range(129, 129 + signal.SIGRTMAX)


def fate(api: APIClient, found: Mapping[str, Any], *, lost: bool) -> str | None:
    """Why a container that has ended must not be believed, in words; None if nothing was done to it.

    `lost`: the engine was away while it ran. It may have told the container to end, and has forgotten that.
    """
    said = _said(api, found, lost=lost)
    for _ in range(_LOOKS if found["State"]["ExitCode"] in _OF_A_SIGNAL else 0):
        if said is not None:
            break
        # What was done is told after it was done, which can be after the end. Our own removal has yet to come.
        time.sleep(_MARGIN.total_seconds())
        with suppress(Absent), engine_errors("what was done to the step's container"):
            found = api.inspect_container(found["Id"])
        said = _said(api, found, lost=lost)
    return said


def _said(api: APIClient, found: Mapping[str, Any], *, lost: bool) -> str | None:
    """What is known of it by now."""
    state = found["State"]
    if state.get("OOMKilled"):
        limit = (found["HostConfig"].get("Memory") or 0) >> 20
        return f"it ran out of memory{f', of which it may have {limit} MiB' if limit else ''}"
    if lost:
        return "the container engine went away while it ran, and may have ended it"
    if state.get("Error"):
        return str(state["Error"])
    sent = _signal_sent(api, found)
    return f"{sent} was sent to it from elsewhere" if sent is not None else None


def _signal_sent(api: APIClient, found: Mapping[str, Any]) -> str | None:
    """The signal that somebody sent through the engine by now."""
    begin, end = (_moment(found["State"][name]) for name in ("StartedAt", "FinishedAt"))
    with engine_errors("what was done to the step's container"):
        events = api.events(
            since=(begin - _MARGIN).timestamp(),
            until=max(end.timestamp(), time.time()),  # what lies ahead would be waited for
            filters={"container": found["Id"], "event": ["kill"]},
            decode=True,
        )
        try:
            sent = next((event["Actor"]["Attributes"].get("signal", "?") for event in events), None)
        finally:
            events.close()
    if sent is None:
        return None
    try:
        return signal.Signals(int(sent)).name
    except ValueError:
        return f"signal {sent}"


def _moment(text: str) -> datetime:
    """The engine writes nanoseconds, of which Python reads six digits."""
    whole, _, rest = text.partition(".")
    digits = rest.rstrip("Z")[:6].ljust(6, "0")
    return datetime.fromisoformat(f"{whole.rstrip('Z')}.{digits}+00:00")
