"""The residue's statement: equal rows cancel, what is left is paired and counted, all inside the warehouse.

The steps, each a named query: of many rows first `buckets`, groups of keys whose rows' sums differ, and `suspects`, the
rows in them; `net`, the row hashes that do not cancel; `ranked`, the rows behind them as arrays of
canonical texts, numbered within their key; `pairs`, where the two sides meet. Arrays of texts keep the statement short
however many columns a table has: what is said of one value is said once, for all columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlglot import exp

from dit_dagster.comparing.counting import Input, day_of, distinct_keys, groupable
from dit_dagster.comparing.distance import near
from dit_dagster.comparing.rows import Engine, derived, marked, row_text, unmarked, upper, value_text
from dit_dagster.comparing.schema import NUMBERS, Column
from dit_dagster.comparing.sql import (
    Node,
    all_of,
    any_of,
    array,
    call,
    cast,
    choose,
    column,
    count,
    field,
    is_null,
    named,
    number,
    ordered,
    parameter,
    render,
    safe_cast,
    step,
    table,
    text,
    window,
)
from dit_dagster.comparing.telling import cells, keys_of, sums_of, told_of_pairs
from dit_dagster.ports import Statement

LEFT, RIGHT = 1, -1
SIDE = "__dit_side"
_VERY_MANY_ROWS = 4_000_000
_FIRST, _SECOND, _KEY = "__dit_h1", "__dit_h2", "__dit_k"
MANY_ROWS = 100_000
"""From here on a row is looked for by bucket first: grouping rows by hash is what costs."""
_SIDES = ("l", "r")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a residue is asked. `expected` is a parsed predicate, `days` None means all, `rows` are of both sides.

    `uncounted` are the sides, 0 and 1, whose keys are to be counted as well. Where rows are looked for by bucket on all
    days, only those in buckets that differ are, of both sides: by how much the two differ is then known.
    """

    left: Input
    right: Input
    days: tuple[date | None, ...] | None
    boundaries: tuple[date, ...]
    expected: Node | None
    rows: int = 0
    uncounted: tuple[int, ...] = ()

    @property
    def reaching(self) -> tuple[Column, Column] | None:
        """The span's columns, if there are boundaries to reach over."""
        return self.left.layout.span if self.boundaries else None


def residue_statement(question: Question, spelling: Engine) -> Statement:
    """One statement: a chain of named steps, then the union of everything that is told about the pairs."""
    layout = question.left.layout
    found_first: dict[str, exp.Select] = {}
    if _by_bucket(question, spelling):
        found_first = {"buckets": _buckets(question, spelling), "suspects": _suspects(question, spelling)}
    steps = {
        **found_first,
        "net": _net(question, spelling),
        "ranked": _ranked(question, spelling),
        "pairs": _pairs(question, spelling),
    }
    announced, reaching = question.expected is not None, question.reaching is not None
    tellings = told_of_pairs(layout, spelling, announced=announced, reaching=reaching)
    inputs = (question.left, question.right)
    if _tells_suspected_keys(question, spelling):
        tellings += [keys_of(side, _suspected_keys(question, side, spelling), among="suspects") for side in (0, 1)]
    else:
        tellings += [keys_of(side, distinct_keys(inputs[side], spelling)) for side in question.uncounted]
    if spelling.buckets_pay:  # where hashes are taken and a step is evaluated once
        tellings.append(sums_of(_net_sums(spelling)))
    told: exp.Query = exp.union(*tellings, distinct=False)
    if layout.pairing:
        told = _after({"cells": cells(layout, spelling)}, told)
    return Statement(sql=_assembled(steps, told, spelling), parameters=_parameters(question))


def unequal_rows(question: Question, spelling: Engine) -> exp.Select:
    """The distinct rows that do not occur equally often on both sides, with how often they do: all that is grouped."""
    return _net(question, spelling)


