"""What the core rests on in a Warehouse: facts that follow every write, atomic creation, clones that stand alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from io import BytesIO

import pytest
from google.cloud import bigquery

from dit_dagster.adapters.bigquery import BigQueryWarehouse
from dit_dagster.errors import AlreadyExists, Unreachable, WarehouseError
from dit_dagster.model.identity import DatasetName, TableName
from dit_dagster.ports import Field, Scalar, Statement

COLUMNS = (Field(name="id", type="INT64"), Field(name="name", type="STRING"))
Write = Callable[[BigQueryWarehouse, TableName], object]


@pytest.fixture
def table(warehouse: BigQueryWarehouse, dataset: DatasetName) -> TableName:
    """Three rows."""
    made = dataset.table("numbers")
    run(warehouse, f"CREATE TABLE {made.sql} AS SELECT n AS id, CAST(n AS STRING) AS name FROM UNNEST([1, 2, 3]) AS n")
    return made


def run(warehouse: BigQueryWarehouse, sql: str) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in warehouse.query(Statement(sql=sql)).rows]


def by(sql: str) -> Write:
    return lambda warehouse, table: run(warehouse, sql.format(t=table.sql))


def load(warehouse: BigQueryWarehouse, table: TableName) -> None:
    rows = BytesIO(json.dumps({"id": 4, "name": "4"}).encode())
    config = bigquery.LoadJobConfig(source_format="NEWLINE_DELIMITED_JSON", write_disposition="WRITE_APPEND")
    warehouse.client.load_table_from_file(rows, str(table), job_config=config).result()


def stream(warehouse: BigQueryWarehouse, table: TableName) -> None:
    assert warehouse.client.insert_rows_json(str(table), [{"id": 4, "name": "4"}]) == []


def copy_over(warehouse: BigQueryWarehouse, table: TableName) -> None:
    other = table.parent.table("other")
    run(warehouse, f"CREATE TABLE {other.sql} AS SELECT 9 AS id, '9' AS name")
    config = bigquery.CopyJobConfig(write_disposition="WRITE_TRUNCATE")
    warehouse.client.copy_table(str(other), str(table), job_config=config).result()


def query_into(warehouse: BigQueryWarehouse, table: TableName) -> None:
    config = bigquery.QueryJobConfig(destination=str(table), write_disposition="WRITE_APPEND")
    warehouse.client.query("SELECT 4 AS id, '4' AS name", job_config=config).result()


WRITES = [
    pytest.param(by("INSERT INTO {t} (id, name) VALUES (4, '4')"), id="insert"),
    pytest.param(by("UPDATE {t} SET name = 'x' WHERE id = 1"), id="update"),
    pytest.param(by("DELETE FROM {t} WHERE id = 1"), id="delete"),
    pytest.param(by("TRUNCATE TABLE {t}"), id="truncate"),
    pytest.param(
        by("MERGE {t} t USING (SELECT 1 AS id) s ON t.id = s.id WHEN MATCHED THEN UPDATE SET name = 'x'"), id="merge"
    ),
    pytest.param(
        by("BEGIN DELETE FROM {t} WHERE id = 1; INSERT INTO {t} (id, name) VALUES (1, '1'); END"), id="script"
    ),
    pytest.param(by("CREATE OR REPLACE TABLE {t} AS SELECT * FROM {t}"), id="create or replace"),
    pytest.param(by("ALTER TABLE {t} ADD COLUMN more STRING"), id="a new column"),
    pytest.param(load, id="load job"),
    pytest.param(stream, id="streaming insert"),
    pytest.param(copy_over, id="copy job"),
    pytest.param(query_into, id="query into it"),
]


@pytest.mark.parametrize("write", WRITES)
def test_trap_32_every_write_changes_what_identifies_a_table(
    warehouse: BigQueryWarehouse, table: TableName, write: Write
) -> None:
    """Trap 32: whatever way the rows were changed, the etag is another and the time of change is later."""
    before = warehouse.facts([table])[table]

    write(warehouse, table)

    after = warehouse.facts([table])[table]
    assert after.etag != before.etag
    assert after.modified > before.modified


def test_what_only_reads_changes_nothing(warehouse: BigQueryWarehouse, table: TableName) -> None:
    """Queries, clones of it, views over it, a statement that fails."""
    before = warehouse.facts([table])[table]

    run(warehouse, f"SELECT COUNT(*) FROM {table.sql}")
    warehouse.clone(table, table.parent.table("copy"))
    warehouse.create_view(table.parent.table("view"), f"SELECT * FROM {table.sql}")
    with pytest.raises(WarehouseError):
        run(warehouse, f"INSERT INTO {table.sql} (id, name) SELECT 1 / 0, 'x'")

    assert warehouse.facts([table])[table] == before


def test_a_view_that_is_replaced_is_another(warehouse: BigQueryWarehouse, table: TableName) -> None:
    """Its etag follows its SQL."""
    view = table.parent.table("view")
    warehouse.create_view(view, f"SELECT * FROM {table.sql}")
    before = warehouse.facts([view])[view]

    run(warehouse, f"CREATE OR REPLACE VIEW {view.sql} AS SELECT * FROM {table.sql} WHERE id > 1")

    after = warehouse.facts([view])[view]
    assert (before.kind, after.kind, after.etag == before.etag) == ("VIEW", "VIEW", False)


def test_a_table_that_is_made_anew_is_another(warehouse: BigQueryWarehouse, table: TableName) -> None:
    """The same name, columns and rows after a drop."""
    before = warehouse.facts([table])[table]
    warehouse.drop(table)
    run(warehouse, f"CREATE TABLE {table.sql} AS SELECT n AS id, CAST(n AS STRING) AS name FROM UNNEST([1, 2, 3]) AS n")

    after = warehouse.facts([table])[table]

    assert (after.rows, after.etag == before.etag, after.created > before.created) == (3, False, True)


def test_a_clone_stands_alone(warehouse: BigQueryWarehouse, table: TableName) -> None:
    """What is done to one is not done to the other, either way."""
    copy = table.parent.table("copy")
    warehouse.clone(table, copy)

    run(warehouse, f"DELETE FROM {table.sql} WHERE id = 1")
    run(warehouse, f"INSERT INTO {copy.sql} (id, name) VALUES (4, '4')")

    facts = warehouse.facts([table, copy])
    assert (facts[table].rows, facts[copy].rows) == (2, 4)


def test_a_clone_never_overwrites(warehouse: BigQueryWarehouse, table: TableName) -> None:
    """AlreadyExists, and what was there is as it was."""
    copy = table.parent.table("copy")
    warehouse.clone(table, copy)
    before = warehouse.facts([copy])

    with pytest.raises(AlreadyExists):
        warehouse.clone(table, copy)

    assert warehouse.facts([copy]) == before


def test_of_many_who_create_a_table_one_does(warehouse: BigQueryWarehouse, dataset: DatasetName) -> None:
    """Eight threads; the others get AlreadyExists."""

    def create(_: int) -> bool:
        try:
            warehouse.create(dataset.table("mark"), COLUMNS)
        except AlreadyExists:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(create, range(8))) == 1


def test_tables_are_found_by_prefix(warehouse: BigQueryWarehouse, dataset: DatasetName) -> None:
    """Views too, in order of name; an underscore is an underscore."""
    for name in ("a_2", "a_1", "ab1"):
        warehouse.create(dataset.table(name), COLUMNS)
    warehouse.create_view(dataset.table("a_3"), f"SELECT * FROM {dataset.table('a_1').sql}")

    assert [name.table for name in warehouse.tables(dataset, "a_")] == ["a_1", "a_2", "a_3"]
    assert warehouse.tables(DatasetName(dataset.project, "no_such_dataset"), "a") == ()


def test_dropping_what_is_not_there_is_no_error(warehouse: BigQueryWarehouse, table: TableName) -> None:
    """Tables and views alike."""
    view = table.parent.table("view")
    warehouse.create_view(view, f"SELECT * FROM {table.sql}")

    for name in (table, view, table, view):
        warehouse.drop(name)

    assert warehouse.facts([table, view]) == {}


def test_parameters_keep_their_type(warehouse: BigQueryWarehouse) -> None:
    """Text that looks like SQL is text."""
    given: dict[str, Scalar | Sequence[Scalar]] = {
        "text": 'it\'s -- "x" `y` \\ ☃',
        "whole": 2**62,
        "real": 0.1,
        "truth": True,
        "day": date(2024, 2, 29),
        "moment": datetime(2024, 2, 29, 1, 2, 3, 456789, tzinfo=UTC),
        "nothing": None,
        "words": ["a", "b"],
        "none": [],
    }
    listed = ", ".join(f"@{name} AS {name}" for name in given)

    [row] = warehouse.query(Statement(sql=f"SELECT {listed}", parameters=given)).rows

    assert dict(row) == given


def test_a_warehouse_that_is_not_there_is_said_to_be() -> None:
    """As Unreachable, with what to do, and soon."""
    nowhere = BigQueryWarehouse.local(rest="http://127.0.0.1:9", project="ditlocal")

    with pytest.raises(Unreachable, match="does not answer"):
        nowhere.query(Statement(sql="SELECT 1"))


def test_an_error_in_sql_is_the_warehouses(warehouse: BigQueryWarehouse) -> None:
    """It begins with the statement."""
    with pytest.raises(WarehouseError, match=r"^SELECT FROM WHERE: "):
        run(warehouse, "SELECT FROM\n WHERE")


def test_the_bill_of_jobs_is_found_by_their_label(warehouse: BigQueryWarehouse, table: TableName) -> None:
    """Of those with this very value, with what they were billed; others are not counted."""
    mine = warehouse.labelled({"dit_run": table.dataset, "dit_phase": "one"})
    sql = f"SELECT SUM(id) AS n FROM {table.sql}"
    since = datetime.now(UTC) - timedelta(minutes=1)
    run(mine, sql)
    run(warehouse.labelled({"dit_run": f"{table.dataset}_other"}), sql)

    found = warehouse.costs("dit_run", table.dataset, since)

    assert [(job.labels, job.bytes_billed > 0) for job in found] == [
        ({"dit_run": table.dataset, "dit_phase": "one"}, True)
    ]
    assert warehouse.costs("dit_run", table.dataset, datetime.now(UTC) + timedelta(minutes=1)) == ()
