from __future__ import annotations

import pytest

from dit_dagster_tests.adapters.local_gcp.conftest import Emulator

MADE = """CREATE TABLE d.a AS SELECT 1 AS id UNION ALL SELECT 2;
CREATE TABLE d.b AS SELECT 1 AS id, 'x' AS v UNION ALL SELECT 1, 'y' UNION ALL SELECT 3, 'z'"""
COUNT = "FORMAT('%d', COUNT(v)) AS n"
"""The translator keeps what it knows of columns where it changes a function."""


@pytest.mark.parametrize(
    ("query", "right"),
    [
        pytest.param(
            f"SELECT a.id, {COUNT} FROM d.a AS a LEFT JOIN d.b AS b USING (id) GROUP BY id",
            [(1, "2"), (2, "0")],
            id="left",
        ),
        pytest.param(
            f"SELECT a.id, {COUNT} FROM d.a AS a JOIN d.b AS b USING (id) GROUP BY id, v",
            [(1, "1"), (1, "1")],
            id="inner, with another column",
        ),
        pytest.param(
            f"""WITH x AS (SELECT * FROM d.a), y AS (SELECT * FROM d.b)
            SELECT x.id, {COUNT} FROM x LEFT JOIN y USING (id) GROUP BY id""",
            [(1, "2"), (2, "0")],
            id="of named queries",
        ),
    ],
)
def test_a_joined_column_groups_what_is_selected(emulator: Emulator, query: str, right: list[tuple[int, str]]) -> None:
    """By its name alone, while it is selected with its table's."""
    emulator.run(MADE)

    emulator.shows(lambda: sorted(emulator.run(query)), right)


def test_what_may_differ_within_a_pair_is_grouped_as_it_stands(emulator: Emulator) -> None:
    """With our patches and without them: a condition of which another is enough makes no column of two."""
    emulator.run(MADE)
    sql = f"""SELECT a.id, {COUNT} FROM (SELECT NULL AS id) AS a LEFT JOIN d.b AS b ON a.id = b.id OR a.id IS NULL
        GROUP BY a.id, COALESCE(a.id, b.id)"""

    assert sorted(emulator.run(sql)) == [(None, "1"), (None, "2")]


def test_a_full_join_is_grouped_by_what_it_joins(emulator: Emulator) -> None:
    """With our patches and without them: `a.id` is another column there."""
    emulator.run(MADE)
    sql = f"SELECT id, {COUNT} FROM d.a AS a FULL JOIN d.b AS b USING (id) GROUP BY id ORDER BY 1"

    assert emulator.run(sql) == [(1, "2"), (2, "0"), (3, "1")]
