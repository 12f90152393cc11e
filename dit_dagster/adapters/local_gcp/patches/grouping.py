"""A column that USING joins may be grouped by its name and selected with its table's.

BigQuery: `SELECT a.id, COUNT(*) FROM a LEFT JOIN b USING (id) GROUP BY id` groups by the column that is selected.
Emulator: where the translator knows the tables' columns it groups by `COALESCE(a.id, b.id)`, and to DuckDB `a.id` is
another column.
Here: grouped by `a.id`, which is the same where `a` comes first and no join is RIGHT or FULL; others stay as they are.
"""

from __future__ import annotations

from typing import Any

from dit_dagster.adapters.local_gcp.emulation.patch import Patch, rewrite


def apply() -> None:
    """Write the table in every statement."""
    rewrite(_grouped_by_what_is_selected)


PATCH = Patch(name="grouping", apply=apply)


def _grouped_by_what_is_selected(tree: Any) -> bool:
    from sqlglot import exp

    changed = False
    for select in tree.find_all(exp.Select):
        group, joins, source = select.args.get("group"), select.args.get("joins") or [], select.args.get("from_")
        if group is None or source is None or any(join.side in ("RIGHT", "FULL") for join in joins):
            continue
        first = source.this.alias_or_name
        selected = {
            column.name: column
            for column in (made.unalias() for made in select.expressions)
            if isinstance(column, exp.Column) and column.table == first
        }
        for key in list(group.expressions):
            name = _joined(key, first, joins)
            if name in selected:
                key.replace(selected[name].copy())
                changed = True
    return changed


def _joined(key: Any, first: str, joins: list[Any]) -> str | None:
    """The column of USING that `key` is, as the translator writes it."""
    from sqlglot import exp

    parts = [key.this, *key.expressions] if isinstance(key, exp.Coalesce) else []
    if not parts or not all(isinstance(part, exp.Column) for part in parts) or parts[0].table != first:
        return None
    always = [one for join in joins if (on := join.args.get("on")) is not None for one in _conditions(on)]
    equal = {frozenset((one.left.sql(), one.right.sql())) for one in always if isinstance(one, exp.EQ)}
    of_using = all(
        part.name == parts[0].name and frozenset((parts[0].sql(), part.sql())) in equal for part in parts[1:]
    )
    return str(parts[0].name) if of_using else None


def _conditions(on: Any) -> list[Any]:
    """What must all hold for a pair of rows to be joined."""
    from sqlglot import exp

    plain = on.unnest()
    return [*_conditions(plain.left), *_conditions(plain.right)] if isinstance(plain, exp.And) else [plain]
