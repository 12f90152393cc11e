"""Hooks between steps: a SQL file or a Python function that fills or filters one table of the state.

What runs is the file of the checkout, which the fingerprint covers; decision.py runs what it does not cover every time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import assert_never

from dit_dagster.errors import BadDeclaration, StateInvalid
from dit_dagster.model.identity import TableName
from dit_dagster.model.pipeline import Hook, PythonHook, SqlHook
from dit_dagster.ports import Statement, Warehouse

_CALL = (
    "import importlib, json, sys; getattr(importlib.import_module(sys.argv[1]), sys.argv[2])(**json.loads(sys.argv[3]))"
)


def run_hook(
    hook: Hook,
    table: TableName,
    values: Mapping[str, str],
    *,
    checkout: Path,
    warehouse: Warehouse,
    fill: Callable[[str], str],
    call: Callable[[tuple[str, ...]], None],
) -> str:
    """Run one hook; what was run, for the record.

    `values` are what a step may refer to, `fill` puts them into a text, `call` runs a command as steps are run.
    Raises StateInvalid if its table is empty, or not there, afterwards, unless that is declared.
    """
    match hook:
        case SqlHook():
            said = f"hook {hook.name}: {hook.sql}"
            warehouse.query(Statement(sql=_sql(hook, checkout, fill)))
        case PythonHook():
            module, function = hook.python.split(":")
            given = {name.replace(".", "_"): value for name, value in values.items()}
            said = f"hook {hook.name}: {hook.python}"
            call(("python", "-c", _CALL, module, function, json.dumps({**given, "table": str(table)})))
        case _:
            assert_never(hook)
    return said


def is_empty(hook: Hook, table: TableName, warehouse: Warehouse) -> bool:
    """Whether the hook left its table empty. StateInvalid if it did and may not, or if there is no such table."""
    if table not in warehouse.facts([table]):
        raise StateInvalid(f"hook {hook.name!r}: there is no table {hook.table} after it")
    rows = warehouse.query(Statement(sql=f"SELECT COUNT(*) AS n FROM {table.sql}")).rows[0]["n"]
    if not rows and not hook.allow_empty:
        raise StateInvalid(
            f"hook {hook.name!r} left {hook.table} empty; if that may be, declare allow_empty: true in hooks"
        )
    return not rows


def _sql(hook: SqlHook, checkout: Path, fill: Callable[[str], str]) -> str:
    file = (checkout / hook.sql).resolve()
    if not file.is_relative_to(checkout.resolve()) or not file.is_file():
        raise BadDeclaration(f"hook {hook.name!r}: the commit has no file {hook.sql}")
    if file != checkout.resolve() / hook.sql:  # what is hashed of a link is where it leads
        raise BadDeclaration(f"hook {hook.name!r}: {hook.sql} is a link; name the file that it leads to")
    try:
        return fill(file.read_text(encoding="utf-8"))
    except (KeyError, ValueError) as error:
        raise BadDeclaration(
            f"hook {hook.name!r}: {hook.sql}: {error} is no placeholder; write {{{{ and }}}} for braces"
        ) from error
