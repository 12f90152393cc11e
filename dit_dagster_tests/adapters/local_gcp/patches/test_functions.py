from __future__ import annotations

import pytest

from dit_dagster_tests.adapters.local_gcp.conftest import PROJECT, Emulator


@pytest.mark.parametrize(
    "call",
    [
        pytest.param("{project}.{dataset}.twice(4)", id="plain"),
        pytest.param("`{project}`.{dataset}.twice(4)", id="the project quoted"),
        pytest.param("`{project}.{dataset}`.twice(4)", id="project and dataset in one"),
        pytest.param("{project}.{dataset}.twice({project}.{dataset}.twice(2))", id="one within another"),
        pytest.param("1 * {project}.{dataset}.twice(x + 3)", id="of a column"),
    ],
)
def test_a_function_is_called_with_its_project(emulator: Emulator, call: str) -> None:
    """As programs do that take a dataset of functions as an option."""
    emulator.run("CREATE FUNCTION d.twice(x INT64) RETURNS INT64 AS (x * 2)")
    sql = f"SELECT {call.format(project=PROJECT, dataset=emulator.dataset)} FROM (SELECT 1 AS x)"

    emulator.shows(lambda: emulator.run(sql), [(8,)])


def test_a_field_of_a_field_is_no_function(emulator: Emulator) -> None:
    """What has dots, and is not called, stays what it is."""
    assert emulator.run("SELECT s.a.b FROM (SELECT STRUCT(STRUCT(1 AS b) AS a) AS s)") == [(1,)]


@pytest.mark.parametrize(
    ("signature", "body", "arguments", "right"),
    [
        pytest.param("x STRING) RETURNS STRING", "return x.toUpperCase();", "'ab'", "AB", id="text"),
        pytest.param("x FLOAT64) RETURNS FLOAT64", "return x / 4;", "1.0", 0.25, id="a number"),
        pytest.param("x ARRAY<STRING>) RETURNS STRING", "return x.join('-');", "['a', 'b']", "a-b", id="an array"),
        pytest.param("x STRING) RETURNS BOOL", "return x === null;", "NULL", True, id="NULL"),
    ],
)
def test_functions_in_javascript(emulator: Emulator, signature: str, body: str, arguments: str, right: object) -> None:
    """With and without our patches: the engine for them is installed beside the emulator."""
    function = f'CREATE TEMP FUNCTION f({signature} LANGUAGE js AS """{body}"""; '

    assert emulator.run(f"{function}SELECT f({arguments})") == [(right,)]


def test_a_function_in_javascript_takes_several_arguments(emulator: Emulator) -> None:
    """In their order."""
    function = 'CREATE TEMP FUNCTION f(x FLOAT64, y STRING) RETURNS STRING LANGUAGE js AS """return y + x;"""; '

    emulator.shows(lambda: emulator.run(f"{function}SELECT f(0.5, 'a')"), [("a0.5",)])


def test_an_error_in_javascript_is_an_error(emulator: Emulator) -> None:
    """And says what was thrown."""
    sql = (
        'CREATE TEMP FUNCTION f(x STRING) RETURNS STRING LANGUAGE js AS """throw Error("no " + x);"""; SELECT f(\'a\')'
    )

    assert "no a" in str(emulator.outcome(lambda: emulator.run(sql)))


def test_a_struct_from_javascript_has_the_fields_of_its_type(emulator: Emulator) -> None:
    """What is missing is NULL, and what is more is left out, in ARRAYs too. `this` may be what is returned."""
    function = (
        "CREATE TEMP FUNCTION f(x STRING) RETURNS STRUCT<a STRING, b ARRAY<STRUCT<c FLOAT64>>> LANGUAGE js AS "
        '"""this.b = [{c: 1.5, d: 2}]; this.x = 3; return this;"""; '
    )

    emulator.shows(lambda: emulator.run(f"{function}SELECT f('a')"), [({"a": None, "b": [{"c": 1.5}]},)])
