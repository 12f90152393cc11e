"""Each distinct phase once, and every declared pair accounted for."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from dit_dagster.errors import UsageError
from dit_dagster.planning.plan import NoPair, Pair, Plan
from dit_dagster_tests.builders import a_pipeline, a_plan

FOUR = ("bf", "bfd", "bftruncate", "mutate_recover")
CHOSEN = {"restrict_keys": {"source": "trips", "key": "vessel", "chosen_by": {"mode": "bf", "output": "daily"}}}


@pytest.fixture(scope="module")
def year() -> Plan:
    """The four modes over the 365 days of 2013 with T=4 and W=4."""
    return a_plan(*FOUR)


def test_a_year_in_four_modes_takes_eighteen_invocations(year: Plan) -> None:
    """Naive 20 invocations over 1516 source days; shared 18 over 790."""
    days = sum(node.window.days for node in year.nodes.values())

    assert (year.naive_invocations, len(year.nodes), year.naive_source_days, days) == (20, 18, 1516, 790)


def test_modes_share_the_phases_they_begin_with(year: Plan) -> None:
    """bf is the first phase of bftruncate; bfd and mutate_recover share their backfill."""
    path = {mode.name: mode.path for mode in year.modes}

    assert (path["bf"][0], path["bfd"][0]) == (path["bftruncate"][0], path["mutate_recover"][0])
    assert len({path["bf"][0], path["bfd"][0], path["bftruncate"][1], path["bfd"][1]}) == 4


def test_a_phase_stands_after_what_it_starts_from(year: Plan) -> None:
    """The order of the nodes is one in which they can run."""
    seen: set[str] = set()
    for name, node in year.nodes.items():
        assert seen.issuperset(node.parents)
        seen.add(name)


def test_a_repeat_is_never_shared() -> None:
    """The replica has the very same phases, and a state of its own."""
    plan = a_plan("bf", "repeat")

    assert plan.mode("bf").leaf != plan.mode("repeat").leaf
    assert len(plan.nodes) == 2


def test_sharing_off_gives_every_mode_its_own_phases() -> None:
    """A pipeline with hidden state runs each mode from the start."""
    plan = a_plan(*FOUR, pipeline=a_pipeline(sharing="off"))

    assert len(plan.nodes) == plan.naive_invocations == 20


def test_a_reference_is_planned_though_its_mode_was_not_selected() -> None:
    """A mutation that chooses its keys from bf's output makes bf a second parent of the mutated phase."""
    pipeline = a_pipeline(mutations={"mutate_recover": CHOSEN})

    plan = a_plan("mutate_recover", pipeline=pipeline)

    mutated = plan.nodes[plan.mode("mutate_recover").mutated[0]]
    assert [(mode.name, mode.selected) for mode in plan.modes] == [("mutate_recover", True), ("bf", False)]
    assert mutated.parents == (plan.mode("mutate_recover").path[0], plan.mode("bf").leaf)


def test_a_mode_cannot_choose_its_keys_from_itself() -> None:
    """The circle is refused when the plan is made."""
    own = {"restrict_keys": {"source": "trips", "key": "v", "chosen_by": {"mode": "mutate_recover", "output": "daily"}}}

    with pytest.raises(UsageError, match="from its own output"):
        a_plan("mutate_recover", pipeline=a_pipeline(mutations={"mutate_recover": own}))


def test_nodes_of_a_mode_are_all_that_it_stands_on() -> None:
    """A process that executes one mode executes its references as well."""
    plan = a_plan("bfd", "mutate_recover", pipeline=a_pipeline(mutations={"mutate_recover": CHOSEN}))

    wanted = plan.nodes_of(("mutate_recover",))

    assert wanted == {*plan.mode("mutate_recover").path, plan.mode("bf").leaf}


def test_the_depth_of_a_phase_is_the_longest_chain_from_it_on() -> None:
    """bf is followed by bftruncate's dailies; the backfill that bfd and mutate_recover share by twice as many."""
    plan = a_plan(*FOUR)

    depths = plan.depths()

    assert {mode.name: [depths[name] for name in mode.path] for mode in plan.modes} == {
        "bf": [5],
        "bfd": [9, 4, 3, 2, 1],
        "bftruncate": [5, 4, 3, 2, 1],
        "mutate_recover": [9, 8, 7, 6, 5, 4, 3, 2, 1],
    }


@pytest.mark.parametrize(
    ("modes", "pairs"),
    [
        pytest.param(
            FOUR, [("bf", "bfd"), ("bf", "bftruncate"), ("bf", "mutate_recover")], id="the reference was selected"
        ),
        pytest.param(("bftruncate", "bfd"), [("bfd", "bftruncate")], id="else the first in declared order"),
        pytest.param(("repeat", "bf"), [("bf", "repeat")], id="whatever the order on the command line"),
    ],
)
def test_pairs_form_a_star(modes: tuple[str, ...], pairs: list[tuple[str, str]]) -> None:
    """Every mode against the reference, once per output."""
    plan = a_plan(*modes)

    assert plan.pairs == tuple(Pair(output="daily", left=left, right=right) for left, right in pairs)


