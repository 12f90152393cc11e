"""Rows that reach over a slice boundary: where the modes of a pipeline can differ at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from sqlglot import exp

from dit_dagster.comparing.counting import Input, cost_of, day_of, rows_of
from dit_dagster.comparing.predicates import predicate
from dit_dagster.comparing.residue import spans
from dit_dagster.comparing.schema import Column, layout
from dit_dagster.comparing.sql import (
    Node,
    all_of,
    any_of,
    call,
    cast,
    choose,
    column,
    count,
    is_null,
    named,
    number,
    parameter,
    render,
)
from dit_dagster.errors import NotFound
from dit_dagster.model.exercise import Exercised
from dit_dagster.model.identity import TableName
from dit_dagster.model.policy import ComparisonPolicy, Exact
from dit_dagster.model.verdict import Cost
from dit_dagster.ports import Statement, Warehouse

_FIRST, _LAST = (Column(name=name, type="DATE", policy=Exact()) for name in ("first", "last"))


def count_spanning(
    warehouse: Warehouse, table: TableName, policy: ComparisonPolicy, boundaries: Sequence[date]
) -> int | None:
    of = _input(warehouse, table, policy)
    if of.layout.span is None:
        return None
    return spanning_rows(warehouse, of, boundaries)[0] if boundaries else 0


def count_exercised(warehouse: Warehouse, table: TableName, policy: ComparisonPolicy, asked: Exercised) -> Exercised:
    """`asked` with the rows that reach over each boundary and each window that was run again; without a span, as is."""
    of = _input(warehouse, table, policy)
    if of.layout.span is None or not (asked.boundaries or asked.again):
        return asked
    reaches = [
        *((one.day, one.day) for one in asked.boundaries),
        *((one.window.start, one.window.end) for one in asked.again),
    ]
    answer = warehouse.query(_reaches(of, of.layout.span, reaches, len(asked.boundaries))).rows[0]
    counted = [int(answer[f"r{i}"]) for i in range(len(reaches))]
    at_boundaries, over = counted[: len(asked.boundaries)], counted[len(asked.boundaries) :]
    return replace(
        asked,
        boundaries=tuple(replace(one, spanning=n) for one, n in zip(asked.boundaries, at_boundaries, strict=True)),
        again=tuple(replace(one, over=n) for one, n in zip(asked.again, over, strict=True)),
        spanning=int(answer["spanning"]),
        over=int(answer["over"]),
    )


def _reaches(
    of: Input, span: tuple[Column, Column], reaches: Sequence[tuple[date, date]], boundaries: int
) -> Statement:
    """How many rows start before the first day of a pair and end on its second or later: of each, and of any.

    The first `boundaries` pairs are boundaries, the others are windows.
    """
    first, last = column("first", "g"), column("last", "g")
    over = [
        all_of(
            [
                exp.LT(this=first.copy(), expression=parameter(f"before{i}")),
                exp.paren(any_of([is_null(last.copy()), exp.GTE(this=last.copy(), expression=parameter(f"until{i}"))])),
            ]
        )
        for i in range(len(reaches))
    ]
    any_over = {"spanning": any_of(over[:boundaries]), "over": any_of(over[boundaries:])}
    counts = [
        *(named(_rows_if(each), f"r{i}") for i, each in enumerate(over)),
        *(named(_rows_if(each), name) for name, each in any_over.items()),
    ]
    return Statement(
        sql=render(exp.select(*counts).from_(_by_days(of, span).subquery("g"))),
        parameters={
            **{f"before{i}": before for i, (before, _) in enumerate(reaches)},
            **{f"until{i}": until for i, (_, until) in enumerate(reaches)},
        },
    )


def _rows_if(condition: Node) -> Node:
    rows = call("SUM", choose(condition.copy(), column("n", "g"), number(0)))
    return cast(exp.Coalesce(this=rows, expressions=[number(0)]), "INT64")


def spanning_rows(warehouse: Warehouse, of: Input, boundaries: Sequence[date]) -> tuple[int, Cost]:
    """The rows of a table with a span that reach over a boundary."""
    assert of.layout.span is not None  # noqa: S101  # the caller asks of tables with one
    statement = Statement(sql=render(_reaching(of, of.layout.span)), parameters={"boundaries": sorted(boundaries)})
    answer = warehouse.query(statement)
    return int(answer.rows[0]["n"]), cost_of(answer)


def _reaching(of: Input, span: tuple[Column, Column]) -> exp.Select:
    rows = exp.Coalesce(this=call("SUM", column("n", "g")), expressions=[number(0)])
    groups = _by_days(of, span)
    return exp.select(named(cast(rows, "INT64"), "n")).from_(groups.subquery("g")).where(spans(_FIRST, _LAST, "g"))


def _by_days(of: Input, span: tuple[Column, Column]) -> exp.Select:
    """Rows counted by pairs of days: a table has far fewer of those than rows, and only days meet a boundary."""
    days = [day_of(each, "t") for each in span]
    named_days = [named(day, each.name) for day, each in zip(days, (_FIRST, _LAST), strict=True)]
    return rows_of(of, [*named_days, named(count(), "n")]).group_by(*(day.copy() for day in days))


def _input(warehouse: Warehouse, table: TableName, policy: ComparisonPolicy) -> Input:
    facts = warehouse.facts([table]).get(table)
    if facts is None:
        raise NotFound(f"{table}: there is no such table")
    columns = layout(facts, policy, engine=warehouse.engine)
    where = predicate(policy.where, columns=columns.names, what="where") if policy.where else None
    return Input(table=table, layout=columns, where=where)
