"""The sensors of a pipeline: new commits of its repository, and what ran elsewhere."""

# No `from __future__ import annotations`: Dagster reads the annotations of steps as objects.

import json
from collections.abc import Mapping, Sequence

import dagster as dg

from dit_dagster.defs.elsewhere import UNREADABLE, AssetEvent, Elsewhere, FinishedRun, read_elsewhere, reported
from dit_dagster.defs.resources import Workbench
from dit_dagster.defs.vocabulary import Vocabulary
from dit_dagster.ports import Registry

COMMITS_PER_TICK = 5
COMMITS_SECONDS = 60
ELSEWHERE_SECONDS = 30


def commits_sensor(words: Vocabulary) -> dg.SensorDefinition:
    """Requests the pipeline's job for each commit that a branch or tag moves to. Off until somebody turns it on."""

    @dg.sensor(
        name=f"{words.name}_commits",
        job_name=words.job,
        minimum_interval_seconds=COMMITS_SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description=f"Runs {words.job} for new commits on the branches and tags of {words.name}'s repository.",
    )
    def commits(context: dg.SensorEvaluationContext, dit: Workbench) -> dg.SensorResult:
        known = {ref: str(commit) for ref, commit in dit.source_control(words.pipeline).known()}
        return commits_tick(words, known, context.cursor)

    return commits


def commits_tick(words: Vocabulary, known: Mapping[str, str], cursor: str | None) -> dg.SensorResult:
    """What a tick asks for. `known` maps refs to commits, newest first; the cursor holds what was seen of each.

    The first tick only takes the baseline. What exceeds the cap stays out of the cursor, for the next tick.
    """
    if cursor is None:
        return dg.SensorResult(
            skip_reason=dg.SkipReason(f"{len(known)} branches and tags seen; only commits from now on are run"),
            cursor=_written(known),
        )
    seen: dict[str, str] = json.loads(cursor)
    moved = {ref: commit for ref, commit in known.items() if seen.get(ref) != commit}
    new = list(dict.fromkeys(commit for commit in moved.values() if commit not in seen.values()))
    later = set(new[:-COMMITS_PER_TICK]) if len(new) > COMMITS_PER_TICK else set()  # the oldest go first
    taken = [commit for commit in reversed(new) if commit not in later]
    done = {ref: commit if commit not in later else seen.get(ref, "") for ref, commit in known.items()}
    if not taken:
        return dg.SensorResult(skip_reason=dg.SkipReason("no new commit"), cursor=_written(done))
    return dg.SensorResult(
        run_requests=[dg.RunRequest(run_key=commit, partition_key=commit) for commit in taken],
        dynamic_partitions_requests=[words.commits.build_add_request(taken)],
        cursor=_written(done),
    )


def elsewhere_sensor(words: Vocabulary) -> dg.SensorDefinition:
    """Shows in this instance what the registry says of runs on laptops and in CI."""

    @dg.sensor(
        name=f"{words.name}_elsewhere",
        minimum_interval_seconds=ELSEWHERE_SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description=f"Reports runs of {words.name} outside this instance: materialisations and check results.",
    )
    def elsewhere(context: dg.SensorEvaluationContext, dit: Workbench) -> dg.SensorResult:
        with dit.registry() as registry:
            runs, after = read_elsewhere(registry, words.name, Elsewhere.read(context.cursor))
            foreign = [run for run in runs if not context.instance.has_run(run.run_id)]
            told = _told(words, foreign, registry, context)
        if not told:
            return dg.SensorResult(skip_reason=dg.SkipReason("nothing new ran elsewhere"), cursor=after.written())
        return dg.SensorResult(
            asset_events=[event for _, events in told for event in events],
            dynamic_partitions_requests=[words.commits.build_add_request(sorted({run.commit for run, _ in told}))],
            cursor=after.written(),
        )

    return elsewhere


def _told(
    words: Vocabulary, runs: Sequence[FinishedRun], registry: Registry, context: dg.SensorEvaluationContext
) -> Sequence[tuple[FinishedRun, Sequence[AssetEvent]]]:
    """Each run's events. One that cannot be read is left out, and does not stand in the way of the others."""
    told: list[tuple[FinishedRun, Sequence[AssetEvent]]] = []
    for run in runs:
        try:
            events = tuple(reported(words, run, registry))
        except UNREADABLE as error:
            context.log.warning(f"the report of run {run.run_id} cannot be read, it is left out: {error!r}")
        else:
            told.append((run, events))
    return told


def _written(refs: Mapping[str, str]) -> str:
    return json.dumps(refs, separators=(",", ":"), sort_keys=True)
