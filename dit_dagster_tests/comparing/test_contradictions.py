"""A pass that its own evidence or explanation contradicts is an error, and every other verdict is left as it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dit_dagster.comparing.contradictions import cross_checked
from dit_dagster.model.policy import ComparisonPolicy
from dit_dagster.model.verdict import (
    ColumnDifference,
    Different,
    Empty,
    Equivalent,
    Error,
    Evidence,
    ExpectedDifference,
    Explanation,
    Identical,
    Incomparable,
    Side,
    Verdict,
)

POLICY = ComparisonPolicy.model_validate(
    {"keys": ["id"], "columns": {"v": {"tolerance": {"abs": 1}}}, "expected_diff": {"where": "v > 1", "rows": 3}}
)
EVIDENCE = Evidence(
    left=Side(label="bf", table="l", rows=10, duplicate_keys=0),
    right=Side(label="bfd", table="r", rows=10, duplicate_keys=0),
    policy=POLICY,
)
NEAR = Explanation(
    only_left=0,
    only_right=0,
    changed=0,
    multiplicity=0,
    within_tolerance=2,
    columns=(ColumnDifference(name="v", mismatches=0, within_tolerance=2),),
)
ANNOUNCED = Explanation(
    only_left=1,
    only_right=0,
    changed=1,
    multiplicity=1,
    columns=(ColumnDifference(name="v", mismatches=1),),
)


def sides(left: int, right: int) -> Evidence:
    return replace(EVIDENCE, left=replace(EVIDENCE.left, rows=left), right=replace(EVIDENCE.right, rows=right))


EQUIVALENT = Equivalent(evidence=EVIDENCE, explanation=NEAR)
EXPECTED = ExpectedDifference(evidence=EVIDENCE, explanation=ANNOUNCED)
ONE_REPEATED = replace(EVIDENCE, right=replace(EVIDENCE.right, duplicate_keys=1))


def near(**counted: object) -> Equivalent:
    return Equivalent(evidence=EVIDENCE, explanation=replace(NEAR, **counted))  # type: ignore[arg-type]


def announced(**counted: object) -> ExpectedDifference:
    return ExpectedDifference(evidence=EVIDENCE, explanation=replace(ANNOUNCED, **counted))  # type: ignore[arg-type]


def a_column(*, mismatches: int = 0, null_on_one_side: int = 0) -> tuple[ColumnDifference, ...]:
    return (replace(NEAR.columns[0], mismatches=mismatches, null_on_one_side=null_on_one_side),)


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        pytest.param(Identical(evidence=sides(3, 4)), "bf has 3 rows and bfd has 4", id="identical, rows"),
        pytest.param(Identical(evidence=ONE_REPEATED), "0 rows of bf repeat a key, and 1 of bfd", id="identical, keys"),
        pytest.param(Equivalent(evidence=sides(3, 4), explanation=NEAR), "bf has 3 rows", id="equivalent, rows"),
        pytest.param(near(only_left=1), "1 rows are only on the left", id="only left"),
        pytest.param(near(only_right=1), "1 rows are only on the right", id="only right"),
        pytest.param(near(changed=1), "1 rows are changed", id="changed"),
        pytest.param(near(multiplicity=1), "1 rows are in surplus", id="multiplicity"),
        pytest.param(near(columns=a_column(mismatches=1)), "1 values of v differ beyond its tolerance", id="mismatch"),
        pytest.param(near(columns=a_column(null_on_one_side=1)), "1 values of v are NULL", id="NULL"),
        pytest.param(near(columns=()), "only 0 values differ in the 2 pairs", id="no value differs"),
        pytest.param(announced(only_left=2), "4 rows differ and 3 were announced", id="more than announced"),
        pytest.param(announced(multiplicity=0), "2 rows differ and 3 were announced", id="fewer than announced"),
        pytest.param(announced(multiplicity_left=1), "accounts for +2", id="rows that do not add up"),
        pytest.param(announced(columns=()), "1 pairs of rows changed, and 0 values", id="changed, no value"),
        pytest.param(announced(within_tolerance=1), "only 0 values differ in the 1 pairs", id="near beside, no value"),
        pytest.param(announced(changed=0, only_left=2), "0 pairs of rows changed, and 1 values", id="value, no pair"),
    ],
)
def test_a_pass_that_is_contradicted_is_an_error(verdict: Verdict, said: str) -> None:
    """It says what contradicts it, and what to do."""
    checked = cross_checked(verdict)

    assert isinstance(checked, Error)
    assert said in checked.reason
    assert "compare again with --exact" in checked.reason
    assert "\n" not in checked.reason
    assert checked.evidence is verdict.evidence


@pytest.mark.parametrize("verdict", [EQUIVALENT, EXPECTED])
def test_rows_that_are_not_those_of_the_digests_are_an_error(verdict: Verdict) -> None:
    """Where both sums are known they are equal."""
    assert isinstance(cross_checked(verdict, found=(1, 2), digested=(1, 3)), Error)
    assert cross_checked(verdict, found=(1, 2), digested=(1, 2)) is verdict
    assert cross_checked(verdict, digested=(1, 2)) is verdict


@pytest.mark.parametrize(
    "verdict",
    [
        Identical(evidence=EVIDENCE),
        Identical(evidence=replace(EVIDENCE, left=Side(label="bf", table="l"))),
        EQUIVALENT,
        EXPECTED,
        Different(evidence=sides(3, 4), explanation=NEAR),
        Empty(evidence=sides(0, 0)),
        Incomparable(evidence=sides(3, 4), reason="no keys"),
    ],
)
def test_every_other_verdict_stays(verdict: Verdict) -> None:
    """What fits together, what was not counted, and what is no pass."""
    assert cross_checked(verdict) is verdict
