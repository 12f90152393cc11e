"""A mode's step: it brings the mode to its state and materialises every output, reused ones as well."""

# No `from __future__ import annotations`: Dagster reads the annotations of steps as objects.

from collections.abc import Iterator, Mapping

import dagster as dg

from dit_dagster.comparing import Digest
from dit_dagster.defs import metadata
from dit_dagster.defs.resources import Workbench
from dit_dagster.defs.steps import announce, close_if_complete, interruptible, joined
from dit_dagster.defs.vocabulary import CACHE_TAG, KIND, RUN_METADATA, Vocabulary
from dit_dagster.model.identity import Fingerprint
from dit_dagster.model.outcome import PhaseOutcome, Ran, record_of
from dit_dagster.model.state import PhaseRecord
from dit_dagster.planning.plan import PlannedMode
from dit_dagster.running.judging import why_no_state
from dit_dagster.running.phase import compared_role
from dit_dagster.running.run import Prospect, execute
from dit_dagster.running.shared_run import record_mode
from dit_dagster.running.workplace import Workplace

StepEvent = dg.MaterializeResult[None] | dg.AssetMaterialization | dg.AssetCheckEvaluation


def mode_asset(words: Vocabulary, mode: str) -> dg.AssetsDefinition:
    """One step that brings a mode to its state, and materialises each output, reused ones as well."""
    pipeline = words.pipeline
    purpose = pipeline.mode(mode).purpose
    specs = [
        dg.AssetSpec(
            words.output(mode, output),
            deps=[words.pin],
            partitions_def=words.commits,
            group_name=words.name,
            kinds={KIND, mode},  # a node shows the last part of its key and its kinds: else all modes look alike
            description=f"{output} as mode {mode} leaves it" + (f": {purpose}." if purpose else "."),
        )
        for output in pipeline.outputs
    ]

    @dg.multi_asset(
        specs=specs,
        name=words.mode_op(mode),
        op_tags={"dit/step": "mode"},
    )
    def run_mode(context: dg.AssetExecutionContext, dit: Workbench) -> Iterator[StepEvent]:
        with dit.workplace(pipeline) as place:
            ahead = joined(words, context, place)
            _refuse_unplanned(words, ahead, mode)
            watch = announce(context)
            (outcomes, _), interruption = interruptible(
                lambda stop: execute(ahead, place, context.run_id, modes=(mode,), stop=stop, watch=watch)
            )
            # However it ended: it is in the registry before anything is raised.
            record_mode(ahead, place, context.run_id, mode, outcomes)
            yield from close_if_complete(words, context, place, ahead, interrupted=interruption is not None)
            if interruption is not None:
                raise interruption
            yield from _materialised(words, context, place, ahead, ahead.plan.mode(mode), outcomes)

    return run_mode


def _refuse_unplanned(words: Vocabulary, ahead: Prospect, mode: str) -> None:
    """A step without a pin in its own run goes on from one that may not have planned its mode."""
    if mode not in ahead.plan.request.modes:
        planned = ", ".join(ahead.plan.request.modes)
        raise dg.Failure(
            description=f"the latest pin of this commit planned {planned}, not {mode}; "
            f"materialise {words.name}/pin together with it",
            allow_retries=False,
        )


def _materialised(
    words: Vocabulary,
    context: dg.AssetExecutionContext,
    place: Workplace,
    ahead: Prospect,
    mode: PlannedMode,
    outcomes: Mapping[Fingerprint, PhaseOutcome],
) -> Iterator[StepEvent]:
    """A materialisation per output, and one on the board; or the failure."""
    record = record_of(outcomes[mode.leaf])
    logs = place.logs / context.run_id
    if record is None:
        raise dg.Failure(
            description=f"mode {mode.name}: {why_no_state(mode, outcomes)}",
            metadata=metadata.of_mode(ahead, mode, outcomes, logs),
        )
    shown = {
        **metadata.of_commit(place.code, ahead.plan.request.commit),
        **metadata.of_mode(ahead, mode, outcomes, logs),
    }
    mine = {name: outcomes[name] for name in mode.path}
    tags = {CACHE_TAG: "miss" if any(isinstance(one, Ran) for one in mine.values()) else "hit"}
    digests = _digests(place, record)
    for output in words.pipeline.outputs:
        digest = digests.get(output)
        described = {**shown, **_of_output(words, place, record, output, digest), RUN_METADATA: context.run_id}
        yield dg.AssetMaterialization(
            words.board(output),
            partition=words.cell(context.partition_key, mode.name),
            metadata=described,
            tags=tags,
        )
        yield dg.MaterializeResult(
            asset_key=words.output(mode.name, output),
            metadata=described,
            # Equal contents have equal versions; without a digest equal inputs do.
            data_version=dg.DataVersion(digest.value if digest is not None else str(record.fingerprint)),
            tags=tags,
        )


def _of_output(
    words: Vocabulary, place: Workplace, record: PhaseRecord, output: str, digest: Digest | None
) -> metadata.Metadata:
    table = record.table(compared_role(output, words.pipeline.outputs[output]))
    facts = place.warehouse.facts([table]) if table is not None else {}
    if table is None or table not in facts:
        return {}
    return metadata.of_table(facts[table], digest.rows if digest is not None else None)


def _digests(place: Workplace, record: PhaseRecord) -> Mapping[str, Digest]:
    """What was taken down of each output when the state was committed; outputs without a digest are absent."""
    events = place.registry.of_fingerprints(["digest"], [record.fingerprint])
    return {
        event.payload["output"]: Digest.from_json(event.payload["digest"])
        for event in events
        if event.payload["prefix"] == record.prefix
    }
