"""Tables at the ends of what there is: very wide, very narrow, and with very long values."""

from __future__ import annotations

import pytest

from dit_dagster.model.identity import DatasetName
from dit_dagster.model.policy import ComparisonPolicy, Tolerance
from dit_dagster.model.verdict import Different, Identical
from dit_dagster.ports import Statement, Warehouse
from dit_dagster_tests.comparing.tables import Bench

KINDS = ("INT64", "FLOAT64", "STRING", "DATE", "ARRAY<INT64>")
VALUES = ("7", "0.5", "'text'", "DATE '2024-01-01'", "[1, 2]")
WIDE = 200
LONG = 10 * 1024 * 1024


@pytest.fixture(scope="module")
def bench(warehouse: Warehouse, module_dataset: DatasetName) -> Bench:
    return Bench(warehouse=warehouse, dataset=module_dataset)


def test_two_hundred_columns(bench: Bench) -> None:
    """One cell of many differs; it is found, and told by its column."""
    columns = ", ".join(["id INT64", *(f"c{i} {KINDS[i % len(KINDS)]}" for i in range(WIDE - 1))])
    values = [VALUES[i % len(VALUES)] for i in range(WIDE - 1)]
    left = bench.table(columns, *(", ".join([str(row), *values]) for row in range(3)))
    right = bench.table(columns, *(", ".join([str(row), *values]) for row in (2, 0, 1)))
    values[150] = "8"
    other = bench.table(columns, *(", ".join([str(row), *values]) for row in range(3)))
    policy = ComparisonPolicy(keys=("id",), columns={"c1": Tolerance(abs=0.1)})

    assert isinstance(bench.verdict(left, right, policy), Identical)
    verdict = bench.verdict(left, other, policy)
    assert isinstance(verdict, Different)
    assert [column.name for column in verdict.explanation.columns] == ["c150"]


def test_a_single_column(bench: Bench) -> None:
    """Without a key it is its own."""
    one, same, other = (bench.table("v INT64", *rows) for rows in (("1", "2", "2"), ("2", "1", "2"), ("1", "1", "2")))

    assert isinstance(bench.verdict(one, same), Identical)
    verdict = bench.verdict(one, other)
    assert isinstance(verdict, Different)
    assert verdict.explanation.multiplicity == 2


@pytest.mark.parametrize("exact", [False, True])
def test_a_string_of_ten_megabytes(bench: Bench, exact: bool) -> None:
    """Its last character counts; samples are shortened, so that an explanation stays small."""
    tables = [bench.table("id INT64, v STRING") for _ in range(3)]
    for table, last in zip(tables, "aab", strict=True):
        bench.warehouse.query(
            Statement(sql=f"INSERT INTO {table.sql} VALUES (1, CONCAT(REPEAT('x', {LONG}), '{last}'))")
        )
    policy = ComparisonPolicy(keys=("id",))

    assert isinstance(bench.verdict(tables[0], tables[1], policy, exact=exact), Identical)
    verdict = bench.verdict(tables[0], tables[2], policy, exact=exact)
    assert isinstance(verdict, Different)
    [sample] = verdict.explanation.samples
    assert sample.left is not None
    assert len(sample.left) < 3000
