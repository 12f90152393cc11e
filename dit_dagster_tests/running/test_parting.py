"""Where two modes part: the search, and what a state in between can be asked."""

from __future__ import annotations

from datetime import date

import pytest

from dit_dagster.running.parting import covered_until, first_true
from dit_dagster_tests.builders import a_pipeline, a_plan


@pytest.mark.parametrize("count", [1, 2, 3, 9, 100])
def test_the_first_is_found_wherever_it_is(count: int) -> None:
    """At both ends and everywhere between."""
    assert [first_true(count, lambda i, at=at: i >= at) for at in range(count)] == list(range(count))  # type: ignore[misc]


def test_an_early_one_costs_little_and_a_late_one_not_much_more() -> None:
    """365 phases: the second in two questions, the last in about twice the logarithm."""
    asked: list[int] = []

    def from_(at: int, index: int) -> bool:
        asked.append(index)
        return index >= at

    costs = []
    for at in (1, 364):
        asked.clear()
        first_true(365, lambda index, at=at: from_(at, index))  # type: ignore[misc]
        costs.append(len(asked))

    assert (costs[0], costs[1] <= 18) == (2, True)


def test_what_can_be_known_after_a_phase_lies_before_what_is_filled() -> None:
    """A backfill up to the tail, then a daily run that removes what it owns; at the end everything is filled."""
    plan = a_plan("bfd", pipeline=a_pipeline(reads_back=1))

    untils = covered_until(plan, plan.mode("bfd"))

    ends = [plan.nodes[name].window.end for name in plan.mode("bfd").path]
    assert untils[:-1] == tuple(date.fromordinal(end.toordinal() - 1) for end in ends[:-1])
    assert untils[-1] is None


def test_damaged_input_fills_nothing() -> None:
    """Of what a mutated phase wrote nothing can be said: it is there to be repaired."""
    plan = a_plan("mutate_recover", pipeline=a_pipeline(owns_to_end=True))

    untils = covered_until(plan, plan.mode("mutate_recover"))

    path = plan.mode("mutate_recover").path
    damaged = [i for i, name in enumerate(path) if plan.nodes[name].mutation]
    first = plan.nodes[path[damaged[0]]].window.start
    assert {untils[i] for i in damaged} == {first}
