"""Everything that can change a phase's result is in its fingerprint, and nothing else is."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date
from typing import Any

import pytest

from dit_dagster.model.experiment import CodeIdentity, SourceIdentity
from dit_dagster.model.identity import Fingerprint, ImageDigest, TableName, Tree
from dit_dagster.model.pipeline import Step
from dit_dagster.model.window import Window
from dit_dagster.planning.fingerprint import PhaseInputs, step_identity
from dit_dagster_tests.builders import CODE, a_pipeline, a_plan, a_request, declared, source_identity

STEP = Step(name="count", command=("count", "{start}"))
YEAR = Window(date(2013, 1, 1), date(2014, 1, 1))
TAIL = Window(date(2013, 12, 28), date(2014, 1, 1))


def inputs(**changes: Any) -> PhaseInputs:
    start = PhaseInputs(
        code=CODE,
        steps=(step_identity(STEP, TAIL, YEAR),),
        window=TAIL,
        parameters={"hours": 48},
        sources={"trips": source_identity()},
        mutation=(),
        replica=0,
        private_to=None,
        parents=(),
    )
    return replace(start, **changes)


OTHER = {
    "code": replace(CODE, tree=Tree("b" * 40)),
    "steps": (step_identity(STEP.model_copy(update={"command": ("count", "{end}")}), TAIL, YEAR),),
    "window": Window(date(2013, 12, 29), date(2014, 1, 1)),
    "parameters": {"hours": 49},
    "sources": {"trips": source_identity(etag="e2")},
    "mutation": ({"kind": "drop_rows", "source": "trips", "where": "TRUE"},),
    "replica": 1,
    "private_to": "bf/0",
    "parents": (Fingerprint("0" * 64),),
    "container": {"image": "trips:1"},
}


@pytest.mark.parametrize("field", [field.name for field in fields(PhaseInputs)])
def test_trap_36_each_input_changes_the_fingerprint(field: str) -> None:
    """Trap 36: PhaseInputs has no field that the fingerprint does not see."""
    assert inputs(**{field: OTHER[field]}).fingerprint != inputs().fingerprint


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(replace(CODE, environment="cpython-3.12.1-0123456789abcdef"), id="another interpreter"),
        pytest.param(replace(CODE, image=ImageDigest("sha256:" + "1" * 64)), id="an image"),
        pytest.param(replace(CODE, tree=Tree("a" * 64)), id="another tree"),
    ],
)
def test_each_part_of_the_code_changes_the_fingerprint(code: CodeIdentity) -> None:
    """Tree, interpreter with lock, and image are all the code."""
    assert inputs(code=code).fingerprint != inputs().fingerprint


@pytest.mark.parametrize(
    "identity",
    [
        pytest.param(source_identity(created="2024-02-01"), id="created anew under the same name"),
        pytest.param(source_identity(modified="2024-02-01"), id="modified"),
        pytest.param(source_identity(etag="e9"), id="another etag"),
        pytest.param(source_identity(rows=8), id="more rows"),
        pytest.param(source_identity(table=TableName("prod", "raw", "other")), id="another table"),
    ],
)
def test_trap_29_a_source_is_more_than_its_name(identity: SourceIdentity) -> None:
    """Trap 29: a re-created or changed source under the same name is another source."""
    assert inputs(sources={"trips": identity}).fingerprint != inputs().fingerprint


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"name": "tally"}, id="its name"),
        pytest.param({"command": ("count", "{start}", "-v")}, id="its command"),
        pytest.param({"dates": "inclusive"}, id="its dates"),
        pytest.param({"window": "from_start"}, id="its window"),
        pytest.param({"environment": {"MODE": "fast"}}, id="its environment"),
    ],
)
def test_trap_38_a_step_is_hashed_as_it_is_declared(changes: dict[str, Any]) -> None:
    """Trap 38: whatever of a step reaches the program is in the key."""
    other = Step.model_validate({**STEP.model_dump(), **changes})

    assert inputs(steps=(step_identity(other, TAIL, YEAR),)).fingerprint != inputs().fingerprint


def test_labels_do_not_reach_the_key() -> None:
    """They are for bills and clean-up."""
    labelled = STEP.model_copy(update={"labels": ("--labels", "{key}={value}")})

    assert step_identity(labelled, TAIL, YEAR) == step_identity(STEP, TAIL, YEAR)


def test_the_order_of_declared_mappings_does_not_reach_the_key() -> None:
    """Two spellings of one declaration have one fingerprint."""
    sources = {"a": source_identity(), "b": source_identity(etag="e2")}
    parameters = {"x": 1, "y": 2}

    same = inputs(sources=dict(reversed(sources.items())), parameters=dict(reversed(parameters.items())))

    assert same.fingerprint == inputs(sources=sources, parameters=parameters).fingerprint


def test_fingerprints_are_pinned() -> None:
    """A change of these values makes every recorded state unreachable: raise SCHEMA_VERSION with it."""
    golden = {
        "bare": inputs().fingerprint,
        "everything": inputs(**{**OTHER, "container": None}).fingerprint,
        "everything in a container": inputs(**OTHER).fingerprint,
    }

    assert golden == {
        "bare": "acc8b898ab8d0e7fb47a230cc48cd1752dd60dad42bfd06c4d7b5040b6d32370",
        "everything": "cdcd3a70aca314b777f975c3fc8d9ff4f7b9e57eea26c0b489378f09ffb0db2f",
        "everything in a container": "c049094cfd941a5953a592c91fbf6efa384f37bacb6129f3a9abadbe0a7dffdf",
    }


OUTSIDE_REQUEST = [
    pytest.param({"experiment": "other"}, id="the experiment"),
    pytest.param({"jobs": 9}, id="parallelism"),
    pytest.param({"force": True}, id="force"),
    pytest.param({"commit": "d" * 40}, id="another commit of the same tree"),
]


@pytest.mark.parametrize("changes", OUTSIDE_REQUEST)
def test_trap_34_names_and_commits_do_not_reach_the_key(changes: dict[str, Any]) -> None:
    """Trap 34: the tree is the code; a rebase, an amended message or another name keeps every state."""
    assert a_plan("bf", "bfd", **changes).nodes.keys() == a_plan("bf", "bfd").nodes.keys()


OUTSIDE_PIPELINE = [
    pytest.param({"name": "renamed"}, id="its name"),
    pytest.param({"repository": "/elsewhere"}, id="where its repository is"),
    pytest.param({"description": "new"}, id="its description"),
    pytest.param({"reads_back": 9}, id="how far it reads back"),
    pytest.param({"outputs": {"daily": {"keys": ["day"], "ignore": {"version": "a clock"}}}}, id="how it is compared"),
    pytest.param({"default_modes": ["bf"]}, id="its default modes"),
    pytest.param({"window": {"start": date(2012, 1, 1), "end": date(2013, 1, 1)}}, id="its default window"),
]


@pytest.mark.parametrize("changes", OUTSIDE_PIPELINE)
def test_what_is_outside_the_key_keeps_every_state(changes: dict[str, Any]) -> None:
    """A changed policy costs a scan, never a run."""
    changed = a_plan("bf", "bfd", pipeline=a_pipeline(**changes))

    assert changed.nodes.keys() == a_plan("bf", "bfd").nodes.keys()


def test_a_step_from_the_start_sees_the_start_of_the_experiment() -> None:
    """Its dates are the experiment's start and the phase's end, so an experiment that starts later is another."""
    steps = [{**declared()["steps"][0], "window": "from_start"}]
    pipeline = a_pipeline(steps=steps)

    early = a_plan("bfd", pipeline=pipeline)
    late = a_plan("bfd", pipeline=pipeline, days=(date(2013, 6, 1), date(2014, 1, 1)))

    dates = early.nodes[early.mode("bfd").leaf].inputs.steps[0]["window"]
    assert dates == ["2013-01-01", "2014-01-01"]
    assert not early.nodes.keys() & late.nodes.keys()


def test_phases_of_different_tails_are_shared_where_they_are_equal() -> None:
    """T is not in the key: the backfill of `bf` is one state whatever T is."""
    request = a_request("bf")

    assert a_plan("bf", tail=2).nodes.keys() == a_plan("bf").nodes.keys()
    assert request.tail == 4
