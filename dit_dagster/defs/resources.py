"""The workbench: where a step gets its ports from. Everything that leaves it is a frozen dataclass or a port."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import dagster as dg

from dit_dagster import wiring
from dit_dagster.model.pipeline import Pipeline
from dit_dagster.ports import Registry, SourceControl, Upstream, VerdictBoard
from dit_dagster.running.cleaning import Premises
from dit_dagster.running.workplace import Workplace
from dit_dagster.settings import Settings

WORKBENCH = "dit"
"""The resource's key, and the name of the parameter by which steps and sensors ask for it."""


class Workbench(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The ports of this machine's settings. The local cloud is started by whoever needs it first."""

    def source_control(self, pipeline: Pipeline) -> SourceControl:
        """The pipeline's repository alone; the warehouse is not touched."""
        return wiring.source_control(pipeline, Settings.read())

    def upstream(self, pipeline: Pipeline) -> Upstream:
        """The remote whose pull requests are watched."""
        return wiring.upstream(pipeline, Settings.read())

    def board(self, pipeline: Pipeline) -> VerdictBoard | None:
        """Where the pipeline's verdicts are shown, if there is such a place."""
        return wiring.board(pipeline, Settings.read())

    def link(self, run_id: str) -> str | None:
        """Where a run can be looked at."""
        return Settings.read().link(run_id)

    @contextmanager
    def workplace(self, pipeline: Pipeline) -> Iterator[Workplace]:
        """Every port of a run."""
        yield wiring.workplace(pipeline, Settings.read())

    @contextmanager
    def registry(self) -> Iterator[Registry]:
        """The registry alone."""
        yield wiring.registry(Settings.read())

    @contextmanager
    def premises(self) -> Iterator[Premises]:
        """Where there is something to clean up."""
        yield wiring.premises(Settings.read())


@cache
def workbench() -> Workbench:
    """One object for every pipeline, so that their definitions can be merged."""
    if Settings.read().warehouse == "bigquery":
        from dit_dagster.defs.google import google_workbench  # its import costs seconds, and only Google needs it

        return google_workbench()
    return Workbench()
