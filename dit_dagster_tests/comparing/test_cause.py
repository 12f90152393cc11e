"""Each signature is told by its own trace, and nothing is claimed without one."""

from __future__ import annotations

from typing import Any

import pytest

from dit_dagster.comparing.cause import causes_of
from dit_dagster.model.verdict import Cause, CauseName, ColumnDifference, Explanation, Sample


def told(*pairs: tuple[str | None, str | None], **column: Any) -> Explanation:
    """One column `v` that differs in these samples."""
    nulls = sum(None in pair for pair in pairs)
    facts = {"mismatches": len(pairs), "null_on_one_side": nulls, **column}
    samples = tuple(Sample(key={"id": str(i)}, column="v", left=a, right=b) for i, (a, b) in enumerate(pairs))
    return Explanation(
        only_left=0,
        only_right=0,
        changed=len(pairs),
        multiplicity=0,
        columns=(ColumnDifference(name="v", **facts),),
        samples=samples,
    )


HOUR = 3_600_000_000.0


def constant(distance: float, *pairs: tuple[str, str], **column: Any) -> Explanation:
    return told(*pairs, max_abs=distance, mean_abs=distance, **column)


N = CauseName
TRACES = {
    "last-bit float noise": (N.FLOAT_NOISE, told(("0.3", "0.30000000000000004"), type="FLOAT64", max_rel=2e-16)),
    "last-bit float noise within JSON, at $.a, $.b[].c": (
        N.FLOAT_NOISE,
        told(
            ('{"a": 0.3, "n": 1}', '{"a": 0.30000000000000004, "n": 1}'),
            ('{"a": 1, "b": [{"c": 2}]}', '{"a": 1, "b": [{"c": 2.0000000000000004}]}'),
            type="STRING",
        ),
    ),
    "shift by +2 whole hours": (
        N.SHIFT,
        constant(
            2 * HOUR,
            ("2020-01-01 01:00", "2020-01-01 03:00"),
            ("2020-01-02 01:00", "2020-01-02 03:00"),
            unit="microseconds",
            greater_on_right=2,
        ),
    ),
    "shift by -1 days": (
        N.SHIFT,
        constant(1.0, ("2020-01-02", "2020-01-01"), ("2020-02-02", "2020-02-01"), unit="days", greater_on_right=0),
    ),
    "constant offset of +1": (N.OFFSET, constant(1.0, ("1", "2"), ("5", "6"), max_rel=0.5, greater_on_right=2)),
    "rounded to 2 decimals on the right": (
        N.ROUNDING,
        told(("1.234", "1.23"), ("2.718", "2.72"), max_abs=0.004, mean_abs=0.003),
    ),
    "constant factor of 2": (
        N.FACTOR,
        told(("1.5", "3.0"), ("2.5", "5.0"), max_abs=2.5, mean_abs=2.0, max_rel=0.5),
    ),
    "value to NULL": (N.NULL, told(("a", None), ("b", None), null_on_right=2)),
    "NULL to value": (N.NULL, told((None, "a"))),
    "NULL on one side": (N.NULL, told((None, "a"), ("b", None), null_on_right=1)),
    "case only": (N.CASE, told(("Ab", "aB"))),
    "spaces only": (N.SPACE, told(("a b", "a  b "))),
    "normal form": (N.FORM, told(("\u00e9", "e\u0301"))),
    "another order": (N.ORDER, told(('["a", "b"]', '["b", "a"]'))),
}


@pytest.mark.parametrize(("phrase", "trace"), TRACES.items(), ids=TRACES)
def test_a_trace_is_named(phrase: str, trace: tuple[CauseName, Explanation]) -> None:
    """With the column that bears it."""
    name, explanation = trace

    (cause,) = causes_of(explanation)

    assert (cause.name, cause.evidence.startswith("v: "), phrase in cause.evidence) == (name, True, True)


LARGE = (("9007199254740992", "9007199254740994"), ("1", "5"))


