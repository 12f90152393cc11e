"""Doing what `collection` decides: claims given back, tables dropped one by one, folders removed.

Two clean-ups at once do no harm: everything is idempotent. A clean-up and a run that starts at the same time do not
miss one another: what is taken is written before it is looked whether a live run needs it, and a run does the reverse.
So does whoever pins a state.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, assert_never

from dit_dagster.errors import DitError, UsageError, WarehouseError
from dit_dagster.model.identity import DatasetName, TableName
from dit_dagster.ports import Containers, Event, Folder, Home, JobService, Registry, Warehouse
from dit_dagster.running.collection import (
    DEFAULT_KEEP,
    ENDS,
    KINDS,
    PHASE_KINDS,
    RUN_KINDS,
    DeadContainer,
    DeadLease,
    ExpiredState,
    Item,
    Leftover,
    OldMark,
    Scene,
    UnusedFolder,
    known_runs,
    open_fingerprints,
    pinned_prefixes,
    protected,
    uses_containers,
)
from dit_dagster.running.names import is_mark, was_made_here
from dit_dagster.running.remote_jobs import end_jobs_of_run
from dit_dagster.running.workplace import no_jobs

_ALL = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Premises:
    """Where there is something to clean up: two datasets, the registry, this machine's home directory and engine."""

    warehouse: Warehouse
    registry: Registry
    dataset: DatasetName
    records: DatasetName
    home: Home
    containers: Containers | None = None
    jobs: Callable[[], JobService] = no_jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Sized:
    """Something that can go, and the bytes that it takes; None if the warehouse does not say."""

    item: Item
    bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What became of a clean-up. `kept`: a live run turned out to need it. `failed` holds one line for each."""

    gone: tuple[Item, ...]
    kept: tuple[Item, ...]
    failed: tuple[str, ...]


def look_around(premises: Premises) -> Scene:
    """Read what there is: the tables first, then the registry. Writes nothing."""
    for dataset in (premises.dataset, premises.records):
        _refuse_foreign(premises, dataset)
    tables = premises.warehouse.tables(premises.dataset, "")
    marks = tuple(name for name in premises.warehouse.tables(premises.records, "dit_") if is_mark(name.table))
    of_runs = premises.registry.since(KINDS, None, _ALL, bare=ENDS)  # the end of a run holds its whole report
    heard = premises.registry.heard()
    runs = known_runs(of_runs, heard, premises.registry.patience)
    over = frozenset(event.run_id for event in of_runs if event.kind in ENDS)
    still_open = sorted(open_fingerprints(runs, over, tables, marks))
    events = (*of_runs, *premises.registry.of_fingerprints(PHASE_KINDS, still_open))
    return Scene(
        events=events,
        heard=heard,
        patience=premises.registry.patience,
        tables=tables,
        marks=marks,
        containers=premises.containers.of_runs() if premises.containers and uses_containers(of_runs) else (),
        folders=_folders(premises.home, heard.now, [run.planned for run in runs.values() if run.alive]),
    )


def _refuse_foreign(premises: Premises, dataset: DatasetName) -> None:
    if premises.warehouse.tables(dataset, "") and not premises.warehouse.owns(dataset):
        raise UsageError(
            f"{dataset} does not carry the label dit=generated, so that nothing is deleted in it; "
            "put the label on it, or correct DIT_DEST_DATASET and DIT_REGISTRY_DATASET"
        )


def _folders(home: Home, now: datetime, started: Sequence[datetime]) -> tuple[Folder, ...]:
    """What no run has used for long; what a live run can have used since it began is left alone."""
    return tuple(home.unused_since(_unused(now, started)))


def _unused(now: datetime, started: Sequence[datetime]) -> datetime:
    before = timedelta(hours=1)  # a run checks out its commit before it is in the registry
    return min([now - DEFAULT_KEEP, *(moment - before for moment in started)])


def sized(items: Sequence[Item], warehouse: Warehouse) -> tuple[Sized, ...]:
    """The items with what each takes."""
    facts = warehouse.facts([table for item in items for table in tables_of(item)])
    found: list[Sized] = []
    for item in items:
        if isinstance(item, UnusedFolder):
            found.append(Sized(item=item, bytes=item.folder.bytes))
        else:
            sizes = [facts[table].bytes for table in tables_of(item) if table in facts]
            found.append(Sized(item=item, bytes=sum(size or 0 for size in sizes)))
    return tuple(found)


def tables_of(item: Item) -> tuple[TableName, ...]:
    match item:
        case Leftover() | ExpiredState():
            return item.tables
        case OldMark():
            return (item.table,)
        case DeadLease() | DeadContainer() | UnusedFolder():
            return ()
    assert_never(item)


def clean(premises: Premises, items: Sequence[Item]) -> Swept:
    """Take away what was found. What a live run needs, or is pinned, by now stays.

    An error leaves its item for the next time.
    """
    states = [item for item in items if isinstance(item, ExpiredState)]
    _record(premises, "collected", states)
    of_runs = premises.registry.since(RUN_KINDS, None, _ALL, bare=ENDS)
    runs = known_runs(of_runs, premises.registry.heard(), premises.registry.patience)
    pins = premises.registry.of_fingerprints(["pinned", "unpinned"], [state.fingerprint for state in states])
    pinned = pinned_prefixes(pins)
    kept = [item for item in items if protected(item, runs) or _is_pinned(item, pinned)]
    _record(premises, "spared", [item for item in kept if isinstance(item, ExpiredState)])
    gone: list[Item] = []
    failed: list[str] = []
    for item in items:
        if item in kept:
            continue
        try:
            _take(premises, item)
            gone.append(item)
        except (DitError, OSError) as error:
            failed.append(str(error))
    return Swept(gone=tuple(gone), kept=tuple(kept), failed=tuple(failed))


def _is_pinned(item: Item, pinned: Collection[str]) -> bool:
    return isinstance(item, ExpiredState) and item.prefix in pinned


def _record(premises: Premises, kind: str, states: Sequence[ExpiredState]) -> None:
    by = f"gc-{uuid.uuid4().hex[:12]}"
    premises.registry.append(
        [
            Event(
                kind=kind,
                run_id=by,
                pipeline=state.pipeline,
                fingerprint=state.fingerprint,
                payload={"prefix": state.prefix, "reason": state.reason},
            )
            for state in states
        ]
    )


def _take(premises: Premises, item: Item) -> None:
    match item:
        case DeadLease():
            premises.registry.release(item.claim)
        case DeadContainer():
            if premises.containers is not None:
                premises.containers.remove(item.container)
        case Leftover():
            # What still runs for a dead attempt would write into what is dropped.
            for run_id in sorted(item.run_ids) if item.kind == "attempt" else ():
                end_jobs_of_run(premises.jobs, run_id, premises.registry.of_run(run_id))
            for table in item.tables:
                _drop(premises, table)
        case ExpiredState() | OldMark():
            for table in tables_of(item):
                _drop(premises, table)
        case UnusedFolder():
            premises.home.remove(item.folder, item.folder.used + timedelta(microseconds=1))
        case _:
            assert_never(item)


def _drop(premises: Premises, table: TableName) -> None:
    """The only place where a clean-up deletes: one table, in a dataset of ours, under a name that we make."""
    scratch = table.parent == premises.dataset and was_made_here(table.table)
    mark = table.parent == premises.records and is_mark(table.table)
    if not scratch and not mark:
        raise WarehouseError(f"{table} is not a table that a run made here; it is left alone")
    premises.warehouse.drop(table)


def described(one: Sized) -> dict[str, Any]:
    """An item as `dit gc --json` writes it."""
    item = one.item
    tables = [str(table) for table in tables_of(item)]
    match item:
        case DeadLease():
            what = {"kind": "lease", "name": item.claim.fingerprint, "run_id": item.claim.run_id}
        case DeadContainer():
            what = {"kind": "container", "name": item.container.name, "run_id": item.container.run_id}
        case Leftover():
            what = {"kind": item.kind, "name": item.name}
        case ExpiredState():
            what = {"kind": "state", "name": item.prefix, "fingerprint": item.fingerprint}
        case OldMark():
            what = {"kind": "mark", "name": item.table.table}
        case UnusedFolder():
            what = {"kind": item.folder.kind, "name": item.folder.path.name}
        case _:
            assert_never(item)
    return {**what, "reason": item.reason, "bytes": one.bytes, "tables": tables}
