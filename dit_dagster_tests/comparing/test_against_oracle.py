"""Random pairs of tables, judged here and by brute force: no false pass, no false alarm.

Many pairs travel in one table: every pair is the rows of one day, and the days that differ are the pairs that differ. A
batch shares its columns, keys and tolerances. `DIT_FUZZ_PAIRS` sets how many pairs are tried.
"""

from __future__ import annotations

import math
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from dit_dagster.comparing import compare_tables
from dit_dagster.model.identity import DatasetName, TableName
from dit_dagster.model.policy import ComparisonPolicy
from dit_dagster.model.verdict import Different, Equivalent, Identical, Incomparable
from dit_dagster.ports import Statement, Warehouse
from dit_dagster_tests.comparing.literals import literal
from dit_dagster_tests.comparing.oracle import Spec, judge

PAIRS = int(os.environ.get("DIT_FUZZ_PAIRS", "60"))
BATCH = 30 if PAIRS < 1000 else 200
FIRST = date(2020, 1, 1)

NAMES = ("id", "select", "Order", "näme", "a_b", "n", "net", "side", "key")
TEXTS = (
    "",
    " ",
    "a",
    "A",
    "a ",
    "ab",
    "null",
    "NaN",
    "é",
    "e\u0301",
    "日本",
    "\U0001f600",
    '"',
    "'",
    "\\",
    "a\nb",
    "~a",
)
DOCUMENTS = (
    '{"a":1,"b":[1,2]}',
    '{"b": [1, 2.0], "a": 1.0}',
    '{"a":1,"b":[2,1]}',
    "[]",
    "{}",
    "null",
    "1",
    "1.0",
    "x",
    "",
)
POOLS: dict[str, tuple[Any, ...]] = {
    "INT64": (0, 1, -1, 2, 2**53, 2**53 + 1, 2**63 - 1, -(2**63)),
    "FLOAT64": (0.0, -0.0, 1.0, 1.0 + 2**-52, 0.1, 0.3, 0.1 + 0.2, 1e300, 5e-324, math.inf, -math.inf, math.nan, 1.5),
    "NUMERIC": tuple(map(Decimal, ("0", "1", "1.000000001", "-1", "0.1", "12345678901234567890.123456789"))),
    "BOOL": (True, False),
    "STRING": TEXTS,
    "BYTES": (b"", b"\x00", b"\xff", b"a", b"a\x00"),
    "DATE": (date(1, 1, 1), date(1970, 1, 1), date(2020, 2, 29), date(9999, 12, 31)),
    "TIME": (time(0), time(12, 0, 0, 1), time(23, 59, 59, 999999)),
    "DATETIME": tuple(map(datetime.fromisoformat, ("1970-01-01", "2020-01-01", "2020-01-01T00:00:00.000001"))),
    "TIMESTAMP": (datetime(1970, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, 0, 0, 0, 1, tzinfo=UTC)),
}
TOLERANCES = ((0.5, 0.0), (0.0, 1e-9), (1e-9, 1e-15), (1.0, 0.25))


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Pairs of one shape, one per day."""

    columns: dict[str, Spec]
    keys: tuple[str, ...]
    pairs: list[tuple[list[dict[str, Any]], list[dict[str, Any]]]]

    @property
    def policy(self) -> ComparisonPolicy:
        kinds = {
            name: {"tolerance": {"abs": spec.abs, "rel": spec.rel}} if spec.policy == "tolerance" else spec.policy
            for name, spec in self.columns.items()
        }
        keys = ("pair", *self.keys) if self.keys else ()
        return ComparisonPolicy.model_validate({"keys": keys, "columns": kinds, "day": "pair"})


def batches() -> Iterator[Any]:
    for number in range(max(1, PAIRS // BATCH)):
        yield pytest.param(number, id=f"batch {number}")


@pytest.mark.parametrize("number", batches())
def test_the_verdict_agrees_with_brute_force(warehouse: Warehouse, dataset: DatasetName, number: int) -> None:
    """Which pairs differ, which only within tolerances, and by how many rows."""
    batch = _batch(random.Random(number), number)
    left, right = (_made(warehouse, dataset.table(side), batch, place) for place, side in enumerate(("l", "r")))
    expected = [judge(mine, theirs, batch.columns, batch.keys) for mine, theirs in batch.pairs]

    verdict = compare_tables(warehouse, left, right, batch.policy)

    names = [each.verdict for each in expected]
    differing = {FIRST + timedelta(days=i): each for i, each in enumerate(expected) if each.verdict == "DIFFERENT"}
    match verdict:
        case Identical():
            assert set(names) <= {"IDENTICAL", "EMPTY"}
        case Incomparable():
            assert "INCOMPARABLE" in names
        case Equivalent():
            assert set(names) <= {"IDENTICAL", "EMPTY", "EQUIVALENT"}
        case Different(explanation=told):
            assert {day for day, _ in told.days} == set(differing)
            surplus_left = sum(each.surplus_left for each in expected)
            surplus_right = sum(each.surplus_right for each in expected)
            paired = told.changed + told.within_tolerance
            assert surplus_left + surplus_right == 2 * paired + told.only_left + told.only_right + told.multiplicity
        case _:
            pytest.fail(f"{verdict}")


def _batch(chance: random.Random, number: int) -> Batch:
    names = chance.sample(NAMES, chance.randint(1, 4))
    columns = {name: _spec(chance) for name in names}
    keys = tuple(name for name in names if columns[name].policy == "exact" and chance.random() < 0.6)
    if number % 4 == 0:
        keys = ()
        columns = {name: Spec(type=spec.type) if spec.policy == "tolerance" else spec for name, spec in columns.items()}
    tolerant = [name for name in names if columns[name].policy == "tolerance"]
    for name in tolerant[1:]:
        columns[name] = Spec(type=columns[name].type)
    return Batch(columns=columns, keys=keys, pairs=[_pair(chance, columns) for _ in range(BATCH)])


def _spec(chance: random.Random) -> Spec:
    kind = chance.choice((*POOLS, "DOCUMENT"))
    if kind == "DOCUMENT":
        return Spec(type="STRING", policy="json")
    if kind in ("INT64", "FLOAT64", "NUMERIC") and chance.random() < 0.4:
        low, high = chance.choice(TOLERANCES)
        return Spec(type=kind, policy="tolerance", abs=low, rel=high)
    if kind == "FLOAT64" and chance.random() < 0.2:
        return Spec(type=kind, policy="bitwise")
    return Spec(type=kind)


def _pair(chance: random.Random, columns: dict[str, Spec]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    left = [{name: _value(chance, spec) for name, spec in columns.items()} for _ in range(chance.randint(0, 5))]
    left += [dict(row) for row in chance.sample(left, chance.randint(0, min(2, len(left))))]
    right = [dict(row) for row in left]
    chance.shuffle(right)
    match chance.randint(0, 5):
        case 0 | 1:
            pass
        case 2 if right:
            row, name = chance.choice(right), chance.choice(list(columns))
            row[name] = _value(chance, columns[name])
        case 3 if right:
            right.pop()
        case 4 if right:
            right.append(dict(chance.choice(right)))
        case _:
            right.append({name: _value(chance, spec) for name, spec in columns.items()})
    return left, right


def _value(chance: random.Random, spec: Spec) -> Any:
    if chance.random() < 0.15:
        return None
    return chance.choice(DOCUMENTS if spec.policy == "json" else POOLS[spec.type])


def _made(warehouse: Warehouse, name: TableName, batch: Batch, place: int) -> TableName:
    """The batch's left or right table; its columns are in another order on the right."""
    specs = {"pair": Spec(type="DATE")} | batch.columns
    order = sorted(specs) if place == 0 else sorted(specs, reverse=True)
    columns = ", ".join(f"`{column}` {specs[column].type}" for column in order)
    warehouse.query(Statement(sql=f"CREATE TABLE {name.sql} ({columns})"))
    rows = [{"pair": FIRST + timedelta(days=i)} | row for i, pair in enumerate(batch.pairs) for row in pair[place]]
    for start in range(0, len(rows), 250):
        values = ", ".join(
            "(" + ", ".join(literal(row[column], specs[column].type) for column in order) + ")"
            for row in rows[start : start + 250]
        )
        warehouse.query(Statement(sql=f"INSERT INTO {name.sql} VALUES {values}"))
    return name
