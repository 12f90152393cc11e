"""DIT_* variables, read once into one frozen value. The only reader of the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from dit_dagster.errors import UsageError
from dit_dagster.model.identity import DatasetName


class Settings(BaseSettings):
    """Where things are and how much may run. Each field is the variable DIT_<FIELD>."""

    model_config = SettingsConfigDict(env_prefix="DIT_", frozen=True, extra="ignore")

    home: Path = Field(default=Path(".dit"), description="checkouts, environments, logs and the local cloud")
    pipelines: Path | None = Field(
        default=None, description="a folder with one folder per pipeline, with its defs.yaml"
    )
    warehouse: Literal["local", "bigquery"] = "local"
    project: str | None = Field(default=None, description="the Google Cloud project; local: the stand-in's own")
    location: str | None = None
    dest_dataset: str = Field(default="dit_scratch", description="where runs make their tables")
    registry_dataset: str = "dit_registry"
    experiment_id: str | None = None
    jobs: int | None = Field(default=None, description="phases at a time; default: one per core, at least 2")
    max_bytes: int | None = Field(default=None, description="no single query may bill more")
    patience: float = Field(
        default=60.0, ge=2.0, description="seconds of silence after which a run is taken for dead; the same for all"
    )

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

    @property
    def directory(self) -> Path:
        """`home`, absolute."""
        return self.home.absolute()


PASSED_ON = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTPS_PROXY",
    "NO_PROXY",
)
"""What a pipeline's process inherits; everything else it gets is declared, so that two machines run the same."""

_CLOUD = ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "CLOUDSDK_CONFIG")


def inherited(*, cloud: bool) -> Mapping[str, str]:
    """The part of this process's environment that steps inherit; with `cloud`, what leads to Google as well."""
    names = (*PASSED_ON, *_CLOUD) if cloud else PASSED_ON
    return {name: os.environ[name] for name in names if name in os.environ}


def whole_environment() -> Mapping[str, str]:
    """This process's environment, for tools that are its user's own (git, uv)."""
    return dict(os.environ)
