from __future__ import annotations

import pytest

from dit_dagster_tests.adapters.local_gcp.conftest import Emulator


@pytest.mark.parametrize(
    ("call", "text"),
    [
        pytest.param("'%s|%t', 'fishing', 'v'", "fishing|v", id="STRING"),
        pytest.param("'%t', TIMESTAMP '2020-01-01 10:00:00'", "2020-01-01 10:00:00+00", id="TIMESTAMP"),
        pytest.param("'%t', DATETIME '2020-01-01 10:00:00'", "2020-01-01 10:00:00", id="DATETIME"),
        pytest.param("'%t', DATE '2020-01-01'", "2020-01-01", id="DATE"),
        pytest.param("'%t', 1.0", "1.0", id="FLOAT64"),
        pytest.param("'%t|%t', 1, TRUE", "1|true", id="INT64 and BOOL"),
        pytest.param("'%t', CAST(NULL AS DATE)", "NULL", id="NULL"),
        pytest.param("'%5t|%-4t|', 1, 2", "    1|2   |", id="with a width"),
        pytest.param("'%%t|%*d|%t', 3, 7, 'x'", "%t|  7|x", id="no specifier, and a width from an argument"),
    ],
)
def test_any_value_as_text(emulator: Emulator, call: str, text: str) -> None:
    """As CAST to STRING writes it."""
    emulator.shows(lambda: emulator.run(f"SELECT FORMAT({call})"), [(text,)])


def test_other_specifiers_stay(emulator: Emulator) -> None:
    """With our patches and without them."""
    assert emulator.run("SELECT FORMAT('%s %05.1f %x %%', 'a', 2.25, 255)") == [("a 002.2 ff %",)]