def reading(question: Question, spelling: Engine) -> Statement:
    """The part of the residue's statement that reads the tables, as one query: a dry run tells what it would read."""
    steps = {"net": _net(question, spelling), "ranked": _ranked(question, spelling)}
    return Statement(sql=render(_after(steps, _pairs(question, spelling))), parameters=_parameters(question))


def _assembled(steps: Mapping[str, exp.Select], told: exp.Query, spelling: Engine) -> str:
    """BigQuery evaluates a named step as often as it is used, so there the pairs become a temporary table."""
    if spelling.keeps_steps:
        return render(_after(steps, told))
    before = {name: each for name, each in steps.items() if name != "pairs"}
    return f"CREATE TEMP TABLE `pairs` AS {render(_after(before, steps['pairs']))};\n{render(told)}"


def _after(steps: Mapping[str, exp.Select], query: exp.Query) -> exp.Query:
    """`query` with named steps before it, in order, and before those that it has."""
    own = query.args.get("with_")
    before = [exp.CTE(this=each, alias=exp.TableAlias(this=_quoted(name))) for name, each in steps.items()]
    query.set("with_", exp.With(expressions=[*before, *(own.expressions if own else [])]))
    return query


def _quoted(name: str) -> exp.Identifier:
    return exp.to_identifier(name, quoted=True)


def _parameters(question: Question) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if question.reaching:
        values["boundaries"] = sorted(question.boundaries)
    known = [day for day in question.days or () if day]
    if known:
        values |= {"days": known, "first": min(known), "last": max(known) + timedelta(days=1)}
    return values


def _both(question: Question, spelling: Engine) -> exp.Select:
    """The rows of the differing days of both sides, as `t`, each with its side."""
    left, right = question.left.layout, question.right.layout
    fields: list[Node] = [exp.Star()]
    if tuple(left.fields.items()) != tuple(right.fields.items()) or left.ignores:
        fields = [column(name, "t") for name in sorted(_read(question))]
    sides = [
        exp.select(
            named(number(side), SIDE), *(field.copy() for field in fields), *derived(left.columns, spelling, "t")
        ).from_(table(of.table, "t"))
        for side, of in ((LEFT, question.left), (RIGHT, question.right))
    ]
    both = exp.select().from_(exp.union(*sides, distinct=False).subquery("t"))
    for condition in (question.left.where, differing_days(question.left.layout.day, question.days)):
        both = both.where(condition.copy()) if condition is not None else both
    return both


def _read(question: Question) -> set[str]:
    """The columns that a comparison needs, in lower case."""
    layout = question.left.layout
    parts = (
        *layout.columns,
        *layout.keys,
        *layout.pairing,
        *layout.dimensions,
        *(layout.span or ()),
        *([layout.day] if layout.day else []),
    )
    predicates = [each for each in (question.left.where, question.expected) if each is not None]
    named_in = {str(each.parts[0].name) for tree in predicates for each in tree.find_all(exp.Column)}
    return {name.lower() for name in (*(part.steps[0] for part in parts), *named_in)}


def differing_days(of: Column | None, days: Sequence[date | None] | None) -> Node | None:
    """Rows of these days; the plain range beside the list is what prunes partitions.

    Parameters: `days`, and `first` and `last` around them.
    """
    if days is None or of is None:
        return None
    day = day_of(of, "t")
    tests = [is_null(day)] if None in days else []
    if any(days):
        raw = field(of.steps, "t")
        first, last = (cast(parameter(name), of.type) for name in ("first", "last"))
        listed = exp.In(this=day.copy(), unnest=exp.Unnest(expressions=[parameter("days")]))
        since = exp.GTE(this=raw, expression=first)
        tests.append(exp.paren(all_of([since, exp.LT(this=raw.copy(), expression=last), listed])))
    return exp.paren(any_of(tests))


