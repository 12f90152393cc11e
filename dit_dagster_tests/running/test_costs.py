"""A budget is checked before anything runs, and what cannot be known does not pass it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pytest

from dit_dagster.adapters.memory import MemoryRegistry
from dit_dagster.errors import TooMuchToRead
from dit_dagster.evidence.costs import costs
from dit_dagster.model.identity import Fingerprint
from dit_dagster.planning.plan import Plan
from dit_dagster.running.costs import Estimate, days_read, refuse_too_much
from dit_dagster_tests.builders import a_pipeline, a_plan, an_event, declared


def estimates(plan: Plan, size: int | None) -> Mapping[Fingerprint, Estimate]:
    return {name: Estimate(bytes=size, basis="dry run of its sources") for name in plan.nodes}


@pytest.mark.parametrize(
    "limit",
    [pytest.param(None, id="no limit"), pytest.param(500, id="exactly as much"), pytest.param(501, id="less")],
)
def test_what_the_budget_allows_runs(limit: int | None) -> None:
    """Five phases of 100 bytes."""
    plan = a_plan("bfd", max_bytes=limit)

    refuse_too_much(plan, estimates(plan, 100))


def test_what_it_does_not_allow_is_refused() -> None:
    """With the sum, and the phase that takes most of it."""
    plan = a_plan("bfd", max_bytes=499)

    with pytest.raises(TooMuchToRead, match=r"5 phases are expected to read 500 bytes.*bfd:1 with 100"):
        refuse_too_much(plan, estimates(plan, 100))


def test_what_cannot_be_known_is_refused() -> None:
    """Unknown is not nothing."""
    plan = a_plan("bf", max_bytes=1000)

    with pytest.raises(TooMuchToRead, match="cannot be known"):
        refuse_too_much(plan, estimates(plan, None))


def test_a_step_that_begins_at_the_start_reads_from_there() -> None:
    """In each of its phases, and before it what is read back; another reads its phase's days."""
    steps = declared()["steps"]
    growing = a_pipeline(steps=[{**steps[0], "window": "from_start"}, *steps[1:]], reads_back=2)
    days = (date(2013, 3, 1), date(2013, 3, 8))

    plan, usual = (a_plan("bfd", pipeline=one, days=days) for one in (growing, a_pipeline(reads_back=2)))

    assert {days_read(plan, node).start for node in plan.nodes.values()} == {date(2013, 2, 27)}
    assert [days_read(usual, node) for node in usual.nodes.values()] == [
        node.window.widened(back=2) for node in usual.nodes.values()
    ]


def test_nothing_runs_nothing_is_read() -> None:
    """A limit of 0 allows what is all reused."""
    refuse_too_much(a_plan("bf", max_bytes=0), {})


def test_costs_add_up_per_pipeline_and_month() -> None:
    """Phases and verdicts apart; a month or a pipeline alone, if asked for."""
    registry = MemoryRegistry()
    spent = {"bytes_billed": 10, "slot_ms": 3, "jobs": 1, "mode": "bf", "index": 0}
    registry.append(
        [
            an_event("spent", payload=spent),
            an_event("spent", payload=spent),
            an_event("run_finished", payload={"cost": {"bytes_billed": 7}}),
            an_event("spent", pipeline="other", payload=spent),
        ]
    )

    rows = costs(registry, None, None)
    [event] = registry.of_pipeline("spent", "other", 1)
    assert event.at is not None
    month = f"{event.at:%Y-%m}"

    mine = {"runs": 1, "phases": 2, "bytes_billed": 20, "slot_ms": 6, "comparing_bytes_billed": 7}
    assert rows[1] == {"pipeline": "trips", "month": month, **mine}
    assert [row["pipeline"] for row in rows] == ["other", "trips"]
    assert costs(registry, "trips", month) == rows[1:]
    assert costs(registry, None, "1999-01") == []
