"""What can be cleaned up: decided from the registry's events and a list of tables, and nothing else.

A run is **alive** if it was planned, has not ended, and was heard of within the registry's patience. Everything that
a live run has planned is left alone: the states of all its fingerprints, its attempts, pins and claims. What the
registry does not know is somebody else's, and is left alone too.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dit_dagster.model.identity import Commit, ExperimentId, TableName
from dit_dagster.model.state import PhaseRecord
from dit_dagster.ports import Claim, Event, Folder, Heard, RunContainer
from dit_dagster.running.names import experiment_prefix, is_mark, lease_mark, marked_fingerprint, parsed

ENDS = ("run_finished", "run_cancelled")
"""The kinds of events after which a run is over. Whatever has none of them can be cancelled."""
RUN_KINDS = ("run_planned", *ENDS)
"""The kinds of events that tell which runs there are, and which of them are over."""
KINDS = (*RUN_KINDS, "collected", "spared", "pinned", "unpinned")
"""The kinds of events that the decision rests on, whatever they are about: a few for each run."""
PHASE_KINDS = ("claimed", "released", "committed", "reused")
"""Those that it rests on where something is left of the phase: many for each run, and most are long over."""
DEFAULT_KEEP = timedelta(days=7)
_MARK_LIFE = timedelta(hours=1)
_KEEP = re.compile(r"(\d{1,4})([dh])")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRun:
    """A run as the registry knows it. `start` is what the names of its tables begin with."""

    run_id: str
    pipeline: str
    experiment: str
    start: str
    planned: datetime
    keep: timedelta
    fingerprints: frozenset[str]
    reused: frozenset[str]
    alive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLease:
    """A claim whose holder is silent: it is given back."""

    claim: Claim
    experiment: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """Tables that belong to no state: of a dead attempt, or a pin or a mutated source that nobody reads any more."""

    kind: str
    name: str
    run_ids: frozenset[str]
    experiment: str
    tables: tuple[TableName, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiredState:
    """A committed state that was not used for as long as its pipeline keeps states."""

    fingerprint: str
    prefix: str
    pipeline: str
    experiment: str
    tables: tuple[TableName, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OldMark:
    """A mark of a claim that is over."""

    table: TableName
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusedFolder:
    """A checkout, an environment or logs that no run has used for long."""

    folder: Folder
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadContainer:
    """A container of a run that is over, or silent: nobody waits for it any more."""

    container: RunContainer
    experiment: str
    reason: str


Item = DeadLease | DeadContainer | Leftover | ExpiredState | OldMark | UnusedFolder


def collected_prefixes(events: Iterable[Event]) -> frozenset[str]:
    """The states that the clean-up has taken, of events in their order."""
    latest = {event.payload.get("prefix", ""): event.kind for event in events if event.kind in ("collected", "spared")}
    return frozenset(prefix for prefix, kind in latest.items() if kind == "collected")


def pinned_prefixes(events: Iterable[Event]) -> frozenset[str]:
    """The states that somebody keeps, of events in their order. A pin of before they said by whom is a user's."""
    latest = {
        (event.payload.get("prefix", ""), event.payload.get("by", "user")): event.kind
        for event in events
        if event.kind in ("pinned", "unpinned")
    }
    return frozenset(prefix for (prefix, _), kind in latest.items() if kind == "pinned")


def known_runs(events: Sequence[Event], heard: Heard, patience: float) -> Mapping[str, KnownRun]:
    """Every run that was planned, and whether it is alive."""
    over = {event.run_id for event in events if event.kind in ENDS}
    runs: dict[str, KnownRun] = {}
    for event in events:
        if event.kind == "run_planned" and (run := _known_run(event, heard, patience, over)) is not None:
            runs[run.run_id] = run
    return runs


