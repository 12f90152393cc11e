from __future__ import annotations

import pytest
from google.cloud import bigquery

from dit_dagster_tests.adapters.local_gcp.conftest import Emulator

MADE = """SELECT ST_GEOGPOINT(1.5, 2.5) AS point, [STRUCT(ST_GEOGPOINT(3, 4) AS within, 5 AS n)] AS list,
  [ST_GEOGPOINT(6, 7)] AS points, ST_GEOGFROMTEXT('POLYGON((0 0, 1 0, 1 1, 0 0))') AS area"""
VALUES = ("POINT(1.5 2.5)", [{"within": "POINT(3 4)", "n": 5}], ["POINT(6 7)"], "POLYGON((0 0, 1 0, 1 1, 0 0))")
TYPES = [
    ("point", "GEOGRAPHY", "NULLABLE", []),
    ("list", "RECORD", "REPEATED", [("within", "GEOGRAPHY"), ("n", "INTEGER")]),
    ("points", "GEOGRAPHY", "REPEATED", []),
    ("area", "GEOGRAPHY", "NULLABLE", []),
]


def test_a_query_returns_geographies(emulator: Emulator) -> None:
    """As WKT, also within STRUCT and ARRAY, without a download."""
    emulator.shows(lambda: emulator.run(MADE), [VALUES])


def test_results_say_that_they_are_geographies(emulator: Emulator) -> None:
    """In the schema of the rows."""
    emulator.shows(lambda: _types(emulator.client.query(MADE).result().schema), TYPES)


def test_a_table_that_a_query_makes_has_them(emulator: Emulator) -> None:
    """Its schema is that of a table which declares them."""
    emulator.run(f"CREATE TABLE d.places AS {MADE}")

    emulator.shows(lambda: _types(emulator.client.get_table(f"{emulator.dataset}.places").schema), TYPES)


def test_a_table_of_geographies_has_a_size(emulator: Emulator) -> None:
    """16 bytes and 24 a vertex, by BigQuery's table of sizes."""
    emulator.run("CREATE TABLE d.areas AS SELECT ST_GEOGFROMTEXT('LINESTRING(0 0, 1 0, 1 1)') AS line")

    emulator.shows(lambda: emulator.client.get_table(f"{emulator.dataset}.areas").num_bytes, 16 + 3 * 24)


@pytest.mark.parametrize(
    ("call", "cell"),
    [
        # The first is BigQuery's own example; the others are its ancestors and S2's rule for ids above 2^63.
        pytest.param("ST_GEOGPOINT(-122, 47)", 6093613931972369317, id="the smallest cell"),
        pytest.param("ST_GEOGPOINT(-122, 47), level => 10", 6093613287902019584, id="a level by its name"),
        pytest.param("ST_GEOGPOINT(-122, 47), 10", 6093613287902019584, id="a level by its place"),
        pytest.param("ST_GEOGPOINT(-122, 47), level => 0", 5764607523034234880, id="a face of the cube"),
        pytest.param("ST_GEOGPOINT(-60, -40), level => 0", -8070450532247928832, id="signed"),
        pytest.param("CAST(NULL AS GEOGRAPHY)", None, id="NULL"),
    ],
)
def test_cells_of_s2(emulator: Emulator, call: str, cell: int | None) -> None:
    """Of points."""
    emulator.shows(lambda: emulator.run(f"SELECT S2_CELLIDFROMPOINT({call})"), [(cell,)])


def test_a_cell_is_of_a_point(emulator: Emulator) -> None:
    """A line has none: refused, with and without our patches."""
    sql = "SELECT S2_CELLIDFROMPOINT(ST_GEOGFROMTEXT('LINESTRING(0 0, 1 1)'))"

    assert str(emulator.outcome(lambda: emulator.run(sql))).startswith("BadRequest")


def _types(schema: list[bigquery.SchemaField]) -> list[tuple[str, str, str, list[tuple[str, str]]]]:
    return [
        (field.name, field.field_type, field.mode, [(inner.name, inner.field_type) for inner in field.fields])
        for field in schema
    ]
