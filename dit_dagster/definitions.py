"""Dagster's entry point: every declared pipeline, and how its steps are executed. Reads declarations, nothing else."""

from __future__ import annotations

import dagster as dg

from dit_dagster.api import default_jobs
from dit_dagster.defs.component import MultiModePipeline
from dit_dagster.defs.resources import workbench
from dit_dagster.defs.schedules import cleaning
from dit_dagster.model.pipeline import read_pipeline
from dit_dagster.settings import Settings
from dit_dagster.wiring import declarations

_PRELOADED = (
    "dagster",
    "dit_dagster.definitions",
    "dit_dagster.adapters.bigquery",
    "dit_dagster.comparing.engine",
    # What every process imports when it opens the instance: more than half of the start of a step. A module that is
    # not there (another version of Dagster) is passed over.
    "dagster._core.instance.factory",
    "dagster._core.storage.sqlite_storage",
    "dagster._cli",
)


def executor(settings: Settings) -> dg.ExecutorDefinition:
    """One process per step, forked from one that has imported everything: a bare process takes seconds to start.

    At most as many at a time as phases may run, since a mode runs its phases one after another.
    """
    server = {"forkserver": {"preload_modules": [*_PRELOADED]}}
    return dg.multiprocess_executor.configured(
        {"max_concurrent": settings.jobs or default_jobs(), "start_method": server}, name="multiprocess"
    )


def definitions() -> dg.Definitions:
    """Each pipeline that ships with this, and those of DIT_PIPELINES. BadDeclaration names file, field and remedy."""
    settings = Settings.read()
    pipelines = [MultiModePipeline(read_pipeline(file)) for file in declarations(settings).values()]
    return dg.Definitions.merge(
        *(pipeline.build_defs() for pipeline in pipelines),
        cleaning(workbench()),
        dg.Definitions(executor=executor(settings)),
    )


defs = definitions()
