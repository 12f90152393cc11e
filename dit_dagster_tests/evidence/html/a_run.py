"""A run in which everything that a page can show has happened, as `report_json` writes it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from dit_dagster.evidence.report import report_json
from dit_dagster.model.crossing import Against, Crossing
from dit_dagster.model.identity import Commit, Fingerprint
from dit_dagster.model.outcome import Blocked, Failed, PhaseOutcome, Ran, Reused
from dit_dagster.model.policy import ComparisonPolicy
from dit_dagster.model.verdict import (
    Cause,
    CauseName,
    ColumnDifference,
    Cost,
    Different,
    Evidence,
    Expectation,
    Explanation,
    Identical,
    PartedRow,
    Parting,
    Sample,
    Side,
    Skipped,
    Verdict,
    judged,
    verdict_name,
)
from dit_dagster.model.verdict_json import comparison_json
from dit_dagster.planning.decision import Known, decide
from dit_dagster.planning.plan import Plan
from dit_dagster.running.judging import Comparison
from dit_dagster.running.run import Prospect, Report
from dit_dagster_tests.builders import a_plan, record_of_node

MODES = ("bf", "bfd", "bftruncate", "mutate_recover")
NASTY = "<script>document.title='run'</script>\"'&amp;\u202egnirts\u200b"
LONG = "a" * 2000

POLICY = ComparisonPolicy.model_validate(
    {
        "keys": ["day", "vessel"],
        "day": "day",
        "dimensions": ["vessel"],
        "ignore": {"loaded_at": "the time of loading"},
        "columns": {"speed": {"tolerance": {"abs": 0.5, "rel": 0.01}}, "doc": "json"},
    }
)

SAMPLES = (
    Sample(key={"day": "2013-12-28", "vessel": NASTY}, column="speed", left="1527.93", right="1528.01"),
    Sample(key={"day": "2013-12-28", "vessel": None}, column="name", left=NASTY, right=NASTY.replace("run", "ran")),
    Sample(key={"day": "2013-12-29", "vessel": "v1"}, column="name", left=LONG, right=LONG[:1000] + "b" + LONG[1000:]),
    Sample(key={"day": "2013-12-29", "vessel": "v2"}, column="name", left="ann", right=None),
    Sample(
        key={"day": "2013-12-30", "vessel": "v3"}, column=None, left='{"day": "2013-12-30", "name": "x"}', right=None
    ),
)


def explanation(phase: Fingerprint) -> Explanation:
    return Explanation(
        only_left=1,
        only_right=0,
        changed=40,
        multiplicity=2,
        within_tolerance=3,
        columns=(
            ColumnDifference(
                name="speed",
                mismatches=30,
                within_tolerance=3,
                max_abs=120.5,
                mean_abs=4.25,
                max_rel=0.31,
                histogram=((-1, 3), (0, 20), (2, 10)),
            ),
            ColumnDifference(name="name", mismatches=12, null_on_one_side=1),
            ColumnDifference(
                name="left_at",
                mismatches=5,
                max_abs=1.8e10,
                mean_abs=1.8e10,
                unit="microseconds",
                histogram=((10, 5),),
            ),
        ),
        samples=SAMPLES,
        days=((date(2013, 12, 28), 30), (date(2013, 12, 29), 10), (date(2013, 12, 30), 3)),
        dimensions=(("vessel", NASTY, 30), ("vessel", None, 13)),
        at_boundary=0.25,
        causes=(Cause(name=CauseName.SHIFT, evidence="left_at: shift by +5 whole hours"),),
        parting=Parting(
            mode="bfd",
            index=1,
            fingerprint=str(phase),
            start=date(2013, 12, 26),
            end=date(2013, 12, 29),
            commands=("count 2013-12-26 2013-12-29 " + "x" * 200,),
            rows=7,
            samples=(PartedRow(kind="extra", key={"day": "2013-12-28"}, row='{"day": "2013-12-28", "name": "ann"}'),),
        ),
    )


def evidence(left: str, right: str) -> Evidence:
    return Evidence(
        left=Side(label=left, table=f"p.d.{left}__daily", rows=1200, duplicate_keys=0),
        right=Side(label=right, table=f"p.d.{right}__daily", rows=1199, duplicate_keys=2),
        policy=POLICY,
        compared=("day", "doc", "left_at", "name", "speed", "vessel"),
        ignored=dict(POLICY.ignore),
        method="residue",
        engine="local/duckdb",
        digest_version=1,
        cost=Cost(bytes_estimated=48_420, bytes_billed=20_971_520, seconds=0.9, statements=1),
        warnings=(f"{right}: 2 rows have the key of an earlier row",),
    )


def verdicts(plan: Plan) -> dict[str, Verdict]:
    """By the mode that is held against bf."""
    return {
        "bfd": Different(evidence=evidence("bf", "bfd"), explanation=explanation(plan.mode("bfd").path[1])),
        "bftruncate": Identical(evidence=evidence("bf", "bftruncate")),
        "mutate_recover": Skipped(evidence=evidence("bf", "mutate_recover"), reason="mutate_recover: a phase failed"),
    }


def a_run() -> dict[str, Any]:
    """bfd differs, bftruncate is the same and partly reused, a phase of mutate_recover failed."""
    plan = a_plan(*MODES)
    return report_json(
        Report(
            run_id="20131231-120000-abcdef",
            prospect=Prospect(plan=plan, decisions=decide(plan, Known(states={}, predecessors={})), counts={}),
            outcomes=_outcomes(plan),
            comparisons=tuple(_comparison(right, verdict) for right, verdict in verdicts(plan).items()),
            peak_parallel=2,
            seconds=48.7,
            against=Against(commit=Commit("b" * 40), crossings=_crossings(plan)),
        )
    )


def _crossings(plan: Plan) -> tuple[Crossing, ...]:
    """In two modes the same, in one the base has no state."""
    told = Different(evidence=evidence("base.bf", "head.bf"), explanation=explanation(plan.mode("bfd").path[1]))
    unknown = Skipped(evidence=evidence("base.bfd", "head.bfd"), reason="base: it was not run")
    verdicts_of: dict[str, Verdict] = {"bf": told, "bftruncate": told, "bfd": unknown}
    return tuple(
        Crossing(output="daily", mode=mode, left="base", right="head", verdict=verdict)
        for mode, verdict in verdicts_of.items()
    )


def _outcomes(plan: Plan) -> dict[Fingerprint, PhaseOutcome]:
    outcomes: dict[Fingerprint, PhaseOutcome] = {
        name: Ran(record=record_of_node(node), seconds=1.5) for name, node in plan.nodes.items()
    }
    reused = plan.mode("bftruncate").path[1]
    outcomes[reused] = Reused(record=record_of_node(plan.nodes[reused]))
    failed, *after = plan.mode("mutate_recover").path[-3:]
    outcomes[failed] = Failed(error="count: exit code 1", log="logs/003-mutate_recover.log", seconds=0.4)
    return {**outcomes, **{name: Blocked(by=failed) for name in after}}


def _comparison(right: str, verdict: Verdict) -> Comparison:
    described = comparison_json("daily", "bf", right, verdict, Expectation.MUST_MATCH)
    return Comparison(
        output="daily",
        left="bf",
        right=right,
        outcome=judged(verdict),
        verdict=verdict_name(verdict),
        json=described,
        remembered=False,
    )


def a_comparison(**changes: Any) -> dict[str, Any]:
    """The comparison of bf and bfd alone; `changes` are of its explanation."""
    told = replace(explanation(Fingerprint("a" * 64)), **changes)
    verdict = Different(evidence=evidence("bf", "bfd"), explanation=told)
    return comparison_json("daily", "bf", "bfd", verdict, Expectation.MUST_MATCH)
