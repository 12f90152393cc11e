"""A run, from request to report: prospect, open, execute, judge, close.

Each part stands alone, so that one process can do them all (`dit run`) and several can share them (the Dagster job:
one step opens, one step per mode executes, one check per pair judges). They share the registry and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from dit_dagster.errors import InfrastructureError, UnknownName
from dit_dagster.model.cohort import Selection
from dit_dagster.model.crossing import Against
from dit_dagster.model.experiment import CodeIdentity, Request, SourceIdentity
from dit_dagster.model.golden import Golden
from dit_dagster.model.identity import Commit, ExperimentId, Fingerprint, TableName
from dit_dagster.model.origin import Editable, origin_from_json, origin_json
from dit_dagster.model.outcome import Cancelled, Failed, PhaseOutcome, Ran, Reused
from dit_dagster.model.pipeline import Pipeline
from dit_dagster.model.placement import runner_of, worker_image_of
from dit_dagster.model.resumption import PhaseAt, Resume
from dit_dagster.model.state import PhaseRecord
from dit_dagster.model.verdict import Outcome, combined
from dit_dagster.model.window import Window
from dit_dagster.planning.decision import (
    Decision,
    Known,
    KnownState,
    NotNeeded,
    Reason,
    Reuse,
    Run,
    decide,
    refuse_fresh_start,
)
from dit_dagster.planning.plan import AnyPair, Plan, make_plan
from dit_dagster.ports import Event
from dit_dagster.running.collection import collected_prefixes
from dit_dagster.running.consuming import show_reused
from dit_dagster.running.contents import altered_content
from dit_dagster.running.costs import Estimate, estimate, record_costs, refuse_too_much
from dit_dagster.running.judging import Comparison, Judge
from dit_dagster.running.labels import run_labels
from dit_dagster.running.orchestrator import Orchestrator, Stop
from dit_dagster.running.pulse import beating
from dit_dagster.running.remote_jobs import refuse_unplaced
from dit_dagster.running.sources import (
    DayCounts,
    count_days,
    days_with_rows,
    refuse_empty_windows,
    refuse_thin_days,
    sources_of,
)
from dit_dagster.running.versions import at_commit
from dit_dagster.running.workplace import Note, Watch, Workplace, silence

_PREDECESSORS = 500
_CLOCKS_APART = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """What a run would do: `dit explain` prints it, `dit run` does it."""

    plan: Plan
    decisions: Mapping[Fingerprint, Decision]
    counts: DayCounts = field(repr=False)
    estimates: Mapping[Fingerprint, Estimate] = field(default_factory=dict)

    @property
    def expected_days(self) -> tuple[date, ...]:
        return days_with_rows(self.counts, self.plan.request.window)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a run came to. `signal` is what stopped it, if something did.

    `against` is told beside it: what a change does to the data is no fault of the run.
    """

    run_id: str
    prospect: Prospect
    outcomes: Mapping[Fingerprint, PhaseOutcome]
    comparisons: tuple[Comparison, ...]
    peak_parallel: int
    seconds: float
    signal: int | None = None
    against: Against | None = None

    @property
    def outcome(self) -> Outcome:
        """A verdict that fails comes first, then a phase that failed, then what is inconclusive or missing."""
        of_phases = [Outcome.ERROR for one in self.outcomes.values() if isinstance(one, Failed)]
        missing = len(self.comparisons) < len(self.prospect.plan.pairs) or self.signal is not None
        unproved = missing or isinstance(self.prospect.plan.request.origin, Editable)
        of_missing = [Outcome.INCONCLUSIVE] if unproved else []
        return combined([*(comparison.outcome for comparison in self.comparisons), *of_phases, *of_missing])

    @property
    def misdeclared(self) -> str | None:
        """What a phase found wrong with the declaration itself, if one did."""
        failed = (one for one in self.outcomes.values() if isinstance(one, Failed) and one.misdeclared)
        return next((one.error for one in failed), None)

    @property
    def executed(self) -> tuple[Fingerprint, ...]:
        return tuple(name for name, outcome in self.outcomes.items() if isinstance(outcome, Ran))

    @property
    def reused(self) -> tuple[Fingerprint, ...]:
        return tuple(name for name, outcome in self.outcomes.items() if isinstance(outcome, Reused))


def identify_code(
    pipeline: Pipeline, commit: Commit, workplace: Workplace, *, may_run_code: bool = True
) -> CodeIdentity:
    """The tree and the environment that a commit stands for.

    Unless `may_run_code`, nothing of the commit is run: an environment that cannot be told otherwise is unknown.
    """
    tree = workplace.code.tree(commit, pipeline.hashed_paths)
    checkout = workplace.code.checkout(commit, tree)
    environments = workplace.environments
    environment = environments.identity(checkout, may_run_code=may_run_code)
    return CodeIdentity(tree=tree, environment=environment, image=environments.image(checkout))


