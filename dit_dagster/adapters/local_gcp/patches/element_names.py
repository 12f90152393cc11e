"""An element may be called as the ARRAY that it is of.

BigQuery: in `FROM t, UNNEST(t.parts) AS parts`, `parts` is the element: a name of FROM stands before a column's.
Emulator: makes a column `parts` beside that of `t`, and DuckDB calls the name ambiguous.
Here: the element gets a name of its own in such a SELECT, unless that has a star, whose columns would be called so.
"""

from __future__ import annotations

from functools import wraps
from typing import Any

from dit_dagster.adapters.local_gcp.emulation.patch import Patch, wrap

_COLUMN_OF_A_TABLE = 2
"""Parts of its name: more are a field of a STRUCT, which is in nobody's way."""


def apply() -> None:
    """Rename before the emulator looks for functions, which it does in every statement."""
    from bqemulator.sql import table_rewriter

    wrap(table_rewriter, "_rewrite_dot_anonymous_calls", _with_own_names)


PATCH = Patch(name="element_names", apply=apply)


def _with_own_names(original: Any) -> Any:
    @wraps(original)
    def rewrite(tree: Any, project: str) -> Any:
        changed = _renamed(tree)
        return original(tree, project) or changed

    return rewrite


def _renamed(tree: Any) -> bool:
    from sqlglot import exp

    changed = False
    for unnest in list(tree.find_all(exp.Unnest)):
        select, alias = unnest.find_ancestor(exp.Select), unnest.args.get("alias")
        named = alias.columns if alias is not None else []
        array = unnest.expressions[0]
        if (
            select is None
            or len(named) != 1
            or not isinstance(array, exp.Column)
            or len(array.parts) > _COLUMN_OF_A_TABLE
            or array.name.lower() != named[0].name.lower()
            or any(_is_star(column) for column in select.expressions)
        ):
            continue
        old, new = named[0].name, f"{named[0].name}__element"
        for column in [found for found in select.find_all(exp.Column) if found is not array]:
            first = column.parts[0]
            if first.name.lower() != old.lower() or _hidden(column, select, old):
                continue
            if column.parent is select and len(column.parts) == 1 and column.arg_key == "expressions":
                column.replace(exp.alias_(exp.column(exp.to_identifier(new)), old))
            else:
                first.set("this", new)
        alias.set("columns", [exp.to_identifier(new)])
        changed = True
    return changed


def _is_star(column: Any) -> bool:
    from sqlglot import exp

    return isinstance(column, exp.Star) or (isinstance(column, exp.Column) and isinstance(column.this, exp.Star))


def _hidden(column: Any, select: Any, name: str) -> bool:
    """Whether a SELECT between the two calls something by this name itself."""
    from sqlglot import exp

    within = column.find_ancestor(exp.Select)
    while within is not None and within is not select:
        if name.lower() in {found.alias_or_name.lower() for found in within.find_all(exp.Table, exp.Unnest)}:
            return True
        within = within.find_ancestor(exp.Select)
    return False
