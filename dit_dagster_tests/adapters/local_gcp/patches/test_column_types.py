from __future__ import annotations

from dit_dagster_tests.adapters.local_gcp.conftest import Emulator


def test_a_struct_is_among_all_columns_of_a_subquery(emulator: Emulator) -> None:
    """`*` stands for all columns, whatever their types."""
    emulator.run("CREATE TABLE d.t (id INT64, tags ARRAY<STRING>, s STRUCT<x INT64>)")
    emulator.run("INSERT INTO d.t VALUES (1, ['a'], STRUCT(2))")

    # CONCAT is one of the functions for which the translator writes a statement anew.
    sql = "SELECT t.s.x, CONCAT('a', t.more) FROM (SELECT *, 'b' AS more FROM d.t AS t) AS t"
    emulator.shows(lambda: emulator.run(sql), [(2, "ab")])


def test_two_tables_of_one_name_keep_their_own_columns(emulator: Emulator) -> None:
    """A table is what its path says."""
    emulator.run("CREATE SCHEMA IF NOT EXISTS e")
    emulator.run("CREATE TABLE d.t AS SELECT 1 AS a, 2 AS b")
    emulator.run("CREATE TABLE e.t AS SELECT 3 AS c")

    def probe() -> list[tuple[object, ...]]:
        both = "SELECT l.*, r.*, CONCAT('a', 'b') FROM (SELECT * FROM d.t) AS l CROSS JOIN (SELECT * FROM e.t) AS r"
        return emulator.run(both)

    emulator.shows(probe, [(1, 2, 3, "ab")])
