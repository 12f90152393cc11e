"""The sensor that shows, beside a change, what became of the runs that were asked for it.

A commit can have several runs, as when a heavier one is asked for: it is as good as the worst of them, and no run that
passes takes the place of one that failed. The sensor looks at runs and not at events, so that a run that was cancelled,
or whose process died without a word, is shown as well; and it shows a run until that has worked: what cannot be shown
now stands in the way of those after it.
"""

# No `from __future__ import annotations`: Dagster reads the annotations of steps as objects.

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from dit_dagster.defs.pulls import runs_at, runs_of
from dit_dagster.defs.resources import Workbench
from dit_dagster.defs.vocabulary import (
    HEAD_TAG,
    PIPELINE_TAG,
    PULL_TAG,
    SUPERSEDED_TAG,
    TRIGGER,
    TRIGGER_TAG,
    Vocabulary,
)
from dit_dagster.errors import BoardRefused, BoardUnreachable
from dit_dagster.evidence import notices
from dit_dagster.model.identity import Commit
from dit_dagster.model.notice import Notice, NoticeState, worst
from dit_dagster.planning.pulls import DEFAULT
from dit_dagster.ports import Registry, VerdictBoard

SECONDS = 15
MARGIN = timedelta(seconds=30)
"""Runs may be written in another order than their times say."""

RUNS_PER_TICK = 20

