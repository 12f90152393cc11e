"""Where a run works: the ports it goes through, and the few facts of its surroundings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dit_dagster.errors import InfrastructureError
from dit_dagster.model.beam import BeamPlace
from dit_dagster.model.identity import DatasetName, Fingerprint
from dit_dagster.ports import Environments, JobService, PipelineRunner, Registry, SourceControl, Warehouse


def no_jobs() -> JobService:
    """Where no service runs jobs."""
    raise InfrastructureError("no Dataflow is connected here; run the step on DirectRunner")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """Every port a run needs. `variables` is the environment that steps start from.

    `secrets` are values that only the steps get that name them, and that no log, record or message ever shows.
    `beam` is where Beam's jobs run, and `jobs` connects to the service that runs them, when a step needs it.
    """

    warehouse: Warehouse
    registry: Registry
    code: SourceControl
    environments: Environments
    runner: PipelineRunner
    dataset: DatasetName
    logs: Path
    variables: Mapping[str, str]
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    beam: BeamPlace | None = None
    jobs: Callable[[], JobService] = no_jobs

    @property
    def beam_place(self) -> BeamPlace:
        """Where Beam's jobs run; of the project alone, if nothing else is known."""
        return self.beam or BeamPlace(project=self.warehouse.project)

    @property
    def reports(self) -> Path:
        """Where the pages of runs are kept: beside their logs."""
        return self.logs.with_name("reports")


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something that a watcher may want to show: about a phase, if it is about one."""

    text: str
    fingerprint: Fingerprint | None = None
    kind: str = "note"


Watch = Callable[[Note], None]


def silence(_: Note) -> None:
    """A watcher that shows nothing."""
