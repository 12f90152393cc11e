"""What lies within ARRAYs: policies of its own, and differences told by their path."""

from __future__ import annotations

from typing import Any

import pytest

from dit_dagster.comparing.cause import causes_of
from dit_dagster.model.identity import DatasetName
from dit_dagster.model.policy import ComparisonPolicy
from dit_dagster.model.verdict import CauseName, Different, Equivalent, Identical, Incomparable, Verdict
from dit_dagster.ports import Warehouse
from dit_dagster_tests.comparing.tables import Bench

COLUMNS = """
  id INT64,
  samples ARRAY<STRUCT<
    t INT64, speed FLOAT64, place STRUCT<lon FLOAT64>, tags ARRAY<STRING>, legs ARRAY<STRUCT<n INT64, cost NUMERIC>>
  >>
"""
CLOSE = {"tolerance": {"abs": 0.5}}


@pytest.fixture(scope="module")
def bench(warehouse: Warehouse, module_dataset: DatasetName) -> Bench:
    return Bench(warehouse=warehouse, dataset=module_dataset)


def sample(
    t: int = 1, speed: str = "1.0", lon: str = "STRUCT(9.5 AS lon)", tags: str = "'a', 'b'", legs: Any = (1,)
) -> str:
    steps = ", ".join(f"STRUCT({n} AS n, NUMERIC '2.5' AS cost)" for n in legs)
    at = f"{lon} AS place" if lon != "NULL" else "CAST(NULL AS STRUCT<lon FLOAT64>) AS place"
    return f"STRUCT({t} AS t, CAST('{speed}' AS FLOAT64) AS speed, {at}, [{tags}] AS tags, [{steps}] AS legs)"


def of(*samples: str) -> str:
    return f"1, [{', '.join(samples)}]"


def policy(**columns: Any) -> ComparisonPolicy:
    return ComparisonPolicy.model_validate({"keys": ["id"], "columns": columns})


def judged(bench: Bench, left: str, right: str, loose: dict[str, Any] | None = None) -> Verdict:
    return bench.verdict(bench.table(COLUMNS, left), bench.table(COLUMNS, right), policy(**(loose or {})))


def told(verdict: Verdict) -> list[str]:
    assert isinstance(verdict, Different | Equivalent), verdict
    return sorted(column.name for column in verdict.explanation.columns)


@pytest.mark.parametrize(
    ("other", "paths"),
    [
        (of(sample(speed="1.5")), ["samples[].speed"]),
        (of(sample(t=2, legs=(2,))), ["samples[].legs[].n", "samples[].t"]),
        (of(sample(lon="STRUCT(9.25 AS lon)")), ["samples[].place.lon"]),
        (of(sample(lon="NULL")), ["samples[].place", "samples[].place.lon"]),
        (of(sample(lon="STRUCT(CAST(NULL AS FLOAT64) AS lon)")), ["samples[].place.lon"]),
        (of(sample(tags="'b', 'a'")), ["samples[].tags"]),
        (of(sample(legs=(1, 1))), ["samples[].legs", "samples[].legs[].cost", "samples[].legs[].n"]),
    ],
)
def test_a_difference_within_an_array_is_told_by_its_path(bench: Bench, other: str, paths: list[str]) -> None:
    """Of an ARRAY of STRUCTs not the whole is shown, but the field that differs."""
    verdict = judged(bench, of(sample()), other)

    assert isinstance(verdict, Different)
    assert told(verdict) == paths
    assert {each.column for each in verdict.explanation.samples} == set(paths)


def test_another_number_of_elements_is_told_of_the_array_itself(bench: Bench) -> None:
    """In words that can be read."""
    verdict = judged(bench, of(sample()), of(sample(), sample()))

    assert isinstance(verdict, Different)
    shown = {each.column: (each.left, each.right) for each in verdict.explanation.samples}
    assert shown["samples"] == ("1 element", "2 elements")
    assert shown["samples[].t"] == ('["1"]', '["1", "1"]')


@pytest.mark.parametrize(
    ("left", "right", "close"),
    [
        (("1.0",), ("1.5",), True),
        (("1.0", "2.0"), ("0.5", "2.5"), True),
        (("1.0", "2.0"), ("1.0", "2.5000001"), False),
        (("1.0", "NaN"), ("1.25", "NaN"), True),
        (("1.0", "NaN"), ("1.25", "1.0"), False),
        (("1.0", "inf"), ("1.25", "inf"), True),
        (("1.0",), ("1.0", "1.0"), False),
    ],
)
def test_a_tolerance_holds_element_by_element(
    bench: Bench, left: tuple[str, ...], right: tuple[str, ...], close: bool
) -> None:
    """Of arrays of one length, all elements, bounds included; one that is too far away is enough to differ."""
    one, other = (of(*(sample(speed=speed) for speed in side)) for side in (left, right))
    verdict = judged(bench, one, other, {"samples[].speed": CLOSE})

    assert isinstance(verdict, Equivalent if close else Different)
    assert "samples[].speed" in told(verdict)


