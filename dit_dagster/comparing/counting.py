"""One scan per table: the comparison digest's statement, and how its answer is read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlglot import exp

from dit_dagster.comparing.digests import DIGEST_VERSION, Digest, in_order
from dit_dagster.comparing.rows import Engine, derived, engine, row_text, upper, value_text
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
_MANY_ROWS = 250_000
_SAMPLE_BITS = 4
ONE_IN = 2**_SAMPLE_BITS
"""Of many keys one in so many is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One table as a comparison reads it. `where` is a parsed predicate over the row alias `t`.

    `rows` are those that the table has in all, None where the warehouse does not know.
    """

    table: TableName
    layout: Layout
    where: Node | None = None
    rows: int | None = None


def scan(
    warehouse: Warehouse,
    inputs: Sequence[Input],
    policy: ComparisonPolicy,
    spelling: Engine | None = None,
    *,
    counted: Sequence[Input] | None = None,
) -> tuple[tuple[Digest, ...], Cost]:
    """Digest every input, in one statement. Repeated keys are counted in those `counted`, by default in all.

    Where counting keys is dearer than the digest, a sample of them is looked at first, and all only if one is repeated.
    """
    spelling = spelling or engine(warehouse.engine)
    answer = warehouse.query(digest_statement(inputs, spelling, counted=counted))
    digests, cost = digests_of(answer, inputs, policy), cost_of(answer)
    repeated = [side for side, sample in _samples(answer).items() if not sample.stands_for(digests[side].rows)]
    if not repeated:
        return digests, cost
    keys = _union([_engine_row(spelling), *(_keys(side, inputs[side], spelling) for side in repeated)])
    all_of_them = warehouse.query(Statement(sql=render(keys)))
    counted_now = {int(row["side"]): int(row["n"]) for row in all_of_them.rows if row["kind"] == "keys"}
    digests = tuple(
        replace(each, duplicate_keys=each.rows - counted_now[side], sampled_keys=None) if side in counted_now else each
        for side, each in enumerate(digests)
    )
    return digests, cost + cost_of(all_of_them)


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


def digest_statement(
    inputs: Sequence[Input], spelling: Engine, *more: exp.Select, counted: Sequence[Input] | None = None
) -> Statement:
    """Per input and day: rows and hash sums; per input with keys, if it is `counted`: its keys; and `more`."""
    parts = [_engine_row(spelling), *(_sums(index, each, spelling) for index, each in enumerate(inputs))]
    keyed = [each for each in (inputs if counted is None else counted) if each.layout.keys]
    for index, each in enumerate(inputs):
        if each in keyed:
            parts.append((_some_keys if _many(each, spelling) else _keys)(index, each, spelling))
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
        named(row_text(sums), "sums"),
        named(spelling.held(numerics, "r"), "held"),
    ).from_(inner.subquery("r"))
    return outer.group_by(column("day", "r")) if day else outer


def _numerics(layout: Layout) -> tuple[Column, ...]:
    """The columns that hold NUMERICs, at any depth of an ARRAY."""
    return tuple(each for each in layout.columns if re.search(r"\bNUMERIC\b", each.type))


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


def distinct_keys(of: Input, spelling: Engine) -> exp.Select:
    """A row for each key."""
    keys = [groupable(key, spelling) for key in of.layout.keys]
    return rows_of(of, [named(number(1), "one")], spelling).group_by(*keys)


def _keys(index: int, of: Input, spelling: Engine) -> exp.Select:
    return exp.select(
        named(number(index), "side"),
        named(text("keys"), "kind"),
        named(cast(exp.Null(), "STRING"), "day"),
        named(exp.Count(this=exp.Star()), "n"),
        named(text(""), "sums"),
        named(text(""), "held"),
    ).from_(distinct_keys(of, spelling).subquery("g"))


@dataclass(frozen=True, slots=True)
class _Sample:
    """The keys that were looked at, and the rows that have them."""

    keys: int
    rows: int

    def stands_for(self, rows: int) -> bool:
        """Not if a key is repeated; nor if it is too small: of a few keys that have all the rows it may hold none."""
        return self.rows == self.keys and self.rows * 2 * ONE_IN >= rows


def _many(of: Input, spelling: Engine) -> bool:
    return spelling.samples_keys and (of.rows or 0) > _MANY_ROWS


def _some_keys(index: int, of: Input, spelling: Engine) -> exp.Select:
    """Of the keys whose hash begins with zeros: how many there are, and, as `sums`, how many rows they have.

    Which keys these are does not depend on the rows' order, so all rows of a key are in the sample, or none is.
    """
    looked_at = exp.EQ(this=upper(spelling.fingerprint(of.layout.keys, _ROW), _SAMPLE_BITS), expression=number(0))
    keys = [groupable(key, spelling) for key in of.layout.keys]
    groups = rows_of(of, [named(exp.Count(this=exp.Star()), "c")], spelling).where(looked_at).group_by(*keys)
    return exp.select(
        named(number(index), "side"),
        named(text("some keys"), "kind"),
        named(cast(exp.Null(), "STRING"), "day"),
        named(exp.Count(this=exp.Star()), "n"),
        named(cast(exp.Coalesce(this=call("SUM", column("c")), expressions=[number(0)]), "STRING"), "sums"),
        named(text(""), "held"),
    ).from_(groups.subquery("g"))


def _samples(answer: Answer) -> dict[int, _Sample]:
    """Per side of which a sample was taken."""
    rows = [row for row in answer.rows if row["kind"] == "some keys"]
    return {int(row["side"]): _Sample(int(row["n"]), int(row["sums"])) for row in rows}


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


def groupable(key: Column, spelling: Engine) -> Node:
    """A key of a row `t` as it is grouped by: equal as values are, and of a type that can be."""
    return value_text(key, _ROW, spelling) if key.type in ("FLOAT64", "JSON") else field(key.steps, _ROW)


def _union(parts: Sequence[exp.Select]) -> Node:
    first, *rest = parts
    tree: exp.Query = first
    for part in rest:
        tree = exp.union(tree, part, distinct=False)
    return tree


def _digest(answer: Answer, side: int, layout: Layout, policy: ComparisonPolicy) -> Digest:
    mine = [row for row in answer.rows if row["side"] == side]
    groups = {_day(row["day"]): row for row in mine if row["kind"] == "rows"}
    keys = [int(row["n"]) for row in mine if row["kind"] == "keys"]
    sample = _samples(answer).get(side)
    _check_held(groups.values(), layout)
    days = tuple((day, int(groups[day]["n"]), _decimals(groups[day]["sums"])) for day in in_order(groups))
    rows = sum(rows for _, rows, _ in days)
    return Digest(
        rows=rows,
        days=days,
        duplicate_keys=rows - keys[0] if keys else None,
        sampled_keys=sample.keys if sample else None,
        schema=layout.hash,
        policy=policy.digest_hash,
        engine=next(str(row["sums"]) for row in answer.rows if row["kind"] == "engine"),
        version=DIGEST_VERSION,
    )


def _day(value: str | None) -> date | None:
    return date.fromisoformat(value) if value else None


def _decimals(sums: str) -> str:
    """A digest's text: its sums, 0 for those of no rows."""
    return " ".join(each or "0" for each in json.loads(sums))


def _check_held(groups: Iterable[Mapping[str, Any]], layout: Layout) -> None:
    """Refuse a NUMERIC column that the local engine holds with fewer digits: they were rounded when written."""
    for row in groups:
        for column_, kind in zip(_numerics(layout), str(row["held"]).splitlines(), strict=False):
            if set(re.findall(r"DECIMAL\([^)]*\)", kind)) != {_FAITHFUL_NUMERIC}:
                raise Uncomparable(f"column {column_.name}: the local engine holds this NUMERIC as {kind}, rounded")
        return
