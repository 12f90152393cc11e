"""An element may be called as the ARRAY that it is of.

BigQuery: in `FROM t, UNNEST(t.parts) AS parts`, `parts` is the element: a name of FROM stands before a column's.
Emulator: makes a column `parts` beside that of `t`, and DuckDB calls the name ambiguous.
Here: the element gets a name of its own in such a SELECT, unless that has a star, whose columns would be called so.
What stands in WITH, or before it in FROM, does not see it. Where the name may be that of another column, of a table in
a subquery or of the result, DuckDB's refusal stays.
"""

from __future__ import annotations

from typing import Any

from dit_dagster.adapters.local_gcp.emulation.patch import Patch, rewrite

_COLUMN_OF_A_TABLE = 2
"""Parts of its name: more are a field of a STRUCT, which is in nobody's way."""


def apply() -> None:
    """Rename in every statement."""
    rewrite(_renamed)


PATCH = Patch(name="element_names", apply=apply)


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
        uses = _uses(select, unnest, array)
        if uses is None:
            continue
        new = f"{named[0].name}__element"
        for column in uses:
            if column.parent is select and len(column.parts) == 1 and column.arg_key == "expressions":
                column.replace(exp.alias_(exp.column(exp.to_identifier(new)), column.name))
            else:
                column.parts[0].set("this", new)
        alias.set("columns", [exp.to_identifier(new)])
        changed = True
    return changed


def _uses(select: Any, unnest: Any, array: Any) -> list[Any] | None:
    """The columns that are the element; None if that cannot be told of one that has its name."""
    from sqlglot import exp

    name = array.name.lower()
    called = [found for found in select.find_all(exp.Column) if found.parts[0].name.lower() == name]
    uses: list[Any] = []
    for column in called:
        if column is array or not _sees(select, unnest, column):
            continue
        is_it = _is_of(select, column, name)
        if is_it is None:
            return None
        uses.extend([column] if is_it else [])
    others = _others(select, name)
    return uses if not others or all(_part(column, select) in others for column in uses) else None


def _part(node: Any, select: Any) -> Any:
    """The part of `select` in which a node stands."""
    while node.parent is not select:
        node = node.parent
    return node


def _sees(select: Any, unnest: Any, column: Any) -> bool:
    """Whether a column stands where the element can be named: not before it in FROM, nor in a subquery of WITH."""
    part, its = _part(column, select), _part(unnest, select)
    if part.arg_key in ("with_", "from_"):
        return False
    joins = select.args.get("joins") or []
    places = [next((place for place, join in enumerate(joins) if join is one), None) for one in (part, its)]
    return places[0] is None or places[1] is None or places[0] >= places[1]


def _is_of(select: Any, column: Any, name: str) -> bool | None:
    """Whether a column is of `select`; None if it may be one of a table of a subquery, whose columns are not known."""
    from sqlglot import exp

    inner = column.find_ancestor(exp.Select)
    while inner is not select:
        around = inner.parent
        is_table = isinstance(around, exp.Subquery) and isinstance(around.parent, exp.From | exp.Join)
        sources = [
            join.this for join in (inner.args.get("from_"), *(inner.args.get("joins") or ())) if join is not None
        ]
        if any(name in _names(source) for source in sources):
            return None if _part(column, inner).arg_key in ("from_", "joins") else False
        if any(not isinstance(source, exp.Unnest) for source in sources) or inner.args.get("with_") is not None:
            return False if is_table else None
        inner = inner.find_ancestor(exp.Select)
    return True


def _names(source: Any) -> set[str]:
    """What a source of FROM is called, and its columns as far as they are named with it."""
    alias = source.args.get("alias")
    columns = alias.columns if alias is not None else []
    return {source.alias_or_name.lower(), *(column.name.lower() for column in columns)}


def _others(select: Any, name: str) -> list[Any]:
    """The columns of the result that are called as the element, and are not it.

    ORDER BY and its like take them first, and the translator may have put them in wherever their name stood.
    """
    from sqlglot import exp

    def is_element(made: Any) -> bool:
        return isinstance(made, exp.Column) and len(made.parts) == 1 and made.name.lower() == name

    return [
        made for made in select.expressions if made.alias_or_name.lower() == name and not is_element(made.unalias())
    ]


def _is_star(column: Any) -> bool:
    from sqlglot import exp

    return isinstance(column, exp.Star) or (isinstance(column, exp.Column) and isinstance(column.this, exp.Star))
