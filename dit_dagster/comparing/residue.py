"""The residue's statement: equal rows cancel, what is left is paired and counted, all inside the warehouse.

The answer is small however large the difference: one row per kind of difference, per column, per day and per dimension
value, and a few samples of each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from sqlglot import exp

from dit_dagster.comparing.counting import Input, day_of, key_text, rows_of
from dit_dagster.comparing.distance import near
from dit_dagster.comparing.rows import Engine
from dit_dagster.comparing.schema import Column
from dit_dagster.comparing.sql import (
    Node,
    all_of,
    any_of,
    call,
    cast,
    choose,
    column,
    differs,
    is_null,
    named,
    number,
    ordered,
    parameter,
    render,
    step,
    text,
)
from dit_dagster.comparing.telling import cells, told_of_pairs
from dit_dagster.ports import Statement

LEFT, RIGHT = 1, -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a residue is asked. `expected` is a parsed predicate; `days` None means every day."""

    left: Input
    right: Input
    days: tuple[date | None, ...] | None
    boundaries: tuple[date, ...]
    expected: Node | None


def residue_statement(question: Question, spelling: Engine) -> Statement:
    """One statement: a chain of named steps, then the union of everything that is told about the pairs."""
    layout = question.left.layout
    steps = {
        "net": _net(question, spelling),
        "surplus": _surplus(question, spelling),
        "ranked": _ranked(question, spelling),
        "pairs": _pairs(question, spelling),
    }
    told: exp.Query = exp.union(*told_of_pairs(layout, spelling), distinct=False)
    if layout.pairing:
        told = told.with_(exp.to_identifier("cells", quoted=True), as_=cells(layout, spelling))
    sql = _assembled(steps, told, spelling)
    return Statement(sql=sql, parameters=_parameters(question))


def _assembled(steps: Mapping[str, exp.Select], told: exp.Query, spelling: Engine) -> str:
    """BigQuery evaluates a named step as often as it is used, so there the pairs become a temporary table."""
    if spelling.keeps_steps:
        return render(_after(steps, told))
    before = {name: step for name, step in steps.items() if name != "pairs"}
    return f"CREATE TEMP TABLE `pairs` AS {render(_after(before, steps['pairs']))};\n{render(told)}"


def _after(steps: Mapping[str, exp.Select], query: exp.Query) -> exp.Query:
    for name, each in reversed(tuple(steps.items())):
        query = query.with_(exp.to_identifier(name, quoted=True), as_=each, append=True)
    own = query.args["with_"]
    own.set("expressions", list(reversed(own.expressions)))
    return query


def _parameters(question: Question) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if question.left.layout.span and question.boundaries:
        values["boundaries"] = sorted(question.boundaries)
    known = [day for day in question.days or () if day]
    if known:
        values |= {"days": known, "first": min(known), "last": max(known) + timedelta(days=1)}
    return values


def _within_days(question: Question, of: Input) -> Node | None:
    """Rows of the differing days; the plain range beside the list is what prunes partitions."""
    if question.days is None or of.layout.day is None:
        return None
    day = day_of(of.layout.day, "t")
    tests = [is_null(day)] if None in question.days else []
    if any(question.days):
        raw = column(of.layout.day.name, "t")
        first, last = (cast(parameter(name), of.layout.day.type) for name in ("first", "last"))
        listed = exp.In(this=day.copy(), unnest=exp.Unnest(expressions=[parameter("days")]))
        since = exp.GTE(this=raw, expression=first)
        tests.append(exp.paren(all_of([since, exp.LT(this=raw.copy(), expression=last), listed])))
    return any_of(tests)


def _selected(question: Question, of: Input, projection: Sequence[Node]) -> exp.Select:
    select = rows_of(of, projection)
    days = _within_days(question, of)
    return select.where(days) if days is not None else select


def _net(question: Question, spelling: Engine) -> exp.Select:
    """Rows that do not cancel: per row hash, the copies on the left less those on the right."""
    sides = []
    for side, of in ((LEFT, question.left), (RIGHT, question.right)):
        first, second = spelling.hashes(of.layout.columns, "t")
        projection = [named(number(side), "side"), named(first, "h1"), named(second, "h2")]
        sides.append(_selected(question, of, projection))
    balance = call("SUM", column("side", "b"))
    return (
        exp.select(
            named(column("h1", "b"), "h1"),
            named(column("h2", "b"), "h2"),
            named(balance, "net"),
            named(exp.Count(this=exp.Star()), "copies"),
        )
        .from_(exp.union(*sides, distinct=False).subquery("b"))
        .group_by(column("h1", "b"), column("h2", "b"))
        .having(exp.NEQ(this=balance.copy(), expression=number(0)))
    )


