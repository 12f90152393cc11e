"""Predicates that users write: one boolean expression over one row, checked before any table is read."""

from __future__ import annotations

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from dit_dagster.comparing.sql import Node
from dit_dagster.errors import BadDeclaration

_REFUSED: tuple[tuple[type[exp.Expr], str], ...] = (
    (exp.Query, "a subquery"),
    (exp.Subquery, "a subquery"),
    (exp.AggFunc, "an aggregate"),
    (exp.Window, "a window function"),
    (exp.Parameter, "a parameter"),
    (exp.Placeholder, "a parameter"),
    (exp.Star, "*"),
    (exp.Rand, "a random value"),
    (exp.CurrentDate, "the current date"),
    (exp.CurrentTime, "the current time"),
    (exp.CurrentDatetime, "the current time"),
    (exp.CurrentTimestamp, "the current time"),
)


_CHANGING = frozenset(
    {
        *("RAND", "RANDOM", "GENERATE_UUID", "UUID", "UUIDV4", "UUIDV7", "GEN_RANDOM_UUID", "SESSION_USER"),
        *("CURRENT_USER", "USER", "CURRENT_DATE", "CURRENT_TIME", "CURRENT_DATETIME", "CURRENT_TIMESTAMP", "NOW"),
        *("TODAY", "GET_CURRENT_TIMESTAMP", "GET_CURRENT_TIME", "TRANSACTION_TIMESTAMP", "CURRENT_SETTING"),
        *("NEXTVAL", "CURRVAL", "TXID_CURRENT", "NEW_KEYSET", "ENCRYPT", "DETERMINISTIC_ENCRYPT", "SETSEED"),
    }
)
"""Functions whose value is not of the row: of one that changes, two readings of a table are two tables."""

ROW = "t"
"""The alias under which every statement reads a table's rows."""


def predicate(sql: str, *, columns: frozenset[str], what: str) -> Node:
    """Parse `sql`, which may name `columns` (lower case) only; `what` says in messages where it was declared."""
    tree = _single(sql, what)
    for kind, name in _REFUSED:
        if tree.find(kind):
            raise BadDeclaration(f"{what}: {sql!r} holds {name}; write one condition on the columns of a row")
    changing = sorted({name for name in map(_function_name, tree.find_all(exp.Func)) if name in _CHANGING})
    if changing or tree.find(exp.SessionParameter):
        held = ", ".join(changing) or "a system variable"
        raise BadDeclaration(
            f"{what}: {sql!r} holds {held}, which changes; write one condition on the columns of a row"
        )
    unknown = sorted({name for name in map(_first_name, tree.find_all(exp.Column)) if name.lower() not in columns})
    if unknown:
        raise BadDeclaration(f"{what}: {sql!r} names {', '.join(unknown)}, which the table does not have")
    for column in tree.find_all(exp.Column):
        _qualify(column)
    return exp.paren(tree, copy=False)


def _single(sql: str, what: str) -> Node:
    try:
        trees = sqlglot.parse(sql, read="bigquery")
    except SqlglotError as error:
        raise BadDeclaration(f"{what}: {sql!r} is not a condition: {str(error).splitlines()[0]}") from error
    match trees:
        case [exp.Condition() as tree] if not isinstance(tree, exp.Query):
            return tree
    raise BadDeclaration(f"{what}: {sql!r} is not one condition; write it as it would stand after WHERE")


def _qualify(column: exp.Column) -> None:
    """`a` becomes `t`.`a`, and the field `a.b` of a STRUCT `t`.`a`.`b`."""
    for part, free in (("table", "this"), ("db", "table"), ("catalog", "db")):
        if column.args.get(free) and not column.args.get(part):
            column.set(part, exp.to_identifier(ROW))
            break
    for identifier in column.find_all(exp.Identifier):
        identifier.set("quoted", True)


def _function_name(function: exp.Func) -> str:
    """A function's name in upper case, as it is written where no class stands for it."""
    return (function.name if isinstance(function, exp.Anonymous) else function.sql_name()).upper()


def _first_name(column: exp.Column) -> str:
    return str(column.parts[0].name)
