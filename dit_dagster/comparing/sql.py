"""Short spellings for the sqlglot expressions that this package builds. Everything is written in BigQuery's dialect."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlglot import exp

from dit_dagster.model.identity import TableName

Node = exp.Expr


def column(name: str, of: str | None = None) -> Node:
    """A column by its exact name, quoted; `of` is the alias of its table."""
    return exp.column(exp.to_identifier(name, quoted=True), table=exp.to_identifier(of, quoted=True) if of else None)


def field(steps: Sequence[str], of: str) -> Node:
    """A column, or what it holds under further names."""
    found = column(steps[0], of)
    for name in steps[1:]:
        found = member(found, name)
    return found


def member(of: Node, name: str) -> Node:
    """A field of a STRUCT. In parentheses: `t.s.x` within a subquery is read as a table's name by the local engine."""
    return exp.Dot(this=exp.paren(of.copy()), expression=exp.to_identifier(name, quoted=True))


def table(name: TableName, alias: str) -> Node:
    last, middle, first = (exp.to_identifier(part, quoted=True) for part in (name.table, name.dataset, name.project))
    return exp.alias_(exp.table_(last, middle, first), alias, quoted=True, table=True)


def call(function: str, *arguments: Node) -> Node:
    """A function by its GoogleSQL name, never renamed on the way out."""
    return exp.Anonymous(this=function, expressions=list(arguments))


def text(value: str) -> Node:
    return exp.Literal.string(value)


def number(value: int) -> Node:
    return exp.Literal.number(value)


def parameter(name: str) -> Node:
    return exp.Parameter(this=exp.to_identifier(name))


def cast(value: Node, kind: str) -> Node:
    return exp.Cast(this=value, to=_type(kind))


def _type(kind: str) -> Node:
    """A type as it is written: sqlglot drops precision and scale on the way to BigQuery."""
    return exp.var(kind) if "(" in kind else exp.DataType.build(kind, dialect="bigquery")


def safe_cast(value: Node, kind: str) -> Node:
    """NULL where a cast would fail."""
    return exp.TryCast(this=value, to=_type(kind), safe=True)


def window(function: Node, *, by: Sequence[Node], order: Sequence[Node] = ()) -> Node:
    ranking = exp.Order(expressions=list(order)) if order else None
    return exp.Window(this=function, partition_by=[each.copy() for each in by], order=ranking)


def count() -> Node:
    return exp.Count(this=exp.Star())


def named(value: Node, alias: str) -> Node:
    return exp.alias_(value, alias, quoted=True)


def array(values: Iterable[Node]) -> Node:
    return exp.Array(expressions=list(values))


def choose(condition: Node, then: Node, otherwise: Node) -> Node:
    return exp.If(this=condition, true=then, false=otherwise)


def is_null(value: Node) -> Node:
    return exp.Is(this=value, expression=exp.Null())


def ordered(value: Node, *, desc: bool = False) -> Node:
    """A sort key with BigQuery's own place for NULL: first, or last when descending."""
    return exp.Ordered(this=value, desc=desc, nulls_first=not desc)


def step(name: str, alias: str) -> Node:
    """A step of a WITH chain, by name."""
    return exp.alias_(exp.table_(exp.to_identifier(name, quoted=True)), alias, quoted=True, table=True)


def differs(left: Node, right: Node) -> Node:
    return exp.NullSafeNEQ(this=left, expression=right)


def all_of(conditions: Sequence[Node]) -> Node:
    return exp.and_(*conditions) if conditions else exp.true()


def any_of(conditions: Sequence[Node]) -> Node:
    return exp.or_(*conditions) if conditions else exp.false()


def render(statement: Node) -> str:
    return statement.sql(dialect="bigquery", comments=False)
