"""The component: the schema is the pipeline's, errors name the field, and the graph reads from sources to report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import dit_dagster
from dit_dagster.defs.component import Attributes, MultiModePipeline, pipeline_definitions
from dit_dagster.defs.resources import Workbench
from dit_dagster.defs.vocabulary import Vocabulary
from dit_dagster.errors import BadDeclaration
from dit_dagster.model.pipeline import Pipeline
from dit_dagster_tests.builders import a_pipeline, declared

SHIPPED = Path(dit_dagster.__file__).parent / "defs" / "flight_gaps" / "defs.yaml"
WORDS = Vocabulary(a_pipeline())


@pytest.fixture(scope="module")
def graph() -> Any:
    return pipeline_definitions(a_pipeline(), Workbench()).resolve_asset_graph()


def test_the_schema_that_dagster_publishes_is_the_pipelines() -> None:
    """One schema, not two: what `dit` reads is what `dg check yaml` checks."""
    assert Attributes.model_json_schema()["properties"].keys() == Pipeline.model_json_schema()["properties"].keys()


def test_every_shipped_spelling_fits_the_published_schema() -> None:
    """YAML's dates and the short spellings of policies and mutations included."""
    from jsonschema import Draft202012Validator

    attributes = yaml.safe_load(SHIPPED.read_text())["attributes"]
    attributes["outputs"]["daily"]["columns"] = {"gap_hours": {"tolerance": {"abs": 0.1}}, "seats": "exact"}

    assert list(Draft202012Validator(Attributes.model_json_schema()).iter_errors(attributes)) == []


def test_an_unknown_field_is_named() -> None:
    """By Dagster with file and line, here with the field."""
    with pytest.raises(ValueError, match=r"tial\n.*Extra inputs"):
        MultiModePipeline.from_attributes_dict(attributes={**declared(), "tial": 3})


def test_a_name_that_leads_nowhere_is_named() -> None:
    """The model's own checks reach Dagster's users."""
    with pytest.raises(ValueError, match="no mode 'bdf'; there are"):
        MultiModePipeline.from_attributes_dict(attributes=declared(default_modes=("bf", "bdf")))


def test_an_output_cannot_take_the_name_of_another_asset() -> None:
    """`pin` and `report` are assets already."""
    with pytest.raises(BadDeclaration, match=r"trips: outputs\.pin: .*rename it"):
        Vocabulary(a_pipeline(outputs={"pin": {}}, steps=[{"name": "a", "command": ["a"]}]))


def test_lineage_runs_from_sources_through_modes_to_the_report(graph: Any) -> None:
    """The edges that a reader follows in the browser."""
    output, board = WORDS.output("bfd", "daily"), WORDS.board("daily")

    assert graph.get(WORDS.pin).parent_keys == {WORDS.source("trips")}
    assert graph.get(output).parent_keys == {WORDS.pin}
    assert output in graph.get(board).parent_keys
    assert graph.get(WORDS.report).parent_keys == {board}


def test_everything_is_in_the_pipelines_group(graph: Any) -> None:
    """External assets as well: without a group they land among strangers."""
    assert {node.group_name for node in graph.asset_nodes} == {"trips"}


def test_checks_are_named_after_what_they_compare(graph: Any) -> None:
    """The reference is compared with nothing; a replica says whether the pipeline is deterministic."""
    assert {"/".join([*key.asset_key.path[1:], key.name]) for key in graph.asset_check_keys} == {
        "bfd/daily/equals_bf",
        "bftruncate/daily/equals_bf",
        "mutate_recover/daily/equals_bf",
        "mutate_recover/daily/exercised",
        "repeat/daily/deterministic",
    }


def test_the_board_crosses_commits_and_modes(graph: Any) -> None:
    """Two dimensions, so that Dagster draws a grid."""
    grid = graph.get(WORDS.board("daily")).partitions_def

    assert [dimension.name for dimension in grid.partitions_defs] == ["commit", "mode"]


def test_the_job_runs_the_default_modes_and_the_other_job_all() -> None:
    """What is planned is what has a step: the pin reads it off the run."""
    definitions = pipeline_definitions(a_pipeline(), Workbench())

    steps = {
        name: set(definitions.resolve_job_def(name).graph.node_dict) for name in (WORDS.job, WORDS.job_of_all_modes)
    }
    assert steps[WORDS.job] == {
        "trips__pin",
        *(f"trips__{mode}" for mode in ("bf", "bfd", "bftruncate")),
        *(f"trips__{mode}__checks" for mode in ("bfd", "bftruncate")),
    }
    assert steps[WORDS.job_of_all_modes] - steps[WORDS.job] == {
        "trips__mutate_recover",
        "trips__mutate_recover__checks",
        "trips__repeat",
        "trips__repeat__checks",
    }