def prospect(
    request: Request,
    workplace: Workplace,
    *,
    run_id: str | None = None,
    estimated: bool = False,
    may_run_code: bool = True,
) -> Prospect:
    """Plan and decide. UsageError for what must not begin.

    `estimated`: with the bytes that each phase is expected to read, as a limit on them needs as well.
    Reads only, unless a `run_id` lets it record how many rows the sources have per day.
    """
    refuse_unplaced(request.pipeline, workplace.beam_place)
    code = identify_code(request.pipeline, request.commit, workplace, may_run_code=may_run_code)
    sources = sources_of(request, workplace.warehouse)
    plan = make_plan(request, code, sources)
    counts = count_days(workplace.warehouse, workplace.registry, request.pipeline, sources, request.window, run_id)
    refuse_empty_windows(plan, counts)
    refuse_thin_days(plan, counts)
    known = gather(plan, workplace)
    decisions = decide(plan, known)
    refuse_fresh_start(plan, decisions)
    wanted = estimated or request.max_bytes is not None
    estimates = estimate(plan, decisions, known, workplace) if wanted else {}
    refuse_too_much(plan, estimates)
    return Prospect(plan=plan, decisions=decisions, counts=counts, estimates=estimates)


def gather(plan: Plan, workplace: Workplace) -> Known:
    """The evidence for a plan: committed records, their tables as they are now, and predecessors.

    With `verify: digest` the tables of each state that would be reused are read again.
    """
    known = _recorded(plan, workplace)
    verified: dict[Fingerprint, str | None] = {}
    while plan.request.pipeline.verify == "digest":
        reused = {name: one.record for name, one in decide(plan, known).items() if isinstance(one, Reuse)}
        unread = {name: record for name, record in reused.items() if name not in verified}
        if not unread:
            break
        verified |= {name: altered_content(record, workplace.warehouse) for name, record in unread.items()}
        states = {name: replace(state, altered=verified.get(name)) for name, state in known.states.items()}
        known = replace(known, states=states)
    return known


def _recorded(plan: Plan, workplace: Workplace) -> Known:
    events = workplace.registry.of_fingerprints(["committed", "collected", "spared"], list(plan.nodes))
    commits = [event for event in events if event.kind == "committed"]
    records = {
        record.fingerprint: record for event in commits if (record := PhaseRecord.readable(event.payload)) is not None
    }
    collected = collected_prefixes(events)
    tables = [table.name for record in records.values() for table in record.tables]
    facts = workplace.warehouse.facts(tables)
    states = {
        name: KnownState(
            record=record,
            facts={t.name: facts[t.name] for t in record.tables if t.name in facts},
            expired=record.prefix in collected,
        )
        for name, record in records.items()
    }
    return Known(states=states, predecessors=_predecessors(plan, records, workplace))


def _predecessors(
    plan: Plan, records: Mapping[Fingerprint, PhaseRecord], workplace: Workplace
) -> Mapping[tuple[str, int], PhaseRecord]:
    """The latest record at each mode and place; asked for only when a phase is unknown."""
    if all(name in records for name in plan.nodes):
        return {}
    found: dict[tuple[str, int], PhaseRecord] = {}
    for event in workplace.registry.of_pipeline("committed", plan.request.pipeline.name, _PREDECESSORS):
        record = PhaseRecord.readable(event.payload)
        if record is not None:
            found.setdefault((record.mode, record.index), record)
    return found


def open_run(prospect_: Prospect, workplace: Workplace, run_id: str) -> None:
    """Write the run's row, before any work, and make sure that there is a place for its tables."""
    plan = prospect_.plan
    payload = {
        **request_json(plan.request),
        "code": plan.code.to_json(),
        "sources": {name: identity.to_json() for name, identity in plan.sources.items()},
        "plan": plan.hash,
        "beam": any(step.beam is not None for step in plan.request.pipeline.steps),
        "keep": plan.request.pipeline.keep,
        "decisions": {name: _decision_json(decided) for name, decided in prospect_.decisions.items()},
        "days": {name: {day.isoformat(): n for day, n in days.items()} for name, days in prospect_.counts.items()},
    }
    workplace.warehouse.ensure_dataset(workplace.dataset)
    workplace.registry.append(
        [Event(kind="run_planned", run_id=run_id, pipeline=plan.request.pipeline.name, payload=payload)]
    )
    _refuse_collected(prospect_, workplace)


