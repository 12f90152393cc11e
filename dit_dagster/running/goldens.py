"""Setting, finding and taking back the golden state of a pipeline: one at a time, recorded in the registry."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from dit_dagster.errors import UnknownName
from dit_dagster.model.golden import Golden, KeptSource
from dit_dagster.model.identity import TableName
from dit_dagster.planning.decision import Reuse, opaque
from dit_dagster.planning.plan import Plan
from dit_dagster.ports import Event, Registry, Warehouse
from dit_dagster.running import pinning
from dit_dagster.running.names import kept_table, was_kept_here
from dit_dagster.running.run import Prospect
from dit_dagster.running.sources import copy_source
from dit_dagster.running.workplace import Workplace

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


def set_golden(ahead: Prospect, place: Workplace) -> Golden:
    """Make the final state of the one mode of `ahead` the pipeline's golden state, and pin it; keep what it ran on.

    Raises UnknownName if that state is not committed, or no longer stands. The one before it expires again, and the
    copies of its sources are dropped.
    """
    request, registry = ahead.plan.request, place.registry
    [mode] = ahead.plan.selected
    decided = ahead.decisions[mode.leaf]
    if request.pipeline.opaque_hooks:
        raise UnknownName(
            f"{request.pipeline.name} has no state that can be kept: {opaque(request.pipeline)}; give it one"
        )
    if not isinstance(decided, Reuse):
        raise UnknownName(
            f"{request.pipeline.name} has no state of mode {mode.name} at {request.commit[:12]} over {request.window} "
            f"on the present sources; run it first: 'dit run {request.pipeline.name} --commit {request.commit}'"
        )
    before = golden_of(registry, request.pipeline.name)
    pinning.pin(
        registry, decided.record, by="golden"
    )  # before anything is copied: it is refused if the state is being taken
    kept = _keep_sources(ahead.plan, place)
    golden = Golden(mode=mode.name, window=request.window, record=decided.record, kept=kept)
    registry.append([_event(_SET, request.pipeline.name, golden)])
    if before is not None:
        _drop_sources(before, place.warehouse)
    if before is not None and before.record.prefix != golden.record.prefix:
        pinning.unpin(registry, before.record, by="golden")
    return golden


def _keep_sources(plan: Plan, place: Workplace) -> Mapping[str, KeptSource]:
    """Copies of all sources, or of none: a failure leaves nothing behind."""
    kept: dict[str, KeptSource] = {}
    made: list[TableName] = []
    own = secrets.token_hex(8)
    try:
        for name, identity in plan.sources.items():
            content = {**identity.to_json(), "own": own}
            table = kept_table(place.dataset, plan.request.pipeline.name, name, content)
            made.append(table)
            copy_source(place.warehouse, identity, table, days=None)
            kept[name] = KeptSource(table=table, etag=place.warehouse.facts([table])[table].etag)
    except BaseException:
        for table in made:
            place.warehouse.drop(table)
        raise
    return kept


def _drop_sources(golden: Golden, warehouse: Warehouse) -> None:
    for one in golden.kept.values():
        if was_kept_here(one.table.table):
            warehouse.drop(one.table)


def unset_golden(registry: Registry, warehouse: Warehouse, pipeline: str) -> Golden:
    """Take it back; its state expires again, counted from now. UnknownName if none is set."""
    golden = golden_of(registry, pipeline)
    if golden is None:
        raise UnknownName(f"{pipeline} has no golden state; 'dit golden list' shows those there are")
    registry.append([_event(_UNSET, pipeline, golden)])
    _drop_sources(golden, warehouse)
    pinning.unpin(registry, golden.record, by="golden")
    return golden


def _event(kind: str, pipeline: str, golden: Golden) -> Event:
    return Event(
        kind=kind,
        run_id=golden.record.run_id,
        pipeline=pipeline,
        fingerprint=golden.record.fingerprint,
        payload=golden.to_json(),
    )
