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


def test_other_names_stay(emulator: Emulator) -> None:
    """With our patches and without them."""
    assert emulator.run(f"SELECT p.n FROM {TABLE}, UNNEST(t.parts) AS p ORDER BY 1") == [(2,), (3,)]
    assert emulator.run(f"SELECT * EXCEPT (parts) FROM {TABLE}, UNNEST([9]) AS nine") == [(1, [4, 5], 9)]
