"""All forms of MERGE, UPDATE and DELETE.

BigQuery: `SET t.column =` may name the target; MERGE may INSERT ROW, or INSERT VALUES (...) without columns; DELETE
needs no FROM.
Emulator: each of them is a syntax error.
Here: the statement is put into the form that DuckDB takes before it is translated.
"""

from __future__ import annotations

import re
from typing import Any

from dit_dagster.adapters.local_gcp.emulation.emulator import Table
from dit_dagster.adapters.local_gcp.emulation.patch import Patch, wrap
from dit_dagster.adapters.local_gcp.emulation.text import first_words

_ROW = re.compile(r"\bTHEN INSERT ROW\b")


def apply() -> None:
    """Wrap the one translation that every statement goes through."""
    from bqemulator.sql import inner_query

    wrap(inner_query, "rewrite_and_translate_statement", _plain_forms)


PATCH = Patch(name="dml", apply=apply)


def _plain_forms(original: Any) -> Any:
    async def translate(sql: str, **context: Any) -> str:
        word = next(iter(first_words(sql)), "")
        if word == "DELETE" and first_words(sql, 2)[1:] != ("FROM",):
            sql = re.sub(r"(?i)\bDELETE\b", "DELETE FROM", sql, count=1)
        if word in {"MERGE", "UPDATE"}:
            sql = _rewritten(sql, context["project_id"], context["ctx"])
        translated: str = await original(sql, **context)
        return _ROW.sub("THEN INSERT *", translated) if word == "MERGE" else translated

    return translate


def _rewritten(sql: str, project: str, ctx: Any) -> str:
    import sqlglot
    from sqlglot import exp

    try:
        tree = sqlglot.parse_one(sql, read="bigquery")
    except sqlglot.errors.ParseError:
        return sql  # the translation proper will say what is wrong
    if not isinstance(tree, (exp.Merge, exp.Update)):
        return sql
    changed = _unqualify(tree)
    for insert in tree.find_all(exp.Insert):
        values = insert.this.find(exp.Anonymous) if isinstance(insert.this, exp.Tuple) else None
        if values is not None and values.name.upper() == "VALUES" and not insert.args.get("expression"):
            insert.set("this", exp.Tuple(expressions=[exp.column(name) for name in _columns(tree, project, ctx)]))
            insert.set("expression", exp.Tuple(expressions=[value.copy() for value in values.expressions]))
            changed = True
    return tree.sql(dialect="bigquery") if changed else sql


def _unqualify(tree: Any) -> bool:
    """Drop the target's name from the left of each assignment; a struct's field keeps its struct."""
    from sqlglot import exp

    names = {tree.this.alias_or_name.lower(), tree.this.name.lower()}
    changed = False
    for update in tree.find_all(exp.Update):
        for assignment in update.expressions:
            column = assignment.this
            if isinstance(column, exp.Column) and column.table.lower() in names:
                column.set("table", None)
                changed = True
    return changed


def _columns(merge: Any, project: str, ctx: Any) -> list[str]:
    from bqemulator.domain.errors import NotFoundError

    name = Table(merge.this.catalog or project, merge.this.db, merge.this.name)
    record = ctx.catalog.get_table(*name)
    if record is None:
        raise NotFoundError(f"Not found: Table {name.project}:{name.dataset}.{name.table}")
    return [field.name for field in record.schema_.fields]