_STATES: Mapping[dg.DagsterRunStatus, NoticeState] = {
    dg.DagsterRunStatus.QUEUED: NoticeState.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED: NoticeState.QUEUED,
    dg.DagsterRunStatus.STARTING: NoticeState.RUNNING,
    dg.DagsterRunStatus.STARTED: NoticeState.RUNNING,
    dg.DagsterRunStatus.CANCELING: NoticeState.RUNNING,
    dg.DagsterRunStatus.CANCELED: NoticeState.CANCELLED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """How far was looked: up to `latest`, and of the runs within the margin before it, the state that is shown."""

    latest: datetime | None = None
    states: Mapping[str, str] = field(default_factory=dict)

    def written(self) -> str:
        return json.dumps({"latest": self.latest.isoformat() if self.latest else None, "states": dict(self.states)})

    @classmethod
    def read(cls, text: str | None) -> "Shown":
        try:
            document = json.loads(text or "")
            latest = document["latest"]
            return cls(latest=datetime.fromisoformat(latest) if latest else None, states=document["states"])
        except (ValueError, KeyError, TypeError):  # it was not written by us: begin with what is recent
            return cls()


def verdicts_sensor(words: Vocabulary) -> dg.SensorDefinition:
    """Shows the state and the verdict of each run that was asked for a pull request. Off until somebody turns it on."""

    @dg.sensor(
        name=f"{words.name}_verdicts",
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description=f"Shows verdicts on pull requests of {words.name}: a check on the commit, and one comment.",
    )
    def show(context: dg.SensorEvaluationContext, dit: Workbench) -> dg.SensorResult:
        board = dit.board(words.pipeline)
        if board is None:
            why = "no credentials for a host that shows verdicts: DIT_GITHUB_TOKEN, or an App; and `pulls.github`"
            return dg.SensorResult(skip_reason=dg.SkipReason(why), cursor=context.cursor)
        before = Shown.read(context.cursor)
        records = _records(words, context.instance, before)
        fresh = [one for one in records if before.states.get(one.dagster_run.run_id) != one.dagster_run.status.value]
        if not fresh:
            return dg.SensorResult(skip_reason=dg.SkipReason("nothing new"), cursor=before.written())
        with dit.registry() as registry:
            done = _show_all(words, fresh, board, registry, context, dit)
        return dg.SensorResult(cursor=_after(before, records, fresh, done).written())

    return show


def _records(words: Vocabulary, instance: dg.DagsterInstance, before: Shown) -> Sequence[dg.RunRecord]:
    """Runs that changed since, the earliest first."""
    since = before.latest - MARGIN if before.latest is not None else datetime.now(UTC) - timedelta(days=1)
    wanted = dg.RunsFilter(tags={PIPELINE_TAG: words.name, TRIGGER_TAG: TRIGGER}, updated_after=since)
    return instance.get_run_records(wanted, order_by="update_timestamp", ascending=True)


def _show_all(
    words: Vocabulary,
    records: Sequence[dg.RunRecord],
    board: VerdictBoard,
    registry: Registry,
    context: dg.SensorEvaluationContext,
    dit: Workbench,
) -> int:
    """Show one after another; how many need not be shown again. A host that is away ends it, and so does the cap."""
    for place, record in enumerate(records[:RUNS_PER_TICK]):
        run = record.dagster_run
        try:
            _show(words, run, board, registry, context.instance, dit.link)
        except BoardRefused as error:
            context.log.error(f"the verdict of run {run.run_id} is not shown: {error}")
        except BoardUnreachable as error:
            context.log.warning(f"run {run.run_id} is shown later: {error}")
            return place
    return min(len(records), RUNS_PER_TICK)


def _show(
    words: Vocabulary,
    run: dg.DagsterRun,
    board: VerdictBoard,
    registry: Registry,
    instance: dg.DagsterInstance,
    link: Callable[[str], str | None],
) -> None:
    """Show how things stand with the run's commit, now that this run has changed."""
    standing = runs_at(words, run.tags[HEAD_TAG], instance)
    told = {one.run_id: _notice(words, one, registry, link(one.run_id)) for one in standing}
    board.show(worst(told.values()))
    number = run.tags[PULL_TAG]
    if int(number) != DEFAULT and runs_of(words, int(number), instance)[0].tags[HEAD_TAG] == run.tags[HEAD_TAG]:
        # The comment is of the latest head: no verdict on an earlier one stands there as if it were its own.
        own = [told[one.run_id] for one in standing if one.tags[PULL_TAG] == number]
        board.comment(int(number), notices.topic(words.name), worst(own or told.values()).summary)


def _notice(words: Vocabulary, run: dg.DagsterRun, registry: Registry, link: str | None) -> Notice:
    """What to say of a run. The registry's report is the verdict; a run that ended without one is an error."""
    commit = Commit(run.tags[HEAD_TAG])
    state = _STATES.get(run.status)
    if state is NoticeState.CANCELLED or (SUPERSEDED_TAG in run.tags and state is None):
        return notices.of_cancelled(words.name, commit, run.tags.get(SUPERSEDED_TAG, "by hand"), link)
    if state is not None:
        return notices.of_progress(words.name, commit, state, link)
    report = _report(run.run_id, registry)
    if report is None:
        return notices.of_failure(words.name, commit, f"the run ended as {run.status.value} without one", link)
    notice = notices.of_report(report, link)
    if notice.state is NoticeState.PASS and run.status is not dg.DagsterRunStatus.SUCCESS:
        return notices.of_failure(words.name, commit, f"every pair passes, and the run is {run.status.value}", link)
    return notice


def _report(run_id: str, registry: Registry) -> Mapping[str, Any] | None:
    finished = [event.payload for event in registry.of_run(run_id) if event.kind == "run_finished"]
    return finished[-1] if finished else None


def _after(before: Shown, records: Sequence[dg.RunRecord], fresh: Sequence[dg.RunRecord], done: int) -> Shown:
    """What is shown now. If something is left for later, the next look begins at its time, less the margin."""
    shown = {**before.states, **{one.dagster_run.run_id: one.dagster_run.status.value for one in fresh[:done]}}
    kept = {one.dagster_run.run_id for one in records}
    latest = (records[-1] if done == len(fresh) else fresh[done]).update_timestamp
    if before.latest is not None:
        latest = max(before.latest, latest)
    recent = {run: state for run, state in shown.items() if run in kept}
    return Shown(latest=latest, states=recent)
