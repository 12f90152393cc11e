"""Setting, finding and taking back the golden state of a pipeline: one at a time, recorded in the registry."""

from __future__ import annotations

from collections.abc import Mapping

from dit_dagster.errors import UnknownName
from dit_dagster.model.golden import Golden
from dit_dagster.planning.decision import Reuse
from dit_dagster.ports import Event, Registry
from dit_dagster.running import pinning
from dit_dagster.running.run import Prospect

_SET, _UNSET = "golden_set", "golden_unset"
_ALL = 1_000_000


def golden_of(registry: Registry, pipeline: str) -> Golden | None:
    """The golden state of a pipeline, if one is set."""
    return all_goldens(registry).get(pipeline)


def all_goldens(registry: Registry) -> Mapping[str, Golden]:
    """The golden state of every pipeline that has one."""
    latest: dict[str, Event] = {}
    for event in registry.since([_SET, _UNSET], None, _ALL):
        latest[event.pipeline] = event
    found = {name: Golden.readable(event.payload) for name, event in latest.items() if event.kind == _SET}
    return {name: golden for name, golden in found.items() if golden is not None}


def set_golden(ahead: Prospect, registry: Registry) -> Golden:
    """Make the final state of the one mode of `ahead` the pipeline's golden state, and pin it.

    Raises UnknownName if that state is not committed, or no longer stands. The one before it expires again.
    """
    request = ahead.plan.request
    [mode] = ahead.plan.selected
    decided = ahead.decisions[mode.leaf]
    if not isinstance(decided, Reuse):
        raise UnknownName(
            f"{request.pipeline.name} has no state of mode {mode.name} at {request.commit[:12]} over {request.window} "
            f"on the present sources; run it first: 'dit run {request.pipeline.name} --commit {request.commit}'"
        )
    golden = Golden(mode=mode.name, window=request.window, record=decided.record)
    before = golden_of(registry, request.pipeline.name)
    pinning.pin(registry, golden.record)
    registry.append([_event(_SET, request.pipeline.name, golden)])
    if before is not None and before.record.prefix != golden.record.prefix:
        pinning.unpin(registry, before.record)
    return golden


def unset_golden(registry: Registry, pipeline: str) -> Golden:
    """Take it back; its state expires again, counted from now. UnknownName if none is set."""
    golden = golden_of(registry, pipeline)
    if golden is None:
        raise UnknownName(f"{pipeline} has no golden state; 'dit golden list' shows those there are")
    registry.append([_event(_UNSET, pipeline, golden)])
    pinning.unpin(registry, golden.record)
    return golden


def _event(kind: str, pipeline: str, golden: Golden) -> Event:
    return Event(
        kind=kind,
        run_id=golden.record.run_id,
        pipeline=pipeline,
        fingerprint=golden.record.fingerprint,
        payload=golden.to_json(),
    )
