"""A field of a STRUCT may be called `end`.

BigQuery: any name, in backticks where it is a reserved word of GoogleSQL.
Emulator: names go to DuckDB as they are, which stumbles over its own reserved words (`at`, `end`, `select`).
Here: such names are quoted for DuckDB.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from dit_dagster.adapters.local_gcp.emulation.patch import Patch, wrap

_within_struct: ContextVar[bool] = ContextVar("within_struct", default=False)


def apply() -> None:
    """Tell the generator DuckDB's words; quote the fields of tables made without SQL."""
    import duckdb
    from bqemulator.storage import type_map
    from sqlglot.generators.duckdb import DuckDBGenerator

    words = "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category IN ('reserved', 'type_function')"
    reserved = {name for (name,) in duckdb.sql(words).fetchall()}
    DuckDBGenerator.RESERVED_KEYWORDS = DuckDBGenerator.RESERVED_KEYWORDS | reserved
    wrap(type_map, "bq_schema_to_duckdb_columns", _with_fields_quoted)
    wrap(type_map, "duckdb_type_to_bq_field", _with_a_plain_name)


PATCH = Patch(name="field_names", apply=apply)


def _with_fields_quoted(original: Any) -> Any:
    """`original` calls itself for the fields of a STRUCT, and quotes the columns of a table alone."""

    def columns(fields: list[dict[str, Any]]) -> list[tuple[str, str]]:
        inner = _within_struct.get()
        token = _within_struct.set(True)
        try:
            found: list[tuple[str, str]] = original(fields)
        finally:
            _within_struct.reset(token)
        return [(f'"{name}"' if inner else name, kind) for name, kind in found]

    return columns


def _with_a_plain_name(original: Any) -> Any:
    """`original` reads names off a type's text, where DuckDB quotes those that need it."""

    def field(name: str, *arguments: Any, **options: Any) -> Any:
        return original(name.strip('"'), *arguments, **options)

    return field
