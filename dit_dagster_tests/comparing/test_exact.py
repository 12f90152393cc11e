"""Exact comparisons: what the rows hold decides, whatever a hash would say."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from dit_dagster.comparing import compare_tables, digest
from dit_dagster.comparing.engine import compared
from dit_dagster.comparing.rows import LocalEngine
from dit_dagster.comparing.schema import Column
from dit_dagster.comparing.sql import Node, number
from dit_dagster.model.identity import DatasetName
from dit_dagster.model.policy import ComparisonPolicy
from dit_dagster.model.verdict import Different, Identical, verdict_name
from dit_dagster.ports import Warehouse
from dit_dagster_tests.comparing.tables import Bench

COLUMNS = "id INT64, kind STRING, v FLOAT64, tags ARRAY<STRING>"
A = "1, 'a', 1.0, ['x', 'y']"
B = "2, NULL, NULL, []"
NAN = "3, 'b', CAST('nan' AS FLOAT64), []"
OTHER_A = A.replace("'x', 'y'", "'y', 'x'")


class Weak(LocalEngine):
    """Every row has the same hash."""

    def hashes(self, columns: Sequence[Column], alias: str) -> tuple[Node, Node]:  # noqa: ARG002
        return number(1), number(1)


@pytest.fixture(scope="module")
def bench(warehouse: Warehouse, module_dataset: DatasetName) -> Bench:
    return Bench(warehouse=warehouse, dataset=module_dataset)


def test_exact_finds_what_a_weak_hash_misses(bench: Bench) -> None:
    """With a hash that tells nothing apart, tables of as many rows look equal; grouped by rows they do not."""
    left, right, policy = bench.table(COLUMNS, A, B), bench.table(COLUMNS, OTHER_A, B), ComparisonPolicy(keys=("id",))

    missed = compared(
        bench.warehouse,
        (left, right),
        policy,
        labels=("l", "r"),
        digests=(None, None),
        boundaries=(),
        spelling=Weak(),
    )
    found = compare_tables(bench.warehouse, left, right, policy, exact=True)

    assert isinstance(missed, Identical)
    assert isinstance(found, Different)
    assert [(column.name, column.mismatches) for column in found.explanation.columns] == [("tags", 1)]


def test_exact_believes_no_digest(bench: Bench) -> None:
    """Equal digests of other tables would settle it at once."""
    left, right, policy = bench.table(COLUMNS, A, B), bench.table(COLUMNS, OTHER_A, B), ComparisonPolicy()
    stored = digest(bench.warehouse, left, policy)[0]

    verdicts = [
        compare_tables(bench.warehouse, left, right, policy, left_digest=stored, right_digest=stored, exact=exact)
        for exact in (False, True)
    ]

    assert [verdict_name(each) for each in verdicts] == ["IDENTICAL", "DIFFERENT"]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        pytest.param((A, B, NAN), (NAN, B, A), id="another order"),
        pytest.param((A, A, B), (A, B, B), id="other copies"),
        pytest.param((A,), (A, A, A), id="one against three"),
        pytest.param((A, B), (A, OTHER_A), id="other rows"),
        pytest.param((B,), ("2, '', NULL, []",), id="NULL against nothing"),
        pytest.param((), (A,), id="none on one side"),
        pytest.param((), (), id="none at all"),
        pytest.param((NAN,), (NAN,), id="NaN"),
    ],
)
@pytest.mark.parametrize("keys", [pytest.param((), id="keyless"), pytest.param(("id",), id="keyed")])
def test_exact_and_hashed_answers_are_the_same(
    bench: Bench, left: tuple[str, ...], right: tuple[str, ...], keys: tuple[str, ...]
) -> None:
    """Verdict, rows, duplicate keys, and the explanation."""
    policy, one, other = ComparisonPolicy(keys=keys), bench.table(COLUMNS, *left), bench.table(COLUMNS, *right)

    exact, hashed = (compare_tables(bench.warehouse, one, other, policy, exact=each) for each in (True, False))

    assert verdict_name(exact) == verdict_name(hashed) != "ERROR"
    for side in ("left", "right"):
        assert getattr(exact.evidence, side) == getattr(hashed.evidence, side)
    assert getattr(exact, "explanation", None) == getattr(hashed, "explanation", None)
