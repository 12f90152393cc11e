"""Budgets and bills, through the public functions on the local cloud."""

from __future__ import annotations

from typing import Any

import pytest

from dit_dagster import wiring
from dit_dagster.errors import TooMuchToRead
from dit_dagster.evidence.costs import costs
from dit_dagster_tests.scenarios.bench import GOOD, PROGRAM, Bench, all_phases

LABELLED = ('"useLegacySql": False', '"useLegacySql": False, "labels": dict(one.split("=") for one in sys.argv[5:])')
SHORT: dict[str, Any] = {"tail": 1, "lookback": 1}


def test_a_run_over_its_budget_does_nothing(bench: Bench) -> None:
    """What is foretold is what is refused; the reused phases count no more."""
    foretold = [phase["estimate"]["bytes"] for phase in all_phases(bench.explain("bf", "bfd", **SHORT))]

    with pytest.raises(TooMuchToRead, match="3 phases are expected to read"):
        bench.run("bf", "bfd", max_bytes=sum(foretold) - 1, **SHORT)
    before = (bench.events("run_planned"), bench.tables())
    ran = bench.run("bf", "bfd", max_bytes=sum(foretold), **SHORT)
    again = bench.run("bf", "bfd", max_bytes=0, **SHORT)

    assert before == ([], [])
    assert min(foretold) > 0
    assert (ran.executed, again.executed) == (3, 0)


def test_what_a_phase_was_billed_is_recorded_and_expected_the_next_time(bench: Bench) -> None:
    """By its label, steps' own jobs among it; the verdict is billed to the run."""
    step = {**bench.declaration["steps"][0], "labels": ["{key}={value}"]}
    bench.declare(steps=[step])
    bench.commit(GOOD, "labelled", program=PROGRAM.replace(*LABELLED))

    ran = bench.run("bf", "repeat", commit="labelled")
    [first] = [event for event in bench.events("spent") if event.payload["mode"] == "bf"]
    forced = bench.explain("bf", "repeat", commit="labelled", force=True)

    months = costs(wiring.registry(bench.settings), "visits", None)  # two, if it was midnight
    phases, runs, billed = (sum(one[what] for one in months) for what in ("phases", "runs", "bytes_billed"))
    assert (ran.executed, phases, runs) == (2, 2, 1)
    assert billed >= first.payload["bytes_billed"] > 0
    assert next(all_phases(forced))["estimate"] == {
        "bytes": first.payload["bytes_billed"],
        "basis": f"billed to run {ran.json['run_id']}",
    }


FAILING = PROGRAM.replace(*LABELLED) + "\nsys.exit(1)\n"


def test_what_a_failed_phase_was_billed_is_not_expected(bench: Bench) -> None:
    """It may have stopped at its first query; what it was billed is still added up."""
    bench.declare(steps=[{**bench.declaration["steps"][0], "labels": ["{key}={value}"]}])
    bench.commit(GOOD, "failing", program=FAILING)

    bench.run("bf", "repeat", commit="failing")
    ahead = bench.explain("bf", "repeat", commit="failing")

    assert {event.payload["bytes_billed"] > 0 for event in bench.events("spent")} == {True}
    assert {phase["estimate"]["basis"] for phase in all_phases(ahead)} == {"dry run of its sources"}


def test_what_other_tables_cost_is_not_expected(bench: Bench) -> None:
    """A run on a small cohort says nothing of one on the whole."""
    bench.declare(steps=[{**bench.declaration["steps"][0], "labels": ["{key}={value}"]}])
    bench.commit(GOOD, "labelled", program=PROGRAM.replace(*LABELLED))
    bench.query(f"CREATE TABLE `{bench.source}.whole` AS SELECT * FROM `{bench.source}.visits`")

    bench.run("bf", "repeat", commit="labelled")
    ahead = bench.explain("bf", "repeat", commit="labelled", tables={"visits": f"{bench.source}.whole"})

    assert {phase["estimate"]["basis"] for phase in all_phases(ahead)} == {"dry run of its sources"}
