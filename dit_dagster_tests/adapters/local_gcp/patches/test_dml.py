from __future__ import annotations

from typing import Any

import pytest

from dit_dagster_tests.adapters.local_gcp.conftest import Emulator


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        pytest.param("UPDATE d.t AS a SET a.y = 'z' WHERE a.x = 1", [(1, "z")], id="update through an alias"),
        pytest.param("UPDATE d.t SET t.y = 'z' WHERE TRUE", [(1, "z")], id="update through the name"),
        pytest.param("DELETE d.t WHERE x = 1", [], id="delete without from"),
        pytest.param(
            "MERGE d.t a USING d.s b ON a.x = b.x WHEN MATCHED THEN UPDATE SET a.y = b.y",
            [(1, "one")],
            id="merge, qualified set",
        ),
        pytest.param(
            "MERGE d.t a USING d.s b ON a.x = b.x WHEN NOT MATCHED THEN INSERT ROW",
            [(1, "old"), (2, "two")],
            id="merge, insert row",
        ),
        pytest.param(
            "MERGE d.t a USING d.s b ON a.x = b.x WHEN NOT MATCHED THEN INSERT VALUES (b.x, UPPER(b.y))",
            [(1, "old"), (2, "TWO")],
            id="merge, insert values",
        ),
        pytest.param(
            "MERGE d.t a USING d.s b ON FALSE WHEN NOT MATCHED THEN INSERT VALUES (x, y)"
            " WHEN NOT MATCHED BY SOURCE AND a.x = 1 THEN DELETE",
            [(1, "one"), (2, "two")],
            id="merge, replace",
        ),
    ],
)
def test_forms_of_dml(emulator: Emulator, statement: str, expected: list[Any]) -> None:
    """Each form that BigQuery takes has its effect."""
    emulator.run("CREATE TABLE d.t AS SELECT 1 AS x, 'old' AS y")
    emulator.run("CREATE TABLE d.s AS SELECT 1 AS x, 'one' AS y UNION ALL SELECT 2, 'two'")

    def probe() -> Any:
        emulator.run(statement)
        return sorted(emulator.run("SELECT x, y FROM d.t"))

    emulator.shows(probe, expected)
