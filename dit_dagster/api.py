"""The public functions: everything the command does can be imported from `dit_dagster`."""

from __future__ import annotations

import os
import secrets
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from dit_dagster.errors import NotFound, TooMuchToRead, UnknownName, UsageError
from dit_dagster.evidence.comparison import compared_json, told
from dit_dagster.evidence.report import report_json
from dit_dagster.model.experiment import Request
from dit_dagster.model.golden import Golden
from dit_dagster.model.identity import ExperimentId, RunId, TableName
from dit_dagster.model.pipeline import Pipeline
from dit_dagster.model.policy import ComparisonPolicy, refined
from dit_dagster.model.resumption import PhaseAt, Resume, refuse_contradiction
from dit_dagster.model.verdict import Expectation, Outcome, Verdict, foretold, judged
from dit_dagster.model.window import Window
from dit_dagster.planning.modes import calendar, resolve
from dit_dagster.planning.plan import Plan, make_plan
from dit_dagster.ports import SourceControl
from dit_dagster.running.crossing import Diff, cross
from dit_dagster.running.goldens import golden_of
from dit_dagster.running.orchestrator import Stop
from dit_dagster.running.run import (
    Prospect,
    Report,
    close_run,
    identify_code,
    prospect,
    request_from_json,
)
from dit_dagster.running.run import run as run_request
from dit_dagster.running.sources import identify
from dit_dagster.running.workplace import Watch, Workplace, silence
from dit_dagster.settings import Settings
from dit_dagster.wiring import find_pipeline, source_control, surroundings, workplace


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a caller says of a run; None takes the pipeline's or the settings' default."""

    pipeline: str
    commit: str = "HEAD"
    modes: Sequence[str] | None = None
    start: date | None = None
    end: date | None = None
    tail: int | None = None
    lookback: int | None = None
    experiment_id: str | None = None
    jobs: int | None = None
    force: bool = False
    resume: str = "if-possible"
    from_phase: str | None = None
    golden: bool | None = None
    max_bytes: int | None = None

    @property
    def resumption(self) -> tuple[Resume, PhaseAt | None]:
        """What may be taken over, and from which phase on nothing may. UsageError for what contradicts itself."""
        resume = Resume.parse(self.resume)
        from_phase = PhaseAt.parse(self.from_phase) if self.from_phase is not None else None
        refuse_contradiction(force=self.force, resume=resume, from_phase=from_phase)
        return resume, from_phase


def plan(pipeline: str, *, settings: Settings | None = None, **options: Any) -> Plan:
    """The phases and pairs of a run, without asking what is known already. Options are those of `Asked`."""
    request, place = _prepared(Asked(pipeline=pipeline, **options), settings)
    code = identify_code(request.pipeline, request.commit, place)
    return make_plan(request, code, identify(place.warehouse, request.pipeline))


def explain(pipeline: str, *, settings: Settings | None = None, **options: Any) -> Prospect:
    """What a run would execute and reuse, and why. Nothing is written."""
    request, place = _prepared(Asked(pipeline=pipeline, **options), settings)
    return prospect(request, place, estimated=True)


def run(
    pipeline: str,
    *,
    settings: Settings | None = None,
    watch: Watch = silence,
    stop: Stop | None = None,
    **options: Any,
) -> Report:
    """Run a pipeline's modes at a commit and judge them. UsageError before any side effect."""
    request, place = _prepared(Asked(pipeline=pipeline, **options), settings)
    return run_prepared(request, place, watch=watch, stop=stop)


def run_prepared(request: Request, place: Workplace, *, watch: Watch = silence, stop: Stop | None = None) -> Report:
    """Run a request that was made with `make_request`, and record how it ended."""
    run_id = new_run_id()
    report = run_request(request, place, run_id, stop=stop, watch=watch)
    close_run(request.pipeline.name, run_id, place, report_json(report))
    return report


def diff(
    pipeline: str,
    bindings: Mapping[str, str],
    *,
    fail_on_diff: bool = False,
    settings: Settings | None = None,
    **options: Any,
) -> Diff:
    """Run several commits, named by `bindings`, and judge the first against each of the others, mode by mode.

    Other options are those of `Asked`. UsageError before any side effect.
    """
    if len(bindings) < 2:  # there is nothing to compare one with
        raise UsageError("a diff needs two bindings or more")
    settings = settings or Settings.read()
    declared = find_pipeline(pipeline, settings)
    asked = {name: Asked(pipeline=pipeline, commit=ref, **options) for name, ref in bindings.items()}
    for each in asked.values():
        refuse_early(each, declared, source_control(declared, settings))
    return diff_prepared(asked, declared, workplace(declared, settings), settings, fail_on_diff=fail_on_diff)


