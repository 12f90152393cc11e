"""Which columns of which tables a query reads, as far as its text tells: what BigQuery bills for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dit_dagster.adapters.local_gcp.emulation.emulator import Table

Find = Callable[[Table], Iterable[Any]]
_DOTTED = re.compile(r"`?([A-Za-z0-9_-]+)`?\.`?([A-Za-z0-9_]+)`?(?:\.`?([A-Za-z0-9_]+)`?)?")
_DEPTH = 16


def columns_read(sql: str, project: str, find: Find, depth: int = 0) -> dict[Table, set[str]]:
    """Column names by table. `find` gives the catalog's records for a name (several for a wildcard).

    A view counts as what it reads. A table read without any column (COUNT(*)) has an empty set. Text that cannot be
    parsed counts every column of every table that it seems to name.
    """
    import sqlglot

    try:
        trees = [tree for tree in sqlglot.parse(sql, read="bigquery") if tree is not None]
    except sqlglot.errors.SqlglotError:
        trees = []
    if not trees or any(tree.key == "command" for tree in trees):
        return _everything_named(sql, project, find)
    read: dict[Table, set[str]] = {}
    for tree in trees:
        for table, names in _of_tree(tree, project, find, depth).items():
            read.setdefault(table, set()).update(names)
    return read


def _of_tree(tree: Any, project: str, find: Find, depth: int) -> dict[Table, set[str]]:
    from sqlglot import exp

    named = {column.name.lower() for column in tree.find_all(exp.Column)}
    named |= {name.name.lower() for join in tree.find_all(exp.Join) for name in join.args.get("using") or ()}
    whole = _read_whole(tree, named)
    written, target = _written(tree)
    read: dict[Table, set[str]] = {}
    for node in tree.find_all(exp.Table):
        if not node.db or node is target:
            continue
        for record in find(Table(node.catalog or project, node.db, node.name)):
            names = _names(record)
            wanted = names if whole.get(id(node)) or node is written else {n for n in names if n.lower() in named}
            if record.table_type == "VIEW" and depth < _DEPTH:
                read |= columns_read(record.view_query, project, find, depth + 1)
            else:
                read.setdefault(Table(record.project_id, record.dataset_id, record.table_id), set()).update(wanted)
    return read


def _written(tree: Any) -> tuple[Any, Any]:
    """The table that a statement changes: read in full first (UPDATE, DELETE, MERGE), or only written (the rest)."""
    from sqlglot import exp

    node = tree.this
    if isinstance(tree, exp.Delete) and not node:
        node = next(iter(tree.args.get("tables") or ()), None)
    if isinstance(node, exp.Schema):
        node = node.this
    if isinstance(tree, (exp.Update, exp.Delete, exp.Merge)):
        return node, None
    return None, node if isinstance(tree, (exp.Insert, exp.Create, exp.Drop, exp.TruncateTable, exp.Alter)) else None


def _read_whole(tree: Any, named: set[str]) -> Mapping[int, bool]:
    """The table nodes under a star, or whose alias is used as a value (`TO_JSON_STRING(t)`)."""
    from sqlglot import exp

    found = {id(node): True for node in tree.find_all(exp.Table) if node.alias_or_name.lower() in named}
    for select in tree.find_all(exp.Select):
        stars = [part for part in select.expressions if part.is_star and not part.find(exp.Count)]
        owners = {star.table.lower() for star in stars if isinstance(star, exp.Column)}
        everything = any(isinstance(star, exp.Star) for star in stars)
        for source in _sources(select):
            if everything or source.alias_or_name.lower() in owners:
                found[id(source)] = True
    return found


def _sources(select: Any) -> list[Any]:
    from sqlglot import exp

    start = select.args.get("from_") or select.args.get("from")
    nodes = [start.this] if start is not None else []
    nodes += [join.this for join in select.args.get("joins") or ()]
    return [node for node in nodes if isinstance(node, exp.Table)]


def _everything_named(sql: str, project: str, find: Find) -> dict[Table, set[str]]:
    read: dict[Table, set[str]] = {}
    for first, second, third in _DOTTED.findall(sql):
        name = Table(first, second, third) if third else Table(project, first, second)
        for record in find(name):
            read[Table(record.project_id, record.dataset_id, record.table_id)] = _names(record)
    return read


def _names(record: Any) -> set[str]:
    return {field.name for field in record.schema_.fields}
