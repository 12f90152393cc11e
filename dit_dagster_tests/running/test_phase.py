"""What a phase fills in, clones and accepts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from dit_dagster.errors import BadDeclaration, BadName, StateInvalid
from dit_dagster.model.identity import TableName
from dit_dagster.ports import Field, TableFacts
from dit_dagster.running.phase import check_outputs, fill
from dit_dagster.running.views import check_views, read_by, rewritten
from dit_dagster_tests.builders import a_pipeline, facts_of, state_table

DAILY, COPY = TableName("prod", "scratch", "p__daily"), TableName("prod", "scratch", "q__daily")
CLONES = {DAILY: COPY}
VIEW = TableName("prod", "scratch", "p__daily_last")


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        pytest.param("{start}", "2024-01-01", id="a date"),
        pytest.param("--to={table.daily}", "--to=p.s.t", id="a dotted name is one name"),
        pytest.param("{start},{start}", "2024-01-01,2024-01-01", id="twice"),
        pytest.param("{{start}}", "{start}", id="braces"),
        pytest.param("plain", "plain", id="nothing"),
    ],
)
def test_placeholders_are_filled_in(template: str, filled: str) -> None:
    """A dot is part of a name, and never looks into a value."""
    assert fill(template, {"start": "2024-01-01", "table.daily": "p.s.t"}) == filled


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        pytest.param("SELECT * FROM `prod.scratch.p__daily`", "SELECT * FROM {copy}", id="quoted as a whole"),
        pytest.param("SELECT * FROM `prod`.`scratch`.`p__daily`", "SELECT * FROM {copy}", id="quoted by part"),
        pytest.param("SELECT * FROM prod.scratch.p__daily", "SELECT * FROM {copy}", id="unquoted"),
        pytest.param("SELECT * FROM scratch.p__daily", "SELECT * FROM {copy}", id="without its project"),
        pytest.param("SELECT * FROM scratch.p__daily AS d", "SELECT * FROM {copy} AS d", id="under another name"),
        pytest.param(
            "WITH d AS (SELECT * FROM scratch.p__daily) SELECT * FROM d",
            "WITH d AS (SELECT * FROM {copy}) SELECT * FROM d",
            id="in a common table",
        ),
        pytest.param(
            "SELECT * FROM scratch.p__daily WHERE n = (SELECT MAX(n) FROM scratch.p__daily)",
            "SELECT * FROM {copy} WHERE n = (SELECT MAX(n) FROM {copy})",
            id="in a subquery",
        ),
        pytest.param(
            "SELECT 'scratch.p__daily' AS s FROM scratch.p__daily",
            "SELECT 'scratch.p__daily' AS s FROM {copy}",
            id="text",
        ),
    ],
)
def test_a_view_is_rewritten_to_the_clones(sql: str, expected: str) -> None:
    """Every reference, wherever it stands; text stays text."""
    found = rewritten(sql, CLONES, "prod", VIEW)

    assert found.replace("`.`", ".") == expected.format(copy=f"`{COPY}`")


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param("SELECT * FROM raw.visits", id="a source"),
        pytest.param("SELECT * FROM other.scratch.p__daily", id="another project"),
        pytest.param("SELECT * FROM scratch.p__daily JOIN scratch.o__daily USING (day)", id="another state"),
        pytest.param("SELECT * FROM scratch.p__daily WHERE day IN (SELECT day FROM raw.visits)", id="in a subquery"),
        pytest.param("SELECT table_name FROM scratch.INFORMATION_SCHEMA.TABLES", id="the catalog"),
        pytest.param("WITH d AS (SELECT 1) SELECT * FROM raw.d", id="a table called like a common table"),
    ],
)
def test_a_view_that_reads_outside_its_state_is_refused(sql: str) -> None:
    """It would show the same rows in every mode, whatever the modes did."""
    with pytest.raises(StateInvalid, match="which is not part of its state"):
        rewritten(sql, CLONES, "prod", VIEW)


def test_a_wildcard_is_no_table_of_a_state() -> None:
    """It reads whatever there is by then."""
    with pytest.raises(BadName):
        rewritten("SELECT * FROM `prod.scratch.p__*`", CLONES, "prod", VIEW)


def test_what_a_view_reads_is_known_by_full_names() -> None:
    """Common tables are not read from the warehouse."""
    sql = "WITH d AS (SELECT * FROM scratch.p__daily) SELECT * FROM d JOIN other.raw.ports USING (port)"

    assert read_by(sql, "prod") == {DAILY, TableName("other", "raw", "ports")}


def facts(*columns: str, kind: Any = "TABLE", **changes: Any) -> TableFacts:
    table = state_table("daily")
    schema = tuple(Field(name=name, type="STRING") for name in columns)
    return replace(facts_of(table, schema=schema, kind=kind), **changes)


OUTPUTS = [
    pytest.param(
        {"daily": {"keys": ["day", "nope"]}}, "outputs.daily.keys: 'nope' is not a column of daily", id="a key"
    ),
    pytest.param({"daily": {"day": "nope"}}, "outputs.daily.day: 'nope' is not a column of daily", id="a day"),
    pytest.param(
        {"daily": {"span": {"start": "day", "end": "nope"}}}, "outputs.daily.span: 'nope' is not a column", id="a span"
    ),
]


@pytest.mark.parametrize(("outputs", "said"), OUTPUTS)
def test_a_declared_column_must_be_there(outputs: Mapping[str, Any], said: str) -> None:
    """The message names the field and the columns that there are."""
    table = state_table("daily")

    with pytest.raises(BadDeclaration, match=f"{said}.*it has day, vessel"):
        check_outputs(a_pipeline(outputs=outputs), [table], {table.name: facts("day", "vessel")})


def test_a_declared_output_must_be_there() -> None:
    """The message names what is there instead."""
    table = state_table("other")

    with pytest.raises(StateInvalid, match="did not write daily; under its prefix there is other"):
        check_outputs(a_pipeline(), [table], {table.name: facts_of(table)})


def test_a_table_whose_rows_lie_elsewhere_is_no_state() -> None:
    """An external table changes without a trace in the warehouse."""
    external = facts("day", kind="OTHER")

    with pytest.raises(StateInvalid, match="what it holds lies elsewhere"):
        check_views({external.name: external}, "prod")


def test_a_view_of_a_state_may_read_the_state() -> None:
    """Tables and other views of it."""
    table = facts("day")
    view = facts("day", kind="VIEW", name=VIEW, view_sql=f"SELECT * FROM {table.name.sql}")

    check_views({table.name: table, view.name: view}, "prod")
