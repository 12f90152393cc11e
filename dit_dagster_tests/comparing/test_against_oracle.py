"""Random pairs of tables, judged here and by brute force: no false pass, no false alarm.

Pairs are the days of one table, so the days that differ are the pairs that differ. `DIT_FUZZ_PAIRS` sets how many pairs
are tried, `DIT_FUZZ_SEED` where to begin.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from dit_dagster.adapters.bigquery import BigQueryWarehouse
from dit_dagster.comparing import compare_tables
from dit_dagster.model.identity import DatasetName
from dit_dagster.model.verdict import Different, Equivalent, Identical, Incomparable, Verdict, verdict_name
from dit_dagster_tests.comparing.oracle import differing_paths, judge
from dit_dagster_tests.comparing.pairs import FIRST, Batch, changed, load, make_batch

PAIRS = int(os.environ.get("DIT_FUZZ_PAIRS", "60"))
SEED = int(os.environ.get("DIT_FUZZ_SEED", "0"))
BATCH = 10 if PAIRS < 1000 else 50


def batches() -> Iterator[Any]:
    for number in range(SEED, SEED + max(1, PAIRS // BATCH)):
        yield pytest.param(number, id=f"batch {number}")


def judged(warehouse: BigQueryWarehouse, dataset: DatasetName, batch: Batch, *, exact: bool = False) -> Verdict:
    left, right = (load(warehouse, dataset.table(name), batch, side) for side, name in enumerate(("l", "r")))
    return compare_tables(warehouse, left, right, batch.policy, exact=exact)


@pytest.mark.parametrize("number", batches())
def test_the_verdict_agrees_with_brute_force(warehouse: BigQueryWarehouse, dataset: DatasetName, number: int) -> None:
    """Which pairs differ, which only within tolerances, by how many rows, and at which paths."""
    batch = make_batch(number, BATCH)
    verdict = judged(warehouse, dataset, batch, exact=number % 5 == 0)

    expected = [judge(mine, theirs, batch.columns, batch.keys) for mine, theirs in batch.pairs]
    names = [each.verdict for each in expected]
    differing = {FIRST + timedelta(days=i) for i, each in enumerate(expected) if each.verdict == "DIFFERENT"}
    match verdict:
        case Identical():
            assert set(names) <= {"IDENTICAL", "EMPTY"}
        case Incomparable():
            assert "INCOMPARABLE" in names
        case Equivalent():
            assert set(names) <= {"IDENTICAL", "EMPTY", "EQUIVALENT"}
            assert "EQUIVALENT" in names
        case Different(explanation=told):
            assert {day for day, _ in told.days} == differing
            surplus_left = sum(each.surplus_left for each in expected)
            surplus_right = sum(each.surplus_right for each in expected)
            paired = told.changed + told.within_tolerance
            assert surplus_left + surplus_right == 2 * paired + told.only_left + told.only_right + told.multiplicity
            if batch.unique:
                pairs = (differing_paths(mine, theirs, batch.columns, batch.keys) for mine, theirs in batch.pairs)
                assert {column.name for column in told.columns} == set().union(*pairs)
        case _:
            pytest.fail(getattr(verdict, "reason", str(verdict)))


@pytest.mark.parametrize("number", range(SEED, SEED + max(3, PAIRS // 100)))
def test_a_pair_alone_agrees_with_brute_force(warehouse: BigQueryWarehouse, dataset: DatasetName, number: int) -> None:
    """In a batch the pairs that differ hide the others' verdicts: here each is that of one pair, and without a day."""
    batch = make_batch(1_000_000 + number, 1)
    [(mine, theirs)] = batch.pairs
    expected = judge(mine, theirs, batch.columns, batch.keys).verdict

    verdict = judged(warehouse, dataset, batch, exact=number % 5 == 0)

    assert verdict_name(verdict) == expected, f"{batch.columns}, keys {batch.keys}:\n{mine}\n{theirs}\n{verdict}"


@pytest.mark.parametrize("number", range(max(1, PAIRS // 100)))
def test_a_change_of_a_single_cell_is_found(warehouse: BigQueryWarehouse, dataset: DatasetName, number: int) -> None:
    """In every pair of the batch one value differs: no pair is overlooked, whatever the column's type and depth."""
    batch = _with_one_change_each(make_batch(4 * number, BATCH), random.Random(number))
    expected = {FIRST + timedelta(days=i) for i, (mine, theirs) in enumerate(batch.pairs) if mine != theirs}
    assert expected

    verdict = judged(warehouse, dataset, batch)

    assert isinstance(verdict, Different)
    assert {day for day, _ in verdict.explanation.days} == expected


def _with_one_change_each(batch: Batch, chance: random.Random) -> Batch:
    """The left side twice, but for one cell of the right: one that brute force finds to differ."""
    pairs = []
    for rows, _ in batch.pairs:
        other = [dict(row) for row in rows]
        for _ in range(100 if rows else 0):
            place, name = chance.randrange(len(rows)), chance.choice(list(batch.columns))
            value = changed(chance, rows[place][name], batch.columns[name])
            trial = [*rows[:place], {**rows[place], name: value}, *rows[place + 1 :]]
            if judge(rows, trial, batch.columns, ()).verdict == "DIFFERENT":
                other = trial
                break
        pairs.append((rows, other))
    return replace(batch, pairs=tuple(pairs))
