"""Texts that the local engine's own hash cannot tell apart are told apart all the same."""

from __future__ import annotations

from dit_dagster.comparing import compare_tables
from dit_dagster.comparing.residue import MANY_ROWS
from dit_dagster.model.identity import DatasetName
from dit_dagster.model.policy import ComparisonPolicy
from dit_dagster.model.verdict import Different
from dit_dagster.ports import Statement, Warehouse

BY_ID = ComparisonPolicy.model_validate({"keys": ["id"], "columns": {"v": {"tolerance": {"abs": 0.1}}}})
CHANGED = 40


def rows(number: int, mark: str, value: str, first: int) -> str:
    """The first texts end both halves of their sixteen bytes with `mark`; from `first` on some rows have `value`."""
    halves = ", ".join(f"LPAD(CAST(id AS STRING), 7, '{letter}'), '{mark}'" for letter in "xy")
    name = f"IF(id <= {CHANGED}, CONCAT({halves}), 'same')"
    v = f"IF(id BETWEEN {first} AND {2 * CHANGED}, {value}, 1.0)"
    return f"SELECT id, {v} AS v, {name} AS name FROM UNNEST(GENERATE_ARRAY(1, {number})) AS id"


def told(warehouse: Warehouse, dataset: DatasetName, number: int, first: int) -> tuple[int, int]:
    """How many rows differ, and how many more do within the tolerance."""
    left, right = (dataset.table(name) for name in ("l", "r"))
    for table, mark, value in ((left, "1", "1.0"), (right, "q", "1.05")):
        warehouse.query(Statement(sql=f"CREATE OR REPLACE TABLE {table.sql} AS {rows(number, mark, value, first)}"))
    collide = f"SELECT COUNTIF(HASH(l.name) = HASH(r.name)) AS n FROM {left.sql} AS l JOIN {right.sql} AS r USING (id)"
    (found,) = warehouse.query(Statement(sql=f"{collide} WHERE id <= {CHANGED}")).rows
    assert 0 < int(found["n"]) < CHANGED

    verdict = compare_tables(warehouse, left, right, BY_ID)

    assert isinstance(verdict, Different)
    return verdict.explanation.changed, verdict.explanation.within_tolerance


def test_no_text_hides_behind_a_tolerance(warehouse: Warehouse, dataset: DatasetName) -> None:
    """Another column of each row differs within its tolerance, so that only the text makes it differ."""
    assert told(warehouse, dataset, 2 * CHANGED, first=1) == (CHANGED, CHANGED)


def test_no_text_hides_in_a_bucket(warehouse: Warehouse, dataset: DatasetName) -> None:
    """Among many rows, where a row is looked for by bucket: what that overlooks is missed in the sums."""
    assert told(warehouse, dataset, MANY_ROWS, first=CHANGED + 1) == (CHANGED, CHANGED)
