"""Mutations change what they say they change: the rows they report are the rows that differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pydantic import TypeAdapter

from dit_dagster.adapters.bigquery import BigQueryWarehouse
from dit_dagster.errors import BadDeclaration
from dit_dagster.model.identity import DatasetName, TableName
from dit_dagster.model.mutation import Mutation
from dit_dagster.model.pipeline import Source
from dit_dagster.ports import Statement
from dit_dagster.running.sources import RenderedMutation, render

COLUMNS = ("id", "vessel", "seen", "speed")
SOURCE = Source(table="raw.visits", day="seen")


def rendered(
    declared: Mapping[str, Any], recipe: Mapping[str, Any] | None = None, **reference: TableName
) -> RenderedMutation:
    mutation: Mutation = TypeAdapter(Mutation).validate_python(declared)
    return render(mutation, recipe or mutation.model_dump(mode="json"), SOURCE, COLUMNS, reference)


@pytest.fixture(scope="module")
def visits(warehouse: BigQueryWarehouse, module_dataset: DatasetName) -> Iterator[TableName]:
    """Sixty rows on six days; one vessel in six has no name, and speeds repeat."""
    table = module_dataset.table("visits")
    sql = (
        f"CREATE TABLE {table.sql} AS SELECT n AS id, IF(MOD(n, 6) = 0, NULL, CONCAT('v', CAST(MOD(n, 6) AS STRING))) "
        "AS vessel, TIMESTAMP_ADD(TIMESTAMP '2024-01-01', INTERVAL MOD(n, 6) DAY) AS seen, MOD(n, 2) AS speed "
        "FROM UNNEST(GENERATE_ARRAY(1, 60)) AS n"
    )
    warehouse.query(Statement(sql=sql))
    yield table
    warehouse.drop(table)


OUTAGE = {"drop_rows": {"source": "visits", "where": "{outage}"}}
DAYS = {"where": {"outage": ["2024-01-02", "2024-01-04"], "day": "seen"}}
EFFECTS = [
    pytest.param({"restrict_keys": {"source": "visits", "key": "vessel", "keys": ["v1", "v2"]}}, None, 40, id="keys"),
    pytest.param({"restrict_keys": {"source": "visits", "key": "vessel", "keys": ["nobody"]}}, None, 60, id="no key"),
    pytest.param({"drop_rows": {"source": "visits", "where": "vessel = 'v1'"}}, None, 10, id="rows"),
    pytest.param({"drop_rows": {"source": "visits", "where": "vessel = NULL"}}, None, 0, id="rows by an unknown"),
    pytest.param(OUTAGE, DAYS, 20, id="days"),
    pytest.param(
        {"set_values": {"source": "visits", "column": "speed", "value": 1, "where": "id <= 10"}}, None, 5, id="values"
    ),
    pytest.param(
        {"set_values": {"source": "visits", "column": "vessel", "value": None}}, None, 50, id="values to NULL"
    ),
    pytest.param(
        {"set_values": {"source": "visits", "column": "VESSEL", "value": "x"}}, None, 60, id="a column in another case"
    ),
    pytest.param({"shift_timestamps": {"source": "visits", "column": "seen", "seconds": 60}}, None, 60, id="times"),
    pytest.param({"shift_timestamps": {"source": "visits", "column": "seen", "seconds": 0}}, None, 0, id="times by 0"),
]


@pytest.mark.parametrize(("declared", "recipe", "touched"), EFFECTS)
def test_trap_23_the_touched_rows_are_those_that_differ(
    warehouse: BigQueryWarehouse, visits: TableName, declared: Mapping[str, Any], recipe: Any, touched: int
) -> None:
    """Trap 23: counted by the mutation, and by comparing what it makes with what it read."""
    made = rendered(declared, recipe)
    sql = (
        f"WITH mutated AS ({made.select} FROM {visits.sql} WHERE {made.keep}) "
        f"SELECT (SELECT COUNTIF({made.touched}) FROM {visits.sql}) AS told, "
        f"(SELECT COUNTIF(m.id IS NULL OR m.vessel IS DISTINCT FROM v.vessel OR m.seen IS DISTINCT FROM v.seen "
        f"OR m.speed IS DISTINCT FROM v.speed) FROM {visits.sql} v LEFT JOIN mutated m ON m.id = v.id) AS differ"
    )

    [row] = warehouse.query(Statement(sql=sql, parameters=made.parameters)).rows

    assert (row["told"], row["differ"]) == (touched, touched)


def test_a_share_of_the_keys_is_the_same_share_every_time(warehouse: BigQueryWarehouse, visits: TableName) -> None:
    """In a stable order: a larger share holds every key of a smaller one; rows without a key go."""

    def kept(share: float) -> set[str]:
        made = rendered({"restrict_keys": {"source": "visits", "key": "vessel", "share": share}})
        sql = f"SELECT DISTINCT vessel FROM {visits.sql} WHERE {made.keep}"
        return {row["vessel"] for row in warehouse.query(Statement(sql=sql, parameters=made.parameters)).rows}

    assert kept(0.3) < kept(0.999999) == {"v1", "v2", "v3", "v4", "v5"}
    assert kept(0.3) == kept(0.3)


def test_keys_are_chosen_from_an_output(warehouse: BigQueryWarehouse, visits: TableName) -> None:
    """Those for which the predicate holds there; a NULL among them chooses nothing."""
    chosen = {"mode": "bf", "output": "daily", "where": "speed = 1"}
    made = rendered({"restrict_keys": {"source": "visits", "key": "vessel", "chosen_by": chosen}}, None, daily=visits)

    rows = warehouse.query(Statement(sql=f"SELECT DISTINCT vessel FROM {visits.sql} WHERE {made.keep}")).rows

    assert {row["vessel"] for row in rows} == {"v1", "v3", "v5"}


def test_all_keys_but_the_chosen_are_kept(warehouse: BigQueryWarehouse, visits: TableName) -> None:
    """Rows without a key are not chosen, and stay; a NULL among the chosen takes nobody's place."""
    chosen = {"mode": "bf", "output": "daily", "where": "speed = 1", "keep": "others"}
    made = rendered({"restrict_keys": {"source": "visits", "key": "vessel", "chosen_by": chosen}}, None, daily=visits)

    rows = warehouse.query(Statement(sql=f"SELECT DISTINCT vessel FROM {visits.sql} WHERE {made.keep}")).rows

    assert {row["vessel"] for row in rows} == {"v2", "v4", None}


@pytest.mark.parametrize(
    "declared",
    [
        pytest.param({"set_values": {"source": "visits", "column": "sped", "value": 1}}, id="set_values"),
        pytest.param({"shift_timestamps": {"source": "visits", "column": "sen", "seconds": 1}}, id="shift_timestamps"),
        pytest.param({"project_columns": {"source": "visits", "columns": ["id", "sped"]}}, id="project_columns"),
    ],
)
def test_trap_23_a_misspelled_column_is_an_error(declared: Mapping[str, Any]) -> None:
    """Trap 23: it would leave the input as it is, and look like a change."""
    with pytest.raises(BadDeclaration, match="is not a column of source 'visits'; it has id, vessel, seen, speed"):
        rendered(declared)


@pytest.mark.parametrize(("columns", "touched"), [(["id", "seen"], "TRUE"), (list(COLUMNS), "FALSE")])
def test_an_older_schema_touches_rows_if_it_lacks_a_column(columns: list[str], touched: str) -> None:
    """Naming every column changes nothing."""
    assert rendered({"project_columns": {"source": "visits", "columns": columns}}).touched == touched
