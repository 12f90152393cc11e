"""Run or reuse, in every branch: explain prints this value and the run obeys it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dit_dagster.model.identity import Fingerprint
from dit_dagster.model.state import PhaseRecord
from dit_dagster.planning.decision import REASON_KINDS, Decision, Known, KnownState, NotNeeded, Reuse, Run, decide
from dit_dagster.planning.plan import Plan
from dit_dagster_tests.builders import CODE, MOMENT, a_pipeline, a_plan, facts_of, record_of_node, source_identity

NOTHING = Known(states={}, predecessors={})
FOUR = ("bf", "bfd", "bftruncate", "mutate_recover")


def standing(record: PhaseRecord, **changes: Any) -> KnownState:
    """A record whose tables are as they were recorded, but for `changes`."""
    return KnownState(record=record, facts={table.name: facts_of(table, **changes) for table in record.tables})


def all_standing(plan: Plan) -> dict[Fingerprint, KnownState]:
    return {name: standing(record_of_node(node)) for name, node in plan.nodes.items()}


def kinds(decisions: Mapping[Fingerprint, Decision]) -> list[str]:
    return [type(decision).__name__ for decision in decisions.values()]


def reasons(decision: Decision) -> list[str]:
    assert isinstance(decision, Run)
    return [str(reason) for reason in decision.reasons]


def test_what_never_ran_runs() -> None:
    """With nothing known every phase runs, for that reason."""
    plan = a_plan(*FOUR)

    decisions = decide(plan, NOTHING)

    assert kinds(decisions) == ["Run"] * 18
    assert {reason for decision in decisions.values() for reason in reasons(decision)} == {"never ran"}


def test_what_stands_as_recorded_is_reused() -> None:
    """With every state standing nothing runs, and each decision names the record."""
    plan = a_plan(*FOUR)

    decisions = decide(plan, Known(states=all_standing(plan), predecessors={}))

    assert decisions == {name: Reuse(record=record_of_node(node)) for name, node in plan.nodes.items()}


def test_only_the_lost_phase_and_its_descendants_run() -> None:
    """After a failure in the middle a run goes on from the last good phase."""
    plan = a_plan("bfd")
    path = plan.mode("bfd").path
    states = {name: standing(record_of_node(plan.nodes[name])) for name in path[:3]}

    assert kinds(decide(plan, Known(states=states, predecessors={}))) == ["Reuse"] * 3 + ["Run"] * 2


DAMAGE = [
    pytest.param({"etag": "e2"}, "output: daily was changed after it was committed", id="other content"),
    pytest.param(
        {"created": MOMENT + timedelta(1)}, "output: daily was changed after it was committed", id="made anew"
    ),
    pytest.param({"kind": "VIEW"}, "output: daily was changed after it was committed", id="a view in its place"),
]


@pytest.mark.parametrize(("changes", "reason"), DAMAGE)
def test_trap_32_what_was_changed_after_it_was_recorded_runs(changes: dict[str, Any], reason: str) -> None:
    """Trap 32: that a table exists is no evidence; it must be the one that was recorded."""
    plan = a_plan("bf")
    [node] = plan.nodes.values()
    known = Known(states={node.fingerprint: standing(record_of_node(node), **changes)}, predecessors={})

    assert reasons(decide(plan, known)[node.fingerprint]) == [reason]


def test_trap_32_what_is_gone_runs() -> None:
    """Trap 32: a record without its tables is no state."""
    plan = a_plan("bf")
    [node] = plan.nodes.values()
    known = Known(states={node.fingerprint: KnownState(record=record_of_node(node), facts={})}, predecessors={})

    assert reasons(decide(plan, known)[node.fingerprint]) == ["output: daily is gone"]


def test_a_record_of_another_version_counts_as_none() -> None:
    """What another version of this project wrote is not trusted."""
    plan = a_plan("bf")
    [node] = plan.nodes.values()
    known = Known(states={node.fingerprint: standing(record_of_node(node, schema_version=0))}, predecessors={})

    assert reasons(decide(plan, known)[node.fingerprint]) == ["never ran: only under another version of this project"]


def test_an_expired_ancestor_of_a_standing_leaf_is_not_needed() -> None:
    """Its record is remembered, and nothing is run to bring it back."""
    plan = a_plan("bfd")
    leaf = plan.mode("bfd").leaf
    backfill = plan.mode("bfd").path[0]
    remembered = record_of_node(plan.nodes[backfill])
    states = {
        leaf: standing(record_of_node(plan.nodes[leaf])),
        backfill: KnownState(record=remembered, facts={}),
    }

    decisions = decide(plan, Known(states=states, predecessors={}))

    assert kinds(decisions) == ["NotNeeded"] * 4 + ["Reuse"]
    assert decisions[backfill] == NotNeeded(record=remembered)


@pytest.mark.parametrize(
    ("stands", "expected"),
    [
        pytest.param((0, 3), ["Reuse", "NotNeeded", "NotNeeded", "Reuse", "Run"], id="its parent stands"),
        pytest.param((0, 1), ["Reuse", "Reuse", "Run", "Run", "Run"], id="an older ancestor stands"),
        pytest.param((2,), ["NotNeeded", "NotNeeded", "Reuse", "Run", "Run"], id="what is before that is not needed"),
    ],
)
def test_a_phase_that_runs_brings_back_its_ancestors_to_the_last_that_stands(
    stands: tuple[int, ...], expected: list[str]
) -> None:
    """The five phases of bfd, of which these stand."""
    plan = a_plan("bfd")
    path = plan.mode("bfd").path
    states = {path[number]: standing(record_of_node(plan.nodes[path[number]])) for number in stands}

    assert kinds(decide(plan, Known(states=states, predecessors={}))) == expected


def test_force_runs_everything() -> None:
    """Whatever is known: every phase runs, its reason says so, and what was known is a known epoch."""
    plan = a_plan("bf", "bfd", force=True)

    decisions = decide(plan, Known(states=all_standing(plan), predecessors={}))

    assert {reason for decision in decisions.values() for reason in reasons(decision)} == {"forced: --force"}
    assert {decision.known_epoch for decision in decisions.values() if isinstance(decision, Run)} == {0}


CHOSEN = {"restrict_keys": {"source": "trips", "key": "vessel", "chosen_by": {"mode": "bf", "output": "daily"}}}


def test_a_reference_that_was_not_selected_runs_only_if_it_is_needed() -> None:
    """It is planned in any case, and runs when a phase that reads it must run."""
    plan = a_plan("mutate_recover", pipeline=a_pipeline(mutations={"mutate_recover": CHOSEN}))
    reference, leaf = plan.mode("bf").leaf, plan.mode("mutate_recover").leaf
    leaf_stands = {leaf: standing(record_of_node(plan.nodes[leaf]))}

    cold = decide(plan, NOTHING)[reference]
    warm = decide(plan, Known(states=leaf_stands, predecessors={}))[reference]

    assert (type(cold), type(warm)) == (Run, NotNeeded)


def predecessor_of(plan: Plan, **inputs: Any) -> Known:
    """The first phase of the plan as an earlier run recorded it, with other `inputs`."""
    node = next(iter(plan.nodes.values()))
    record = record_of_node(node, fingerprint=Fingerprint("0" * 64), inputs={**node.inputs.to_json(), **inputs})
    return Known(states={}, predecessors={node.position: record})


OTHER_SOURCE = source_identity(etag="before").to_json()
CHANGES = [
    pytest.param(
        {"code": {**CODE.to_json(), "tree": "b" * 40}}, ["code: tree bbbbbbbbbbbb -> aaaaaaaaaaaa"], id="code"
    ),
    pytest.param({"steps": []}, ["steps: the declared steps changed"], id="steps"),
    pytest.param({"parameters": {"hours": 1}}, ["parameters: hours changed"], id="parameters"),
    pytest.param({"sources": {"trips": OTHER_SOURCE}}, ["source: trips changed"], id="source"),
    pytest.param({"mutation": [{"kind": "drop_rows"}]}, ["mutation: its recipe changed"], id="mutation"),
    pytest.param({"replica": 1}, ["replica: another replica"], id="replica"),
    pytest.param({"parents": ["0" * 64]}, ["parent: it starts from another state"], id="parent"),
    pytest.param(
        {"sources": {"trips": OTHER_SOURCE}, "code": {**CODE.to_json(), "environment": "cpython-3.12"}, "replica": 1},
        ["code: environment cpython-3.12 -> cpython-3.11", "source: trips changed", "replica: another replica"],
        id="all of them, in fixed order",
    ),
    pytest.param(
        {"window": ["2012-01-01", "2013-01-01"], "replica": 1}, ["never ran"], id="another window is no predecessor"
    ),
]


@pytest.mark.parametrize(("inputs", "expected"), CHANGES)
def test_reasons_name_what_changed_since_the_predecessor(inputs: dict[str, Any], expected: list[str]) -> None:
    """Completely and in fixed order, against the latest record at the same mode and place."""
    plan = a_plan("bf")

    assert reasons(decide(plan, predecessor_of(plan, **inputs))[plan.mode("bf").leaf]) == expected


@given(stands=st.sets(st.integers(0, 17)), changed=st.sets(st.integers(0, 17)), force=st.booleans())
def test_decisions_hold_together(stands: set[int], changed: set[int], force: bool) -> None:
    """Whatever is known: each node is decided, a run has reasons and what it starts from, no changed state is used."""
    plan = a_plan(*FOUR, force=force)
    states = {
        name: standing(record_of_node(node), **({"etag": "tampered"} if number in changed else {}))
        for number, (name, node) in enumerate(plan.nodes.items())
        if number in stands
    }
    usable = {name for number, name in enumerate(plan.nodes) if number in stands - changed and not force}

    decisions = decide(plan, Known(states=states, predecessors={}))

    assert list(decisions) == list(plan.nodes)
    for name, decision in decisions.items():
        if isinstance(decision, Run):
            assert decision.reasons
            assert {reason.kind for reason in decision.reasons} <= set(REASON_KINDS)
            assert not any(isinstance(decisions[parent], NotNeeded) for parent in plan.nodes[name].parents)
        assert isinstance(decision, Reuse) == (name in usable)
    for mode in plan.selected:
        assert not isinstance(decisions[mode.leaf], NotNeeded)


def test_deciding_is_a_pure_function() -> None:
    """The same plan and evidence give the same value: explain and run cannot part."""
    plan = a_plan(*FOUR)
    known = Known(states=dict(list(all_standing(plan).items())[::2]), predecessors={})

    assert decide(plan, known) == decide(replace(plan), known)