@pytest.mark.parametrize(
    "explanation",
    [
        pytest.param(told(("1", "2"), ("5", "9"), max_abs=4.0, mean_abs=2.5), id="numbers"),
        pytest.param(told(*LARGE, type="INT64", max_abs=4.0, mean_abs=3.0, max_rel=1e-16), id="large integers"),
        pytest.param(told(("0.1", "0.10000000001"), type="FLOAT64", max_rel=1e-10), id="more than the last bits"),
        pytest.param(told(("0.1", "0.100000000000001"), type="NUMERIC", max_rel=1e-15), id="decimals have no noise"),
        pytest.param(
            told(("1.5", "3"), ("2.5", "5"), max_abs=9.0, mean_abs=2.0, max_rel=0.9), id="a factor of the samples only"
        ),
        pytest.param(told(("1.234", "1.23"), max_abs=9.0, mean_abs=1.0), id="rounded in the samples only"),
        pytest.param(constant(1.0, ("1", "2"), ("5", "6"), greater_on_right=1, mismatches=2), id="an offset both ways"),
        pytest.param(told(("12 3", "1 23")), id="spaces elsewhere"),
        pytest.param(told(("stra\u00dfe", "strasse")), id="more than case"),
        pytest.param(told(("A" * 2000, "a" * 2000)), id="samples that were shortened"),
        pytest.param(told(("a", "b")), id="texts"),
        pytest.param(told(("a", None), ("b", "c")), id="some nulls"),
        pytest.param(told(('{"a": 0.3}', '{"a": 0.31}'), type="JSON"), id="more than the last bits within JSON"),
        pytest.param(
            told(('{"a": 0.3, "b": 1}', '{"a": 0.30000000000000004, "b": 2}'), type="JSON"),
            id="and another value beside them",
        ),
        pytest.param(
            told(('{"a": 0.3}', '{"a": 0.30000000000000004}'), ('{"a": "x"}', '{"a": "y"}'), type="JSON"),
            id="and another in another row",
        ),
        pytest.param(told(('{"a": 40000000000000}', '{"a": 40000000000001}'), type="JSON"), id="integers within JSON"),
        pytest.param(told(('{"a": 1.0}', '{"a": true}'), type="JSON"), id="another kind within JSON"),
        pytest.param(constant(1.0, ("1", "2")), id="a single value, whose distance is always constant"),
        pytest.param(constant(2 * HOUR, ("01:00", "03:00"), unit="microseconds"), id="a single time"),
        pytest.param(told(("1.5", "3.0"), max_abs=1.5, mean_abs=1.5), id="a single factor"),
    ],
)
def test_nothing_is_claimed_without_a_trace(explanation: Explanation) -> None:
    """Better no cause than a wrong one."""
    assert causes_of(explanation) == (Cause(name=CauseName.UNEXPLAINED, evidence=""),)


@pytest.mark.parametrize(
    ("counts", "name", "phrase"),
    [
        ({"multiplicity": 3}, CauseName.DOUBLED, "copies too many of equal rows: 3 on the right"),
        (
            {"multiplicity": 3, "multiplicity_left": 1},
            CauseName.DOUBLED,
            "copies too many of equal rows: 1 on the left and 2 on the right",
        ),
        ({"only_left": 2}, CauseName.LOST, "2 rows lost on the right"),
        ({"only_left": 2, "changed": 1}, CauseName.LOST, "2 rows lost on the right"),
        ({"only_right": 2}, CauseName.ADDED, "2 rows more on the right, as many as there are keys held twice"),
        ({"only_right": 3}, CauseName.ADDED, "3 rows more on the right"),
        ({"changed": 2, "at_boundary": 1.0}, CauseName.BOUNDARY, "every difference reaches over a slice boundary"),
    ],
)
def test_lost_and_doubled_rows_are_named(counts: dict[str, Any], name: CauseName, phrase: str) -> None:
    """By side, and by where they are."""
    none = {"only_left": 0, "only_right": 0, "changed": 0, "multiplicity": 0}

    causes = causes_of(Explanation(**{**none, **counts}), doubled_keys=2)

    assert causes == (Cause(name=name, evidence=phrase),)


@pytest.mark.parametrize(
    "counts",
    [
        pytest.param({"only_left": 2, "only_right": 2}, id="rows alone on both sides were neither lost nor added"),
        pytest.param({"changed": 2, "at_boundary": 0.9}, id="some differences are elsewhere"),
    ],
)
def test_nothing_is_claimed_of_rows_that_the_counts_do_not_bear_out(counts: dict[str, Any]) -> None:
    """Better no cause than a wrong one."""
    none = {"only_left": 0, "only_right": 0, "changed": 0, "multiplicity": 0}

    (cause,) = causes_of(Explanation(**{**none, **counts}))

    assert cause.name is CauseName.UNEXPLAINED


def test_how_telling_a_boundary_is_can_be_read() -> None:
    """Where most rows reach over one anyway, that the differing ones do says little."""
    told_of = Explanation(only_left=0, only_right=0, changed=2, multiplicity=0, at_boundary=1.0)

    (cause,) = causes_of(told_of, reaching=0.375)

    assert cause.evidence == "every difference reaches over a slice boundary, as 38% of all rows do"
