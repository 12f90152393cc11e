"""The pipelines that ship with this project: read, planned in every mode, and rendered, without a repository."""

from __future__ import annotations

import string
from datetime import timedelta

import pytest

from dit_dagster.model.experiment import Request
from dit_dagster.model.identity import ExperimentId, TableName
from dit_dagster.model.pipeline import Pipeline, read_pipeline
from dit_dagster.model.window import Window
from dit_dagster.planning.plan import Plan, make_plan
from dit_dagster.settings import Settings
from dit_dagster.wiring import declarations
from dit_dagster_tests.builders import CODE, COMMIT, source_identity

SHIPPED = declarations(Settings())
every_pipeline = pytest.mark.parametrize("name", SHIPPED)
GFW = SHIPPED.keys() - {"flight_gaps", "flight_gaps_beam"}


def planned(pipeline: Pipeline, *modes: str) -> Plan:
    request = Request(
        pipeline=pipeline,
        commit=COMMIT,
        experiment=ExperimentId("solo"),
        modes=modes or tuple(pipeline.available_modes),
        window=Window(pipeline.window.start, pipeline.window.end),
        tail=pipeline.tail,
        lookback=pipeline.lookback,
        jobs=2,
    )
    sources = {
        name: source_identity(table=TableName.parse(source.table, project="prod"))
        for name, source in pipeline.sources.items()
    }
    return make_plan(request, CODE, sources)


def test_these_pipelines_ship() -> None:
    """One folder each."""
    assert set(SHIPPED) == {
        *(
            "flight_gaps",
            "flight_gaps_beam",
            "gaps",
            "port_visits",
            "port_visits_vms",
            "port_visits_full",
            "port_visits_from_thinned",
        ),
        *("fishing_events", "fishing_events_merged", "segments", "encounters", "encounters_vms"),
    }


@every_pipeline
def test_every_mode_of_every_pipeline_can_be_planned(name: str) -> None:
    """Over the declared window, with every mode ending in full coverage."""
    pipeline = read_pipeline(SHIPPED[name])
    plan = planned(pipeline)

    assert {mode.name for mode in plan.selected} == set(pipeline.available_modes)
    assert pipeline.name == name


@every_pipeline
def test_every_output_reaches_a_command(name: str) -> None:
    """A table that no step is told of would be looked for in vain."""
    pipeline = read_pipeline(SHIPPED[name])
    parts = [part for step in pipeline.steps for part in step.command]
    named = {field for part in parts for _, field, _, _ in string.Formatter().parse(part) if field}

    assert {f"table.{table}" for table in pipeline.tables} <= named
    assert {f"source.{source}" for source in pipeline.sources} <= named


@pytest.mark.parametrize("name", sorted(GFW))
def test_declarations_know_no_machine(name: str) -> None:
    """Their repositories are in DIT_REPOSITORIES."""
    assert read_pipeline(SHIPPED[name]).repository.startswith("{repositories}/")


def test_gaps_choose_the_vessels_whose_gap_the_tail_could_lose() -> None:
    """T=4, W=4 to 2021: mid is December 28; closed within the four days before it, begun before those and a day."""
    plan = planned(read_pipeline(SHIPPED["gaps"]), "mutate_recover")
    [where] = {
        recipe["chosen_by"]["where"] for node in plan.nodes.values() for recipe in node.inputs.mutation
    }  # every mutated phase has the same recipe

    assert where == (
        "is_closed AND duration_h > 24 AND start_timestamp < TIMESTAMP(DATE '2020-12-23') "
        "AND end_timestamp >= TIMESTAMP(DATE '2020-12-24') AND end_timestamp < TIMESTAMP(DATE '2020-12-28')"
    )


@pytest.mark.parametrize("name", ["port_visits", "encounters"])
def test_second_steps_rebuild_from_the_start(name: str) -> None:
    """The first works on its phase, the second on everything up to its end; both flags name the last day."""
    pipeline = read_pipeline(SHIPPED[name])
    plan = planned(pipeline, "bfd")
    last = plan.nodes[plan.mode("bfd").leaf]
    first, second = last.inputs.steps
    end = pipeline.window.end

    assert first["window"] == [(end - timedelta(days=1)).isoformat(), end.isoformat()]
    assert second["window"] == [pipeline.window.start.isoformat(), end.isoformat()]
    assert {first["dates"], second["dates"]} == {"inclusive"}
