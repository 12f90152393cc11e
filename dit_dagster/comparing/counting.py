"""One scan per table: the comparison digest's statement, and how its answer is read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlglot import exp

from dit_dagster.comparing.digests import DIGEST_VERSION, Digest, in_order
from dit_dagster.comparing.rows import Engine, derived, engine, row_text, value_text
from dit_dagster.comparing.schema import Column, Layout
from dit_dagster.comparing.sql import (
    Node,
    call,
    cast,
    column,
    field,
    named,
    number,
    render,
    table,
    text,
)
from dit_dagster.errors import Uncomparable
from dit_dagster.model.identity import TableName
from dit_dagster.model.policy import ComparisonPolicy
from dit_dagster.model.verdict import Cost
from dit_dagster.ports import Answer, Statement, Warehouse

_ROW = "t"
_FAITHFUL_NUMERIC = "DECIMAL(38,9)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One table as a comparison reads it. `where` is a parsed predicate over the row alias `t`."""

    table: TableName
    layout: Layout
    where: Node | None = None


def scan(
    warehouse: Warehouse, inputs: Sequence[Input], policy: ComparisonPolicy, spelling: Engine | None = None
) -> tuple[tuple[Digest, ...], Cost]:
    """Digest every input, in one statement."""
    statement = digest_statement(inputs, spelling or engine(warehouse.engine))
    answer = warehouse.query(statement)
    return digests_of(answer, inputs, policy), cost_of(answer)


def digests_of(answer: Answer, inputs: Sequence[Input], policy: ComparisonPolicy) -> tuple[Digest, ...]:
    """One for each input, in order. Raises Uncomparable where the engine does not hold what was written."""
    return tuple(_digest(answer, index, each.layout, policy) for index, each in enumerate(inputs))


def cost_of(answer: Answer) -> Cost:
    return Cost(
        bytes_estimated=answer.bytes_processed,
        bytes_billed=answer.bytes_billed,
        slot_ms=answer.slot_ms,
        seconds=answer.seconds,
        statements=1,
    )


def digest_statement(inputs: Sequence[Input], spelling: Engine, *more: exp.Select) -> Statement:
    """Per input and day: rows and hash sums; per input with keys: rows whose key an earlier row has; and `more`."""
    parts = [_engine_row(spelling), *(_sums(index, each, spelling) for index, each in enumerate(inputs))]
    parts += [_duplicates(index, each, spelling) for index, each in enumerate(inputs) if each.layout.keys]
    return Statement(sql=render(_union([*parts, *more])))


def day_of(of: Column, alias: str) -> Node:
    """The UTC day of a DATE, TIMESTAMP or DATETIME column."""
    value = field(of.steps, alias)
    return value if of.type == "DATE" else call("DATE", value)


def key_text(keys: Sequence[Column], spelling: Engine, alias: str) -> Node:
    """A row's key as text: NULL is a value like any other."""
    return row_text([value_text(key, alias, spelling) for key in keys])


def rows_of(of: Input, projection: Sequence[Node], spelling: Engine | None = None) -> exp.Select:
    """The rows that count, under the alias `t`; with a `spelling`, also what canonical texts are derived from."""
    beside = derived(of.layout.columns, spelling, _ROW) if spelling else []
    source: Node = table(of.table, _ROW)
    if beside:
        source = exp.select("*", *beside).from_(source).subquery(_ROW)
    select = exp.select(*projection).from_(source)
    return select.where(of.where.copy()) if of.where is not None else select


def _sums(index: int, of: Input, spelling: Engine) -> exp.Select:
    first, second = spelling.hashes(of.layout.columns, _ROW)
    day = [named(day_of(of.layout.day, _ROW), "day")] if of.layout.day else []
    held = [named(field(each.steps, _ROW), f"n{i}") for i, each in enumerate(_numerics(of.layout))]
    inner = rows_of(of, [*day, named(first, "h1"), named(second, "h2"), *held], spelling)
    sums = spelling.sums([column("h1", "r"), column("h2", "r")])
    numerics = [Column(name=f"n{i}", type=each.type, policy=each.policy) for i, each in enumerate(_numerics(of.layout))]
    outer = exp.select(
        named(number(index), "side"),
        named(text("rows"), "kind"),
        named(cast(column("day", "r") if day else exp.Null(), "STRING"), "day"),
        named(exp.Count(this=exp.Star()), "n"),
        named(call("CONCAT", *_separated(sums)), "sums"),
        named(spelling.held(numerics, "r"), "held"),
    ).from_(inner.subquery("r"))
    return outer.group_by(column("day", "r")) if day else outer