def _surplus(question: Question, spelling: Engine) -> exp.Select:
    """The rows themselves, each as often as it is in surplus, under short names that no column can clash with."""
    sides = [_surplus_of(question, of, side, spelling) for side, of in ((LEFT, question.left), (RIGHT, question.right))]
    kept = exp.LTE(this=column("copy", "s"), expression=call("ABS", column("net", "s")))
    return exp.select("*").from_(exp.union(*sides, distinct=False).subquery("s")).where(kept)


def _surplus_of(question: Question, of: Input, side: int, spelling: Engine) -> exp.Select:
    layout = of.layout
    first, second = spelling.hashes(layout.columns, "t")
    raw = [named(column(each.name, "t"), name) for name, each in _carried(of)]
    day = [named(day_of(layout.day, "t"), "day")] if layout.day else []
    expected = [named(question.expected.copy(), "expected")] if question.expected is not None else []
    rows = _selected(question, of, [named(first, "h1"), named(second, "h2"), *raw, *day, *expected])
    alike = all_of([exp.EQ(this=column(name, "r"), expression=column(name, "n")) for name in ("h1", "h2")])
    copy = exp.Window(
        this=call("ROW_NUMBER"),
        partition_by=[column("h1", "n"), column("h2", "n")],
        order=_ordered([column("h1", "n")]),
    )
    projection = [
        named(number(side), "side"),
        *(named(column(name, "n"), name) for name in ("h1", "h2", "net", "copies")),
        *(named(column(name, "r"), name) for name, _ in _carried(of)),
        named(column("day", "r") if day else cast(exp.Null(), "DATE"), "day"),
        named(column("expected", "r") if expected else exp.false(), "expected"),
        named(copy, "copy"),
    ]
    surplus = exp.GT(this=exp.Mul(this=column("net", "n"), expression=number(side)), expression=number(0))
    return exp.select(*projection).from_(rows.subquery("r")).join(step("net", "n"), on=alike).where(surplus)


def _carried(of: Input) -> list[tuple[str, Column]]:
    """What of a row is carried along, under its short name."""
    layout = of.layout
    span = layout.span or ()
    return [
        *((f"c{i}", each) for i, each in enumerate(layout.columns)),
        *((f"k{i}", each) for i, each in enumerate(layout.pairing)),
        *((f"m{i}", each) for i, each in enumerate(layout.dimensions)),
        *((f"s{i}", each) for i, each in enumerate(span)),
    ]


def _as(name: str, of: Column) -> Column:
    return replace(of, name=name)


def _ranked(question: Question, spelling: Engine) -> exp.Select:
    """Rows numbered within their key, so that the n-th of one side meets the n-th of the other.

    Rows are in the order of what must be equal, then of what may differ by a tolerance: where a pairing within the
    tolerance of one column exists, this finds it.
    """
    layout = question.left.layout
    keys = [_as(f"k{i}", each) for i, each in enumerate(layout.pairing)]
    key = key_text(keys, spelling, "s") if keys else cast(column("side", "s"), "STRING")
    rest = [_as(f"c{i}", each) for i, each in enumerate(layout.columns) if not each.tolerance]
    exact = spelling.hashes(rest, "s")[0] if rest and layout.tolerant else number(0)
    inner = exp.select("*", named(key, "key"), named(exact, "exact")).from_(step("surplus", "s"))
    loose = [column(f"c{i}", "s") for i, each in enumerate(layout.columns) if each.tolerance]
    order = _ordered([column("exact", "s"), *loose, column("h1", "s"), column("h2", "s")])
    by_key = [column("side", "s"), column("key", "s")]
    rank = exp.Window(this=call("ROW_NUMBER"), partition_by=by_key, order=order)
    many = exp.Window(this=exp.Count(this=exp.Star()), partition_by=[each.copy() for each in by_key])
    return exp.select("*", named(rank, "nth"), named(many, "rivals")).from_(inner.subquery("s"))


