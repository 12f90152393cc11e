"""The pin: the first step of every run. What it refuses, no other step has begun with."""

# No `from __future__ import annotations`: Dagster reads the annotations of steps as objects.

from datetime import date

import dagster as dg
from pydantic import Field

from dit_dagster.api import Asked, make_request
from dit_dagster.defs import metadata
from dit_dagster.defs.resources import Workbench
from dit_dagster.defs.steps import modes_of_run, refused, validated_commit
from dit_dagster.defs.vocabulary import KIND, REF_TAG, RUN_METADATA, Vocabulary
from dit_dagster.errors import UsageError
from dit_dagster.model.experiment import Request
from dit_dagster.model.identity import Commit
from dit_dagster.model.pipeline import Pipeline
from dit_dagster.model.pull_request import Head, default_ref, is_watched
from dit_dagster.running.run import Prospect, open_run, prospect
from dit_dagster.running.workplace import Workplace
from dit_dagster.settings import Settings


class PinConfig(dg.Config):
    """What a run may choose; everything has the pipeline's default. Dates are written YYYY-MM-DD."""

    start: str | None = Field(default=None, description="first day of the window")
    end: str | None = Field(default=None, description="the day after the window's last")
    tail: int | None = Field(default=None, description="T: how many days the daily runs cover at the end")
    lookback: int | None = Field(default=None, description="W: the days of one daily run")
    experiment_id: str | None = Field(default=None, description="prefix of everything that the run makes")
    force: bool = Field(default=False, description="run every phase, whatever is known")
    resume: str = Field(default="if-possible", description="never, if-possible or always: what may be reused")
    from_phase: str | None = Field(default=None, description="MODE:N: run this phase and all that stands on it")
    max_bytes: int | None = Field(default=None, description="refuse to run if phases are expected to read more")
    cohort: str | None = Field(default=None, description="a cohort of the declaration")
    against: str | None = Field(default=None, description="a commit that the run's states are compared with, if known")


def pin_asset(words: Vocabulary) -> dg.AssetsDefinition:
    """Refuses bad input before anything has happened; then plans, and records what every mode of the run reads."""
    pipeline = words.pipeline

    @dg.asset(
        key=words.pin,
        name=None,
        deps=[words.source(name) for name in pipeline.sources],
        partitions_def=words.commits,
        group_name=words.name,
        kinds={KIND},
        description="The input that every mode of a run reads: what the sources held when the run was planned.",
        op_tags={"dit/step": "pin"},
    )
    def pin(context: dg.AssetExecutionContext, config: PinConfig, dit: Workbench) -> dg.MaterializeResult[None]:
        with refused():
            _bring(pipeline, context, dit, config.against)
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


def _bring(pipeline: Pipeline, context: dg.AssetExecutionContext, dit: Workbench, base: str | None) -> None:
    """Fetch the head of a pull request that the sensor asked for, and what it is compared with.

    Any other ref is nobody's business here.
    """
    ref = context.run.tags.get(REF_TAG)
    if ref is None or pipeline.pulls is None or not is_watched(ref, pipeline.default_branch):
        return
    upstream = dit.upstream(pipeline)
    upstream.bring(Head(ref=ref, commit=Commit(context.partition_key)))
    if base is not None:
        upstream.bring(Head(ref=default_ref(pipeline.default_branch), commit=Commit(base)))


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
        resume=config.resume,
        from_phase=config.from_phase,
        max_bytes=config.max_bytes,
        cohort=config.cohort,
        against=config.against,
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
