"""States that somebody keeps: a pin outlives every expiry, until whoever set it takes it back."""

from __future__ import annotations

import re
from typing import Literal

from dit_dagster.errors import UnknownName, UsageError
from dit_dagster.model.state import PhaseRecord
from dit_dagster.ports import Event, Registry
from dit_dagster.running.collection import collected_prefixes

_BY_HASH = re.compile(r"[0-9a-f]{6,64}")
_BY_PLACE = re.compile(r"(?P<run>[0-9a-z][0-9a-z_-]{5,63})/(?P<mode>[a-z][a-z0-9_]{0,39})/(?P<index>\d{1,4})")
_ALL = 1_000_000
Keeper = Literal["user", "golden"]
"""Who keeps a state: somebody by hand, or that it is a golden one. Each has a pin of its own."""


def find_state(registry: Registry, text: str) -> PhaseRecord:
    """The state of a fingerprint (6 digits or more), or of `run/mode/index`. UsageError if it is none, or several."""
    place = _BY_PLACE.fullmatch(text)
    if place is None and not _BY_HASH.fullmatch(text):
        raise UsageError(f"{text!r} is no state; give 6 digits or more of its fingerprint, or run/mode/index")
    events = registry.of_pipeline("committed", None, _ALL) if place is None else _of_run(registry, place)
    found: dict[str, PhaseRecord] = {}
    for event in events:
        if place is not None or (event.fingerprint or "").startswith(text):
            record = PhaseRecord.readable(event.payload)
            if record is not None:
                found.setdefault(record.fingerprint, record)
    if not found:
        raise UnknownName(f"no state {text!r} in the registry; 'dit explain' and 'dit show --json' name them")
    if len(found) > 1:
        raise UsageError(f"{text!r} begins the fingerprints of {len(found)} states; give more digits")
    return next(iter(found.values()))


def _of_run(registry: Registry, place: re.Match[str]) -> tuple[Event, ...]:
    """The commits, newest first, of the phase that stands at that place of a run; its state may be another run's."""
    names = [
        event.fingerprint
        for event in registry.of_run(place["run"])
        if event.kind in ("committed", "reused")
        and (event.payload["mode"], event.payload["index"]) == (place["mode"], int(place["index"]))
    ]
    return registry.of_fingerprints(["committed"], [name for name in names[-1:] if name])[::-1]


def pin(registry: Registry, record: PhaseRecord, *, by: Keeper) -> None:
    """Keep a state from now on. Raises UnknownName if the clean-up has taken it already, or is about to.

    The pin is written before it is looked for a clean-up, which does the reverse: of two at once, one sees the other.
    """
    registry.append([_event("pinned", record, by)])
    events = registry.of_fingerprints(["collected", "spared"], [record.fingerprint])
    if record.prefix in collected_prefixes(events):
        unpin(registry, record, by=by)
        raise UnknownName(f"the state {record.fingerprint[:12]} expired and is gone; run its commit again")


def unpin(registry: Registry, record: PhaseRecord, *, by: Keeper) -> None:
    """Let a state expire again, as if it had been used now, unless another keeps it."""
    registry.append([_event("unpinned", record, by)])


def _event(kind: str, record: PhaseRecord, by: Keeper) -> Event:
    return Event(
        kind=kind,
        run_id=record.run_id,
        pipeline=record.pipeline,
        fingerprint=record.fingerprint,
        payload={"prefix": record.prefix, "mode": record.mode, "index": record.index, "by": by},
    )
