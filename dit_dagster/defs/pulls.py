"""The sensors of pull requests: one asks for runs, the other shows what became of them."""

# No `from __future__ import annotations`: Dagster reads the annotations of steps as objects.

from collections.abc import Iterator, Sequence
from typing import Any, assert_never

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as AssetJob

from dit_dagster.defs.resources import Workbench
from dit_dagster.defs.vocabulary import (
    HEAD_TAG,
    HEAVY_TAG,
    PIPELINE_TAG,
    PULL_TAG,
    REF_TAG,
    SUPERSEDED_TAG,
    TRIGGER,
    TRIGGER_TAG,
    Vocabulary,
)
from dit_dagster.errors import BoardError
from dit_dagster.evidence import notices
from dit_dagster.model.pull_request import Head, Heavy, Pulls, RunPull, Superseded, Tick, Waiting, Wanted, WarmDefault
from dit_dagster.planning.pulls import DEFAULT, announced, keys, read, tick, written
from dit_dagster.ports import VerdictBoard

UNFINISHED = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
)


def pulls_sensor(words: Vocabulary, pulls: Pulls, jobs: Sequence[AssetJob]) -> dg.SensorDefinition:
    """Requests a run for each new head of a pull request and of the default branch. Off until somebody turns it on."""

    @dg.sensor(
        name=f"{words.name}_pulls",
        jobs=list(jobs),
        minimum_interval_seconds=pulls.seconds,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description=f"Runs {words.name} for pull requests and the default branch of its remote; cancels what is "
        "superseded.",
    )
    def watch(context: dg.SensorEvaluationContext, dit: Workbench) -> dg.SensorResult:
        board = dit.board(words.pipeline)
        found, base = _look(words, pulls, dit, board, context.cursor)
        for superseded in found.superseded:
            _cancel(words, superseded, context)
        told = frozenset(_announce(words, pulls, found.waiting, board, context))
        return _asked_for(words, pulls, found, base, written(announced(found.cursor, told)))

    return watch


def _look(
    words: Vocabulary, pulls: Pulls, dit: Workbench, board: VerdictBoard | None, cursor: str | None
) -> tuple[Tick, Head | None]:
    """What is to be done, and where the default branch is.

    The remote first: what is opened afterwards, the host knows as well.
    """
    upstream = dit.upstream(words.pipeline)
    remote = upstream.look()
    hosted = board.open_pulls() if board is not None else None
    found = tick(read(cursor), remote, hosted, pulls, {})
    if not found.unknown:
        return found, remote.default
    changed = {head.commit: upstream.changed(head, remote.default) for head in found.unknown}
    return tick(read(cursor), remote, hosted, pulls, changed), remote.default


def _asked_for(words: Vocabulary, pulls: Pulls, found: Tick, base: Head | None, cursor: str) -> dg.SensorResult:
    if not found.wanted:
        waits = f", {len(found.waiting)} wait" if found.waiting else ""
        return dg.SensorResult(skip_reason=dg.SkipReason(f"no new head{waits}"), cursor=cursor)
    commits = list(dict.fromkeys(str(one.head.commit) for one in found.wanted))
    return dg.SensorResult(
        run_requests=[_request(words, pulls, one, base) for one in found.wanted],
        dynamic_partitions_requests=[words.commits.build_add_request(commits)],
        cursor=cursor,
    )


def _request(words: Vocabulary, pulls: Pulls, wanted: Wanted, base: Head | None) -> dg.RunRequest:
    """What a pull request changes is told against the default branch as it is now."""
    against = {"against": str(base.commit)} if base is not None and base.commit != wanted.head.commit else {}
    match wanted:
        case RunPull(heavy=True) if pulls.heavy is not None:
            number, job = wanted.number, words.job_of_all_modes if pulls.heavy.all_modes else words.job
            chosen = {**_heavier(pulls.heavy), **against}
        case RunPull():
            number, job, chosen = wanted.number, words.job, against
        case WarmDefault():
            number, job, chosen = DEFAULT, words.job, {}
        case _:
            assert_never(wanted)
    commit = str(wanted.head.commit)
    kind = {HEAVY_TAG: "true"} if isinstance(wanted, RunPull) and wanted.heavy else {}
    return dg.RunRequest(
        run_key=keys(wanted),
        job_name=job,
        partition_key=commit,
        run_config={"ops": {words.pin_op: {"config": chosen}}} if chosen else {},
        tags={TRIGGER_TAG: TRIGGER, PULL_TAG: str(number), HEAD_TAG: commit, REF_TAG: wanted.head.ref, **kind},
    )


def _heavier(heavy: Heavy) -> dict[str, Any]:
    chosen = heavy.model_dump(mode="json", include={"start", "end", "tail", "cohort"})
    return {name: value for name, value in chosen.items() if value is not None}


def runs_of(
    words: Vocabulary, number: int, instance: dg.DagsterInstance, statuses: Sequence[dg.DagsterRunStatus] = ()
) -> Sequence[dg.DagsterRun]:
    """The runs that were asked for here for a pull request, newest first."""
    tags = {PIPELINE_TAG: words.name, TRIGGER_TAG: TRIGGER, PULL_TAG: str(number)}
    return instance.get_runs(dg.RunsFilter(tags=tags, statuses=list(statuses)))


def runs_at(words: Vocabulary, commit: str, instance: dg.DagsterInstance) -> Sequence[dg.DagsterRun]:
    """What stands for a commit: of each pull request, and of each kind of run, the latest that was asked for.

    One that was superseded stands for nothing, unless all were.
    """
    tags = {PIPELINE_TAG: words.name, TRIGGER_TAG: TRIGGER, HEAD_TAG: commit}
    latest: dict[tuple[str | None, bool], dg.DagsterRun] = {}
    for run in instance.get_runs(dg.RunsFilter(tags=tags)):  # newest first
        latest.setdefault((run.tags.get(PULL_TAG), HEAVY_TAG in run.tags), run)
    standing = [run for run in latest.values() if SUPERSEDED_TAG not in run.tags]
    return standing or list(latest.values())


def _cancel(words: Vocabulary, superseded: Superseded, context: dg.SensorEvaluationContext) -> None:
    """End what runs of a pull request at another head. One that cannot be ended is said to be, and goes on."""
    for run in runs_of(words, superseded.number, context.instance, UNFINISHED):
        if run.tags.get(HEAD_TAG) == superseded.current:
            continue
        by = f"superseded by {superseded.current}" if superseded.current is not None else "the pull request is closed"
        try:
            context.instance.add_run_tags(run.run_id, {SUPERSEDED_TAG: by})
            done = context.instance.run_coordinator.cancel_run(run.run_id)
        except Exception as error:  # noqa: BLE001  # whatever a launcher raises: the others are looked at all the same
            context.log.warning(f"run {run.run_id} could not be cancelled: {type(error).__name__}")
        else:
            context.log.info(f"run {run.run_id}: {by}" + ("" if done else "; it could not be cancelled"))


def _announce(
    words: Vocabulary,
    pulls: Pulls,
    waiting: Sequence[Waiting],
    board: VerdictBoard | None,
    context: dg.SensorEvaluationContext,
) -> Iterator[int]:
    """Say of each head that waits that it does. Yields the numbers of those of which it need not be said again."""
    for one in waiting:
        context.log.info(f"pull request {one.number} at {one.head.commit} waits: {one.why.value}")
        try:
            if board is not None:
                board.show(notices.of_waiting(words.name, one, pulls.allow))
        except BoardError as error:
            context.log.warning(f"pull request {one.number} was not told that it waits, which is tried again: {error}")
        else:
            yield one.number