def test_every_output_has_its_own_pairs() -> None:
    """Two outputs in three modes are four comparisons."""
    plan = a_plan("bf", "bfd", "bftruncate", pipeline=a_pipeline(outputs={"daily": {}, "weekly": {}}))

    assert [(pair.output, pair.right) for pair in plan.pairs] == [
        ("daily", "bfd"),
        ("daily", "bftruncate"),
        ("weekly", "bfd"),
        ("weekly", "bftruncate"),
    ]


@pytest.mark.parametrize(
    ("modes", "reason"),
    [
        pytest.param(("bf",), "only bf was run; add a mode to --modes", id="one mode"),
        pytest.param(
            ("bfd", "repeat"), "repeat is compared with bf only, which was not run", id="without its reference"
        ),
    ],
)
def test_trap_17_what_cannot_be_compared_is_said(modes: tuple[str, ...], reason: str) -> None:
    """Trap 17: zero comparisons are never silence."""
    plan = a_plan(*modes)

    [told] = plan.pairs
    assert isinstance(told, NoPair)
    assert told.reason.startswith(reason)


@pytest.mark.parametrize(
    ("changes", "modes", "why"),
    [
        pytest.param(
            {"modes": {"again": {"phases": [{"from": "start", "to": "end"}]}}},
            ("bf", "again"),
            "same phases",
            id="by phases",
        ),
        pytest.param(
            {"modes": {"half": {"phases": [{"from": "start", "to": "end"}, {"kind": "dailies"}]}}},
            ("bftruncate", "half"),
            "same phases",
            id="by a path of phases",
        ),
    ],
)
def test_trap_17_a_state_is_never_compared_with_itself(
    changes: dict[str, Any], modes: tuple[str, ...], why: str
) -> None:
    """Trap 17: two modes of the very same phases share one state, which equals itself and proves nothing."""
    plan = a_plan(*modes, pipeline=a_pipeline(**changes))

    [told] = plan.pairs
    assert isinstance(told, NoPair)
    assert why in told.reason


@pytest.mark.parametrize(
    ("modes", "said"),
    [
        pytest.param((), "--modes is empty", id="none"),
        pytest.param(("bf", "bf"), "'bf' stands twice", id="twice"),
    ],
)
def test_trap_17_a_plan_needs_distinct_modes(modes: tuple[str, ...], said: str) -> None:
    """Trap 17: no mode at all, or one mode twice, is a wrong request."""
    with pytest.raises(UsageError, match=said):
        a_plan(*modes)


def test_trap_25_a_mode_that_leaves_days_unfilled_is_refused() -> None:
    """Trap 25: the message counts the days and names the first."""
    short = {"short": {"phases": [{"from": "start", "to": "end-1"}]}}

    with pytest.raises(UsageError, match="1 days off, first 2013-12-31"):
        a_plan("short", pipeline=a_pipeline(modes=short))


def test_trap_18_what_runs_and_what_is_compared_come_from_one_plan() -> None:
    """Trap 18: every side of every pair is a mode of the plan, and every selected mode is in a pair."""
    plan = a_plan(*FOUR, "repeat")

    sides = {side for pair in plan.pairs for side in (pair.left, pair.right)}
    assert sides == {mode.name for mode in plan.selected}


def test_equal_plans_have_equal_hashes() -> None:
    """Two processes can tell that they hold the same plan."""
    same, other = a_plan(*FOUR), a_plan(*FOUR, days=(date(2013, 1, 1), date(2013, 12, 1)))

    assert (a_plan(*FOUR).hash == same.hash, same.hash == other.hash) == (True, False)


def outage_of(day: str) -> Plan:
    sources = {"trips": {"table": "raw.trips", "day": day}}
    outage = {"from": "end-8", "to": "end-5", "sources": ["trips"]}
    return a_plan("outage_recovery", pipeline=a_pipeline(sources=sources, outage=outage))


def test_trap_36_the_column_by_which_an_outage_drops_days_is_in_the_key() -> None:
    """Trap 36: the same days by another column are other rows."""
    by_departure, by_arrival = outage_of("left_at"), outage_of("arrived_at")

    mutated = by_departure.mode("outage_recovery").mutated[0]
    assert mutated not in by_arrival.nodes


def chosen_from(view: str | None) -> Plan:
    outputs = {"daily": {"view": view}}
    return a_plan("bf", "mutate_recover", pipeline=a_pipeline(mutations={"mutate_recover": CHOSEN}, outputs=outputs))


def test_trap_36_the_view_that_keys_are_chosen_from_is_in_the_key() -> None:
    """Trap 36: keys chosen from an output's view are other keys than those of its raw table."""
    raw, last = chosen_from(None), chosen_from("{table}_last")

    assert raw.mode("bf").path == last.mode("bf").path
    assert raw.mode("mutate_recover").mutated[0] not in last.nodes
