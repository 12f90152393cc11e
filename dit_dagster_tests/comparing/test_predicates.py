"""A predicate is one condition on the columns of a row; anything else is refused before a table is read."""

from __future__ import annotations

import pytest

from dit_dagster.comparing.predicates import predicate
from dit_dagster.comparing.sql import render
from dit_dagster.errors import BadDeclaration

COLUMNS = frozenset({"a", "s"})


@pytest.mark.parametrize(
    ("sql", "rendered"),
    [
        ("a > 1 OR a IS NULL", "(`t`.`a` > 1 OR `t`.`a` IS NULL)"),
        ("S.x = 'y' -- why", "(`t`.`S`.`x` = 'y')"),
        ("a IN (1, 2)", "(`t`.`a` IN (1, 2))"),
    ],
)
def test_columns_are_those_of_the_row(sql: str, rendered: str) -> None:
    """Quoted and qualified; comments are gone."""
    assert render(predicate(sql, columns=COLUMNS, what="where")) == rendered


@pytest.mark.parametrize(
    "sql",
    [
        "a = 1; SELECT 1",
        "1 = 1) OR (1 = 1",
        "EXISTS (SELECT 1)",
        "a = (SELECT 1)",
        "SUM(a) > 1",
        "ROW_NUMBER() OVER () = 1",
        "a = @p",
        "b = 1",
        "a >",
        "a AS b",
        "DROP TABLE x",
        "SELECT 1",
        "RAND() < 0.5",
        "a < CURRENT_DATE()",
        "",
    ],
)
def test_anything_else_is_refused(sql: str) -> None:
    """Statements, subqueries, aggregates, parameters, unknown columns, and what changes from one call to the next."""
    with pytest.raises(BadDeclaration, match="where"):
        predicate(sql, columns=COLUMNS, what="where")
