from __future__ import annotations

import pytest

from dit_dagster_tests.adapters.local_gcp.conftest import Emulator

TABLE = "(SELECT 1 AS id, [STRUCT(2 AS n), STRUCT(3 AS n)] AS parts, [4, 5] AS plain) AS t"


@pytest.mark.parametrize(
    ("select", "rest", "right"),
    [
        pytest.param("parts.n", "UNNEST(t.parts) AS parts", [(2,), (3,)], id="a field of the element"),
        pytest.param("plain", "UNNEST(t.plain) AS plain", [(4,), (5,)], id="the element itself"),
        pytest.param("t.id, parts.n", "UNNEST(t.parts) parts WHERE parts.n > 2", [(1, 3)], id="in a condition"),
        pytest.param(
            "parts.n", "UNNEST(t.parts) AS parts JOIN (SELECT 3 AS n) AS r ON r.n = parts.n", [(3,)], id="in a join"
        ),
        pytest.param(
            "(SELECT MAX(x) FROM UNNEST([parts.n, 1]) AS x)", "UNNEST(t.parts) AS parts", [(2,), (3,)], id="within"
        ),
        pytest.param("ARRAY_LENGTH(t.plain) + plain", "UNNEST(t.plain) AS plain", [(6,), (7,)], id="beside the array"),
        pytest.param("plain + 1 AS plain", "UNNEST(t.plain) AS plain", [(5,), (6,)], id="in a column of its name"),
        pytest.param(
            "plain",
            "UNNEST(t.plain) AS plain, (SELECT 5 AS plain) u WHERE u.plain = plain",
            [(5,)],
            id="beside another",
        ),
        pytest.param(
            "parts.n", "UNNEST(plain) AS p, UNNEST(t.parts) AS parts WHERE p = 4", [(2,), (3,)], id="behind another"
        ),
    ],
)
def test_an_element_is_called_as_its_array(
    emulator: Emulator, select: str, rest: str, right: list[tuple[int, ...]]
) -> None:
    """The name is the element's, as BigQuery has it."""
    emulator.shows(lambda: sorted(emulator.run(f"SELECT {select} FROM {TABLE}, {rest}")), right)


def test_its_column_is_called_so(emulator: Emulator) -> None:
    """In the result."""
    sql = f"SELECT plain FROM {TABLE}, UNNEST(t.plain) AS plain"

    emulator.shows(lambda: [field.name for field in emulator.client.query(sql).result().schema], ["plain"])


def test_what_does_not_see_an_element_keeps_its_column(emulator: Emulator) -> None:
    """A subquery of WITH, what stands before the element, and a table in a subquery of FROM; all of them at once."""
    sql = f"""WITH t AS (SELECT id, plain FROM {TABLE}), u AS (SELECT 9 AS plain)
        SELECT plain, p, v.plain AS v FROM t, UNNEST(plain) AS p, UNNEST(t.plain) AS plain, (SELECT plain FROM u) v
        WHERE p = 5 ORDER BY 1"""

    emulator.shows(lambda: emulator.run(sql), [(4, 5, 9), (5, 5, 9)])


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param("SELECT n FROM {} WHERE n IN (SELECT n FROM (SELECT 4 AS n))", id="of a subquery's table"),
        pytest.param("SELECT -n AS n FROM {} ORDER BY n LIMIT 1", id="a column of the result"),
        pytest.param("SELECT -n AS n FROM {} WHERE n > 0", id="one that the translator may put in its place"),
    ],
)
def test_what_may_be_another_column_is_refused(emulator: Emulator, sql: str) -> None:
    """With our patches and without them; it was an element for all of these, and the rows were wrong."""
    arrays = "(SELECT [4, 5] AS n) AS t, UNNEST(t.n) AS n"

    assert "Ambiguous reference" in emulator.outcome(lambda: emulator.run(sql.format(arrays)))


def test_a_column_of_a_subquery_is_no_element(emulator: Emulator) -> None:
    """It was with our patches."""
    emulator.run("CREATE TABLE d.allowed AS SELECT 7 AS plain")
    sql = f"SELECT id, (SELECT MAX(plain) FROM d.allowed) FROM {TABLE}, UNNEST(t.plain) AS plain"

    assert emulator.run(sql) == [(1, 7), (1, 7)]


def test_other_names_stay(emulator: Emulator) -> None:
    """With our patches and without them."""
    assert emulator.run(f"SELECT p.n FROM {TABLE}, UNNEST(t.parts) AS p ORDER BY 1") == [(2,), (3,)]
    assert emulator.run(f"SELECT * EXCEPT (parts) FROM {TABLE}, UNNEST([9]) AS nine") == [(1, [4, 5], 9)]