def _net(question: Question, spelling: Engine) -> exp.Select:
    """Rows that do not cancel: per row hash, the copies on the left less those on the right."""
    rows, (first, second) = _rows(question, spelling)
    hashed = rows.select(column(SIDE, "t"), named(first, "h1"), named(second, "h2"))
    balance = call("SUM", column(SIDE))
    beside = []
    if _tells_suspected_keys(question, spelling):
        hashed, beside = hashed.select(column(_KEY, "t")), [named(call("ANY_VALUE", column(_KEY)), "k")]
    return (
        exp.select(column("h1"), column("h2"), named(balance, "net"), named(count(), "copies"), *beside)
        .from_(hashed.subquery("b"))
        .group_by(column("h1"), column("h2"))
        .having(exp.NEQ(this=balance.copy(), expression=number(0)))
    )


def _rows(question: Question, spelling: Engine) -> tuple[exp.Select, tuple[Node, Node]]:
    """The rows that may be in the residue, as `t`, and their two hashes."""
    if _by_bucket(question, spelling):
        return exp.select().from_(step("suspects", "t")), (column(_FIRST, "t"), column(_SECOND, "t"))
    return _both(question, spelling), spelling.hashes(question.left.layout.columns, "t")


def _suspects(question: Question, spelling: Engine) -> exp.Select:
    """The rows of buckets that differ, hashed once: few, and all that the later steps read."""
    first, second = spelling.hashes(question.left.layout.columns, "t")
    unequal = exp.select(column("k")).from_(step("buckets", "u")).subquery()
    hashes = [named(first, _FIRST), named(second, _SECOND)]
    if _tells_suspected_keys(question, spelling):
        hashes.append(named(spelling.fingerprint(question.left.layout.keys, "t"), _KEY))
    return (
        _both(question, spelling)
        .select(exp.Column(this=exp.Star(), table=_quoted("t")), *hashes)
        .where(exp.In(this=_bucket(question, spelling), query=unequal))
    )


def _suspected_keys(question: Question, side: int, spelling: Engine) -> exp.Select:
    """A row for each key of one side that a row in surplus has. A bucket holds all rows of its keys, those that cancel
    too, so it is known whether the other side has the key as well.

    They are looked for by fingerprint and told apart by what they are, since differing keys may share one.
    """
    keys = [groupable(key, spelling) for key in question.left.layout.keys]
    of_side = exp.EQ(this=column(SIDE, "t"), expression=number((LEFT, RIGHT)[side]))
    in_surplus = exp.In(this=column(_KEY, "t"), query=exp.select(column("k")).from_(step("net", "n")).subquery())
    suspects = exp.select(named(number(1), "one")).from_(step("suspects", "t"))
    return suspects.where(all_of([of_side, in_surplus])).group_by(*keys)


def _tells_suspected_keys(question: Question, spelling: Engine) -> bool:
    return bool(question.uncounted) and question.days is None and _by_bucket(question, spelling)


def _by_bucket(question: Question, spelling: Engine) -> bool:
    return spelling.buckets_pay and question.rows > MANY_ROWS


def _buckets(question: Question, spelling: Engine) -> exp.Select:
    """Buckets whose rows' fingerprints do not add up to the same: only their rows need be grouped, which is what costs.

    One sum of 32 bits, with the side as sign, is the cheapest to group, and an INT64 holds it for 2^31 rows. It may
    overlook a bucket: whether the residue is whole is told by the sums of the hashes of what was found.
    """
    print_of_row = cast(upper(spelling.fingerprint(question.left.layout.columns, "t"), 32), "INT64")
    signed = exp.Mul(this=column(SIDE, "t"), expression=print_of_row)
    hashed = _both(question, spelling).select(named(signed, "h"), named(_bucket(question, spelling), "k"))
    uneven = exp.NEQ(this=call("SUM", column("h")), expression=number(0))
    return exp.select(column("k")).from_(hashed.subquery("b")).group_by(column("k")).having(uneven)


