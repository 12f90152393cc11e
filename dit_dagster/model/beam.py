"""A step that is a Beam pipeline: which options it is given besides its own arguments, and how it spells them.

`rendered` is pure: the declaration, where it runs, and the job's name and labels yield the arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from dit_dagster.errors import UsageError
from dit_dagster.model.policy import Declared

Option = Literal[
    "runner",
    "project",
    "region",
    "temp_location",
    "staging_location",
    "temp_dataset",
    "service_account",
    "subnetwork",
    "worker_image",
    "max_workers",
    "job_name",
    "labels",
]

_BEAM: Mapping[Option, str | None] = {
    "runner": "runner",
    "project": "project",
    "region": "region",
    "temp_location": "temp_location",
    "staging_location": "staging_location",
    "temp_dataset": None,  # Beam has no such option; a pipeline that takes one says under which name
    "service_account": "service_account_email",
    "subnetwork": "subnetwork",
    "worker_image": "sdk_container_image",
    "max_workers": "max_num_workers",
    "job_name": "job_name",
    "labels": "labels",
}
"""What Beam calls each option."""

DATAFLOW = "DataflowRunner"
_NEEDED: Mapping[Option, str] = {"region": "DIT_DATAFLOW_REGION", "temp_location": "DIT_DATAFLOW_TEMP_BUCKET"}
"""Without these Dataflow takes no job; the variable that would have filled each in."""

_Flag = Annotated[str, Field(pattern=r"^--?[A-Za-z][\w-]*$")]


class Beam(Declared):
    """Beam's options of a step. What is left out comes from the settings, or is not passed.

    `spelling` is how the program writes Beam's own names; `flags` gives an option another name, or null: not passed.
    """

    runner: str = Field(default=DATAFLOW, min_length=1)
    spelling: Literal["underscores", "hyphens"] = "underscores"
    flags: dict[Option, _Flag | None] = Field(default_factory=dict)
    project: str | None = None
    region: str | None = None
    temp_location: str | None = None
    staging_location: str | None = None
    temp_dataset: str | None = None
    service_account: str | None = None
    subnetwork: str | None = None
    worker_image: str | None = None
    max_workers: int | None = Field(default=None, ge=1)

    @property
    def templates(self) -> tuple[str, ...]:
        """Every text in which a placeholder may stand."""
        texts = (getattr(self, name) for name in _TEXTS)
        return tuple(text for text in texts if text is not None)

    def flag(self, option: Option) -> str | None:
        """What the program calls an option; None if it is not passed."""
        if option in self.flags:
            return self.flags[option]
        name = _BEAM[option]
        if name is None:
            return None
        return f"--{name.replace('_', '-')}" if self.spelling == "hyphens" else f"--{name}"


_TEXTS: tuple[Option, ...] = (
    "runner",
    "project",
    "region",
    "temp_location",
    "staging_location",
    "temp_dataset",
    "service_account",
    "subnetwork",
    "worker_image",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BeamPlace:
    """Where Beam's jobs run unless a declaration says otherwise: the settings, and what a local cloud stands in for."""

    project: str
    region: str | None = None
    temp_bucket: str | None = None
    temp_dataset: str | None = None
    service_account: str | None = None
    subnetwork: str | None = None

    @property
    def options(self) -> Mapping[Option, str | None]:
        """Each option that a place has an opinion about."""
        folder = f"gs://{self.temp_bucket}/dit" if self.temp_bucket is not None else None
        return {
            "project": self.project,
            "region": self.region,
            "temp_location": folder and f"{folder}/temp",
            "staging_location": folder and f"{folder}/staging",
            "temp_dataset": self.temp_dataset,
            "service_account": self.service_account,
            "subnetwork": self.subnetwork,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class BeamJob:
    """The name and the labels of the job that a step will start."""

    name: str
    labels: Mapping[str, str]


def resolved(beam: Beam, place: BeamPlace, fill: Callable[[str], str]) -> Mapping[Option, str]:
    """The value of every option but name and labels; `fill` puts placeholders in. What has no value is left out."""
    own = {name: getattr(beam, name) for name in _TEXTS}
    values: dict[Option, str] = {}
    for name in _TEXTS:
        text = own[name] if own[name] is not None else place.options.get(name)
        if text is not None:
            values[name] = fill(text)
    if beam.max_workers is not None:
        values["max_workers"] = str(beam.max_workers)
    return values


def rendered(
    beam: Beam, place: BeamPlace, job: BeamJob, fill: Callable[[str], str] = str, *, labelled: bool = True
) -> tuple[str, ...]:
    """The arguments. `labelled` is false where the step passes the labels itself.

    Raises UsageError if Dataflow would be missing something that neither declaration nor settings give.
    """
    values = resolved(beam, place, fill)
    missing = [name for name in _NEEDED if name not in values]
    if missing and values["runner"] == DATAFLOW:
        raise UsageError(
            f"no {missing[0]} for {DATAFLOW}: set {_NEEDED[missing[0]]}, or declare beam.{missing[0]} in defs.yaml"
        )
    return tuple(_arguments(beam, {**values, "job_name": job.name}, job.labels if labelled else {}))


def _arguments(beam: Beam, values: Mapping[Option, str], labels: Mapping[str, str]) -> Iterator[str]:
    for name, value in values.items():
        flag = beam.flag(name)
        if flag is not None:
            yield f"{flag}={value}"
    flag = beam.flag("labels")
    for key, value in labels.items() if flag is not None else ():
        yield f"{flag}={key}={value}"