def _refuse_collected(prospect_: Prospect, workplace: Workplace) -> None:
    """The clean-up writes what it takes before it looks for runs that need it, and a run looks after it has written
    what it needs: of two at once, at least one sees the other.
    """
    reused = {name: decided.record for name, decided in prospect_.decisions.items() if isinstance(decided, Reuse)}
    gone = collected_prefixes(workplace.registry.of_fingerprints(["collected", "spared"], list(reused)))
    taken = [record for record in reused.values() if record.prefix in gone]
    if taken:
        raise InfrastructureError(
            f"the state of {taken[0].mode} phase {taken[0].index + 1} expired and was cleaned up while the run was "
            "being planned; run again"
        )


def reopen_run(pipeline: Pipeline, run_id: str, workplace: Workplace) -> Prospect:
    """The prospect of a run that another process opened: the same plan, or an error."""
    planned = next((event for event in workplace.registry.of_run(run_id) if event.kind == "run_planned"), None)
    if planned is None:
        raise UnknownName(f"no run {run_id!r} in the registry; 'dit runs' lists those there are")
    payload = planned.payload
    code = CodeIdentity.from_json(payload["code"])
    pipeline = at_commit(pipeline, Commit(payload["commit"]), workplace.code)
    request = request_from_json(pipeline, payload)
    kept = request.golden.kept if request.golden is not None and request.selection.of_golden else {}
    sources = {
        name: replace(SourceIdentity.from_json(identity), kept=kept.get(name))
        for name, identity in payload["sources"].items()
    }
    plan = make_plan(request, code, sources)
    if plan.hash != payload["plan"]:
        raise InfrastructureError(
            f"the declaration of {pipeline.name} changed while run {run_id} was under way; run again"
        )
    counts = {name: {date.fromisoformat(day): n for day, n in days.items()} for name, days in payload["days"].items()}
    return Prospect(plan=plan, decisions=_decisions(plan, payload["decisions"], workplace), counts=counts)


def execute(
    prospect_: Prospect,
    workplace: Workplace,
    run_id: str,
    *,
    modes: tuple[str, ...],
    stop: Stop,
    watch: Watch,
) -> tuple[Mapping[Fingerprint, PhaseOutcome], int]:
    """Bring these modes to their states. Returns an outcome per phase, and the most phases that ran at once."""
    workplace = _labelled(prospect_, workplace, run_id)
    since = datetime.now(UTC) - _CLOCKS_APART
    orchestrator = Orchestrator(
        plan=prospect_.plan,
        decisions=prospect_.decisions,
        run_id=run_id,
        workplace=workplace,
        stop=stop,
        watch=watch,
    )
    outcomes = orchestrator.execute(prospect_.plan.nodes_of(modes))
    views = show_reused(prospect_.plan, outcomes, modes, workplace)
    _record_reuse(prospect_.plan, outcomes, views, workplace, run_id)
    record_costs(prospect_.plan, outcomes, workplace, run_id, since)
    return outcomes, orchestrator.peak_parallel


def judge(
    prospect_: Prospect,
    workplace: Workplace,
    run_id: str,
    outcomes: Mapping[Fingerprint, PhaseOutcome],
    pairs: Sequence[AnyPair] | None = None,
) -> tuple[Comparison, ...]:
    """The verdict on each pair. Meanwhile the run beats, so that nothing that it compares is taken away."""
    workplace = _labelled(prospect_, workplace, run_id)
    judging = Judge(plan=prospect_.plan, workplace=workplace, run_id=run_id, expected_days=prospect_.expected_days)
    with beating(workplace.registry, run_id, prospect_.plan.request.pipeline.name):
        return judging.pairs(outcomes, pairs)


def _labelled(prospect_: Prospect, workplace: Workplace, run_id: str) -> Workplace:
    """The workplace with the run's labels on all that the warehouse does for it."""
    labels = run_labels(prospect_.plan.request, run_id)
    return replace(workplace, warehouse=workplace.warehouse.labelled(labels))


def run(
    request: Request, workplace: Workplace, run_id: str, *, stop: Stop | None = None, watch: Watch = silence
) -> Report:
    """All of it in this process. UsageError before any side effect; whatever fails later is in the report."""
    started = time.monotonic()
    stop = stop or Stop()
    watch(Note(text="planning", kind="stage"))
    ahead = prospect(request, workplace, run_id=run_id)
    open_run(ahead, workplace, run_id)
    watch(Note(text="running", kind="stage"))
    outcomes, peak = execute(ahead, workplace, run_id, modes=request.modes, stop=stop, watch=watch)
    watch(Note(text="comparing", kind="stage"))
    return Report(
        run_id=run_id,
        prospect=ahead,
        outcomes=outcomes,
        comparisons=judge(ahead, workplace, run_id, outcomes),
        peak_parallel=peak,
        seconds=time.monotonic() - started,
        signal=stop.signal if any(isinstance(one, Cancelled) for one in outcomes.values()) else None,
    )


