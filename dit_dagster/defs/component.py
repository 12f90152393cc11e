"""The component `dit_dagster.MultiModePipeline`: one `defs.yaml`, one pipeline, everything that Dagster shows of it."""

from __future__ import annotations

from typing import Any

import dagster as dg
from pydantic import BaseModel, RootModel, model_validator

from dit_dagster.defs.assets import external_assets
from dit_dagster.defs.checks import mode_checks
from dit_dagster.defs.jobs import jobs
from dit_dagster.defs.modes import mode_asset
from dit_dagster.defs.pin import pin_asset
from dit_dagster.defs.pulls import pulls_sensor
from dit_dagster.defs.resources import WORKBENCH, Workbench, workbench
from dit_dagster.defs.sensors import commits_sensor, elsewhere_sensor
from dit_dagster.defs.verdicts import verdicts_sensor
from dit_dagster.defs.vocabulary import Vocabulary
from dit_dagster.model.pipeline import Pipeline


class Attributes(RootModel[dict[str, Any]]):
    """What stands under `attributes`, held as it is written.

    It is validated as a Pipeline, so that errors carry the pipeline's fields and Dagster adds file and line. It is not
    itself a Pipeline: Dagster walks the written names, and a Pipeline spells some of them otherwise.
    """

    def __getitem__(self, name: str) -> Any:
        return self.root[name]

    @model_validator(mode="after")
    def _is_a_pipeline(self) -> Attributes:
        Pipeline.model_validate(self.root)
        return self

    @classmethod
    def model_json_schema(cls, *args: Any, **options: Any) -> dict[str, Any]:
        """The pipeline's own schema, with dates as YAML reads them."""
        schema = Pipeline.model_json_schema(*args, **options)
        _accept_yaml_dates(schema)
        return schema


class MultiModePipeline(dg.Component):
    """A pipeline that is run in several trigger patterns on the same pinned input, and whose tables must be equal.

    The attributes are those of `dit_dagster.model.pipeline.Pipeline`: `dit` reads the same file without Dagster.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        return Attributes

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> MultiModePipeline:  # noqa: ARG003
        return cls(Pipeline.model_validate(attributes.root if isinstance(attributes, Attributes) else {}))

    def build_defs(self, context: dg.ComponentLoadContext | None = None) -> dg.Definitions:  # noqa: ARG002
        return pipeline_definitions(self.pipeline, workbench())


def pipeline_definitions(pipeline: Pipeline, bench: Workbench) -> dg.Definitions:
    """A pipeline's assets, checks, jobs and sensors. Making them touches neither git nor the warehouse."""
    words = Vocabulary(pipeline)
    modes = tuple(pipeline.available_modes)
    made = jobs(words)
    pulls = pipeline.pulls
    return dg.Definitions(
        assets=[*external_assets(words), pin_asset(words), *(mode_asset(words, mode) for mode in modes)],
        asset_checks=[mode_checks(words, mode) for mode in modes if words.checked(mode)],
        jobs=made,
        sensors=[
            commits_sensor(words),
            elsewhere_sensor(words),
            *([pulls_sensor(words, pulls, made), verdicts_sensor(words)] if pulls is not None else []),
        ],
        resources={WORKBENCH: bench},
    )


def _accept_yaml_dates(schema: Any) -> None:
    """YAML reads 2013-01-01 as a date, which no JSON schema type matches: leave such fields to the model."""
    if isinstance(schema, dict):
        if schema.get("format") == "date":
            schema.pop("type", None)
        for part in schema.values():
            _accept_yaml_dates(part)
    elif isinstance(schema, list):
        for part in schema:
            _accept_yaml_dates(part)
