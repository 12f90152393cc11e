"""Connects the ports to adapters, as the settings say. The only place that knows which adapter is used.

Google's client is imported when a warehouse is asked for: it takes seconds, and reading declarations needs none.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from dit_dagster.adapters.cloud_build.requests import BuildPlace
from dit_dagster.adapters.docker import (
    ContainerEnvironments,
    ContainerPlace,
    ContainerRunner,
    EngineContainers,
    EngineImages,
    UsedImages,
)
from dit_dagster.adapters.docker.services import effective
from dit_dagster.adapters.environments import UvEnvironments
from dit_dagster.adapters.git import GitSource
from dit_dagster.adapters.home import MachineHome
from dit_dagster.adapters.process import ProcessRunner
from dit_dagster.adapters.registry import WarehouseRegistry
from dit_dagster.errors import UnknownName, UsageError
from dit_dagster.model.beam import BeamPlace
from dit_dagster.model.container import Container
from dit_dagster.model.identity import ImageDigest, TableName
from dit_dagster.model.pipeline import Pipeline, read_pipeline
from dit_dagster.ports import (
    Checkout,
    Environments,
    ImageBuilder,
    ImageStore,
    JobService,
    SourceControl,
    Upstream,
    VerdictBoard,
)
from dit_dagster.running.cleaning import Premises
from dit_dagster.running.worker_images import WithWorkers
from dit_dagster.running.workplace import Workplace, no_jobs
from dit_dagster.settings import Settings, inherited, whole_environment

if TYPE_CHECKING:
    from google.cloud.bigquery import Client

    from dit_dagster.adapters.bigquery import BigQueryWarehouse
    from dit_dagster.adapters.cloud_build.connection import Connection
    from dit_dagster.adapters.cloud_build.images import KanikoImages

_SHIPPED = Path(__file__).with_name("defs")
SAMPLE, BEAM_SAMPLE = "{sample}", "{sample_beam}"
_SAMPLES = (SAMPLE, BEAM_SAMPLE)
"""As a repository: a sample pipeline's, which is built below the home directory when it is first needed."""
REPOSITORIES = "{repositories}/"
"""How a repository begins that is in DIT_REPOSITORIES: a declaration that ships with this knows no machine's paths."""


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
    """The warehouse of this machine's settings, what a step needs to reach it, and where Beam's jobs run.

    `contained` is what a step in a container needs. `jobs` connects to Dataflow when it is asked for: its client takes
    seconds to import.
    """

    warehouse: BigQueryWarehouse
    variables: Mapping[str, str]
    contained: Mapping[str, str] = field(default_factory=dict)
    beam: BeamPlace | None = None
    jobs: Callable[[], JobService] = no_jobs


def surroundings(settings: Settings) -> Surroundings:
    """The warehouse: Google's, or the local one, which is started if it does not run."""
    from dit_dagster.adapters.bigquery import BigQueryWarehouse

    if settings.warehouse == "bigquery":
        return _google(
            BigQueryWarehouse.google(
                project=settings.project, location=settings.location, maximum_bytes=settings.max_bytes
            ),
            settings,
        )
    from dit_dagster.adapters import local_gcp

    cloud = local_gcp.up(settings.directory / "local")
    base = inherited(cloud=False)
    beam = settings.beam_place(cloud.project, local=True)
    return Surroundings(
        warehouse=BigQueryWarehouse.local(rest=cloud.rest, project=cloud.project),
        variables={**base, **cloud.environment(base)},
        contained=cloud.environment(),
        beam=beam,
        jobs=cache(lambda: _dataflow(beam, cloud.dataflow)),
    )


def google_surroundings(client: Client, settings: Settings) -> Surroundings:
    """Google's warehouse through a client that the caller made and configured."""
    from dit_dagster.adapters.bigquery import BigQueryWarehouse

    return _google(BigQueryWarehouse(client, maximum_bytes=settings.max_bytes), settings)


def _google(warehouse: BigQueryWarehouse, settings: Settings) -> Surroundings:
    project = {"GOOGLE_CLOUD_PROJECT": warehouse.project}
    beam = settings.beam_place(warehouse.project)
    return Surroundings(
        warehouse=warehouse,
        variables={**inherited(cloud=True), **project},
        contained={**inherited(cloud=True, machine=False), **project},
        beam=beam,
        jobs=cache(lambda: _dataflow(beam, None)),
    )


