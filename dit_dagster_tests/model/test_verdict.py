"""What a verdict comes to: fixed outcomes, fixed exit codes, fixed precedence."""

from __future__ import annotations

from datetime import date
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dit_dagster.model.policy import ComparisonPolicy
from dit_dagster.model.verdict import (
    EXIT_CODES,
    ColumnDifference,
    Different,
    Empty,
    Equivalent,
    Error,
    Evidence,
    Expectation,
    ExpectedDifference,
    Explanation,
    Identical,
    Incomparable,
    Incomplete,
    NonDeterministic,
    NotCompared,
    NotExercised,
    Outcome,
    SchemaDifferent,
    Side,
    Skipped,
    Unchanged,
    Verdict,
    combined,
    judged,
    verdict_name,
)
from dit_dagster.model.verdict_json import comparison_json

EVIDENCE = Evidence(left=Side(label="bf", table="t"), right=Side(label="bfd", table="u"), policy=ComparisonPolicy())
WHY = Explanation(
    only_left=256, only_right=0, changed=0, multiplicity=0, columns=(ColumnDifference(name="n", mismatches=256),)
)
PASS, FAIL, UNSURE, BROKEN = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.ERROR

# The table of the verdicts, as the documentation states it: verdict, must_match, report_only.
TABLE: tuple[tuple[Verdict, str, Outcome, Outcome], ...] = (
    (Identical(evidence=EVIDENCE), "IDENTICAL", PASS, PASS),
    (Equivalent(evidence=EVIDENCE, explanation=WHY), "EQUIVALENT", PASS, PASS),
    (Different(evidence=EVIDENCE, explanation=WHY), "DIFFERENT", FAIL, PASS),
    (ExpectedDifference(evidence=EVIDENCE, explanation=WHY), "EXPECTED_DIFFERENCE", PASS, PASS),
    (NonDeterministic(evidence=EVIDENCE, explanation=WHY), "NON_DETERMINISTIC", FAIL, PASS),
    (Incomplete(evidence=EVIDENCE, missing_left=(date(2024, 1, 1),), missing_right=()), "INCOMPLETE", FAIL, FAIL),
    (Unchanged(evidence=EVIDENCE), "UNCHANGED", PASS, PASS),
    (SchemaDifferent(evidence=EVIDENCE, differences=("x: only left",)), "SCHEMA_DIFFERENT", FAIL, PASS),
    (Empty(evidence=EVIDENCE), "EMPTY", UNSURE, UNSURE),
    (NotCompared(evidence=EVIDENCE, reason="r"), "NOT_COMPARED", UNSURE, UNSURE),
    (Incomparable(evidence=EVIDENCE, reason="r"), "INCOMPARABLE", UNSURE, UNSURE),
    (NotExercised(evidence=EVIDENCE, reason="r"), "NOT_EXERCISED", UNSURE, UNSURE),
    (Skipped(evidence=EVIDENCE, reason="r"), "SKIPPED", UNSURE, UNSURE),
    (Error(evidence=EVIDENCE, reason="r"), "ERROR", BROKEN, BROKEN),
)
VERDICTS = [pytest.param(*row, id=row[1]) for row in TABLE]


@pytest.mark.parametrize(("verdict", "name", "must_match", "report_only"), VERDICTS)
def test_each_verdict_has_one_name_and_fixed_outcomes(
    verdict: Verdict, name: str, must_match: Outcome, report_only: Outcome
) -> None:
    """The table of the documentation, line by line."""
    found = (verdict_name(verdict), judged(verdict), judged(verdict, Expectation.REPORT_ONLY))

    assert found == (name, must_match, report_only)


def test_the_table_is_complete() -> None:
    """A verdict that is added to the union must be added here, with what it comes to."""
    assert {type(row[0]) for row in TABLE} == set(get_args(Verdict))


def test_trap_16_exit_codes_are_fixed() -> None:
    """Trap 16: an exit code names the outcome; it is never a count, so that 256 differences are not 0."""
    many = Different(evidence=EVIDENCE, explanation=WHY)

    assert EXIT_CODES == {PASS: 0, FAIL: 1, UNSURE: 3, BROKEN: 4}
    assert EXIT_CODES[judged(many)] == 1


@given(outcomes=st.lists(st.sampled_from(list(Outcome)), min_size=1))
def test_trap_19_the_worst_outcome_is_the_whole(outcomes: list[Outcome]) -> None:
    """Trap 19: a failure comes before an error, an error before doubt, and only all passes pass."""
    worst = next(outcome for outcome in (FAIL, BROKEN, UNSURE, PASS) if outcome in outcomes)

    assert combined(outcomes) is worst


def test_trap_17_nothing_at_all_is_not_a_pass() -> None:
    """Trap 17: no comparison proves nothing."""
    assert combined([]) is UNSURE


@pytest.mark.parametrize(("verdict", "name", "must_match", "report_only"), VERDICTS)
def test_every_verdict_says_in_json_what_readers_rely_on(
    verdict: Verdict, name: str, must_match: Outcome, report_only: Outcome
) -> None:
    """The public fields are there whatever the verdict is, and `passed` follows from it."""
    described = comparison_json("daily", "bf", "bfd", verdict, Expectation.MUST_MATCH)

    public = {"output", "left", "right", "verdict", "passed", "rows_left", "rows_right", "method", "columns"}
    assert public <= described.keys()
    assert (described["verdict"], described["passed"]) == (name, must_match is PASS)
