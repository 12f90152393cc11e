"""Connects the ports to adapters, as the settings say. The only place that knows which adapter is used.

Google's client is imported when a warehouse is asked for: it takes seconds, and reading declarations needs none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dit_dagster.adapters.environments import UvEnvironments
from dit_dagster.adapters.git import GitSource
from dit_dagster.adapters.home import MachineHome
from dit_dagster.adapters.process import ProcessRunner
from dit_dagster.adapters.registry import WarehouseRegistry
from dit_dagster.errors import UnknownName
from dit_dagster.model.identity import TableName
from dit_dagster.model.pipeline import Pipeline, read_pipeline
from dit_dagster.running.cleaning import Premises
from dit_dagster.running.workplace import Workplace
from dit_dagster.settings import Settings, inherited, whole_environment

if TYPE_CHECKING:
    from google.cloud.bigquery import Client

    from dit_dagster.adapters.bigquery import BigQueryWarehouse

_SHIPPED = Path(__file__).with_name("defs")
SAMPLE = "{sample}"
"""As a repository: the sample pipeline's, which is built below the home directory when it is first needed."""


def declarations(settings: Settings) -> Mapping[str, Path]:
    """The file of every declared pipeline, by its folder's name: those that ship with this, then the user's own."""
    folders = [_SHIPPED, *([settings.pipelines] if settings.pipelines else [])]
    files = [file for folder in folders for file in sorted(folder.glob("*/defs.yaml"))]
    return {file.parent.name: file for file in files}


def find_pipeline(name: str, settings: Settings) -> Pipeline:
    """The declared pipeline of that name; UnknownName with those that there are."""
    known = declarations(settings)
    if name not in known:
        raise UnknownName(f"unknown pipeline {name!r}; there are {', '.join(sorted(known)) or 'none'}")
    return read_pipeline(known[name])


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The warehouse of this machine's settings, and what a step needs to reach it."""

    warehouse: BigQueryWarehouse
    variables: Mapping[str, str]


def surroundings(settings: Settings) -> Surroundings:
    """The warehouse: Google's, or the local one, which is started if it does not run."""
    from dit_dagster.adapters.bigquery import BigQueryWarehouse

    if settings.warehouse == "bigquery":
        return _google(
            BigQueryWarehouse.google(
                project=settings.project, location=settings.location, maximum_bytes=settings.max_bytes
            )
        )
    from dit_dagster.adapters import local_gcp

    cloud = local_gcp.up(settings.directory / "local")
    base = inherited(cloud=False)
    return Surroundings(
        warehouse=BigQueryWarehouse.local(rest=cloud.rest, project=cloud.project),
        variables={**base, **cloud.environment(base)},
    )


def google_surroundings(client: Client, settings: Settings) -> Surroundings:
    """Google's warehouse through a client that the caller made and configured."""
    from dit_dagster.adapters.bigquery import BigQueryWarehouse

    return _google(BigQueryWarehouse(client, maximum_bytes=settings.max_bytes))


def _google(warehouse: BigQueryWarehouse) -> Surroundings:
    variables = {**inherited(cloud=True), "GOOGLE_CLOUD_PROJECT": warehouse.project}
    return Surroundings(warehouse=warehouse, variables=variables)


def repository(pipeline: Pipeline, settings: Settings) -> Path:
    """Where the pipeline's repository is on this machine."""
    if pipeline.repository == SAMPLE:
        from dit_dagster.demo.history import prepare

        return prepare(settings.directory / "demo").path
    return Path(pipeline.repository).expanduser()


def source_control(pipeline: Pipeline, settings: Settings) -> GitSource:
    """The pipeline's repository, to read commits from."""
    return GitSource(repository(pipeline, settings), settings.directory, whole_environment())


def prepare_environments(pipeline: Pipeline, refs: Iterable[str], settings: Settings) -> None:
    """Build the environments of these commits ahead of their runs, which then find them; EnvironmentFailed."""
    code = source_control(pipeline, settings)
    environments = UvEnvironments(settings.directory, whole_environment())
    for ref in refs:
        commit = code.resolve(ref)
        environments.ensure(code.checkout(commit, code.tree(commit, pipeline.hashed_paths)))


def workplace(pipeline: Pipeline, settings: Settings, around: Surroundings | None = None) -> Workplace:
    """Every port, ready. The sample's source tables are loaded when they are first needed."""
    code = source_control(pipeline, settings)
    around = around or surroundings(settings)
    warehouse = around.warehouse
    dataset = settings.dataset(warehouse.project)
    if pipeline.repository == SAMPLE:
        _load_sample(pipeline, warehouse)
    return Workplace(
        warehouse=warehouse,
        registry=_registry(warehouse, settings),
        code=code,
        environments=UvEnvironments(settings.directory, whole_environment()),
        runner=ProcessRunner(),
        dataset=dataset,
        logs=settings.directory / "logs",
        variables=around.variables,
    )


def _load_sample(pipeline: Pipeline, warehouse: BigQueryWarehouse) -> None:
    """The sample's source tables, unless they are there. Its loader, with pandas, is imported only when needed."""
    tables = [TableName.parse(source.table, project=warehouse.project) for source in pipeline.sources.values()]
    if len(warehouse.facts(tables)) < len(tables):
        from dit_dagster.demo.sources import load

        load(warehouse.client, str(tables[0].parent))


def registry(settings: Settings, around: Surroundings | None = None) -> WarehouseRegistry:
    """The registry alone, for those that only look."""
    return _registry((around or surroundings(settings)).warehouse, settings)


def _registry(warehouse: BigQueryWarehouse, settings: Settings) -> WarehouseRegistry:
    return WarehouseRegistry(warehouse, settings.registry(warehouse.project), patience=settings.patience)


def premises(settings: Settings, around: Surroundings | None = None) -> Premises:
    """Where there is something to clean up."""
    warehouse = (around or surroundings(settings)).warehouse
    return Premises(
        warehouse=warehouse,
        registry=_registry(warehouse, settings),
        dataset=settings.dataset(warehouse.project),
        records=settings.registry(warehouse.project),
        home=MachineHome(settings.directory),
    )
