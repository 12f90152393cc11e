"""The views of a state: what they read, and the same views over clones.

Imported when a phase runs: sqlglot takes a moment to load, and a run that reuses everything needs none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sqlglot
from sqlglot import exp

from dit_dagster.errors import StateInvalid
from dit_dagster.model.identity import TableName
from dit_dagster.ports import TableFacts


def check_views(facts: Mapping[TableName, TableFacts], project: str) -> None:
    """A state is closed: its views read its own tables, and everything in it lies in the warehouse."""
    own = {name: name for name in facts}
    for name, found in facts.items():
        if found.kind == "VIEW":
            rewritten(found.view_sql or "", own, project, name)
        elif found.kind == "OTHER":
            raise StateInvalid(f"{name.table} is neither a table nor a view: what it holds lies elsewhere")


def read_by(sql: str, project: str) -> frozenset[TableName]:
    """The tables and views that a view's SQL reads."""
    return frozenset(name for _, name in _tables_in(sqlglot.parse_one(sql, read="bigquery"), project))


def _tables_in(tree: exp.Expr, project: str) -> Iterator[tuple[exp.Table, TableName]]:
    names = {common.alias_or_name for common in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        if table.db or table.name not in names:
            yield table, TableName.parse(".".join(part.name for part in table.parts), project=project)


def rewritten(sql: str, clones: Mapping[TableName, TableName], project: str, view: TableName) -> str:
    """The view's SQL over the clones. StateInvalid if it reads anything outside its state."""
    tree = sqlglot.parse_one(sql, read="bigquery")
    for table, known in list(_tables_in(tree, project)):
        if known not in clones:
            raise StateInvalid(
                f"view {view.table} reads {known}, which is not part of its state; "
                "a pipeline's views may read only tables that the pipeline was told to write"
            )
        clone = clones[known]
        table.set("catalog", exp.to_identifier(clone.project, quoted=True))
        table.set("db", exp.to_identifier(clone.dataset, quoted=True))
        table.set("this", exp.to_identifier(clone.table, quoted=True))
    return tree.sql(dialect="bigquery")
