"""The assets of a pipeline: sources and board, which lie outside; the pin; one step per mode."""

# No `from __future__ import annotations`: Dagster reads the annotations of steps as objects.

from collections.abc import Iterator, Mapping
from datetime import date

import dagster as dg
from pydantic import Field

from dit_dagster.api import Asked, make_request
from dit_dagster.defs import metadata
from dit_dagster.defs.resources import Workbench
from dit_dagster.defs.steps import (
    announce,
    close_if_complete,
    interruptible,
    joined,
    modes_of_run,
    refused,
    validated_commit,
)
from dit_dagster.defs.vocabulary import CACHE_TAG, RUN_METADATA, Vocabulary
from dit_dagster.errors import UsageError
from dit_dagster.model.experiment import Request
from dit_dagster.model.identity import Commit, Fingerprint
from dit_dagster.model.outcome import PhaseOutcome, Ran, record_of
from dit_dagster.model.state import PhaseRecord
from dit_dagster.planning.plan import PlannedMode
from dit_dagster.running.judging import why_no_state
from dit_dagster.running.phase import compared_role
from dit_dagster.running.run import Prospect, execute, open_run, prospect
from dit_dagster.running.shared_run import record_mode
from dit_dagster.running.workplace import Workplace
from dit_dagster.settings import Settings

_KIND = "bigquery"

StepEvent = dg.MaterializeResult[None] | dg.AssetMaterialization | dg.AssetCheckEvaluation


class PinConfig(dg.Config):
    """What a run may choose; everything has the pipeline's default. Dates are written YYYY-MM-DD."""

    start: str | None = Field(default=None, description="first day of the window")
    end: str | None = Field(default=None, description="the day after the window's last")
    tail: int | None = Field(default=None, description="T: how many days the daily runs cover at the end")
    lookback: int | None = Field(default=None, description="W: the days of one daily run")
    experiment_id: str | None = Field(default=None, description="prefix of everything that the run makes")
    force: bool = Field(default=False, description="run every phase, whatever is known")


def external_assets(words: Vocabulary) -> list[dg.AssetSpec]:
    """Sources (what they held is observed at each pin), the board per output, and the report."""
    pipeline = words.pipeline
    sources = [
        dg.AssetSpec(
            words.source(name),
            group_name=words.name,
            kinds={_KIND},
            description=f"{source.table}, as {words.name} reads it. Each pin observes what it holds.",
        )
        for name, source in pipeline.sources.items()
    ]
    boards = [
        dg.AssetSpec(
            words.board(output),
            deps=[words.output(mode, output) for mode in pipeline.available_modes],
            group_name=words.name,
            kinds={_KIND},
            partitions_def=words.grid,
            description=f"The board of {output}: which commits were run in which modes.",
        )
        for output in pipeline.outputs
    ]
    report = dg.AssetSpec(
        words.report,
        deps=[words.board(output) for output in pipeline.outputs],
        group_name=words.name,
        partitions_def=words.commits,
        description="How the latest run of a commit ended: the verdict on every pair.",
    )
    return [*sources, *boards, report]


def pin_asset(words: Vocabulary) -> dg.AssetsDefinition:
    """Refuses bad input before anything has happened; then plans, and records what every mode of the run reads."""
    pipeline = words.pipeline

    @dg.asset(
        key=words.pin,
        name=None,
        deps=[words.source(name) for name in pipeline.sources],
        partitions_def=words.commits,
        group_name=words.name,
        kinds={_KIND},
        description="The input that every mode of a run reads: what the sources held when the run was planned.",
        op_tags={"dit/step": "pin"},
    )
    def pin(context: dg.AssetExecutionContext, config: PinConfig, dit: Workbench) -> dg.MaterializeResult[None]:
        with refused():
            commit = validated_commit(context.partition_key, dit.source_control(pipeline))
        with dit.workplace(pipeline) as place:
            with refused():
                request = _request(words, context, config, commit, place)
                ahead = prospect(request, place, run_id=context.run_id)
            open_run(ahead, place, context.run_id)
            context.instance.add_dynamic_partitions(words.partitions, [commit])
            _observe_sources(words, context, ahead)
        return dg.MaterializeResult(
            metadata={
                **metadata.of_commit(place.code, commit),
                **metadata.of_plan(ahead),
                RUN_METADATA: context.run_id,
            },
            data_version=dg.DataVersion(_input_version(ahead)),
        )

    return pin


def _request(
    words: Vocabulary, context: dg.AssetExecutionContext, config: PinConfig, commit: Commit, place: Workplace
) -> Request:
    """The modes are those whose steps are in this run, so that what is planned is what Dagster will start."""
    asked = Asked(
        pipeline=words.name,
        commit=commit,
        modes=modes_of_run(words, context) or None,
        start=_day("start", config.start),
        end=_day("end", config.end),
        tail=config.tail,
        lookback=config.lookback,
        experiment_id=config.experiment_id,
        force=config.force,
    )
    return make_request(asked, words.pipeline, place, Settings.read())


def _day(field: str, text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{field}: {text!r} is not a day; write YYYY-MM-DD") from error


def _observe_sources(words: Vocabulary, context: dg.AssetExecutionContext, ahead: Prospect) -> None:
    for name, identity in ahead.plan.sources.items():
        context.log_event(
            dg.AssetObservation(
                words.source(name),
                tags={"dagster/data_version": identity.hash},
                metadata={
                    "dagster/table_name": str(identity.table),
                    "created": identity.created,
                    "modified": identity.modified,
                    **({"dagster/row_count": identity.rows} if identity.rows is not None else {}),
                },
            )
        )


def _input_version(ahead: Prospect) -> str:
    """One version for one input: the sources, whatever the commit or the window."""
    return ".".join(identity.hash[:16] for _, identity in sorted(ahead.plan.sources.items()))


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
            kinds={_KIND, mode},  # a node shows the last part of its key and its kinds: else all modes look alike
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
    for output in words.pipeline.outputs:
        described = {**shown, **_table_metadata(words, place, record, output), RUN_METADATA: context.run_id}
        yield dg.AssetMaterialization(
            words.board(output),
            partition=words.cell(context.partition_key, mode.name),
            metadata=described,
            tags=tags,
        )
        yield dg.MaterializeResult(
            asset_key=words.output(mode.name, output),
            metadata=described,
            data_version=dg.DataVersion(_data_version(place, record, output)),
            tags=tags,
        )


def _table_metadata(words: Vocabulary, place: Workplace, record: PhaseRecord, output: str) -> metadata.Metadata:
    table = record.table(compared_role(output, words.pipeline.outputs[output]))
    facts = place.warehouse.facts([table]) if table is not None else {}
    if table is None or table not in facts:
        return {}
    return metadata.of_table(facts[table], _rows(place, record, output))


def _digest(place: Workplace, record: PhaseRecord, output: str) -> dict[str, object] | None:
    """What was taken down of an output when its state was committed; None if its columns have no digest."""
    for event in place.registry.of_fingerprints(["digest"], [record.fingerprint]):
        if event.payload["output"] == output and event.payload["prefix"] == record.prefix:
            found: dict[str, object] = event.payload["digest"]
            return found
    return None


def _rows(place: Workplace, record: PhaseRecord, output: str) -> int | None:
    found = _digest(place, record, output)
    return int(str(found["rows"])) if found is not None else None


def _data_version(place: Workplace, record: PhaseRecord, output: str) -> str:
    """Equal contents have equal versions; without a digest equal inputs do."""
    from dit_dagster.comparing import Digest

    found = _digest(place, record, output)
    return Digest.from_json(found).value if found is not None else str(record.fingerprint)
