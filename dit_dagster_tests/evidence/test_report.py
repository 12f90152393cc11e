"""What a run's report says, whatever became of the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from dit_dagster.evidence.report import classes, report_json
from dit_dagster.model.identity import Fingerprint
from dit_dagster.model.outcome import Blocked, Cancelled, Capped, Failed, NotNeeded, PhaseOutcome, Ran, Reused
from dit_dagster.model.policy import ComparisonPolicy
from dit_dagster.model.verdict import Cost, Evidence, Expectation, Identical, Outcome, Side
from dit_dagster.model.verdict_json import comparison_json
from dit_dagster.planning.decision import Known, decide
from dit_dagster.planning.plan import Plan
from dit_dagster.running.judging import Comparison
from dit_dagster.running.run import Prospect, Report
from dit_dagster_tests.builders import a_plan, record_of_node

PUBLIC = {
    *("run_id", "pipeline", "commit", "tree", "experiment_id", "outcome", "invocations", "source_days"),
    *("peak_parallel", "seconds", "modes", "comparisons"),
}


def comparison(
    left: str, right: str, verdict: str = "IDENTICAL", outcome: Outcome = Outcome.PASS, *, remembered: bool = False
) -> Comparison:
    sides = [Side(label=side, table=f"p.d.{side}", rows=3) for side in (left, right)]
    evidence = Evidence(left=sides[0], right=sides[1], policy=ComparisonPolicy(), cost=Cost(bytes_billed=10))
    described = comparison_json("daily", left, right, Identical(evidence=evidence), Expectation.MUST_MATCH)
    told = {"verdict": verdict, "outcome": outcome.value, "passed": outcome is Outcome.PASS}
    return Comparison(
        output="daily",
        left=left,
        right=right,
        outcome=outcome,
        verdict=verdict,
        json={**described, **told},
        remembered=remembered,
    )


def all_ran(plan: Plan) -> dict[Fingerprint, PhaseOutcome]:
    return {name: Ran(record=record_of_node(node), seconds=1.5) for name, node in plan.nodes.items()}


def a_report(
    plan: Plan,
    outcomes: Mapping[Fingerprint, PhaseOutcome] | None = None,
    comparisons: Sequence[Comparison] | None = None,
    signal: int | None = None,
) -> Report:
    """A run of the plan in which all went well, but for what is given."""
    passed = [comparison(pair.left, pair.right) for pair in plan.pairs]
    return Report(
        run_id="run-000001",
        prospect=Prospect(plan=plan, decisions=decide(plan, Known(states={}, predecessors={})), counts={}),
        outcomes=all_ran(plan) if outcomes is None else outcomes,
        comparisons=tuple(passed if comparisons is None else comparisons),
        peak_parallel=2,
        seconds=3.0,
        signal=signal,
    )


def test_a_report_holds_what_readers_rely_on() -> None:
    """The public names, and a phase that several modes share stands in each of them."""
    plan = a_plan("bf", "bftruncate")

    described = report_json(a_report(plan))

    shared = [mode["phases"][0]["fingerprint"] for mode in described["modes"]]
    assert described.keys() >= PUBLIC
    assert shared == [plan.mode("bf").leaf] * 2
    assert described["invocations"] == {"naive": 6, "planned": 5, "executed": 5, "reused": 0}


def test_a_run_passes_when_every_pair_does() -> None:
    """And only then."""
    assert a_report(a_plan("bf", "bfd")).outcome is Outcome.PASS


FAIL = comparison("bf", "bfd", "DIFFERENT", Outcome.FAIL)
SKIPPED = comparison("bf", "bfd", "SKIPPED", Outcome.INCONCLUSIVE)
BROKEN = Failed(error="broken", log=None, seconds=0.1)


@pytest.mark.parametrize(
    ("comparisons", "failed", "signal", "outcome"),
    [
        pytest.param([FAIL], False, None, Outcome.FAIL, id="a verdict fails"),
        pytest.param([FAIL], True, None, Outcome.FAIL, id="a verdict fails, and a phase did: the verdict comes first"),
        pytest.param([SKIPPED], True, None, Outcome.ERROR, id="a phase failed"),
        pytest.param([SKIPPED], False, None, Outcome.INCONCLUSIVE, id="a pair was skipped"),
        pytest.param([], False, None, Outcome.INCONCLUSIVE, id="a pair is missing"),
        pytest.param(None, False, 15, Outcome.INCONCLUSIVE, id="it was stopped after all had passed"),
        pytest.param([FAIL], False, 15, Outcome.FAIL, id="it was stopped after one had failed"),
    ],
)
def test_trap_19_the_whole_is_no_better_than_its_parts(
    comparisons: list[Comparison] | None, failed: bool, signal: int | None, outcome: Outcome
) -> None:
    """Trap 19: what is missing, skipped or stopped is not a pass, whatever the rest says."""
    plan = a_plan("bf", "bfd")
    outcomes = {**all_ran(plan), **({plan.mode("bfd").leaf: BROKEN} if failed else {})}

    assert a_report(plan, outcomes, comparisons, signal).outcome is outcome


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        pytest.param(BROKEN, "failed", id="failed"),
        pytest.param(Blocked(by=Fingerprint("0" * 64)), "blocked", id="blocked"),
        pytest.param(Cancelled(), "cancelled", id="cancelled"),
        pytest.param(Capped(reason="budget"), "capped", id="capped"),
    ],
)
def test_a_mode_says_what_went_wrong_first(last: PhaseOutcome, expected: str) -> None:
    """However many of its phases went well."""
    plan = a_plan("bf", "bfd")

    described = report_json(a_report(plan, {**all_ran(plan), plan.mode("bfd").leaf: last}))

    assert [mode["outcome"] for mode in described["modes"]] == ["ran", expected]


def test_a_reused_mode_says_so() -> None:
    """With ancestors that were not needed."""
    plan = a_plan("bfd")
    outcomes: dict[Fingerprint, PhaseOutcome] = {name: NotNeeded() for name in plan.nodes}
    leaf = plan.mode("bfd").leaf
    outcomes[leaf] = Reused(record=record_of_node(plan.nodes[leaf]))

    described = report_json(a_report(plan, outcomes))

    assert (described["modes"][0]["outcome"], described["invocations"]["reused"]) == ("reused", 1)


def of_daily(*comparisons: Comparison) -> list[list[str]]:
    return classes(a_report(a_plan("bf", "bfd"), comparisons=comparisons))["daily"]


def test_identical_modes_form_classes() -> None:
    """A mode that differs is in a class of its own; EQUIVALENT builds none."""
    found = of_daily(
        comparison("bf", "bfd"),
        comparison("bf", "x", "DIFFERENT"),
        comparison("bf", "y", "EQUIVALENT"),
        comparison("bf", "z"),
    )

    assert sorted(found) == [["bf", "bfd", "z"], ["x"], ["y"]]


def test_classes_join_whatever_the_order_of_the_pairs() -> None:
    """A mode may be compared with another than the reference before that one was."""
    found = of_daily(comparison("b", "a"), comparison("bf", "x", "DIFFERENT"), comparison("bf", "b"))

    assert sorted(sorted(group) for group in found) == [["a", "b", "bf"], ["x"]]


def test_a_mode_that_was_not_compared_is_alone() -> None:
    """One mode, one class."""
    plan: Any = a_plan("bf")

    assert classes(a_report(plan, comparisons=[comparison("bf", "bf", "NOT_COMPARED")]))["daily"] == [["bf"]]


def test_a_remembered_verdict_costs_the_run_nothing() -> None:
    """It was paid for by the run that made it."""
    found = [comparison("bf", "bfd"), comparison("bf", "x"), comparison("bf", "y", remembered=True)]

    described = report_json(a_report(a_plan("bf", "bfd"), comparisons=found))

    assert (described["cost"]["bytes_billed"], described["remembered"]) == (20, 1)