def diff_prepared(
    asked: Mapping[str, Asked],
    declared: Pipeline,
    place: Workplace,
    settings: Settings,
    *,
    fail_on_diff: bool = False,
    stop: Stop | None = None,
    watch: Callable[[str], Watch] = lambda _: silence,
) -> Diff:
    """One experiment: every binding is run, one after another, whatever became of the others; then they are judged."""
    started = time.monotonic()
    experiment = next(iter(asked.values())).experiment_id or settings.experiment_id or f"diff_{secrets.token_hex(3)}"
    reports = {}
    for name, each in asked.items():
        request = make_request(replace(each, experiment_id=experiment), declared, place, settings)
        reports[name] = run_prepared(request, place, watch=watch(name), stop=stop)
    return Diff(
        reports=reports,
        crossings=cross(reports, place),
        expectation=Expectation.MUST_MATCH if fail_on_diff else Expectation.REPORT_ONLY,
        seconds=time.monotonic() - started,
    )


def compare(
    left: str,
    right: str,
    *,
    policy: ComparisonPolicy | None = None,
    keys: Sequence[str] = (),
    where: str | None = None,
    exact: bool = False,
    max_bytes: int | None = None,
    settings: Settings | None = None,
) -> Verdict:
    """The verdict on any two tables, named `dataset.table` or `project.dataset.table`.

    `keys` and `where` stand in for those of the policy, if it has none; `exact` groups rows themselves instead of
    hashes. The verdict's cost holds the bytes that dry runs foresaw, and those that were billed.
    Raises UsageError before anything is read: a wrong name, policy or predicate, a table that is not there, or more
    than `max_bytes` to read.
    """
    from dit_dagster.comparing import compare_tables, foresee

    asked = refined(policy or ComparisonPolicy(), keys=keys, where=where)
    for name in (left, right):
        TableName.parse(name, project="unknown")
    warehouse = surroundings(settings or Settings.read()).warehouse
    one, other = (TableName.parse(name, project=warehouse.project) for name in (left, right))
    try:
        ahead = foresee(warehouse, one, other, asked, exact=exact)
    except NotFound as error:
        raise UnknownName(str(error)) from error
    if max_bytes is not None and ahead.most > max_bytes:
        raise TooMuchToRead(
            f"comparing {one} with {other} may read {ahead.most:,} bytes ({ahead.verdict:,} for the verdict, "
            f"{ahead.explanation:,} more if they differ), over --max-bytes {max_bytes:,}; narrow it with a predicate"
        )
    return foretold(
        compare_tables(warehouse, one, other, asked, left_label=left, right_label=right, exact=exact), ahead
    )


def assert_tables_equal(left: str, right: str, policy: ComparisonPolicy | None = None, **options: Any) -> None:
    """AssertionError, saying what differs and why, unless the verdict passes. Options are those of `compare`.

    A verdict that is inconclusive, or an error, is no pass: it fails with its reason.
    """
    verdict = compare(left, right, policy=policy, **options)
    if judged(verdict) is not Outcome.PASS:
        raise AssertionError(told(compared_json(verdict)))


def refuse_early(asked: Asked, pipeline: Pipeline, code: SourceControl) -> None:
    """UsageError for what can be seen to be wrong before a warehouse is asked for, let alone started."""
    window = Window(asked.start or pipeline.window.start, asked.end or pipeline.window.end)
    tail = asked.tail if asked.tail is not None else pipeline.tail
    lookback = asked.lookback if asked.lookback is not None else pipeline.lookback
    dates = calendar(pipeline, window, tail, lookback)
    phases = {mode: len(resolve(pipeline, mode, dates)) for mode in chosen_modes(pipeline, asked.modes)}
    _, from_phase = asked.resumption
    if from_phase is not None:
        from_phase.refuse_unless_among(phases)
    code.resolve(asked.commit)


