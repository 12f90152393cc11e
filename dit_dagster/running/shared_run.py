"""One run shared by several processes: what each leaves in the registry for the others, and who writes the end.

One process opens the run, one per mode executes, one per mode judges. None of them is sure to come last, so each
looks, once its own part is recorded, whether everything else is; whoever finds it complete closes the run. Events
are written before they are looked for: of two that finish at once, at least one sees both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from dit_dagster.errors import UnknownName
from dit_dagster.model.identity import Fingerprint
from dit_dagster.model.outcome import (
    Blocked,
    Cancelled,
    Capped,
    Failed,
    NotNeeded,
    PhaseOutcome,
    Ran,
    Reused,
    outcome_name,
    record_of,
)
from dit_dagster.model.pipeline import Pipeline
from dit_dagster.model.state import PhaseRecord
from dit_dagster.model.verdict import Outcome
from dit_dagster.planning.plan import AnyPair, Plan
from dit_dagster.ports import Event, Registry
from dit_dagster.running.judging import Comparison
from dit_dagster.running.run import Prospect, Report, judge, reopen_run
from dit_dagster.running.workplace import Workplace

PairKey = tuple[str, str, str]
"""Output, left and right mode."""

MODE_FINISHED = "mode_finished"
_CONTINUES = "continues"


def join_run(pipeline: Pipeline, workplace: Workplace, run_id: str, earlier: Sequence[str] = ()) -> Prospect:
    """The prospect of `run_id`, which may be opened here as the continuation of the first of `earlier` that is known.

    Raises UnknownName if none of them was ever opened.
    """
    if _planned(workplace.registry.of_run(run_id)) is not None:
        return reopen_run(pipeline, run_id, workplace)
    for before in earlier:
        planned = _planned(workplace.registry.of_run(before))
        if planned is not None:
            workplace.registry.append([_continuation(planned, run_id, before)])
            return reopen_run(pipeline, run_id, workplace)
    raise UnknownName(f"run {run_id} has no pinned input; materialise {pipeline.name}/pin for this commit first")


def record_mode(
    prospect: Prospect, workplace: Workplace, run_id: str, mode: str, outcomes: Mapping[Fingerprint, PhaseOutcome]
) -> None:
    """Leave for the other processes what became of a mode's phases."""
    described = {str(name): _outcome_json(outcome) for name, outcome in outcomes.items()}
    event = Event(
        kind=MODE_FINISHED,
        run_id=run_id,
        pipeline=prospect.plan.request.pipeline.name,
        payload={"mode": mode, "outcomes": described},
    )
    workplace.registry.append([event])


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What a run's processes have left so far.

    `modes_here` leaves out what only an earlier run came to. `judged` are this run's verdicts alone: what an earlier
    one said may be of states that have changed since.
    """

    modes: frozenset[str]
    modes_here: frozenset[str]
    outcomes: Mapping[Fingerprint, PhaseOutcome]
    judged: Mapping[PairKey, Comparison]
    finished: bool
    peak_parallel: int
    seconds: float


def progress(prospect: Prospect, workplace: Workplace, run_id: str) -> Progress:
    """Read what there is, of this run and of those that it continues."""
    chain = _chain(workplace.registry, run_id)
    own = chain[-1]
    events = [event for link in chain for event in link]
    finished_modes = {event.payload["mode"]: event.payload for event in events if event.kind == MODE_FINISHED}
    return Progress(
        modes=frozenset(finished_modes),
        modes_here=frozenset(event.payload["mode"] for event in own if event.kind == MODE_FINISHED),
        outcomes=_outcomes(prospect, workplace, finished_modes),
        judged={_pair_of(event): _comparison(event) for event in own if event.kind == "verdict"},
        finished=any(event.kind == "run_finished" for event in own),
        peak_parallel=_peak(own),
        seconds=_seconds(own),
    )


def report_if_complete(
    prospect: Prospect,
    workplace: Workplace,
    run_id: str,
    *,
    modes: frozenset[str],
    checked: frozenset[PairKey],
    signal: int | None = None,
) -> tuple[Report, tuple[Comparison, ...]] | None:
    """The run's report if nothing is missing, for the caller to close the run with.

    `modes` are those that a process of this run brings to their states, whatever an earlier run that it continues came
    to; `checked` are the pairs that another process judges. The second part are the verdicts that were made
    only now: on pairs that nobody else could judge. With a `signal` the run ends as it is, and pairs that could still
    have been judged stay out of the report.
    """
    so_far = progress(prospect, workplace, run_id)
    if so_far.finished or (signal is None and _waits(prospect, so_far, modes, checked)):
        return None
    plan = prospect.plan
    open_pairs = [pair for pair in plan.pairs if _key(pair) not in so_far.judged]
    rest = [pair for pair in open_pairs if signal is None or not _has_states(prospect, pair, so_far)]
    news = judge(prospect, workplace, run_id, so_far.outcomes, rest) if rest else ()
    judged = {**so_far.judged, **{(one.output, one.left, one.right): one for one in news}}
    report = Report(
        run_id=run_id,
        prospect=prospect,
        outcomes={name: so_far.outcomes[name] for name in plan.nodes if name in so_far.outcomes},
        comparisons=tuple(judged[_key(pair)] for pair in plan.pairs if _key(pair) in judged),
        peak_parallel=so_far.peak_parallel,
        seconds=so_far.seconds,
        signal=signal,
    )
    return report, news


def rows_touched(plan: Plan, mode: str, outcomes: Mapping[Fingerprint, PhaseOutcome]) -> int:
    """How many rows the mode's mutations changed on days that its mutated phases read; 0 if it was not planned."""
    planned = next((one for one in plan.modes if one.name == mode), None)
    mutated = planned.mutated if planned is not None else ()
    back = plan.request.pipeline.reads_back
    windows = [plan.nodes[name].window.widened(back=back) for name in mutated]
    records = [record for name in mutated if (record := record_of(outcomes.get(name))) is not None]
    return max((touched.within(windows) for record in records for touched in record.touched), default=0)


