"""What phases will read, as far as it can be foreseen, and what they have cost.

A step is any program, so that a dry run of its sources over its window is an estimate; what the phase at this mode
and place was billed the last time is a better one, if its program labels its jobs. The labels tell what it has cost.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dit_dagster.errors import DitError, TooMuchToRead, WarehouseError
from dit_dagster.model.identity import Fingerprint, TableName
from dit_dagster.model.outcome import Failed, PhaseOutcome, Ran
from dit_dagster.model.pipeline import Source
from dit_dagster.model.window import Window
from dit_dagster.planning.decision import Decision, Known, Run
from dit_dagster.planning.fingerprint import step_window
from dit_dagster.planning.plan import Node, Plan
from dit_dagster.ports import Event, JobCost, Registry, Statement, Warehouse
from dit_dagster.running.labels import PHASE, RUN, phase_label, run_labels
from dit_dagster.running.sources import quoted
from dit_dagster.running.workplace import Workplace

SPENT = "spent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The bytes that a phase is expected to read, and where the number comes from; None where it cannot be known."""

    bytes: int | None
    basis: str


def estimate(
    plan: Plan, decisions: Mapping[Fingerprint, Decision], known: Known, workplace: Workplace
) -> Mapping[Fingerprint, Estimate]:
    """An estimate for each phase that will run. Nothing is read: dry runs, and what the registry holds."""
    nodes = [plan.nodes[name] for name, decided in decisions.items() if isinstance(decided, Run)]
    before = {node.fingerprint: _before(node, known) for node in nodes}
    labelled = all(step.labels for step in plan.request.pipeline.steps)
    billed = _billed(workplace.registry, before.values()) if labelled else {}
    windows: dict[tuple[str, Window], int | None] = {}
    found: dict[Fingerprint, Estimate] = {}
    for node in nodes:
        last = billed.get(before[node.fingerprint])
        found[node.fingerprint] = last if last is not None else _of_sources(plan, node, workplace.warehouse, windows)
    return found


def refuse_too_much(plan: Plan, estimates: Mapping[Fingerprint, Estimate]) -> None:
    """TooMuchToRead if the phases that will run are expected to read more than the request allows, or it is unknown."""
    limit = plan.request.max_bytes
    if limit is None:
        return
    for name, one in estimates.items():
        if one.bytes is None:
            raise TooMuchToRead(
                f"--max-bytes {limit:,}: what {_place(plan.nodes[name])} will read cannot be known ({one.basis}); "
                "run without the limit"
            )
    total = sum(one.bytes or 0 for one in estimates.values())
    if total > limit:
        most = max(estimates, key=lambda name: estimates[name].bytes or 0)
        raise TooMuchToRead(
            f"--max-bytes {limit:,}: {len(estimates)} phases are expected to read {total:,} bytes, most of them "
            f"{_place(plan.nodes[most])} with {estimates[most].bytes:,}; 'dit explain' shows each. "
            "Choose fewer modes or days, or a higher limit"
        )


def record_costs(
    plan: Plan, outcomes: Mapping[Fingerprint, PhaseOutcome], workplace: Workplace, run_id: str, since: datetime
) -> None:
    """Record what each phase that this process attempted has cost. A bill that cannot be read changes no outcome."""
    attempted = [name for name, outcome in outcomes.items() if isinstance(outcome, Ran | Failed)]
    if not attempted:
        return
    with contextlib.suppress(DitError):
        spent = _by_phase(workplace.warehouse.costs(RUN, run_labels(plan.request, run_id)[RUN], since))
        events = [
            _event(plan, name, spent.get(phase_label(name), ()), run_id, ran=isinstance(outcomes[name], Ran))
            for name in attempted
        ]
        workplace.registry.append(events)


def _event(plan: Plan, name: Fingerprint, jobs: Iterable[JobCost], run_id: str, *, ran: bool) -> Event:
    mode, index = plan.nodes[name].position
    jobs = tuple(jobs)
    return Event(
        kind=SPENT,
        run_id=run_id,
        pipeline=plan.request.pipeline.name,
        fingerprint=name,
        payload={
            "mode": mode,
            "index": index,
            "jobs": len(jobs),
            "bytes_billed": sum(job.bytes_billed for job in jobs),
            "slot_ms": sum(job.slot_ms for job in jobs),
            "ran": ran,
        },
    )


def _by_phase(jobs: Iterable[JobCost]) -> Mapping[str, list[JobCost]]:
    found: defaultdict[str, list[JobCost]] = defaultdict(list)
    for job in jobs:
        if PHASE in job.labels:
            found[job.labels[PHASE]].append(job)
    return found


def _before(node: Node, known: Known) -> Fingerprint:
    """The phase whose bill is the nearest to this one's: itself, or the latest at its mode and place.

    That one must have read the same days of the same tables.
    """
    state, predecessor = known.states.get(node.fingerprint), known.predecessors.get(node.position)
    if (state is not None and state.record is not None) or predecessor is None:
        return node.fingerprint
    alike = _reads(predecessor.inputs) == _reads(node.inputs.to_json())
    return predecessor.fingerprint if alike else node.fingerprint


def _reads(inputs: Mapping[str, Any]) -> tuple[Any, Mapping[str, Any]]:
    """The days and the tables that a phase reads, of its inputs as they are recorded."""
    tables = {name: source.get("table") for name, source in inputs.get("sources", {}).items()}
    return inputs.get("window"), tables


def _billed(registry: Registry, names: Iterable[Fingerprint]) -> Mapping[Fingerprint, Estimate]:
    """What phases were billed the last time that they ran to their end.

    A bill of nothing is none: no job carried the label.
    """
    events = registry.of_fingerprints([SPENT], sorted(set(names)))
    return {
        Fingerprint(event.fingerprint or ""): Estimate(
            bytes=event.payload["bytes_billed"], basis=f"billed to run {event.run_id}"
        )
        for event in events
        if event.payload.get("bytes_billed") and event.payload.get("ran", True)
    }


def _of_sources(plan: Plan, node: Node, warehouse: Warehouse, known: dict[tuple[str, Window], int | None]) -> Estimate:
    """Every source once, on the days that the phase can read."""
    window = days_read(plan, node)
    for name, source in plan.request.pipeline.sources.items():
        if (name, window) not in known:
            known[name, window] = _dry_run(warehouse, source, plan.sources[name].place, window)
    sizes = [known[name, window] for name in plan.sources]
    if any(size is None for size in sizes):
        return Estimate(bytes=None, basis="a dry run of its sources failed")
    return Estimate(bytes=sum(size or 0 for size in sizes), basis="dry run of its sources")


def days_read(plan: Plan, node: Node) -> Window:
    """The days that a phase can read: those of its steps, and those that the pipeline reads back."""
    pipeline = plan.request.pipeline
    windows = [step_window(step, node.window, plan.request.window) for step in pipeline.steps]
    first = min([node.window.start, *(window.start for window in windows)])
    return Window(first, node.window.end).widened(back=pipeline.reads_back)


def _dry_run(warehouse: Warehouse, source: Source, table: TableName, window: Window) -> int | None:
    where, parameters = "", {}
    if source.day is not None:
        where = f" WHERE DATE({quoted(source.day)}) >= @start AND DATE({quoted(source.day)}) < @end"
        parameters = {"start": window.start, "end": window.end}
    try:
        return warehouse.estimate(Statement(sql=f"SELECT * FROM {table.sql}{where}", parameters=parameters))
    except WarehouseError:
        return None


def _place(node: Node) -> str:
    mode, index = node.position
    return f"{mode}:{index + 1}"
