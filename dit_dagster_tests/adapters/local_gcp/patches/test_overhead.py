"""Nothing is done that nobody asked for: and everything that somebody asked for is."""

from __future__ import annotations

import math
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from dit_dagster.adapters.local_gcp.patches.overhead import _as_it_is, _converted_where_needed, _updated
from dit_dagster_tests.adapters.local_gcp.conftest import Emulator


def a_record() -> Any:
    columns = ("project_id", "dataset_id", "table_id", "table_type", "creation_time", "last_modified_time")
    fields = dict.fromkeys((*columns, "num_rows", "num_bytes", "etag"), "x")
    return SimpleNamespace(**fields, model_dump_json=lambda **_: "{}")


@pytest.mark.parametrize(
    ("there", "inserted"), [pytest.param(1, [], id="there"), pytest.param(0, ["x"], id="not there")]
)
def test_a_record_is_updated_where_it_exists_and_else_inserted(there: int, inserted: list[str]) -> None:
    """An INSERT OR REPLACE only for a table that is new."""
    statements: list[str] = []
    made: list[str] = []

    def execute(sql: str, _: list[Any]) -> Any:
        statements.append(sql.split()[0])
        return SimpleNamespace(fetchone=lambda: (there,))

    write = _updated(lambda _, table: made.append(table.table_id))
    write(SimpleNamespace(_engine=SimpleNamespace(execute=execute)), a_record())

    assert (statements, made) == (["UPDATE"], inserted)


def test_what_json_does_not_know_is_converted() -> None:
    """A date within an answer is spelled; NaN, which is no JSON, is refused."""
    render = _converted_where_needed(None)

    assert (
        render(None, _as_it_is(None)({"day": date(2024, 2, 29), "ä": [1]})) == '{"day":"2024-02-29","ä":[1]}'.encode()
    )
    with pytest.raises(ValueError, match="JSON"):
        render(None, {"x": math.nan})


def test_records_stay_what_they_were_told(emulator: Emulator) -> None:
    """Changed twice, read back."""
    emulator.run("CREATE OR REPLACE TABLE d.t AS SELECT 1 AS x")
    table = emulator.client.get_table(emulator.reference())
    for text in ("first", "second"):
        table.description = text
        table = emulator.client.update_table(table, ["description"])

    assert emulator.client.get_table(emulator.reference()).description == "second"