def _bucket(question: Question, spelling: Engine) -> Node:
    """By key where there is one: both versions of a changed row are in one bucket, and hashing a key is cheap."""
    layout = question.left.layout
    return upper(spelling.fingerprint(layout.keys or layout.columns, "t"), _bucket_bits(question))


def _net_sums(spelling: Engine) -> list[Node]:
    """The digest's sums, of the rows in surplus: left less right."""
    halves = [limb for name in ("h1", "h2") for limb in spelling.limbs(column(name, "n"))]
    return [
        cast(call("SUM", exp.Mul(this=cast(column("net", "n"), "INT64"), expression=half)), "STRING") for half in halves
    ]


def _bucket_bits(question: Question) -> int:
    """So many that few equal rows share a bucket with one that differs, and no more: groups cost time and memory."""
    return 16 if question.rows <= _VERY_MANY_ROWS else 18


def _ranked(question: Question, spelling: Engine) -> exp.Select:
    """Rows in surplus, numbered within their key, so that the n-th of one side meets the n-th of the other.

    They are in the order of what must be equal, then of what may differ by a tolerance: where a pairing within the
    tolerance of one column exists, this finds it.
    """
    layout = question.left.layout
    by_key = [column("side"), column("key")]
    loose = [
        _sortable(each, spelling, spelling.element(column("v"), number(i)))
        for i, each in enumerate(layout.leaves, 1)
        if each.tolerance
    ]
    order = [ordered(each) for each in (*([column("exact")] if loose else []), *loose, column("h1"), column("h2"))]
    return exp.select(
        "*",
        named(window(call("ROW_NUMBER"), by=by_key, order=order), "nth"),
        named(window(count(), by=by_key), "rivals"),
    ).from_(_surplus(question, spelling).subquery("s"))


def _sortable(of: Column, spelling: Engine, value: Node) -> Node:
    if of.is_list or of.type not in NUMBERS:
        return value
    return safe_cast(unmarked(value), "FLOAT64" if of.type == "FLOAT64" else spelling.decimal)


def _surplus(question: Question, spelling: Engine) -> exp.Select:
    """The rows behind `net`, each as often as it is in surplus, as arrays of texts."""
    layout = question.left.layout
    rows, hashes = _rows(question, spelling)
    meet = [exp.EQ(this=value, expression=column(name, "n")) for value, name in zip(hashes, ("h1", "h2"), strict=True)]
    in_surplus = exp.GT(this=exp.Mul(this=column("net", "n"), expression=column(SIDE, "t")), expression=number(0))
    copy = window(call("ROW_NUMBER"), by=[column("h1", "n"), column("h2", "n")], order=[ordered(column("h1", "n"))])
    key = row_text([value_text(each, "t", spelling) for each in layout.pairing]) if layout.pairing else _side_text()
    return (
        rows.select(
            named(column(SIDE, "t"), "side"),
            exp.Column(this=exp.Star(), table=_quoted("n")),
            named(key, "key"),
            named(array([marked(value_text(each, "t", spelling)) for each in layout.leaves]), "v"),
            *(named(value, name) for name, value in _besides(question, spelling).items()),
        )
        .join(step("net", "n"), on=all_of(meet))
        .where(in_surplus)
        .qualify(exp.LTE(this=copy, expression=call("ABS", column("net", "n"))))
    )


def _side_text() -> Node:
    """Without keys no row of one side meets one of the other."""
    return cast(column(SIDE, "t"), "STRING")


def _besides(question: Question, spelling: Engine) -> dict[str, Node]:
    """What else of a row is asked for."""
    layout = question.left.layout
    found: dict[str, Node] = {}
    if layout.tolerant:
        rest = layout.untolerant
        found["exact"] = _both_hashes(spelling.hashes(rest, "t"), spelling) if rest else text("")
    if layout.dimensions:
        found["m"] = array([marked(value_text(each, "t", spelling)) for each in layout.dimensions])
    if layout.day:
        found["day"] = day_of(layout.day, "t")
    if question.expected is not None:
        found["expected"] = _true(question.expected.copy())
    if question.reaching:
        found["touches"] = spans(*question.reaching, "t")
    return found