def _numerics(layout: Layout) -> tuple[Column, ...]:
    """The columns that hold NUMERICs, at any depth of an ARRAY."""
    return tuple(each for each in layout.columns if re.search(r"\bNUMERIC\b", each.type))


def _separated(sums: Sequence[Node]) -> list[Node]:
    """NULL sums, of no rows, become 0: CONCAT of a NULL would be NULL."""
    safe = [exp.Coalesce(this=each, expressions=[text("0")]) for each in sums]
    return [part for each in safe for part in (each, text(" "))]


def total(kind: str, rows: exp.Select) -> exp.Select:
    """How many rows a query has, as a row of the digest's statement."""
    return exp.select(
        named(number(-1), "side"),
        named(text(kind), "kind"),
        named(cast(exp.Null(), "STRING"), "day"),
        named(exp.Count(this=exp.Star()), "n"),
        named(text(""), "sums"),
        named(text(""), "held"),
    ).from_(rows.subquery("g"))


def _duplicates(index: int, of: Input, spelling: Engine) -> exp.Select:
    keys = [_groupable(key, spelling) for key in of.layout.keys]
    groups = rows_of(of, [named(exp.Count(this=exp.Star()), "n")], spelling).group_by(*keys)
    groups = groups.having(exp.GT(this=exp.Count(this=exp.Star()), expression=number(1)))
    surplus = call("SUM", exp.Sub(this=column("n", "g"), expression=number(1)))
    return exp.select(
        named(number(index), "side"),
        named(text("duplicates"), "kind"),
        named(cast(exp.Null(), "STRING"), "day"),
        named(cast(exp.Coalesce(this=surplus, expressions=[number(0)]), "INT64"), "n"),
        named(text(""), "sums"),
        named(text(""), "held"),
    ).from_(groups.subquery("g"))


def _engine_row(spelling: Engine) -> exp.Select:
    """The engine's name: a row of its own, since a table without rows has no other."""
    return exp.select(
        named(number(-1), "side"),
        named(text("engine"), "kind"),
        named(cast(exp.Null(), "STRING"), "day"),
        named(number(0), "n"),
        named(spelling.name(), "sums"),
        named(text(""), "held"),
    )


def _groupable(key: Column, spelling: Engine) -> Node:
    return value_text(key, _ROW, spelling) if key.type in ("FLOAT64", "JSON") else column(key.name, _ROW)


def _union(parts: Sequence[exp.Select]) -> Node:
    first, *rest = parts
    tree: exp.Query = first
    for part in rest:
        tree = exp.union(tree, part, distinct=False)
    return tree


def _digest(answer: Answer, side: int, layout: Layout, policy: ComparisonPolicy) -> Digest:
    mine = [row for row in answer.rows if row["side"] == side]
    groups = {_day(row["day"]): row for row in mine if row["kind"] == "rows"}
    duplicates = [int(row["n"]) for row in mine if row["kind"] == "duplicates"]
    _check_held(groups.values(), layout)
    days = tuple((day, int(groups[day]["n"]), _short(groups[day]["sums"])) for day in in_order(groups))
    return Digest(
        rows=sum(rows for _, rows, _ in days),
        days=days,
        duplicate_keys=duplicates[0] if duplicates else None,
        schema=layout.hash,
        policy=policy.digest_hash,
        engine=next(str(row["sums"]) for row in answer.rows if row["kind"] == "engine"),
        version=DIGEST_VERSION,
    )


def _day(value: str | None) -> date | None:
    return date.fromisoformat(value) if value else None


def _short(sums: str) -> str:
    """A digest's text: 128 bits of the sums, in hex."""
    return hashlib.sha256(sums.encode()).hexdigest()[:32]


def _check_held(groups: Iterable[Mapping[str, Any]], layout: Layout) -> None:
    """Refuse a NUMERIC column that the local engine holds with fewer digits: they were rounded when written."""
    for row in groups:
        for column_, kind in zip(_numerics(layout), str(row["held"]).splitlines(), strict=False):
            if set(re.findall(r"DECIMAL\([^)]*\)", kind)) != {_FAITHFUL_NUMERIC}:
                raise Uncomparable(f"column {column_.name}: the local engine holds this NUMERIC as {kind}, rounded")
        return
