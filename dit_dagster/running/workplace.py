"""Where a run works: the ports it goes through, and the few facts of its surroundings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dit_dagster.model.identity import DatasetName, Fingerprint
from dit_dagster.ports import Environments, PipelineRunner, Registry, SourceControl, Warehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """Every port a run needs. `variables` is the environment that steps start from."""

    warehouse: Warehouse
    registry: Registry
    code: SourceControl
    environments: Environments
    runner: PipelineRunner
    dataset: DatasetName
    logs: Path
    variables: Mapping[str, str]

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