def _ranked_on(side: int) -> exp.Select:
    mine = exp.EQ(this=column("side", "k"), expression=number(side))
    return exp.select("*").from_(step("ranked", "k")).where(mine)


def _ordered(columns: Sequence[Node]) -> exp.Order:
    return exp.Order(expressions=[ordered(each) for each in columns])


def _pairs(question: Question, spelling: Engine) -> exp.Select:
    """What is told of: a pair of rows of one key, or a row that stayed alone."""
    layout = question.left.layout
    sides = {name: _ranked_on(side) for name, side in (("l", LEFT), ("r", RIGHT))}
    meet = all_of([exp.EQ(this=column(name, "l"), expression=column(name, "r")) for name in ("key", "nth")])
    both = all_of([exp.not_(is_null(column("side", side))) for side in ("l", "r")])
    rivals = exp.GT(this=call("GREATEST", column("rivals", "l"), column("rivals", "r")), expression=number(1))
    projection = [
        named(_kind(question, spelling), "kind"),
        named(_either("key"), "key"),
        named(_either("nth"), "nth"),
        *(named(column("side", side), f"{side}side") for side in ("l", "r")),
        named(_either("day"), "day"),
        named(exp.Coalesce(this=all_of([both, rivals]), expressions=[exp.false()]), "ambiguous"),
        named(any_of([_true("expected", side) for side in ("l", "r")]), "expected"),
        named(any_of([_touches(question, side) for side in ("l", "r")]), "touches"),
        *(named(column(f"c{i}", side), f"{side}{i}") for i in range(len(layout.columns)) for side in ("l", "r")),
        *(named(_either(f"m{i}"), f"m{i}") for i in range(len(layout.dimensions))),
    ]
    joined = exp.select(*projection).from_(sides["l"].subquery("l"))
    return joined.join(sides["r"].subquery("r"), on=meet, join_type="full outer")


def _either(name: str) -> Node:
    return exp.Coalesce(this=column(name, "l"), expressions=[column(name, "r")])


def _true(name: str, side: str) -> Node:
    return exp.Coalesce(this=column(name, side), expressions=[exp.false()])


def _touches(question: Question, side: str) -> Node:
    span = question.left.layout.span
    if span is None or not question.boundaries:
        return exp.false()
    return spans(_as("s0", span[0]), _as("s1", span[1]), side)


def spans(start: Column, end: Column, alias: str) -> Node:
    """Whether a row starts before the midnight of a boundary and ends at it or later; an open end is later."""

    def passed(of: Column) -> Node:
        return call("RANGE_BUCKET", day_of(of, alias), parameter("boundaries"))

    closed = exp.GT(this=passed(end), expression=passed(start))
    ahead = exp.LT(this=passed(start), expression=call("ARRAY_LENGTH", parameter("boundaries")))
    crosses = choose(is_null(column(end.name, alias)), ahead, closed)
    return exp.Coalesce(this=crosses, expressions=[exp.false()])


def _kind(question: Question, spelling: Engine) -> Node:
    alone = [is_null(column("side", side)) for side in ("l", "r")]
    both = all_of([exp.not_(each.copy()) for each in alone])
    elsewhere = exp.GT(this=_either("copies"), expression=call("ABS", _either("net")))
    return (
        exp.Case()
        .when(exp.and_(both, _beyond(question, spelling)), text("changed"))
        .when(both.copy(), text("near"))
        .when(elsewhere, text("multiplicity"))
        .when(alone[1], text("only_left"))
        .else_(text("only_right"))
    )


def _beyond(question: Question, spelling: Engine) -> Node:
    """Whether a pair differs by more than its tolerances: its other columns, or a tolerant one by too much."""
    layout = question.left.layout
    if not layout.tolerant:
        return exp.true()
    tests: list[Node] = [exp.NEQ(this=column("exact", "l"), expression=column("exact", "r"))]
    for i, each in enumerate(layout.columns):
        if each.tolerance:
            mine = _as(f"c{i}", each)
            unlike = differs(spelling.text(mine, "l"), spelling.text(mine, "r"))
            far = exp.not_(near(each, column(f"c{i}", "l"), column(f"c{i}", "r"), spelling))
            tests.append(exp.paren(exp.and_(unlike, far)))
    return exp.paren(any_of(tests))