def _waits(prospect: Prospect, so_far: Progress, modes: frozenset[str], checked: frozenset[PairKey]) -> bool:
    """Whether a mode or a verdict is still to come from another process."""
    if not (so_far.modes.issuperset(prospect.plan.request.modes) and so_far.modes_here.issuperset(modes)):
        return True
    return any(
        _key(pair) in checked and _key(pair) not in so_far.judged and _has_states(prospect, pair, so_far)
        for pair in prospect.plan.pairs
    )


def _has_states(prospect: Prospect, pair: AnyPair, so_far: Progress) -> bool:
    """Whether both sides came to a state, so that a process that depends on both will be started."""
    leaves = [mode.leaf for mode in prospect.plan.modes if mode.name in (pair.left, pair.right)]
    return all(record_of(so_far.outcomes.get(leaf)) is not None for leaf in leaves)


def _continuation(planned: Event, run_id: str, before: str) -> Event:
    return Event(
        kind="run_planned",
        run_id=run_id,
        pipeline=planned.pipeline,
        payload={**planned.payload, _CONTINUES: before},
        event_id=f"{run_id}-planned",
    )


def _planned(events: Sequence[Event]) -> Event | None:
    return next((event for event in events if event.kind == "run_planned"), None)


def _chain(registry: Registry, run_id: str) -> list[tuple[Event, ...]]:
    """The events of the run and of those that it continues, oldest run first."""
    chain: list[tuple[Event, ...]] = []
    current: str | None = run_id
    while current is not None:
        events = registry.of_run(current)
        chain.insert(0, events)
        planned = _planned(events)
        current = planned.payload.get(_CONTINUES) if planned is not None else None
    return chain


def _outcomes(
    prospect: Prospect, workplace: Workplace, finished: Mapping[str, Mapping[str, Any]]
) -> Mapping[Fingerprint, PhaseOutcome]:
    """One outcome per phase. Modes that share one may tell it differently: the strongest counts."""
    told = [(Fingerprint(name), value) for payload in finished.values() for name, value in payload["outcomes"].items()]
    events = workplace.registry.of_fingerprints(["committed"], sorted({name for name, _ in told}))
    readable = [record for event in events if (record := PhaseRecord.readable(event.payload)) is not None]
    records = {record.prefix: record for record in readable}
    merged: dict[Fingerprint, PhaseOutcome] = {}
    for name, value in told:
        outcome = _outcome(value, records)
        if name not in merged or _rank(outcome) < _rank(merged[name]):
            merged[name] = outcome
    return {name: merged[name] for name in prospect.plan.nodes if name in merged}


_RANKS = (Ran, Reused, Failed, Blocked, Capped, Cancelled, NotNeeded)


def _rank(outcome: PhaseOutcome) -> int:
    return _RANKS.index(type(outcome))


def _outcome_json(outcome: PhaseOutcome) -> dict[str, Any]:
    kind = {"outcome": outcome_name(outcome)}
    match outcome:
        case Ran():
            return {**kind, "prefix": outcome.record.prefix, "seconds": outcome.seconds}
        case Reused():
            return {**kind, "prefix": outcome.record.prefix, "adopted": outcome.adopted}
        case Failed():
            return {**kind, "error": outcome.error, "log": outcome.log, "seconds": outcome.seconds}
        case Blocked():
            return {**kind, "by": str(outcome.by)}
        case Capped():
            return {**kind, "reason": outcome.reason}
        case NotNeeded() | Cancelled():
            return kind
    assert_never(outcome)


def _outcome(value: Mapping[str, Any], records: Mapping[str, PhaseRecord]) -> PhaseOutcome:
    record = records.get(value.get("prefix", ""))
    match value["outcome"]:
        case "ran" if record is not None:
            return Ran(record=record, seconds=value["seconds"])
        case "reused" if record is not None:
            return Reused(record=record, adopted=value["adopted"])
        case "ran" | "reused":
            return Failed(error="the record of its state cannot be read", log=None, seconds=0.0)
        case "failed":
            return Failed(error=value["error"], log=value["log"], seconds=value["seconds"])
        case "blocked":
            return Blocked(by=Fingerprint(value["by"]))
        case "capped":
            return Capped(reason=value["reason"])
        case "not needed":
            return NotNeeded()
    return Cancelled()


def _key(pair: AnyPair) -> PairKey:
    return (pair.output, pair.left, pair.right)


def _pair_of(event: Event) -> PairKey:
    return (event.payload["output"], event.payload["left"], event.payload["right"])


def _comparison(event: Event) -> Comparison:
    payload = {name: value for name, value in event.payload.items() if name not in ("commit", "remembered")}
    return Comparison(
        output=payload["output"],
        left=payload["left"],
        right=payload["right"],
        outcome=Outcome(payload["outcome"]),
        verdict=payload["verdict"],
        json=payload,
        remembered="remembered" in event.payload,
    )


def _peak(events: Sequence[Event]) -> int:
    """The most phases that were under way at once, over all processes."""
    steps = {"claimed": 1, "committed": -1, "failed": -1, "cancelled": -1}
    running, peak = 0, 0
    for event in events:
        running += steps.get(event.kind, 0)
        peak = max(peak, running)
    return peak


def _seconds(events: Sequence[Event]) -> float:
    times: list[datetime] = list(_times(events))
    return round((max(times) - min(times)).total_seconds(), 3) if times else 0.0


def _times(events: Sequence[Event]) -> Iterator[datetime]:
    return (event.at for event in events if event.at is not None)