def _both_hashes(hashes: tuple[Node, Node], spelling: Engine) -> Node:
    first, second = (spelling.half_text(each) for each in hashes)
    return call("CONCAT", first, text(" "), second)


def _pairs(question: Question, spelling: Engine) -> exp.Select:
    """What is told of: a pair of rows of one key, or a row that stayed alone."""
    meet = all_of([exp.EQ(this=column(name, "l"), expression=column(name, "r")) for name in ("key", "nth")])
    rivals = exp.GT(this=call("GREATEST", column("rivals", "l"), column("rivals", "r")), expression=number(1))
    besides = _besides(question, spelling)
    projection = [
        named(_kind(question, spelling), "kind"),
        *(named(_either(name), name) for name in ("key", "nth", "day", "m") if name in ("key", "nth", *besides)),
        named(_true(rivals), "ambiguous"),
        *(named(_on_either(name), name) for name in ("expected", "touches") if name in besides),
        *(named(column("v", side), f"{side}v") for side in _SIDES),
    ]
    left, right = (_ranked_on(side) for side in (LEFT, RIGHT))
    return exp.select(*projection).from_(left.subquery("l")).join(right.subquery("r"), on=meet, join_type="full outer")


def _on_either(name: str) -> Node:
    return any_of([_true(column(name, side)) for side in _SIDES])


def _ranked_on(side: int) -> exp.Select:
    return exp.select("*").from_(step("ranked", "k")).where(exp.EQ(this=column("side"), expression=number(side)))


def _either(name: str) -> Node:
    return exp.Coalesce(this=column(name, "l"), expressions=[column(name, "r")])


def _true(condition: Node) -> Node:
    return exp.Coalesce(this=condition, expressions=[exp.false()])


def spans(start: Column, end: Column, alias: str) -> Node:
    """Whether a row starts before the midnight of a boundary and ends at it or later; an open end is later."""

    def passed(of: Column) -> Node:
        return call("RANGE_BUCKET", day_of(of, alias), parameter("boundaries"))

    closed = exp.GT(this=passed(end), expression=passed(start))
    ahead = exp.LT(this=passed(start), expression=call("ARRAY_LENGTH", parameter("boundaries")))
    return _true(choose(is_null(field(end.steps, alias)), ahead, closed))


def _kind(question: Question, spelling: Engine) -> Node:
    """A pair differs or is near; a row alone is one copy too many, or one that the other side lacks."""
    missing = {side: is_null(column("side", side)) for side in _SIDES}
    elsewhere = exp.GT(this=_either("copies"), expression=call("ABS", _either("net")))
    both = exp.not_(exp.paren(any_of(list(missing.values()))))
    return (
        exp.Case()
        .when(all_of([both, _beyond(question, spelling)]), text("changed"))
        .when(both.copy(), text("near"))
        .when(elsewhere, text("multiplicity"))
        .when(missing["r"].copy(), text("only_left"))
        .else_(text("only_right"))
    )


def _beyond(question: Question, spelling: Engine) -> Node:
    """Whether a pair differs by more than its tolerances: its other columns, or a tolerant one by too much."""
    layout = question.left.layout
    if not layout.tolerant:
        return exp.true()
    tests: list[Node] = [exp.NEQ(this=column("exact", "l"), expression=column("exact", "r"))]
    for i, each in enumerate(layout.leaves, 1):
        if each.tolerance:
            left, right = (spelling.element(column("v", side), number(i)) for side in _SIDES)
            far = exp.not_(near(each, (unmarked(left), unmarked(right)), spelling))
            tests.append(exp.paren(all_of([exp.NEQ(this=left.copy(), expression=right.copy()), far])))
    return exp.paren(any_of(tests))
