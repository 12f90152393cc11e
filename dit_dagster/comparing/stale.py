"""Rows that one side has as an earlier version of the other side has them: an update that was not made."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from dit_dagster.comparing.counting import Input, key_text, rows_of
from dit_dagster.comparing.predicates import predicate
from dit_dagster.comparing.rows import Engine, engine
from dit_dagster.comparing.schema import layout
from dit_dagster.comparing.sql import all_of, any_of, call, column, count, is_null, named, render
from dit_dagster.errors import NotFound, Uncomparable
from dit_dagster.model.identity import TableName
from dit_dagster.model.policy import ComparisonPolicy
from dit_dagster.ports import Statement, Warehouse

_HASHES = ("h1", "h2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """Of `changed` pairs of rows, how many are on the right as an earlier version on the left has them."""

    changed: int
    stale: int


def count_stale(
    warehouse: Warehouse, left: TableName, right: TableName, versions: TableName, policy: ComparisonPolicy
) -> Stale:
    """`left` and `right` hold the last versions, `versions` all those of the left. In one statement.

    NotFound, Uncomparable, BadDeclaration (as when `versions` lacks a column that is compared), or a WarehouseError.
    """
    facts = warehouse.facts([left, right, versions])
    missing = next((name for name in (left, right, versions) if name not in facts), None)
    if missing is not None:
        raise NotFound(f"{missing}: there is no such table")
    layouts = {name: layout(facts[name], policy, engine=warehouse.engine) for name in facts}
    if len({each.hash for each in layouts.values()}) > 1:
        raise Uncomparable(f"{versions} has other columns than {left}")
    where = predicate(policy.where, columns=layouts[left].names, what="where") if policy.where else None
    inputs = {name: Input(table=name, layout=each, where=where) for name, each in layouts.items()}
    statement = _counted(inputs[left], inputs[right], inputs[versions], engine(warehouse.engine))
    (row,) = warehouse.query(Statement(sql=render(statement))).rows
    return Stale(changed=int(row["n"]), stale=int(row["m"]))


def _counted(left: Input, right: Input, versions: Input, spelling: Engine) -> exp.Select:
    mine, theirs = (_hashed(of, spelling).subquery(alias) for of, alias in ((left, "l"), (right, "r")))
    known = _hashed(versions, spelling).distinct().subquery("v")
    same_key = exp.EQ(this=column("key", "l"), expression=column("key", "r"))
    other = any_of([exp.NEQ(this=column(name, "l"), expression=column(name, "r")) for name in _HASHES])
    as_known = [exp.EQ(this=column(name, "v"), expression=column(name, "r")) for name in ("key", *_HASHES)]
    return (
        exp.select(named(count(), "n"), named(call("COUNTIF", exp.not_(is_null(column("key", "v")))), "m"))
        .from_(theirs)
        .join(mine, on=all_of([same_key, exp.paren(other)]))
        .join(known, on=all_of(as_known), join_type="left")
    )


def _hashed(of: Input, spelling: Engine) -> exp.Select:
    hashes = zip(_HASHES, spelling.hashes(of.layout.columns, "t"), strict=True)
    key = named(key_text(of.layout.pairing, spelling, "t"), "key")
    return rows_of(of, [key, *(named(value, name) for name, value in hashes)], spelling)
