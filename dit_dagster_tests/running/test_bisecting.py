"""What a verdict on a whole table says of one column: who takes silence for equality blames another commit."""

from __future__ import annotations

from typing import Any

import pytest

from dit_dagster.model.policy import ComparisonPolicy
from dit_dagster.model.verdict import (
    ColumnDifference,
    Different,
    Evidence,
    Explanation,
    Identical,
    Incomparable,
    SchemaDifferent,
    Side,
    Unchanged,
    Verdict,
)
from dit_dagster.planning.bisection import Turn
from dit_dagster.running.bisecting import turn_of

COMPARED = ("gap_id", "speed", "samples", "port.name")


def evidence(keys: tuple[str, ...] = ("gap_id",)) -> Evidence:
    return Evidence(
        left=Side(label="l", table=""),
        right=Side(label="r", table=""),
        policy=ComparisonPolicy(keys=keys),
        compared=COMPARED,
    )


def different(keys: tuple[str, ...] = ("gap_id",), column: str | None = None, **counts: Any) -> Different:
    columns = (ColumnDifference(name=column, mismatches=3),) if column else ()
    nothing = {"only_left": 0, "only_right": 0, "changed": 0, "multiplicity": 0}
    return Different(evidence=evidence(keys), explanation=Explanation(**{**nothing, **counts}, columns=columns))


@pytest.mark.parametrize(
    ("column", "verdict", "turn"),
    [
        pytest.param("speed", Unchanged(evidence=evidence()), Turn.GOOD, id="one program"),
        pytest.param("speed", Identical(evidence=evidence()), Turn.GOOD, id="equal tables"),
        pytest.param("note", Identical(evidence=evidence()), Turn.UNKNOWN, id="equal but for what is ignored"),
        pytest.param("speed", different(column="speed"), Turn.BAD, id="it differs"),
        pytest.param("SPEED", different(column="speed"), Turn.BAD, id="in other letters"),
        pytest.param("samples", different(column="samples[].speed"), Turn.BAD, id="within it"),
        pytest.param("samples[].speed", different(column="samples[].speed"), Turn.BAD, id="a part that differs"),
        pytest.param("samples[].time", different(column="samples[].speed"), Turn.GOOD, id="another part"),
        pytest.param("port", different(column="port.name"), Turn.BAD, id="a field of it"),
        pytest.param("speed", different(column="samples[].speed"), Turn.GOOD, id="one of another's parts"),
        pytest.param("speed", different(only_left=2), Turn.GOOD, id="rows without a partner"),
        pytest.param("gap_id", different(only_left=2), Turn.BAD, id="a key that is on one side"),
        pytest.param("speed", different(keys=(), only_left=2, only_right=2), Turn.UNKNOWN, id="no keys"),
        pytest.param("speed", different(only_left=2, ambiguous_keys=1), Turn.UNKNOWN, id="repeated keys"),
        pytest.param("note", different(column="speed"), Turn.UNKNOWN, id="it is ignored"),
        pytest.param("speed", Incomparable(evidence=evidence(), reason="one image"), Turn.UNKNOWN, id="no verdict"),
    ],
)
def test_what_a_verdict_says_of_a_column(column: str, verdict: Verdict, turn: Turn) -> None:
    """Good and bad only where it was seen."""
    assert turn_of(column, verdict)[0] is turn


@pytest.mark.parametrize(
    ("column", "turn"), [("id", Turn.UNKNOWN), ("gap_id", Turn.BAD), ("port", Turn.BAD), ("left", Turn.UNKNOWN)]
)
def test_a_schema_names_the_columns_that_differ(column: str, turn: Turn) -> None:
    """Whole names: `id` is not `gap_id`, and the word for a side is no column."""
    lines = ("gap_id: INT64 left, STRING right", "port.name STRING: only left")

    assert turn_of(column, SchemaDifferent(evidence=evidence(), differences=lines))[0] is turn
