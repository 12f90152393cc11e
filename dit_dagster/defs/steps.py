"""What the steps of a job have in common: refusing, joining the run, being interrupted, ending the run."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import dagster as dg

from dit_dagster.defs import metadata
from dit_dagster.defs.evaluations import evaluation
from dit_dagster.defs.vocabulary import REFUSED, RUN_METADATA, Vocabulary
from dit_dagster.errors import UsageError
from dit_dagster.evidence.pages import keep_run_page
from dit_dagster.evidence.report import report_json
from dit_dagster.model.identity import Commit
from dit_dagster.ports import SourceControl
from dit_dagster.running.crossing import against
from dit_dagster.running.orchestrator import Stop
from dit_dagster.running.run import Prospect, close_run
from dit_dagster.running.shared_run import join_run, report_if_complete
from dit_dagster.running.workplace import Note, Watch, Workplace

T = TypeVar("T")
_WAIT_SECONDS = 0.2
StepContext = dg.AssetExecutionContext | dg.AssetCheckExecutionContext


@contextmanager
def refused() -> Iterator[None]:
    """A request that is wrong fails its step with one line, and is not tried again."""
    try:
        yield
    except UsageError as error:
        # The mark is for `dit ci`, which ends with another exit code then.
        raise dg.Failure(
            description=" ".join(str(error).split()), metadata={REFUSED: True}, allow_retries=False
        ) from error


def validated_commit(partition_key: str, code: SourceControl) -> Commit:
    """A full id of a commit that the repository has. Raises UsageError; Dagster takes any text as a partition."""
    commit = Commit(partition_key)
    code.resolve(commit)
    return commit


def planned_steps(context: StepContext) -> frozenset[str]:
    """The steps that this Dagster run was planned with, in whichever process it is asked."""
    snapshot = context.run.execution_plan_snapshot_id
    if snapshot is None:
        return frozenset()
    return frozenset(context.instance.get_execution_plan_snapshot(snapshot).step_keys_to_execute)


def modes_of_run(words: Vocabulary, context: StepContext) -> tuple[str, ...]:
    """The modes that have a step in this run."""
    steps = planned_steps(context)
    return tuple(mode for mode in words.pipeline.available_modes if words.mode_op(mode) in steps)


def joined(words: Vocabulary, context: StepContext, place: Workplace) -> Prospect:
    """What this run's pin planned. Without a pin of its own it goes on from the run that it re-executes, or else from
    the latest pin of the commit. Fails if there is none: then nothing can be run or judged.
    """
    with refused():
        return join_run(words.pipeline, place, context.run.run_id, earlier=tuple(_earlier(words, context)))


def _earlier(words: Vocabulary, context: StepContext) -> Iterator[str]:
    if context.run.parent_run_id is not None:
        yield context.run.parent_run_id
    pinned = context.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=words.pin, asset_partitions=[context.run.tags["dagster/partition"]]), limit=1
    )
    for record in pinned.records:
        if record.asset_materialization is not None:
            yield str(record.asset_materialization.metadata[RUN_METADATA].value)


def interruptible(work: Callable[[Stop], T]) -> tuple[T, BaseException | None]:
    """Do `work` in a thread of its own, so that an interruption (which reaches the main thread) can ask it to stop.

    Returns what the work came to, and the interruption if there was one: the caller raises it when it is done.
    """
    stop = Stop()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="dit") as pool:
        future = pool.submit(work, stop)
        try:
            while not future.done():  # in short waits: a signal does not wake every wait
                wait([future], timeout=_WAIT_SECONDS)
        except BaseException as interruption:  # noqa: BLE001  # the caller raises it
            stop.ask(signal.SIGTERM)
            return future.result(), interruption
        return future.result(), None


def announce(context: StepContext) -> Watch:
    """Events into Dagster's log; what the steps write into the step's own output."""

    def watch(note: Note) -> None:
        where = f"{note.fingerprint[:12]}: " if note.fingerprint else ""
        if note.kind == "line":
            print(f"{where}{note.text}", flush=True)
            return
        text = note.text if note.kind in ("stage", "note") else f"{note.kind} {note.text}".strip()
        log = context.log.error if note.kind == "failed" else context.log.info
        log(f"{where}{text}")

    return watch


def kept(context: StepContext, keep: Callable[[], Path]) -> Path | None:
    """Where a page was kept; None, with a warning, if this machine's disk takes none: the verdict stands without it."""
    try:
        return keep()
    except OSError as error:
        context.log.warning(f"no page was written: {error}")
        return None


def close_if_complete(
    words: Vocabulary, context: StepContext, place: Workplace, ahead: Prospect, *, interrupted: bool = False
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
    """Close the run if this step is the last one. Yields the report, and a result for every check not started.

    They are for the step to yield: what it only logs is lost when it fails afterwards.
    """
    steps = planned_steps(context)
    checked = frozenset(
        (pair.output, pair.reference, pair.mode)
        for pair in words.checked_pairs()
        if words.checks_op(pair.mode) in steps
    )
    stopped_by = signal.SIGTERM if interrupted else None
    run_id, commit = context.run.run_id, ahead.plan.request.commit
    modes = frozenset(modes_of_run(words, context)).intersection(ahead.plan.request.modes)
    complete = report_if_complete(ahead, place, run_id, modes=modes, checked=checked, signal=stopped_by)
    if complete is None:
        return
    report, news = complete
    described = report_json(replace(report, against=against(report, place)))
    close_run(words.name, run_id, place, described)
    shown = {
        **metadata.of_commit(place.code, commit),
        **metadata.of_report(described),
        **metadata.of_page(kept(context, lambda: keep_run_page(place.reports, described))),
        RUN_METADATA: dg.MetadataValue.text(run_id),
    }
    yield dg.AssetMaterialization(words.report, partition=commit, metadata=shown)
    for comparison in news:
        yield from evaluation(words, comparison.json, commit)