def _dataflow(place: BeamPlace, endpoint: str | None) -> JobService:
    from dit_dagster.adapters.dataflow import DataflowJobs

    if place.region is None:
        raise UsageError("no region of Dataflow's jobs: set DIT_DATAFLOW_REGION")
    return DataflowJobs(project=place.project, region=place.region, endpoint=endpoint)


def repository(pipeline: Pipeline, settings: Settings) -> Path:
    """Where the pipeline's repository is on this machine."""
    if pipeline.repository in _SAMPLES:
        from dit_dagster.demo.history import FLIGHT_GAPS_BEAM, prepare

        if pipeline.repository == BEAM_SAMPLE:
            return prepare(settings.directory / "demo-beam", FLIGHT_GAPS_BEAM).path
        return prepare(settings.directory / "demo").path
    if pipeline.repository.startswith(REPOSITORIES):
        return _beside(pipeline, settings)
    return Path(pipeline.repository).expanduser()


def _beside(pipeline: Pipeline, settings: Settings) -> Path:
    """A repository that is declared by its name alone, in the folder where this machine keeps them."""
    if settings.repositories is None:
        raise UsageError(
            f"{pipeline.name}: set DIT_REPOSITORIES to the folder that holds {pipeline.repository[len(REPOSITORIES) :]}"
        )
    return settings.repositories.expanduser() / pipeline.repository.removeprefix(REPOSITORIES)


def source_control(pipeline: Pipeline, settings: Settings, *, editable: Path | None = None) -> SourceControl:
    """The pipeline's repository, to read commits from; or a folder that stands for every commit of it."""
    code = GitSource(repository(pipeline, settings), settings.directory, whole_environment())
    if editable is None:
        return code
    from dit_dagster.adapters.editable import EditableSource

    return EditableSource(editable.expanduser().absolute(), code, whole_environment())


def upstream(pipeline: Pipeline, settings: Settings) -> Upstream:
    """The remote whose pull requests are watched. UsageError if the pipeline declares none."""
    from dit_dagster.adapters.git_remote import GitUpstream

    if pipeline.pulls is None:
        raise UsageError(f"{pipeline.name} declares no pulls in its defs.yaml; see docs/pull-requests.md")
    place = repository(pipeline, settings)
    return GitUpstream(pipeline.pulls.remote, pipeline.default_branch, place, whole_environment())


def board(pipeline: Pipeline, settings: Settings) -> VerdictBoard | None:
    """Where the pipeline's verdicts are shown; None without credentials, or where no repository on GitHub is declared.

    UsageError for an App whose key cannot be read.
    """
    slug = pipeline.pulls.slug if pipeline.pulls is not None else None
    if slug is None or (settings.github_token is None and settings.github_app_id is None):
        return None
    from dit_dagster.adapters.github import App, GitHubBoard, Token  # its import costs a second

    if settings.github_app_id is None:
        assert settings.github_token is not None  # noqa: S101  # it is one or the other
        return GitHubBoard(slug, Token(token=settings.github_token), address=settings.github_api)
    return GitHubBoard(
        slug, App(identifier=settings.github_app_id, key=_app_key(settings)), address=settings.github_api
    )


def _app_key(settings: Settings) -> SecretStr:
    file = settings.github_app_key_file
    try:
        if file is not None:
            return SecretStr(file.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"DIT_GITHUB_APP_KEY_FILE {file}: {type(error).__name__}; name the App's private key"
        ) from None
    raise UsageError("DIT_GITHUB_APP_ID is set, and DIT_GITHUB_APP_KEY_FILE is not; an App signs with its private key")


def prepare_environments(pipeline: Pipeline, refs: Iterable[str], settings: Settings) -> None:
    """Build the environments of these commits ahead of their runs, which then find them; EnvironmentFailed."""
    code = source_control(pipeline, settings)
    environments, _ = _execution(pipeline, settings, ContainerPlace())
    for ref in refs:
        commit = code.resolve(ref)
        environments.ensure(code.checkout(commit, code.tree(commit, pipeline.hashed_paths)))


