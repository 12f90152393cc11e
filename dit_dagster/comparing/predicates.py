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
)


def predicate(sql: str, *, columns: frozenset[str], what: str) -> Node:
    """Parse `sql`, which may name `columns` (lower case) only; `what` says in messages where it was declared."""
    tree = _single(sql, what)
    for kind, name in _REFUSED:
        if tree.find(kind):
            raise BadDeclaration(f"{what}: {sql!r} holds {name}; write one condition on the columns of a row")
    unknown = sorted({name for name in map(_first_name, tree.find_all(exp.Column)) if name.lower() not in columns})
    if unknown:
        raise BadDeclaration(f"{what}: {sql!r} names {', '.join(unknown)}, which the table does not have")
    for identifier in tree.find_all(exp.Identifier):
        identifier.set("quoted", True)
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


def _first_name(column: exp.Column) -> str:
    return str(column.parts[0].name)