def close_run(pipeline: str, run_id: str, workplace: Workplace, report: Mapping[str, Any]) -> None:
    """Record the report as the run's end. A run ends once: of two ends readers see one."""
    event_id = f"{run_id}-finished"
    workplace.registry.append(
        [Event(kind="run_finished", run_id=run_id, pipeline=pipeline, payload=report, event_id=event_id)]
    )


def _record_reuse(
    plan: Plan,
    outcomes: Mapping[Fingerprint, PhaseOutcome],
    views: Mapping[Fingerprint, tuple[TableName, ...]],
    workplace: Workplace,
    run_id: str,
) -> None:
    """A reuse is recorded as a consumer of the state; it never writes a result."""
    events = [
        Event(
            kind="reused",
            run_id=run_id,
            pipeline=plan.request.pipeline.name,
            fingerprint=name,
            payload={
                "mode": plan.nodes[name].position[0],
                "index": plan.nodes[name].position[1],
                "of_run": outcome.record.run_id,
                "prefix": outcome.record.prefix,
                **({"views": [view.table for view in views[name]]} if views.get(name) else {}),
            },
        )
        for name, outcome in outcomes.items()
        if isinstance(outcome, Reused)
    ]
    workplace.registry.append(events)


def request_json(request: Request) -> dict[str, Any]:
    """A request as the registry keeps it, for `--like` and for the steps of a job."""
    return {
        "pipeline": request.pipeline.name,
        "runner": runner_of(request.pipeline),
        "worker_image": worker_image_of(request.pipeline),
        "commit": str(request.commit),
        "experiment_id": str(request.experiment),
        "modes": list(request.modes),
        "window": [request.window.start.isoformat(), request.window.end.isoformat()],
        "tail": request.tail,
        "lookback": request.lookback,
        "jobs": request.jobs,
        "force": request.force,
        "resume": request.resume.value,
        "from_phase": request.from_phase and str(request.from_phase),
        "max_bytes": request.max_bytes,
        "with_golden": request.with_golden,
        "golden": request.golden and request.golden.to_json(),
        "against": request.against,
        "origin": origin_json(request.origin),
        "selection": request.selection.to_json(),
    }


def request_from_json(pipeline: Pipeline, value: Mapping[str, Any]) -> Request:
    """The inverse of `request_json`, against the pipeline as it is declared now."""
    selection = Selection.from_json(value.get("selection"))
    start, end = (date.fromisoformat(day) for day in value["window"])
    return Request(
        pipeline=pipeline.selected(selection),
        selection=selection,
        commit=Commit(value["commit"]),
        experiment=ExperimentId(value["experiment_id"]),
        modes=tuple(value["modes"]),
        window=Window(start, end),
        tail=value["tail"],
        lookback=value["lookback"],
        jobs=value["jobs"],
        force=value["force"],
        resume=Resume(value.get("resume", Resume.IF_POSSIBLE)),
        max_bytes=value.get("max_bytes"),
        with_golden=value.get("with_golden", False),
        golden=Golden.from_json(value["golden"]) if value.get("golden") else None,
        against=Commit(value["against"]) if value.get("against") else None,
        from_phase=PhaseAt.parse(value["from_phase"]) if value.get("from_phase") else None,
        origin=origin_from_json(value.get("origin")),
    )


def _decision_json(decided: Decision) -> dict[str, Any]:
    match decided:
        case Run():
            reasons = [[reason.kind, reason.detail] for reason in decided.reasons]
            return {"decision": "run", "reasons": reasons, "known_epoch": decided.known_epoch}
        case Reuse():
            return {"decision": "reuse", "prefix": decided.record.prefix}
        case NotNeeded():
            return {"decision": "not needed", "prefix": decided.record.prefix if decided.record else None}


def _decisions(
    plan: Plan, recorded: Mapping[str, Mapping[str, Any]], workplace: Workplace
) -> Mapping[Fingerprint, Decision]:
    events = workplace.registry.of_fingerprints(["committed"], list(plan.nodes))
    records = {record.prefix: record for event in events if (record := PhaseRecord.readable(event.payload)) is not None}
    decisions: dict[Fingerprint, Decision] = {}
    for name in plan.nodes:
        value = recorded[name]
        if value["decision"] == "run":
            reasons = tuple(Reason(kind=kind, detail=detail) for kind, detail in value["reasons"])
            decisions[name] = Run(reasons=reasons, known_epoch=value["known_epoch"])
        elif value["decision"] == "reuse":
            decisions[name] = Reuse(record=records[value["prefix"]])
        else:
            decisions[name] = NotNeeded(record=records.get(value["prefix"] or ""))
    return decisions