def workplace(
    pipeline: Pipeline, settings: Settings, around: Surroundings | None = None, *, editable: Path | None = None
) -> Workplace:
    """Every port, ready. The sample's source tables are loaded when they are first needed."""
    code = source_control(pipeline, settings, editable=editable)
    around = around or surroundings(settings)
    warehouse = around.warehouse
    dataset = settings.dataset(warehouse.project)
    if pipeline.repository in _SAMPLES:
        _load_sample(pipeline, warehouse)
    in_containers = pipeline.runner == "docker"
    environments, runner = _execution(pipeline, settings, _container_place(around.contained, settings))
    return Workplace(
        warehouse=warehouse,
        registry=_registry(warehouse, settings),
        code=code,
        environments=environments,
        runner=runner,
        dataset=dataset,
        logs=settings.directory / "logs",
        variables=around.contained if in_containers else around.variables,
        secrets=secrets_of(pipeline, whole_environment()),
        beam=around.beam,
        jobs=around.jobs,
    )


def _execution(
    pipeline: Pipeline, settings: Settings, place: ContainerPlace
) -> tuple[Environments, ProcessRunner | ContainerRunner]:
    """Where the pipeline's program is installed, on Dataflow's workers too, and what runs it there."""
    environments, runner = _started(pipeline, settings, place)
    container = pipeline.container
    if container is None or not pipeline.builds_worker_image:
        return environments, runner
    if settings.warehouse == "bigquery" and settings.worker_repository is None:
        raise UsageError(
            "DIT_WORKER_REPOSITORY is not set; name the repository of images from which Dataflow's workers get the one "
            "that is built of the commit's tree"
        )
    return WithWorkers(
        environments=environments,
        images=tree_images(settings),
        container=lambda checkout: effective_container(container, checkout),
    ), runner


def _started(
    pipeline: Pipeline, settings: Settings, place: ContainerPlace
) -> tuple[Environments, ProcessRunner | ContainerRunner]:
    if pipeline.runner != "docker" or pipeline.container is None:
        return _uv_environments(pipeline, settings), ProcessRunner()
    images: ImageBuilder = _engine_images(settings, place.network)
    if settings.worker_repository is not None:
        from dit_dagster.adapters.cloud_build.published import ImagesFromTheCloud

        images = ImagesFromTheCloud(images, cloud_images(settings))
    runner = ContainerRunner(whole_environment(), pipeline.container, place)
    return ContainerEnvironments(images, pipeline.container), runner


def _uv_environments(pipeline: Pipeline, settings: Settings) -> UvEnvironments:
    code = pipeline.code
    return UvEnvironments(
        settings.directory, whole_environment(), requirements=code.requirements, packages=code.packages
    )


def cloud(settings: Settings) -> Connection:
    """Google's APIs for builds. UsageError without a project."""
    from dit_dagster.adapters.cloud_build.connection import Connection

    if settings.project is None:
        raise UsageError("DIT_PROJECT is not set; name the Google Cloud project in which builds run")
    return Connection(project=settings.project, region=settings.build_region, address=settings.build_api)


def build_bucket(settings: Settings) -> str:
    """The bucket that builds take their sources from. UsageError if it is not set."""
    if settings.build_bucket is None:
        raise UsageError("DIT_BUILD_BUCKET is not set; name a bucket that builds may read")
    return settings.build_bucket


def build_place(settings: Settings) -> BuildPlace:
    """Whose builds they are. A service account is named with its project, as Cloud Build asks for it."""
    account = settings.build_sa
    if account is not None and "/" not in account:
        account = f"projects/{settings.project}/serviceAccounts/{account}"
    return BuildPlace(service_account=account)


_IN_A_BUILD = (
    "location",
    "dest_dataset",
    "registry_dataset",
    "max_bytes",
    "patience",
    "dataflow_region",
    "dataflow_temp_bucket",
    "dataflow_sa",
    "dataflow_subnetwork",
    "bq_temp_dataset",
    "worker_repository",
    "kaniko_image",
    "build_bucket",
    "build_region",
    "build_sa",
)
"""Settings that a run in a build takes over: where things are. Secrets, and folders of this machine, are not."""


