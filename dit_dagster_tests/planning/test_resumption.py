"""What a run may take over: nothing, what there is, always something; and from which phase on nothing."""

from __future__ import annotations

from typing import Any

import pytest

from dit_dagster.errors import NothingToResume, UsageError
from dit_dagster.model.resumption import PhaseAt, Resume, refuse_contradiction
from dit_dagster.model.state import PhaseRecord
from dit_dagster.planning.decision import Decision, Known, KnownState, Run, decide, refuse_fresh_start
from dit_dagster.planning.plan import Plan
from dit_dagster_tests.builders import a_pipeline, a_plan, facts_of, record_of_node

FOUR = ("bf", "bfd", "bftruncate", "mutate_recover")


def standing(record: PhaseRecord) -> KnownState:
    return KnownState(record=record, facts={table.name: facts_of(table) for table in record.tables})


def with_standing(plan: Plan, *places: str) -> Known:
    """The states at these places, written MODE:N, stand as they were recorded."""
    names = [plan.mode(at.mode).path[at.number - 1] for at in map(PhaseAt.parse, places)]
    return Known(states={name: standing(record_of_node(plan.nodes[name])) for name in names}, predecessors={})


def all_of(*modes: str, **changes: Any) -> tuple[Plan, Known]:
    plan = a_plan(*modes, **changes)
    return plan, Known(states={n: standing(record_of_node(node)) for n, node in plan.nodes.items()}, predecessors={})


def why(decision: Decision) -> list[str]:
    return [str(reason) for reason in decision.reasons] if isinstance(decision, Run) else []


def test_never_is_force_by_another_name() -> None:
    """The same phases run; each says by which option."""
    plan, known = all_of(*FOUR, resume=Resume.NEVER)

    assert {tuple(why(one)) for one in decide(plan, known).values()} == {("forced: --resume never",)}


def test_what_is_forced_from_a_phase_on_is_all_that_stands_on_it() -> None:
    """In its own mode from there on, in no other mode; what is before it is reused."""
    plan, known = all_of("bf", "bfd", from_phase=PhaseAt("bfd", 3))

    decisions = decide(plan, known)

    assert [type(decisions[name]).__name__ for name in plan.mode("bfd").path] == ["Reuse", "Reuse", "Run", "Run", "Run"]
    assert type(decisions[plan.mode("bf").leaf]).__name__ == "Reuse"
    assert why(decisions[plan.mode("bfd").path[2]]) == ["forced: --from-phase bfd:3"]


def test_a_shared_phase_is_forced_with_the_descendants_of_every_mode() -> None:
    """bf is the first phase of bftruncate: what is not forced there would stand on a state that was replaced."""
    plan, known = all_of("bf", "bftruncate", from_phase=PhaseAt("bf", 1))

    assert {type(one).__name__ for one in decide(plan, known).values()} == {"Run"}


def test_a_phase_that_chose_its_keys_from_a_forced_state_is_forced() -> None:
    """The reference is a parent too."""
    chosen = {"restrict_keys": {"source": "trips", "key": "vessel", "chosen_by": {"mode": "bf", "output": "daily"}}}
    pipeline = a_pipeline(mutations={"mutate_recover": chosen})
    plan, known = all_of("bf", "mutate_recover", pipeline=pipeline, from_phase=PhaseAt("bf", 1))

    decisions = decide(plan, known)

    kinds = [type(decisions[name]).__name__ for name in plan.mode("mutate_recover").path]
    assert (kinds[0], set(kinds[1:])) == ("Reuse", {"Run"})


@pytest.mark.parametrize(
    "places",
    [
        pytest.param(("bfd:5",), id="the last state stands"),
        pytest.param(("bfd:1",), id="the first does"),
        pytest.param(("bfd:3",), id="one in between does, and what is before it is gone"),
    ],
)
def test_always_goes_on_from_what_stands(places: tuple[str, ...]) -> None:
    """No phase begins from nothing."""
    plan = a_plan("bfd", resume=Resume.ALWAYS)

    refuse_fresh_start(plan, decide(plan, with_standing(plan, *places)))


@pytest.mark.parametrize(
    ("places", "changes", "said"),
    [
        pytest.param((), {}, "bf:1 [2013-01-01, 2014-01-01) would run from nothing (never ran)", id="nothing stands"),
        pytest.param(("bf:1",), {}, "bfd:1 [2013-01-01, 2013-12-28) would run from nothing", id="another mode's does"),
        pytest.param(
            ("bf:1", "bfd:1"),
            {"from_phase": PhaseAt("bfd", 1)},
            "(forced: --from-phase bfd:1)",
            id="forced",
        ),
    ],
)
def test_always_fails_closed(places: tuple[str, ...], changes: dict[str, Any], said: str) -> None:
    """One mode that would begin from nothing is enough."""
    plan = a_plan("bf", "bfd", resume=Resume.ALWAYS, **changes)

    with pytest.raises(NothingToResume) as raised:
        refuse_fresh_start(plan, decide(plan, with_standing(plan, *places)))

    assert said in str(raised.value)


def test_the_default_begins_from_nothing_where_it_must() -> None:
    """Only `always` refuses."""
    plan = a_plan("bf")

    refuse_fresh_start(plan, decide(plan, with_standing(plan)))


@pytest.mark.parametrize(
    ("place", "said"),
    [
        pytest.param(PhaseAt("bfd", 6), "--from-phase bfd:6: bfd has 5 phases", id="no such phase"),
        pytest.param(PhaseAt("bftruncate", 1), "'bftruncate' is not run; there are bf, bfd", id="a mode not run"),
    ],
)
def test_a_phase_that_is_not_planned_is_refused(place: PhaseAt, said: str) -> None:
    """Forcing nothing would be silent."""
    with pytest.raises(UsageError) as raised:
        a_plan("bf", "bfd", from_phase=place)

    assert said in str(raised.value)


@pytest.mark.parametrize("text", ["bfd", "bfd:0", "bfd:-1", ":1", "bfd:x", "bfd:1:2", "Bfd:1", "bfd:00001"])
def test_only_mode_and_number_name_a_phase(text: str) -> None:
    """Counted from 1."""
    with pytest.raises(UsageError, match="write MODE:N"):
        PhaseAt.parse(text)


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param({"force": True, "resume": Resume.ALWAYS, "from_phase": None}, id="force and always"),
        pytest.param({"force": True, "resume": Resume.IF_POSSIBLE, "from_phase": PhaseAt("bf", 1)}, id="and from"),
        pytest.param({"force": False, "resume": Resume.NEVER, "from_phase": PhaseAt("bf", 1)}, id="never and from"),
    ],
)
def test_contradictions_are_refused(asked: dict[str, Any]) -> None:
    """One of the two would be ignored."""
    with pytest.raises(UsageError, match="contradict"):
        refuse_contradiction(**asked)
