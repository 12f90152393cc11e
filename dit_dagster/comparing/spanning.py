"""Rows that reach over a slice boundary: where the modes of a pipeline can differ at all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlglot import exp

from dit_dagster.comparing.counting import Input, cost_of, day_of, rows_of
from dit_dagster.comparing.predicates import predicate
from dit_dagster.comparing.residue import spans
from dit_dagster.comparing.schema import Column, layout
from dit_dagster.comparing.sql import call, cast, column, count, named, number, render
from dit_dagster.errors import NotFound
from dit_dagster.model.identity import TableName
from dit_dagster.model.policy import ComparisonPolicy, Exact
from dit_dagster.model.verdict import Cost
from dit_dagster.ports import Statement, Warehouse

_FIRST, _LAST = (Column(name=name, type="DATE", policy=Exact()) for name in ("first", "last"))


def count_spanning(
    warehouse: Warehouse, table: TableName, policy: ComparisonPolicy, boundaries: Sequence[date]
) -> int | None:
    facts = warehouse.facts([table]).get(table)
    if facts is None:
        raise NotFound(f"{table}: there is no such table")
    columns = layout(facts, policy, engine=warehouse.engine)
    if columns.span is None:
        return None
    if not boundaries:
        return 0
    where = predicate(policy.where, columns=columns.names, what="where") if policy.where else None
    return spanning_rows(warehouse, Input(table=table, layout=columns, where=where), boundaries)[0]


def spanning_rows(warehouse: Warehouse, of: Input, boundaries: Sequence[date]) -> tuple[int, Cost]:
    """The rows of a table with a span that reach over a boundary."""
    assert of.layout.span is not None  # noqa: S101  # the caller asks of tables with one
    statement = Statement(sql=render(_reaching(of, of.layout.span)), parameters={"boundaries": sorted(boundaries)})
    answer = warehouse.query(statement)
    return int(answer.rows[0]["n"]), cost_of(answer)


def _reaching(of: Input, span: tuple[Column, Column]) -> exp.Select:
    """Counted by pairs of days first: a table has far fewer of those than rows, and only days meet a boundary."""
    days = [day_of(each, "t") for each in span]
    named_days = [named(day, each.name) for day, each in zip(days, (_FIRST, _LAST), strict=True)]
    groups = rows_of(of, [*named_days, named(count(), "n")]).group_by(*(day.copy() for day in days))
    rows = exp.Coalesce(this=call("SUM", column("n", "g")), expressions=[number(0)])
    return exp.select(named(cast(rows, "INT64"), "n")).from_(groups.subquery("g")).where(spans(_FIRST, _LAST, "g"))