def test_the_distance_of_two_lists_is_that_of_the_values_farthest_apart(bench: Bench) -> None:
    """Measured within the tolerance or beyond."""
    one, other = (of(*(sample(speed=speed) for speed in side)) for side in (("1.0", "2.0"), ("1.25", "2.5")))
    verdict = judged(bench, one, other, {"samples[].speed": CLOSE})

    assert isinstance(verdict, Equivalent)
    [column] = verdict.explanation.columns
    assert (column.within_tolerance, column.mismatches, column.max_abs) == (1, 0, 0.5)


def test_a_tolerance_within_an_array_hides_nothing_beside_it(bench: Bench) -> None:
    """Trap 5, one level deeper."""
    verdict = judged(
        bench, of(sample(speed="1.0", tags="'a'")), of(sample(speed="1.25", tags="'b'")), {"samples[].speed": CLOSE}
    )

    assert isinstance(verdict, Different)
    assert [(column.name, column.mismatches) for column in verdict.explanation.columns] == [
        ("samples[].tags", 1),
        ("samples[].speed", 0),
    ]


def test_a_tolerance_two_levels_down(bench: Bench) -> None:
    """The inner ARRAYs' lengths are compared exactly, whatever their values."""
    loose = {"samples[].legs[].n": {"tolerance": {"abs": 1}}}
    near = judged(bench, of(sample(legs=(1, 5)), sample(legs=())), of(sample(legs=(2, 4)), sample(legs=())), loose)
    moved = judged(bench, of(sample(legs=(1, 5)), sample(legs=())), of(sample(legs=(1,)), sample(legs=(5,))), loose)

    assert isinstance(near, Equivalent)
    assert isinstance(moved, Different)
    assert "samples[].legs" in told(moved)


def test_an_unordered_array_within_an_array(bench: Bench) -> None:
    """A multiset, at its own level only."""
    loose = {"samples[].tags": "unordered"}
    swapped = of(sample(tags="'b', 'a'")), of(sample(tags="'a', 'b'"))
    doubled = of(sample(tags="'a', 'a'")), of(sample(tags="'a', 'b'"))
    moved = of(sample(t=1), sample(t=2)), of(sample(t=2), sample(t=1))

    assert isinstance(judged(bench, *swapped, loose), Identical)
    assert isinstance(judged(bench, *doubled, loose), Different)
    assert isinstance(judged(bench, *moved, loose), Different)
    assert isinstance(judged(bench, *moved, {"samples": "unordered"}), Identical)


def test_negative_zero_within_an_array(bench: Bench) -> None:
    """Equal, unless the elements are compared by bits."""
    pair = of(sample(speed="0.0")), of(sample(speed="-0.0"))

    assert isinstance(judged(bench, *pair), Identical)
    assert isinstance(judged(bench, *pair, {"samples[].speed": "bitwise"}), Different)


def test_a_tolerance_within_an_unordered_array_is_incomparable(bench: Bench) -> None:
    """Which element would it be near to?"""
    verdict = judged(bench, of(sample()), of(sample()), {"samples": "unordered", "samples[].speed": CLOSE})

    assert isinstance(verdict, Incomparable)
    assert "samples[].speed" in verdict.reason


def test_elements_of_an_array_of_scalars(bench: Bench) -> None:
    """Their policy is that of `v[]`."""
    one, other = (
        bench.table("id INT64, v ARRAY<NUMERIC>", f"1, {v}") for v in ("[NUMERIC '1.5', 2]", "[NUMERIC '1.75', 2]")
    )

    assert isinstance(bench.verdict(one, other, policy(**{"v[]": CLOSE})), Equivalent)
    assert isinstance(bench.verdict(one, other, policy(**{"v[]": {"tolerance": {"abs": 0.2}}})), Different)
    assert isinstance(bench.verdict(one, other, policy()), Different)


def test_rows_of_one_key_with_a_list_tolerance_may_be_paired_otherwise(bench: Bench) -> None:
    """Lists have no order in which rows meet those that they are nearest to: in doubt, and said so."""
    left = bench.table("id INT64, v ARRAY<FLOAT64>", "1, [1.0]", "1, [9.0]")
    right = bench.table("id INT64, v ARRAY<FLOAT64>", "1, [10.0]", "1, [1.5]")
    verdict = bench.verdict(left, right, policy(**{"v[]": {"tolerance": {"abs": 1.0}}}))

    assert isinstance(verdict, Equivalent | Incomparable)


def test_swapped_elements_are_a_cause(bench: Bench) -> None:
    """Of a list within an ARRAY as of an ARRAY."""
    verdict = judged(bench, of(sample(t=1, speed="1.0"), sample(t=2)), of(sample(t=2, speed="1.0"), sample(t=1)))

    assert isinstance(verdict, Different)
    assert any(cause.name is CauseName.ORDER for cause in causes_of(verdict.explanation))


def test_a_struct_beside_an_array_is_read(bench: Bench) -> None:
    """Once the local engine lost the STRUCT on its way through a subquery."""
    columns = "id INT64, tags ARRAY<STRING>, s STRUCT<x INT64>"
    one, other = (bench.table(columns, f"1, ['a'], STRUCT({x})") for x in (1, 2))

    assert told(bench.verdict(one, other, policy())) == ["s.x"]