def make_request(asked: Asked, pipeline: Pipeline, place: Workplace, settings: Settings) -> Request:
    """Fill in every default and validate every name. Raises UsageError; writes nothing."""
    modes = chosen_modes(pipeline, asked.modes)
    window = Window(asked.start or pipeline.window.start, asked.end or pipeline.window.end)
    jobs = asked.jobs if asked.jobs is not None else settings.jobs if settings.jobs is not None else default_jobs()
    if jobs < 1:
        raise UsageError(f"--jobs {jobs}: at least one phase must be allowed at a time")
    experiment = asked.experiment_id or settings.experiment_id or f"solo_{secrets.token_hex(3)}"
    resume, from_phase = asked.resumption
    return Request(
        pipeline=pipeline,
        commit=place.code.resolve(asked.commit),
        experiment=ExperimentId(experiment),
        modes=modes,
        window=window,
        tail=asked.tail if asked.tail is not None else pipeline.tail,
        lookback=asked.lookback if asked.lookback is not None else pipeline.lookback,
        jobs=jobs,
        force=asked.force,
        resume=resume,
        from_phase=from_phase,
        max_bytes=_limit(asked),
        **_golden(asked, pipeline, place),
    )


def _limit(asked: Asked) -> int | None:
    if asked.max_bytes is not None and asked.max_bytes < 0:
        raise UsageError(f"--max-bytes {asked.max_bytes}: a limit is 0 or more")
    return asked.max_bytes


def _golden(asked: Asked, pipeline: Pipeline, place: Workplace) -> dict[str, Any]:
    """Whether the golden state is asked for, and what it is. UnknownName if it was asked for by name and is not set."""
    wanted = asked.golden if asked.golden is not None else pipeline.golden == "on"
    golden = golden_of(place.registry, pipeline.name) if wanted else None
    if asked.golden and golden is None:
        raise UnknownName(
            f"{pipeline.name} has no golden state; 'dit golden set {pipeline.name} --commit REF' sets one"
        )
    return {"with_golden": wanted, "golden": golden}


def set_golden(
    pipeline: str, *, commit: str = "HEAD", mode: str | None = None, settings: Settings | None = None, **options: Any
) -> Golden:
    """Make what a mode of a commit has come to the golden state of its pipeline. Nothing is run.

    `mode` is the pipeline's reference unless given; options are `start`, `end`, `tail` and `lookback`, as of the run.
    Raises UnknownName if there is no such state on the present sources.
    """
    from dit_dagster.running import goldens

    reference = mode or find_pipeline(pipeline, settings or Settings.read()).reference
    asked = Asked(pipeline=pipeline, commit=commit, modes=[reference], golden=False, **options)
    request, place = _prepared(asked, settings)
    return goldens.set_golden(prospect(request, place), place.registry)


def chosen_modes(pipeline: Pipeline, given: Sequence[str] | None) -> tuple[str, ...]:
    """The modes of a run, in declared order; UsageError for one that is unknown or stands twice."""
    names = list(pipeline.default_modes if given is None else [name.strip() for name in given])
    for name in names:
        pipeline.mode(name)
        if names.count(name) > 1:
            raise UsageError(f"mode {name!r} stands twice in --modes; name each mode once")
    if not names:
        raise UsageError("--modes is empty; name at least one mode")
    return tuple(name for name in pipeline.available_modes if name in names)


def recorded_request(run_id: str, place: Workplace, pipeline: Pipeline, asked: Asked, settings: Settings) -> Request:
    """The request of a recorded run, under a new experiment id unless one was given."""
    event = next((one for one in place.registry.of_run(RunId(run_id)) if one.kind == "run_planned"), None)
    if event is None:
        raise UnknownName(f"no run {run_id!r} in the registry; 'dit runs' lists those there are")
    if event.pipeline != pipeline.name:
        raise UsageError(f"run {run_id} was of {event.pipeline}, not of {pipeline.name}")
    recorded = request_from_json(pipeline, event.payload)
    chosen_modes(pipeline, recorded.modes)
    experiment = asked.experiment_id or settings.experiment_id or f"solo_{secrets.token_hex(3)}"
    resume, from_phase = asked.resumption
    return replace(
        recorded,
        experiment=ExperimentId(experiment),
        force=asked.force,
        resume=resume,
        from_phase=from_phase,
        max_bytes=_limit(asked),
        **_golden(asked, pipeline, place),
    )


def default_jobs() -> int:
    """One phase per core, and at least two: a phase waits for the warehouse most of its time."""
    return max(2, os.cpu_count() or 2)


def new_run_id() -> RunId:
    """Sorts by time, and is never given twice."""
    return RunId(f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}")


def _prepared(asked: Asked, settings: Settings | None) -> tuple[Request, Workplace]:
    settings = settings or Settings.read()
    pipeline = find_pipeline(asked.pipeline, settings)
    refuse_early(asked, pipeline, source_control(pipeline, settings))
    place = workplace(pipeline, settings)
    return make_request(asked, pipeline, place, settings), place