def build_variables(settings: Settings) -> Mapping[str, str]:
    """The variables of a run in a build: these settings, on BigQuery, with the folders of the build's source."""
    from dit_dagster.adapters.cloud_build.requests import WORKSPACE
    from dit_dagster.adapters.cloud_build.source import PIPELINES, REPOSITORIES

    given = {name: value for name in _IN_A_BUILD if (value := getattr(settings, name)) is not None}
    own = {
        "warehouse": "bigquery",
        "project": settings.project,
        "pipelines": f"{WORKSPACE}/{PIPELINES}",
        "repositories": f"{WORKSPACE}/{REPOSITORIES}",
        "container_network": "cloudbuild",
    }
    return {f"DIT_{name.upper()}": str(value) for name, value in {**given, **own}.items()}


def cloud_images(settings: Settings) -> KanikoImages:
    """Images of trees in the repository that the settings name. UsageError if there is none."""
    from dit_dagster.adapters.cloud_build.images import KanikoImages, Premises
    from dit_dagster.adapters.image_registry import ImageRegistry
    from dit_dagster.adapters.secret_scan import scan_for_secrets

    if settings.worker_repository is None:
        raise UsageError(
            "DIT_WORKER_REPOSITORY is not set; name a repository of images, such as host/project/images/name"
        )
    apis, bucket = cloud(settings), build_bucket(settings)
    return KanikoImages(
        Premises(
            repository=settings.worker_repository,
            registry=ImageRegistry(apis.token),
            builds=apis.builds,
            bucket=lambda: apis.bucket(bucket),
            kaniko=settings.kaniko_image,
            place=build_place(settings),
            scan=lambda files: None if settings.skip_secret_scan else scan_for_secrets(files, whole_environment()),
        )
    )


def tree_images(settings: Settings) -> ImageStore:
    """Where images of trees are built and kept: in the cloud if the settings name a repository, or on the engine."""
    if settings.worker_repository is not None:
        return cloud_images(settings)
    return _engine_images(settings, settings.container_network)


def _engine_images(settings: Settings, network: str) -> EngineImages:
    return EngineImages(whole_environment(), network=network, home=settings.directory)


def image_labels(settings: Settings) -> Callable[[ImageDigest], Mapping[str, str]]:
    """What an image on this machine's engine says of itself."""
    return _engine_images(settings, settings.container_network).labels


def effective_container(container: Container, checkout: Checkout) -> Container:
    """The container as the checkout has it: of a service, its compose file says what it is."""
    return effective(container, checkout.directory)


def container_environments(container: Container, settings: Settings) -> ContainerEnvironments:
    """Images as a container declares them, published ones included, on this machine's engine."""
    return ContainerEnvironments(_engine_images(settings, settings.container_network), container)


def _container_place(variables: Mapping[str, str], settings: Settings) -> ContainerPlace:
    """What variables name as files of this machine is mounted where they say."""
    named = {Path(part) for value in variables.values() for part in value.split(os.pathsep) if part.startswith("/")}
    mounts = tuple(sorted(path for path in named if path.exists()))
    return ContainerPlace(network=settings.container_network, mounts=mounts)


def secrets_of(pipeline: Pipeline, environment: Mapping[str, str]) -> Mapping[str, str]:
    """The values that the pipeline's steps ask for by name. UsageError for one that is not set, or is empty."""
    wanted = {name: step.name for step in pipeline.steps for name in step.secrets}
    for name, step in wanted.items():
        if not environment.get(name):
            raise UsageError(f"step {step!r} of {pipeline.name} needs the variable {name}, which is not set; export it")
    return {name: environment[name] for name in wanted}


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
    around = around or surroundings(settings)
    warehouse = around.warehouse
    return Premises(
        warehouse=warehouse,
        registry=_registry(warehouse, settings),
        dataset=settings.dataset(warehouse.project),
        records=settings.registry(warehouse.project),
        home=MachineHome(settings.directory, UsedImages(settings.directory, whole_environment())),
        containers=EngineContainers(whole_environment()),
        jobs=around.jobs,
    )