def open_fingerprints(
    runs: Mapping[str, KnownRun], over: frozenset[str], tables: Iterable[TableName], marks: Iterable[TableName]
) -> frozenset[str]:
    """The phases of which anything can be left: a table, a mark, or a claim of a run that is not `over`.

    A table's name tells its experiment and commit, and whatever it belongs to was planned by a run of these.
    """
    starts = {made.start for table in tables if (made := parsed(table.table)) is not None}
    planned = (run.fingerprints for run in runs.values() if run.start in starts or run.run_id not in over)
    return frozenset().union(*planned, (marked_fingerprint(mark.table) for mark in marks if is_mark(mark.table)))


def _known_run(event: Event, heard: Heard, patience: float, over: set[str]) -> KnownRun | None:
    """None for an event that cannot be read; then its experiment is unknown, and its tables are left alone."""
    try:
        decided = event.payload["decisions"]
        experiment = ExperimentId(event.payload["experiment_id"])
        planned = event.at or heard.now
        silent = (heard.now - heard.runs.get(event.run_id, planned)).total_seconds()
        return KnownRun(
            run_id=event.run_id,
            pipeline=event.pipeline,
            experiment=experiment,
            start=experiment_prefix(experiment, Commit(event.payload["commit"])),
            planned=planned,
            keep=_keep(event.payload.get("keep")),
            fingerprints=frozenset(decided),
            reused=frozenset(one["prefix"] for one in decided.values() if one["decision"] == "reuse"),
            alive=event.run_id not in over and silent < patience,
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _keep(declared: object) -> timedelta:
    found = _KEEP.fullmatch(str(declared))
    if found is None:
        return DEFAULT_KEEP
    number = int(found[1])
    return timedelta(days=number) if found[2] == "d" else timedelta(hours=number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What is looked at. The tables were listed before the events were read: none is newer than its run's events."""

    events: Sequence[Event]
    heard: Heard
    patience: float
    tables: Sequence[TableName]
    marks: Sequence[TableName]
    folders: Sequence[Folder]
    containers: Sequence[RunContainer] = ()

    @property
    def runs(self) -> Mapping[str, KnownRun]:
        return known_runs(self.events, self.heard, self.patience)


def collectable(scene: Scene) -> tuple[Item, ...]:
    """All that can go, in the order in which it should: claims, then tables, then marks and folders."""
    runs = scene.runs
    return (
        *_dead_containers(scene, runs),  # first: they may write to the tables
        *_dead_leases(scene, runs),
        *_tables(scene, runs),
        *_old_marks(scene),
        *(UnusedFolder(folder=one, reason=f"unused since {_day(one.used)}") for one in scene.folders),
    )


def of_experiment(items: Iterable[Item], experiment: str) -> tuple[Item, ...]:
    """Those that belong to one experiment; marks and folders belong to none."""
    return tuple(
        item
        for item in items
        if isinstance(item, DeadLease | DeadContainer | Leftover | ExpiredState) and item.experiment == experiment
    )


def of_run(items: Iterable[Item], run_id: str) -> tuple[Item, ...]:
    """What one dead run has left behind that is no state."""
    return tuple(
        item
        for item in items
        if (isinstance(item, DeadLease) and item.claim.run_id == run_id)
        or (isinstance(item, DeadContainer) and item.container.run_id == run_id)
        or (isinstance(item, Leftover) and run_id in item.run_ids)
    )


def protected(item: Item, runs: Mapping[str, KnownRun]) -> bool:
    """Whether a live run of these needs what the item would take away."""
    alive = [run for run in runs.values() if run.alive]
    match item:
        case ExpiredState():
            return any(item.fingerprint in run.fingerprints for run in alive)
        case Leftover():
            return any(run.run_id in item.run_ids for run in alive)
        case DeadLease():
            return any(run.run_id == item.claim.run_id for run in alive)
        case DeadContainer():
            return any(run.run_id == item.container.run_id for run in alive)
        case OldMark() | UnusedFolder():
            return False


def uses_containers(events: Iterable[Event]) -> bool:
    """Whether any run, of these events, may have started a container: of a step, or of a local Dataflow's worker."""
    planned = [event.payload for event in events if event.kind == "run_planned"]
    return any(payload.get("runner") == "docker" or payload.get("beam", False) for payload in planned)


def _dead_containers(scene: Scene, runs: Mapping[str, KnownRun]) -> Iterator[DeadContainer]:
    """What the registry does not know is another registry's, on the same engine."""
    for container in scene.containers:
        run = runs.get(container.run_id)
        if run is not None and not run.alive:
            reason = f"run {run.run_id} is over, or was not heard of for long"
            yield DeadContainer(container=container, experiment=run.experiment, reason=reason)


def _dead_leases(scene: Scene, runs: Mapping[str, KnownRun]) -> Iterator[DeadLease]:
    """Claims that are neither released nor committed, of runs that are not alive, silent for longer than patience."""
    over = {
        (event.fingerprint, event.payload.get("generation"))
        for event in scene.events
        if event.kind in ("released", "committed")
    }
    for event in scene.events:
        if event.kind != "claimed" or (event.fingerprint, event.payload.get("generation")) in over:
            continue
        run = runs.get(event.run_id)
        last = scene.heard.runs.get(event.run_id, event.at or scene.heard.now)
        silent = (scene.heard.now - last).total_seconds()
        ended = run is not None and not run.alive
        if event.fingerprint and (ended or silent >= scene.patience):
            claim = Claim(
                fingerprint=event.fingerprint,
                run_id=event.run_id,
                pipeline=event.pipeline,
                generation=event.payload["generation"],
                epoch=event.payload["epoch"],
            )
            experiment = run.experiment if run is not None else ""
            yield DeadLease(
                claim=claim, experiment=experiment, reason=f"run {event.run_id} is silent for {silent:.0f} s"
            )


def _tables(scene: Scene, runs: Mapping[str, KnownRun]) -> Iterator[Leftover | ExpiredState]:
    """Tables of the scratch dataset, by the state, attempt or experiment that they belong to."""
    states = _states(scene)
    claims = {event.payload["prefix"]: event.run_id for event in scene.events if _claims_prefix(event)}
    shown = _views_of_states(scene, states)
    of_states: defaultdict[str, list[TableName]] = defaultdict(list)
    of_attempts: defaultdict[str, list[TableName]] = defaultdict(list)
    of_experiments: defaultdict[str, list[TableName]] = defaultdict(list)
    views: defaultdict[str, list[TableName]] = defaultdict(list)
    for table in scene.tables:
        made = parsed(table.table)
        if made is None:
            continue
        prefix = next((one for one in made.prefixes if one in states or one in claims), None)
        if prefix is not None and prefix in states:
            of_states[prefix].append(table)
        elif prefix is not None:
            of_attempts[prefix].append(table)
        elif table.table in shown:  # only what is no state by itself: an event that names one takes nothing
            views[shown[table.table]].append(table)
        elif not made.prefixes:  # a table of a state that is not known here is no input, and is left alone
            of_experiments[made.start].append(table)
    for prefix, found in views.items():  # last: a state goes with the views that show it elsewhere
        of_states[prefix].extend(found)
    yield from _dead_attempts(of_attempts, claims, runs)
    yield from _unread_inputs(of_experiments, runs)
    yield from _expired(scene, runs, states, of_states)


def _views_of_states(scene: Scene, states: Mapping[str, PhaseRecord]) -> Mapping[str, str]:
    """The views by which other experiments show states that they reused, each with the prefix of its state."""
    return {
        str(view): prefix
        for event in scene.events
        if event.kind == "reused" and (prefix := str(event.payload.get("prefix"))) in states
        for view in event.payload.get("views", ())
    }


def _claims_prefix(event: Event) -> bool:
    return event.kind == "claimed" and isinstance(event.payload.get("prefix"), str)


def _states(scene: Scene) -> Mapping[str, PhaseRecord]:
    records = [PhaseRecord.readable(event.payload) for event in scene.events if event.kind == "committed"]
    return {record.prefix: record for record in records if record is not None}


def _dead_attempts(
    tables: Mapping[str, Sequence[TableName]], claims: Mapping[str, str], runs: Mapping[str, KnownRun]
) -> Iterator[Leftover]:
    for prefix, found in tables.items():
        run = runs.get(claims[prefix])
        if run is not None and not run.alive:
            reason = f"run {run.run_id} is over, and did not commit it"
            yield Leftover(
                kind="attempt",
                name=prefix,
                run_ids=frozenset({run.run_id}),
                experiment=run.experiment,
                tables=tuple(found),
                reason=reason,
            )


def _unread_inputs(tables: Mapping[str, Sequence[TableName]], runs: Mapping[str, KnownRun]) -> Iterator[Leftover]:
    """Pins and mutated sources: a process reads only those that it made, so that none outlives its run."""
    by_start: defaultdict[str, list[KnownRun]] = defaultdict(list)
    for run in runs.values():
        by_start[run.start].append(run)
    for start, found in tables.items():
        users = by_start.get(start, [])
        if users and not any(run.alive for run in users):
            for table in found:
                yield Leftover(
                    kind="input",
                    name=table.table,
                    run_ids=frozenset(run.run_id for run in users),
                    experiment=users[0].experiment,
                    tables=(table,),
                    reason="every run of its experiment is over",
                )


def _expired(
    scene: Scene,
    runs: Mapping[str, KnownRun],
    states: Mapping[str, PhaseRecord],
    tables: Mapping[str, Sequence[TableName]],
) -> Iterator[ExpiredState]:
    ends = _ends(scene, runs)
    taken, pinned = collected_prefixes(scene.events), pinned_prefixes(scene.events)
    needed = {name for run in runs.values() if run.alive for name in run.fingerprints}
    for prefix, found in tables.items():
        record = states[prefix]
        made = parsed(found[0].table)
        end = ends.get(prefix, scene.heard.now)
        if made is None or prefix in pinned or record.fingerprint in needed:
            continue
        if prefix in taken or end <= scene.heard.now:
            yield ExpiredState(
                fingerprint=record.fingerprint,
                prefix=prefix,
                pipeline=record.pipeline,
                experiment=made.experiment,
                tables=tuple(found),
                reason=f"kept until {_day(end)}" if prefix not in taken else "an earlier clean-up was interrupted",
            )


def _ends(scene: Scene, runs: Mapping[str, KnownRun]) -> Mapping[str, datetime]:
    """Until when each state is kept: its uses, and how long the run that used it keeps states."""
    ends: dict[str, datetime] = {}

    def used(prefix: str, at: datetime, keep: timedelta) -> None:
        ends[prefix] = max(ends.get(prefix, at + keep), at + keep)

    for event in scene.events:
        prefix = event.payload.get("prefix")
        if event.kind in ("committed", "reused", "unpinned") and prefix and event.at is not None:
            run = runs.get(event.run_id)
            used(prefix, event.at, run.keep if run is not None else DEFAULT_KEEP)
    for run in runs.values():
        for prefix in run.reused:
            used(prefix, run.planned, run.keep)
    return ends


def _old_marks(scene: Scene) -> Iterator[OldMark]:
    """Marks of claims that ended a while ago: nobody can still be about to claim that generation.

    The mark of a commit stays its day: it is what keeps a late owner from committing an epoch a second time.
    """
    there = {mark for mark in scene.marks if is_mark(mark.table)}
    for event in scene.events:
        generation = event.payload.get("generation")
        if event.kind not in ("released", "committed") or event.at is None or not event.fingerprint:
            continue
        if scene.heard.now - event.at < _MARK_LIFE or not there or not isinstance(generation, int):
            continue
        mark = lease_mark(next(iter(there)).parent, event.fingerprint, generation)
        if mark in there:
            there.discard(mark)
            yield OldMark(table=mark, reason=f"its claim ended {_day(event.at)}")


def _day(moment: datetime) -> str:
    return moment.isoformat(timespec="minutes")
