"""An update that was not made: the right has a row as an earlier version of the left has it."""

from __future__ import annotations

import pytest

from dit_dagster.comparing import count_stale
from dit_dagster.errors import NotFound, Uncomparable
from dit_dagster.model.identity import DatasetName, TableName
from dit_dagster.model.policy import ComparisonPolicy
from dit_dagster.ports import Warehouse
from dit_dagster_tests.comparing.tables import Bench

COLUMNS = "id INT64, version INT64, state STRING, tags ARRAY<STRING>"
POLICY = ComparisonPolicy(keys=("id",), ignore={"version": "bookkeeping"})
VERSIONS = ("1, 1, 'open', ['a']", "1, 2, 'closed', ['a']", "2, 1, 'open', []", "3, 1, 'open', []", "3, 2, 'shut', []")
LAST = ("1, 2, 'closed', ['a']", "2, 1, 'open', []", "3, 2, 'shut', []")


@pytest.fixture(scope="module")
def bench(warehouse: Warehouse, module_dataset: DatasetName) -> Bench:
    return Bench(warehouse=warehouse, dataset=module_dataset)


@pytest.fixture(scope="module")
def versions(bench: Bench) -> TableName:
    return bench.table(COLUMNS, *VERSIONS)


@pytest.mark.parametrize(
    ("right", "counts"),
    [
        (("1, 1, 'open', ['a']", "2, 1, 'open', []", "3, 1, 'open', []"), (2, 2)),
        (("1, 1, 'open', ['a']", "2, 1, 'open', []", "3, 7, 'lost', []"), (2, 1)),
        (("1, 1, 'open', ['b']", "2, 1, 'open', []", "3, 2, 'shut', []"), (1, 0)),
        (("1, 9, 'closed', ['a']", "2, 1, 'open', []"), (0, 0)),
    ],
)
def test_rows_as_an_earlier_version_are_counted(
    bench: Bench, versions: TableName, right: tuple[str, ...], counts: tuple[int, int]
) -> None:
    """Of the pairs of one key that differ; ignored columns and rows that stand alone have no part in it."""
    found = count_stale(bench.warehouse, bench.table(COLUMNS, *LAST), bench.table(COLUMNS, *right), versions, POLICY)

    assert (found.changed, found.stale) == counts


def test_versions_that_cannot_be_held_beside_the_rows_are_refused(bench: Bench, versions: TableName) -> None:
    """A view may have columns that its table has not."""
    view = bench.table("id INT64, version INT64, state STRING, tags ARRAY<STRING>, age INT64", "1, 2, 'closed', [], 1")

    with pytest.raises(Uncomparable, match="has other columns"):
        count_stale(bench.warehouse, view, view, versions, POLICY)
    with pytest.raises(NotFound):
        count_stale(bench.warehouse, view, view, bench.dataset.table("nowhere"), POLICY)
