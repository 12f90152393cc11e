from __future__ import annotations

import pytest

from dit_dagster_tests.adapters.local_gcp.conftest import Emulator


@pytest.mark.parametrize(
    ("expression", "right"),
    [
        pytest.param("1000 * MOD(x, 4)", 3000, id="remainder in a product"),
        pytest.param("60 * DIV(x, 4)", 60, id="quotient in a product"),
        pytest.param("DIV(x + 2, 4)", 2, id="quotient of a sum"),
        pytest.param("DIV(x, 2 + 1)", 2, id="quotient by a sum"),
        pytest.param("DIV(2 * x + 5, DIV(x, 2) - 1)", 9, id="quotient by a difference of a quotient"),
    ],
)
def test_functions_of_division_bind_as_functions(emulator: Emulator, expression: str, right: int) -> None:
    """What stands before them does not get into them, and what stands in them stays whole."""
    emulator.shows(lambda: emulator.run(f"SELECT {expression} FROM (SELECT 7 AS x)"), [(right,)])
