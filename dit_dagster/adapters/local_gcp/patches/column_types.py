"""The translator knows every column of a table, of the table that is meant.

BigQuery: `*` stands for all columns, and a name for the table that its path says.
Emulator: the translator is told columns by the table's last name alone, without those of type STRUCT and with an ARRAY
as its elements' type; `*` of a subquery then loses columns, and of two tables with one name in two datasets one stands
for both.
Here: a STRUCT or an ARRAY is a column of unknown type; names that stand for several tables are left to the engine.
"""

from __future__ import annotations

from typing import Any

from dit_dagster.adapters.local_gcp.emulation.patch import Patch, wrap

_UNKNOWN = "UNKNOWN"


def apply() -> None:
    """Complete what the translator is told."""
    from bqemulator.sql import catalog_schema

    wrap(catalog_schema, "build_catalog_schema", _complete)


PATCH = Patch(name="column_types", apply=apply)


def _complete(original: Any) -> Any:
    def build(bq_sql: str, *, project_id: str, catalog: Any) -> dict[str, dict[str, str]]:
        schema: dict[str, dict[str, str]] = original(bq_sql, project_id=project_id, catalog=catalog)
        fields: dict[str, list[Any]] = {}
        for table in _tables(bq_sql, project_id, catalog):
            fields.setdefault(table.table_id, []).append(table.schema_.fields)
        return {
            name: {field.name: _type(field, schema.get(name, {})) for field in found[0]}
            for name, found in fields.items()
            if all(other == found[0] for other in found)
        }

    return build


def _tables(sql: str, project: str, catalog: Any) -> list[Any]:
    import sqlglot
    from sqlglot import exp

    try:
        tree = sqlglot.parse_one(sql, read="bigquery")
    except sqlglot.errors.ParseError:
        return []
    names = {(table.catalog or project, table.db, table.name) for table in tree.find_all(exp.Table) if table.db}
    found = (catalog.get_table(*name) for name in sorted(names))
    return [table for table in found if table is not None]


def _type(field: Any, known: dict[str, str]) -> str:
    nested = field.mode == "REPEATED" or field.name not in known or field.type in ("RECORD", "STRUCT")
    return _UNKNOWN if nested else known[field.name]
