"""The public functions: everything the command does can be imported from `dit_dagster`."""

from __future__ import annotations

import os
import secrets
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any, assert_never

from dit_dagster.errors import EngineError, Interrupted, NotFound, TooMuchToRead, UnknownName, UsageError
from dit_dagster.evidence.comparison import compared_json, told
from dit_dagster.evidence.contract import CONTRACT
from dit_dagster.evidence.report import report_json
from dit_dagster.model.cohort import Selection, past_moment
from dit_dagster.model.contract import ContractReport
from dit_dagster.model.experiment import Request
from dit_dagster.model.golden import Golden
from dit_dagster.model.identity import Commit, ExperimentId, PipelineName, RunId, TableName
from dit_dagster.model.origin import Committed, Editable, Origin
from dit_dagster.model.pipeline import Pipeline
from dit_dagster.model.placement import placed, runner_of, worker_image_of
from dit_dagster.model.policy import ComparisonPolicy, ExpectedDiff, refined
from dit_dagster.model.resumption import PhaseAt, Resume, refuse_contradiction
from dit_dagster.model.verdict import Expectation, Outcome, Verdict, foretold, judged
from dit_dagster.model.window import Window
from dit_dagster.model.worker_image import CouldNotTell, Published, WorkerImage
from dit_dagster.planning.contract import trial_window
from dit_dagster.planning.modes import calendar, resolve
from dit_dagster.planning.plan import Plan, make_plan
from dit_dagster.ports import Event, SourceControl
from dit_dagster.running.bisecting import (
    Bisection,
    ColumnDiffers,
    Look,
    PairTurns,
    find_turn,
    look_at_column,
    look_at_pair,
    question,
    refuse_unless_built_on,
)
from dit_dagster.running.contract import check_contract
from dit_dagster.running.crossing import Diff, against, cross
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
from dit_dagster.running.sources import sources_of
from dit_dagster.running.versions import at_commit
from dit_dagster.running.worker_images import ensure_image
from dit_dagster.running.workplace import Watch, Workplace, silence
from dit_dagster.settings import Settings
from dit_dagster.wiring import (
    container_environments,
    effective_container,
    find_pipeline,
    image_labels,
    source_control,
    surroundings,
    tree_images,
    workplace,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a caller says of a run; None takes the pipeline's or the settings' default.

    `commit`: None, and ".", are the working tree: HEAD if nothing is changed, otherwise a snapshot of it, which
    `require_clean` refuses. `editable` is a folder that is run as it lies. `cohort` names a bundle of sources; `tables`
    replaces single ones, by source; `pin_source_at` is the time as of which they are read; `golden_sources` reads those
    that the golden state ran on, and compares with it. `against` is a commit whose states, if they are known, the run's
    are compared with: nothing of it is run. `runner` and `worker_image`
    say where the steps run, instead of what is declared.
    """

    pipeline: str
    commit: str | None = None
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
    golden_sources: bool = False
    against: str | None = None
    max_bytes: int | None = None
    require_clean: bool = False
    editable: Path | None = None
    cohort: str | None = None
    tables: Mapping[str, str] = field(default_factory=dict)
    pin_source_at: datetime | None = None
    runner: str | None = None
    worker_image: str | None = None

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
    code = identify_code(request.pipeline, request.commit, place, may_run_code=False)
    return make_plan(request, code, sources_of(request, place.warehouse))


def explain(pipeline: str, *, settings: Settings | None = None, **options: Any) -> Prospect:
    """What a run would execute and reuse, and why. Nothing is written, and nothing of the commit is run."""
    request, place = _prepared(Asked(pipeline=pipeline, **options), settings)
    return prospect(request, place, estimated=True, may_run_code=False)


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
    report = replace(report, against=against(report, place))
    close_run(request.pipeline.name, run_id, place, report_json(report))
    return report


def diff(
    pipeline: str,
    bindings: Mapping[str, str],
    *,
    fail_on_diff: bool = False,
    expected: Mapping[str, ExpectedDiff] | None = None,
    worker_images: Mapping[str, str] | None = None,
    settings: Settings | None = None,
    **options: Any,
) -> Diff:
    """Run several commits, named by `bindings`, and judge the first against each of the others, mode by mode.

    `expected` are differences that are announced, by output; `worker_images` the published image of a binding, by its
    name. Other options are those of `Asked`. UsageError before any side effect.
    """
    shared, own = options.pop("worker_image", None), worker_images or {}
    asked = {
        name: Asked(pipeline=pipeline, commit=ref, worker_image=own.get(name, shared), **options)
        for name, ref in bindings.items()
    }
    asked_of = AskedDiff(bindings=asked, fail_on_diff=fail_on_diff, expected=expected or {})
    settings = settings or Settings.read()
    refuse_diff_early(asked_of, settings)
    return diff_prepared(asked_of, settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedDiff:
    """What a caller says of a diff: each binding's run, whether a difference fails, and which are announced."""

    bindings: Mapping[str, Asked]
    fail_on_diff: bool = False
    expected: Mapping[str, ExpectedDiff] = field(default_factory=dict)


def refuse_diff_early(asked: AskedDiff, settings: Settings) -> None:
    """UsageError for what can be seen to be wrong before a warehouse is asked for."""
    if len(asked.bindings) < 2:  # there is nothing to compare one with
        raise UsageError("a diff needs two bindings or more")
    for each in asked.bindings.values():
        declared = declared_pipeline(each, settings)
        refuse_early(each, declared, source_control(declared, settings))
        unknown = sorted(set(asked.expected) - set(declared.outputs))
        if unknown:
            raise UnknownName(f"{declared.name} has no output {unknown[0]!r}; it has {', '.join(declared.outputs)}")


def diff_prepared(
    asked: AskedDiff,
    settings: Settings,
    *,
    stop: Stop | None = None,
    watch: Callable[[str], Watch] = lambda _: silence,
) -> Diff:
    """One experiment: every binding is run, one after another, whatever became of the others; then they are judged."""
    started = time.monotonic()
    some = next(iter(asked.bindings.values()))
    experiment = some.experiment_id or settings.experiment_id or f"diff_{secrets.token_hex(3)}"
    around, places, reports = surroundings(settings), {}, {}
    for name, each in asked.bindings.items():
        declared = declared_pipeline(each, settings)
        places[name] = workplace(declared, settings, around)
        request = make_request(replace(each, experiment_id=experiment), declared, places[name], settings)
        reports[name] = run_prepared(request, places[name], watch=watch(name), stop=stop)
    return Diff(
        reports=reports,
        crossings=cross(reports, next(iter(places.values())), asked.expected),
        expectation=Expectation.MUST_MATCH if asked.fail_on_diff else Expectation.REPORT_ONLY,
        seconds=time.monotonic() - started,
        announced=frozenset(asked.expected),
        refs={name: each.commit or "." for name, each in asked.bindings.items()},
    )


def bisect(
    pipeline: str,
    *,
    good: str,
    bad: str,
    pair: tuple[str, str] | None = None,
    column: str | None = None,
    output: str | None = None,
    mode: str | None = None,
    settings: Settings | None = None,
    stop: Stop | None = None,
    watch: Callable[[str], Watch] = lambda _: silence,
    told: Callable[[Look, int], None] = lambda look, left: None,  # noqa: ARG005
    **options: Any,
) -> Bisection:
    """The first commit between two at which the verdict on a pair of modes fails, or a column differs from `good`'s.

    What the registry knows of a commit is not run again. `output` is any unless given; `mode`, with `column`, is the
    reference unless given. Other options are those of `Asked`. UsageError before any side effect: an unknown mode or
    output, two modes that are not compared, or a `good` on which `bad` does not build.
    """
    settings = settings or Settings.read()
    declared = placed(find_pipeline(pipeline, settings), options.get("runner"), options.get("worker_image"))
    code = source_control(declared, settings)
    seen = question(pair, column, output, mode)
    seen.refuse_unless_declared(declared)
    ends = (code.resolve(good), code.resolve(bad))
    refuse_unless_built_on(code, *ends)
    experiment = options.pop("experiment_id", None) or settings.experiment_id or f"bisect_{secrets.token_hex(3)}"
    asked = Asked(pipeline=pipeline, commit=ends[0], modes=seen.modes(declared), experiment_id=experiment, **options)
    refuse_early(asked, declared, code)
    place = workplace(declared, settings)

    def ran(commit: Commit) -> Report:
        request = make_request(replace(asked, commit=commit), declared, place, settings)
        return run_prepared(request, place, watch=watch(commit[:12]), stop=stop)

    good_once = cache(lambda: ran(ends[0]))

    def look_at(commit: Commit) -> Look:
        match seen:
            case PairTurns():
                return look_at_pair(seen, ran(commit), place)
            case ColumnDiffers():
                other = good_once() if commit == ends[0] else ran(commit)
                return look_at_column(seen, (good_once(), other), place)
        assert_never(seen)

    return find_turn(place.code, *ends, look_at, stopped=stop or Stop(), told=told)


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


def ensure_worker_image(pipeline: str, commit: str | None = None, *, settings: Settings | None = None) -> WorkerImage:
    """The image that a pipeline's steps run at a commit: found under a name that says what it holds, or built.

    Where DIT_WORKER_REPOSITORY is set it is built by Cloud Build and kept there, otherwise on the engine. CouldNotTell,
    and nothing built, if it is not known whether there is one. A published image is read back from the engine.
    Raises UsageError for a pipeline without a container, EnvironmentFailed for a build that failed or a published image
    that does not hold the commit. `commit` is the working tree unless given.
    """
    settings = settings or Settings.read()
    declared = find_pipeline(pipeline, settings)
    if declared.container is None:
        raise UsageError(f"{pipeline} declares no container, so it has no image; see docs/pipelines/containers.md")
    code = source_control(declared, settings)
    bound, _ = bind(Asked(pipeline=pipeline, commit=commit), declared, code)
    checkout = code.checkout(bound, code.tree(bound, declared.hashed_paths))
    container = effective_container(declared.container, checkout)
    if container.is_built:
        return ensure_image(tree_images(settings), container, checkout)
    try:
        environment = container_environments(container, settings).ensure(checkout)
    except EngineError as error:
        return CouldNotTell(name=str(container.image), reason=str(error))
    assert environment.image is not None  # noqa: S101  # a container's environment is its image
    return Published(name=str(container.image), image=environment.image)


def declared_pipeline(asked: Asked, settings: Settings) -> Pipeline:
    """The pipeline that is asked for, where it is to run. UsageError for one, or a place, that there is not."""
    return placed(find_pipeline(asked.pipeline, settings), asked.runner, asked.worker_image)


def contract(
    pipeline: str,
    *,
    commit: str = "HEAD",
    start: date | None = None,
    end: date | None = None,
    jobs: int | None = None,
    force: bool = False,
    experiment_id: str | None = None,
    runner: str | None = None,
    worker_image: str | None = None,
    settings: Settings | None = None,
    watch: Watch = silence,
    stop: Stop | None = None,
) -> ContractReport:
    """Check the contract's promises on a commit of the program, by running it. The findings are recorded.

    `runner` and `worker_image` are those of `run`. Raises UsageError before any side effect.
    """
    started = time.monotonic()
    settings = settings or Settings.read()
    declared = placed(find_pipeline(pipeline, settings), runner, worker_image)
    window = trial_window(declared, start, end)
    source_control(declared, settings).resolve(commit)
    place = workplace(declared, settings)
    asked = Asked(
        pipeline=pipeline,
        commit=commit,
        modes=(declared.reference,),
        start=window.start,
        end=window.end,
        tail=1,
        lookback=1,
        jobs=jobs,
        force=force,
        golden=False,
        experiment_id=experiment_id,
    )
    request = make_request(asked, declared, place, settings)

    def trial(changed: Pipeline, modes: tuple[str, ...]) -> Report:
        report = run_prepared(replace(request, pipeline=changed, modes=modes), place, watch=watch, stop=stop)
        if report.signal is not None:
            raise Interrupted(report.signal)
        return report

    findings = check_contract(request.pipeline, window, place, trial, image_labels(settings))
    seconds = time.monotonic() - started
    report = ContractReport(
        pipeline=declared.name, commit=request.commit, window=window, findings=findings, seconds=seconds
    )
    recorded = {**report.to_json(), "warehouse": place.warehouse.engine}
    place.registry.append([Event(kind=CONTRACT, run_id=new_run_id(), pipeline=pipeline, payload=recorded)])
    return report


def refuse_early(asked: Asked, pipeline: Pipeline, code: SourceControl) -> None:
    """UsageError for what can be seen to be wrong before a warehouse is asked for, let alone started."""
    pipeline, _ = select(asked, pipeline)
    window = Window(asked.start or pipeline.window.start, asked.end or pipeline.window.end)
    tail = asked.tail if asked.tail is not None else pipeline.tail
    lookback = asked.lookback if asked.lookback is not None else pipeline.lookback
    dates = calendar(pipeline, window, tail, lookback)
    phases = {mode: len(resolve(pipeline, mode, dates)) for mode in chosen_modes(pipeline, asked.modes)}
    _, from_phase = asked.resumption
    if from_phase is not None:
        from_phase.refuse_unless_among(phases)
    bind(asked, pipeline, code)
    if asked.against is not None:
        code.resolve(asked.against)


WORKING_TREE = "."


def bind(asked: Asked, pipeline: Pipeline, code: SourceControl) -> tuple[Commit, Origin]:
    """The commit that is asked for, and where it comes from. UsageError for one that there is not, or cannot be."""
    if asked.editable is not None:
        if asked.commit is not None or asked.require_clean:
            raise UsageError("--editable runs a folder as it lies; leave out --commit and --require-clean")
        if asked.against is not None:  # the folder would stand for the other commit too, and nothing would differ
            raise UsageError("--editable proves nothing, so it is held against nothing; leave out --against")
        return code.resolve("HEAD"), Editable(path=str(asked.editable))
    if asked.commit not in (None, WORKING_TREE):
        commit = code.resolve(str(asked.commit))
        return commit, Committed(reviewed=code.reviewed(commit, pipeline.default_branch))
    snapshot = code.snapshot(PipelineName(pipeline.name))
    if snapshot is None or snapshot.clean:
        commit = code.resolve("HEAD")
        untracked = snapshot.untracked if snapshot is not None else ()
        return commit, Committed(reviewed=code.reviewed(commit, pipeline.default_branch), untracked=untracked)
    if asked.require_clean:
        paths = ", ".join(snapshot.changed[:5]) or "everything"
        raise UsageError(f"--require-clean: the working tree differs from HEAD in {paths}; commit it, or name a commit")
    return snapshot.commit, snapshot


def make_request(asked: Asked, pipeline: Pipeline, place: Workplace, settings: Settings) -> Request:
    """Fill in every default and validate every name. Raises UsageError; writes nothing."""
    limit = _limit(asked, pipeline)
    pipeline, selection = select(asked, pipeline)
    modes = chosen_modes(pipeline, asked.modes)
    window = Window(asked.start or pipeline.window.start, asked.end or pipeline.window.end)
    jobs = asked.jobs if asked.jobs is not None else settings.jobs if settings.jobs is not None else default_jobs()
    if jobs < 1:
        raise UsageError(f"--jobs {jobs}: at least one phase must be allowed at a time")
    experiment = asked.experiment_id or settings.experiment_id or f"solo_{secrets.token_hex(3)}"
    resume, from_phase = asked.resumption
    commit, origin = bind(asked, pipeline, place.code)
    return Request(
        pipeline=at_commit(pipeline, commit, place.code),
        commit=commit,
        origin=origin,
        experiment=ExperimentId(experiment),
        modes=modes,
        window=window,
        tail=asked.tail if asked.tail is not None else pipeline.tail,
        lookback=asked.lookback if asked.lookback is not None else pipeline.lookback,
        jobs=jobs,
        force=asked.force,
        resume=resume,
        from_phase=from_phase,
        max_bytes=limit,
        selection=selection,
        against=place.code.resolve(asked.against) if asked.against is not None else None,
        **_golden(asked, pipeline, place),
    )


def select(asked: Asked, pipeline: Pipeline) -> tuple[Pipeline, Selection]:
    """The pipeline on what is to be read, and what was chosen. UnknownName for a cohort or source that there is not."""
    cohort = pipeline.cohort(asked.cohort)
    at = asked.pin_source_at or cohort.pin_at
    selection = Selection(
        cohort=asked.cohort or pipeline.default_cohort,
        tables=asked.tables,
        pinned_at=past_moment(at, f"the time of the sources, {at.isoformat()},") if at is not None else None,
        rows_per_day=cohort.rows_per_day,
        of_golden=asked.golden_sources,
    )
    if asked.golden_sources and (asked.golden is False or asked.tables or selection.pinned_at):
        raise UsageError(
            "--golden-sources reads what the golden state read, and compares with it; leave out --no-golden, --source, "
            "--pin-source-at and a cohort with pin_at"
        )
    return pipeline.selected(selection), selection


def _limit(asked: Asked, pipeline: Pipeline) -> int | None:
    if asked.max_bytes is not None and asked.max_bytes < 0:
        raise UsageError(f"--max-bytes {asked.max_bytes}: a limit is 0 or more")
    return asked.max_bytes if asked.max_bytes is not None else pipeline.cohort(asked.cohort).max_bytes


def _golden(asked: Asked, pipeline: Pipeline, place: Workplace) -> dict[str, Any]:
    """Whether the golden state is asked for, and what it is. UnknownName if it was asked for by name and is not set."""
    wanted = asked.golden if asked.golden is not None else asked.golden_sources or pipeline.golden == "on"
    golden = golden_of(place.registry, pipeline.name) if wanted else None
    if (asked.golden or asked.golden_sources) and golden is None:
        raise UnknownName(
            f"{pipeline.name} has no golden state; 'dit golden set {pipeline.name} --commit REF' sets one"
        )
    return {"with_golden": wanted, "golden": golden}


def set_golden(
    pipeline: str,
    *,
    commit: str | None = None,
    mode: str | None = None,
    settings: Settings | None = None,
    **options: Any,
) -> Golden:
    """Make what a mode of a commit has come to the golden state of its pipeline. Nothing is run.

    `mode` is the pipeline's reference unless given; options are `start`, `end`, `tail` and `lookback`, as of the run.
    Raises UnknownName if there is no such state on the present sources.
    """
    from dit_dagster.running import goldens

    reference = mode or find_pipeline(pipeline, settings or Settings.read()).reference
    asked = Asked(pipeline=pipeline, commit=commit, modes=[reference], golden=False, **options)
    request, place = _prepared(asked, settings)
    return goldens.set_golden(prospect(request, place), place)


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
    """The request of a recorded run, on what it read, under a new experiment id unless one was given.

    A run on the sources of a golden state is repeated on those of that very state. UsageError where a folder would run,
    or ran: it is not what the commit holds.
    """
    if asked.editable is not None:
        raise UsageError("--like repeats a recorded commit, --editable runs a folder as it lies; leave out one of them")
    event = next((one for one in place.registry.of_run(RunId(run_id)) if one.kind == "run_planned"), None)
    if event is None:
        raise UnknownName(f"no run {run_id!r} in the registry; 'dit runs' lists those there are")
    if event.pipeline != pipeline.name:
        raise UsageError(f"run {run_id} was of {event.pipeline}, not of {pipeline.name}")
    ran_on = (event.payload.get("runner", "process"), event.payload.get("worker_image"))
    if ran_on != (runner_of(pipeline), worker_image_of(pipeline)):
        image = f" --worker-image {ran_on[1]}" if ran_on[1] is not None else ""
        raise UsageError(f"run {run_id} ran elsewhere than this one would: add --runner {ran_on[0]}{image}")
    recorded = request_from_json(pipeline, event.payload)
    if isinstance(recorded.origin, Editable):
        raise UsageError(f"run {run_id} ran a folder as it lay, which cannot be repeated; run it with --editable again")
    chosen_modes(pipeline, recorded.modes)
    if recorded.selection.of_golden and asked.golden is False:
        raise UsageError(f"run {run_id} read what the golden state read, and compares with it; leave out --no-golden")
    golden = {} if recorded.selection.of_golden else _golden(asked, pipeline, place)
    experiment = asked.experiment_id or settings.experiment_id or f"solo_{secrets.token_hex(3)}"
    resume, from_phase = asked.resumption
    return replace(
        recorded,
        pipeline=at_commit(recorded.pipeline, recorded.commit, place.code),
        experiment=ExperimentId(experiment),
        force=asked.force,
        resume=resume,
        from_phase=from_phase,
        max_bytes=_limit(asked, pipeline) if asked.max_bytes is not None else recorded.max_bytes,
        **golden,
    )


def default_jobs() -> int:
    """One phase per core, and at least two: a phase waits for the warehouse most of its time."""
    return max(2, os.cpu_count() or 2)


def new_run_id() -> RunId:
    """Sorts by time, and is never given twice."""
    return RunId(f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}")


def _prepared(asked: Asked, settings: Settings | None) -> tuple[Request, Workplace]:
    settings = settings or Settings.read()
    pipeline = declared_pipeline(asked, settings)
    refuse_early(asked, pipeline, source_control(pipeline, settings, editable=asked.editable))
    place = workplace(pipeline, settings, editable=asked.editable)
    return make_request(asked, pipeline, place, settings), place
