"""DIT_* variables, read once into one frozen value. The only reader of the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from dit_dagster.errors import UsageError
from dit_dagster.model.beam import BeamPlace
from dit_dagster.model.identity import DatasetName
from dit_dagster.model.step_environment import FIXED, google_access, passed_on

_API = re.compile(r"https://[A-Za-z0-9.-]+(?::\d+)?(?:/[\w./-]*)?|http://(?:127\.0\.0\.1|localhost):\d+(?:/[\w./-]*)?")


class Settings(BaseSettings):
    """Where things are and how much may run. Each field is the variable DIT_<FIELD>."""

    model_config = SettingsConfigDict(env_prefix="DIT_", frozen=True, extra="ignore")

    home: Path = Field(default=Path(".dit"), description="checkouts, environments, logs and the local cloud")
    pipelines: Path | None = Field(
        default=None, description="a folder with one folder per pipeline, with its defs.yaml"
    )
    repositories: Path | None = Field(
        default=None, description="the folder with the pipelines' repositories: {repositories} in a declaration"
    )
    warehouse: Literal["local", "bigquery"] = "local"
    project: str | None = Field(default=None, description="the Google Cloud project; local: the stand-in's own")
    location: str | None = None
    dest_dataset: str = Field(default="dit_scratch", description="where runs make their tables")
    registry_dataset: str = "dit_registry"
    experiment_id: str | None = None
    dataflow_region: str | None = Field(default=None, description="where Dataflow's jobs run")
    dataflow_temp_bucket: str | None = Field(default=None, description="the bucket of their temporary and staged files")
    dataflow_sa: str | None = Field(default=None, description="the service account of their workers")
    dataflow_subnetwork: str | None = Field(default=None, description="the subnetwork of their workers")
    bq_temp_dataset: str | None = Field(default=None, description="where they make temporary tables")
    jobs: int | None = Field(default=None, description="phases at a time; default: one per core, at least 2")
    max_bytes: int | None = Field(default=None, description="no single query may bill more")
    skip_secret_scan: bool = Field(default=False, description="push snapshots unscanned")
    container_network: str = Field(
        default="host", description="the network of containers that declare none; in Cloud Build: cloudbuild"
    )
    build_region: str = Field(default="global", pattern=r"^[a-z0-9-]+$", description="where Cloud Build's builds run")
    build_bucket: str | None = Field(default=None, description="the bucket that builds take their sources from")
    build_image: str | None = Field(default=None, description="this project's image, in which a build runs dit")
    build_sa: str | None = Field(default=None, description="the service account of builds")
    build_api: str | None = Field(default=None, description="another address of Google's APIs, of the same shape")
    kaniko_image: str = Field(
        default="gcr.io/kaniko-project/executor:v1.23.2", description="what builds images in the cloud"
    )
    worker_repository: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9][a-z0-9./:_-]*[a-z0-9]$",
        description="where images of trees are kept, built by Cloud Build; default: on the engine",
    )
    patience: float = Field(
        default=60.0, ge=2.0, description="seconds of silence after which a run is taken for dead; the same for all"
    )

    github_token: SecretStr | None = Field(default=None, description="writes checks, statuses and comments")
    github_app_id: int | None = Field(default=None, description="a GitHub App instead of a token")
    github_app_key_file: Path | None = Field(default=None, description="the App's private key")
    github_api: str = Field(default="https://api.github.com", description="another host's API of the same shape")
    run_link: str | None = Field(default=None, description="where a run can be looked at, with {run_id} in it")

    @field_validator("github_api", "build_api")
    @classmethod
    def _is_encrypted(cls, address: str | None) -> str | None:
        if address is not None and not _API.fullmatch(address):
            raise ValueError("not https://host/path; a token would be readable on its way")
        return address

    @field_validator("run_link")
    @classmethod
    def _is_of_a_run(cls, link: str | None) -> str | None:
        if link is not None and not (link.startswith(("https://", "http://")) and link.count("{run_id}") == 1):
            raise ValueError("not an address with {run_id} in it")
        return link

    def link(self, run_id: str) -> str | None:
        """Where that run can be looked at, if there is such a place."""
        return self.run_link.replace("{run_id}", run_id) if self.run_link is not None else None

    @classmethod
    def read(cls) -> Settings:
        """From the environment; UsageError naming the variable that is wrong."""
        try:
            return cls()
        except ValidationError as error:
            problem = error.errors()[0]
            field = "_".join(str(part) for part in problem["loc"])
            raise UsageError(f"DIT_{field.upper()}: {problem['msg']}") from error

    def dataset(self, project: str) -> DatasetName:
        return DatasetName(project, self.dest_dataset)

    def registry(self, project: str) -> DatasetName:
        return DatasetName(project, self.registry_dataset)

    def beam_place(self, project: str, *, local: bool = False) -> BeamPlace:
        """Where Beam's jobs run. The local cloud takes any region, and has every bucket."""
        return BeamPlace(
            project=project,
            region=self.dataflow_region or ("us-central1" if local else None),
            temp_bucket=self.dataflow_temp_bucket or ("dit-dataflow" if local else None),
            temp_dataset=self.bq_temp_dataset or self.dest_dataset,
            service_account=self.dataflow_sa,
            subnetwork=self.dataflow_subnetwork,
        )

    @property
    def directory(self) -> Path:
        """`home`, absolute."""
        return self.home.absolute()


def inherited(*, cloud: bool, machine: bool = True) -> Mapping[str, str]:
    """What steps start from: what is fixed, and what leads through this machine's network and to Google.

    Without `machine`, only what leads to Google: a container's image says the rest.
    """
    here = {**FIXED, **passed_on(os.environ)} if machine else {}
    return {**here, **(google_access(os.environ) if cloud else {})}


_NOBODY_ELSES = {"DIT_GITHUB_TOKEN"}


def whole_environment() -> Mapping[str, str]:
    """This process's environment, for tools that are its user's own (git, uv). What builds a commit's environment
    may run code of the commit: our own credentials are not in it.
    """
    return {name: value for name, value in os.environ.items() if name.upper() not in _NOBODY_ELSES}
