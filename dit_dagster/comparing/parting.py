"""Whether two modes had parted after some phase: which of their final differences a state in between holds already.

Three tables are read: what the left mode has in the end, what the right one has in the end, and what the right one
had *then*. Per row hash, a row is **extra** if the right has more copies in the end, and had more then; **missing** if
it has fewer in the end, and had fewer then.

A state in between knows only the days that were filled by then, so a row counts only if all days of all rows of its
key, in both final tables, lie before `until`. A gap that is still open then differs from the closed one of the end,
and nothing is wrong with that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from sqlglot import exp

from dit_dagster.comparing.counting import Input, day_of, key_text, rows_of
from dit_dagster.comparing.explanation import key_shown, row_shown
from dit_dagster.comparing.residue import differing_days
from dit_dagster.comparing.rows import Engine, engine, marked, row_text, value_text
from dit_dagster.comparing.schema import layout
from dit_dagster.comparing.sql import (
    Node,
    all_of,
    any_of,
    call,
    cast,
    choose,
    column,
    count,
    named,
    number,
    ordered,
    parameter,
    render,
    text,
    window,
)
from dit_dagster.comparing.telling import shortened
from dit_dagster.errors import StateInvalid
from dit_dagster.model.identity import TableName
from dit_dagster.model.policy import ComparisonPolicy
from dit_dagster.model.verdict import PartedRow
from dit_dagster.ports import Statement, Warehouse

LEFT, RIGHT, THEN = 0, 1, 2
_SAMPLES = 5
_EVER = date(9999, 12, 31)
_NEVER = "0001-01-01"


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalStates:
    """What two modes came to: the tables that a state in between is held against.

    `days` are those on which the two differ, None for all.
    """

    warehouse: Warehouse
    policy: ComparisonPolicy
    left: Input
    right: Input
    days: tuple[date | None, ...] | None

    @property
    def know_days(self) -> bool:
        """Whether it can be told of a row when it is due: a day or a span is declared."""
        return self.left.layout.day is not None or self.left.layout.span is not None

    def parted(self, then: TableName, until: date | None) -> int:
        """How many final differences stood then already.

        `until` is the first day that was not filled then, None if all were.
        """
        counted = exp.select(named(count(), "n")).from_(
            _parted(self._inputs(then), self.days, self._spelling).subquery("p")
        )
        answer = self.warehouse.query(Statement(sql=render(counted), parameters=_parameters(self.days, until)))
        return int(answer.rows[0]["n"])

    def samples(self, then: TableName, until: date | None) -> tuple[PartedRow, ...]:
        """A few of those rows, by key."""
        sql = render(_samples(self._inputs(then), self.days, self._spelling))
        pairing = self.left.layout.pairing
        return tuple(
            PartedRow(
                kind="extra" if row["extra"] else "missing",
                key=key_shown(row["key"], pairing) if pairing else {},
                row=row_shown(row["v"], self.left.layout) or "",
            )
            for row in self.warehouse.query(Statement(sql=sql, parameters=_parameters(self.days, until))).rows
        )

    @property
    def _spelling(self) -> Engine:
        return engine(self.warehouse.engine)

    def _inputs(self, then: TableName) -> tuple[Input, Input, Input]:
        """The three tables. StateInvalid if the state in between has another schema: its rows cannot be told alike."""
        facts = self.warehouse.facts([then]).get(then)
        if facts is None:
            raise StateInvalid(f"{then.table} is gone")
        between = replace(self.left, table=then, layout=layout(facts, self.policy, engine=self.warehouse.engine))
        if between.layout.hash != self.left.layout.hash:
            raise StateInvalid(f"{then.table} has other columns than the final states")
        return self.left, self.right, between


def _parameters(days: Sequence[date | None] | None, until: date | None) -> Mapping[str, Any]:
    known = sorted(day for day in days or () if day)
    within = {"days": known, "first": known[0], "last": known[-1] + timedelta(days=1)} if known else {}
    return {"until": until or _EVER, **within}


def _parted(inputs: tuple[Input, ...], days: Sequence[date | None] | None, spelling: Engine) -> exp.Select:
    """One row per hash: whether it is extra or missing, and its key."""
    rows = exp.select(
        column("side"),
        column("h1"),
        column("h2"),
        column("key"),
        named(window(call("MAX", choose(_is(THEN, "<"), column("last"), exp.Null())), by=[column("key")]), "due"),
    ).from_(_all_rows(inputs, days, spelling).subquery("a"))
    left, right, then = (call("COUNTIF", _is(side)) for side in (LEFT, RIGHT, THEN))
    extra = all_of([exp.GT(this=right, expression=left), exp.GT(this=then, expression=left.copy())])
    missing = all_of([exp.LT(this=right.copy(), expression=left.copy()), exp.LT(this=then.copy(), expression=left)])
    due = exp.LT(this=call("MAX", column("due")), expression=parameter("until"))
    return (
        exp.select(
            column("h1"),
            column("h2"),
            named(call("MIN", column("key")), "key"),
            named(exp.GT(this=right.copy(), expression=left.copy()), "extra"),
        )
        .from_(rows.subquery("r"))
        .group_by(column("h1"), column("h2"))
        .having(all_of([due, exp.paren(any_of([exp.paren(extra), exp.paren(missing)]))]))
    )


def _is(side: int, how: str = "=") -> Node:
    compare = exp.EQ if how == "=" else exp.LT
    return compare(this=column("side"), expression=number(side))


def _all_rows(inputs: tuple[Input, ...], days: Sequence[date | None] | None, spelling: Engine) -> exp.Query:
    sides = [_rows(side, of, days, spelling) for side, of in enumerate(inputs)]
    return exp.union(*sides, distinct=False)


def _rows(side: int, of: Input, days: Sequence[date | None] | None, spelling: Engine, *more: Node) -> exp.Select:
    first, second = spelling.hashes(of.layout.columns, "t")
    keyless = call("CONCAT", spelling.half_text(first.copy()), text(" "), spelling.half_text(second.copy()))
    projection = [
        named(number(side), "side"),
        named(first, "h1"),
        named(second, "h2"),
        named(key_text(of.layout.pairing, spelling, "t") if of.layout.pairing else keyless, "key"),
        named(_last_day(of), "last"),
        *more,
    ]
    select = rows_of(of, projection, spelling)
    within = differing_days(of.layout.day, days)
    return select.where(within) if within is not None else select


def _last_day(of: Input) -> Node:
    """The latest day that a row speaks of; one without any is due from the first."""
    never = cast(text(_NEVER), "DATE")
    columns = [*([of.layout.day] if of.layout.day else []), *(of.layout.span or ())]
    found = [exp.Coalesce(this=day_of(each, "t"), expressions=[never.copy()]) for each in columns]
    return call("GREATEST", never, *found) if found else never


def _samples(inputs: tuple[Input, ...], days: Sequence[date | None] | None, spelling: Engine) -> exp.Select:
    """Extra rows as the state then has them, missing ones as the left has them."""
    leaves = inputs[LEFT].layout.leaves
    values = row_text([shortened(marked(value_text(each, "t", spelling))) for each in leaves])
    holders = [_rows(side, inputs[side], days, spelling, named(values.copy(), "v")) for side in (LEFT, THEN)]
    meet = [exp.EQ(this=column(name, "p"), expression=column(name, "w")) for name in ("h1", "h2")]
    side = exp.EQ(this=column("side", "w"), expression=choose(column("extra", "p"), number(THEN), number(LEFT)))
    once = window(call("ROW_NUMBER"), by=[column("h1", "p"), column("h2", "p")], order=[ordered(column("key", "p"))])
    return (
        exp.select(column("extra", "p"), column("key", "p"), column("v", "w"))
        .from_(_parted(inputs, days, spelling).subquery("p"))
        .join(exp.union(*holders, distinct=False).subquery("w"), on=all_of([*meet, side]))
        .qualify(exp.EQ(this=once, expression=number(1)))
        .order_by(ordered(column("key", "p")), ordered(column("extra", "p")))
        .limit(_SAMPLES)
    )
