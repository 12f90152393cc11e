"""Nothing is done that nobody asked for.

BigQuery: not to be seen.
Emulator: each change of a table's record is an INSERT OR REPLACE, which costs DuckDB five times what an UPDATE does;
each answer is copied value by value before it becomes JSON; each request passes through an access log and metrics,
which are a task group each.
Here: records are updated where they exist; answers are what they are, and only values that JSON does not know are
converted; there is neither access log nor metrics.
"""

from __future__ import annotations

import json
from typing import Any

from dit_dagster.adapters.local_gcp.emulation.patch import Patch, wrap

_COLUMNS = ("table_type", "metadata_json", "creation_time", "last_modified_time", "num_rows", "num_bytes", "etag")
_UNREAD = ("AccessLogMiddleware", "MetricsMiddleware")


def apply() -> None:
    """Replace how records are written, how answers are spelled, and what stands before the application."""
    import fastapi.routing
    from bqemulator import server
    from bqemulator.catalog.duckdb_repository import DuckDBCatalogRepository
    from fastapi.responses import JSONResponse

    wrap(DuckDBCatalogRepository, "_write_table", _updated)
    wrap(fastapi.routing, "jsonable_encoder", _as_it_is)
    wrap(JSONResponse, "render", _converted_where_needed)
    wrap(server, "create_app", _bare)


PATCH = Patch(name="overhead", apply=apply)


def _updated(original: Any) -> Any:
    def write_table(catalog: Any, table: Any) -> None:
        from bqemulator.storage.engine import CATALOG_SCHEMA

        assignments = ", ".join(f"{name} = ?" for name in _COLUMNS)
        update = (
            f'UPDATE "{CATALOG_SCHEMA}"."tables" SET {assignments} '
            "WHERE project_id = ? AND dataset_id = ? AND table_id = ?"
        )
        record = {name: getattr(table, name) for name in _COLUMNS if name != "metadata_json"}
        record["metadata_json"] = table.model_dump_json(by_alias=True)
        key = [table.project_id, table.dataset_id, table.table_id]
        (changed,) = catalog._engine.execute(update, [*(record[name] for name in _COLUMNS), *key]).fetchone()
        if not changed:
            original(catalog, table)

    return write_table


def _as_it_is(original: Any) -> Any:
    def jsonable_encoder(value: Any, *arguments: Any, **options: Any) -> Any:
        plain = type(value) is dict and not arguments and not options
        return value if plain else original(value, *arguments, **options)

    return jsonable_encoder


def _converted_where_needed(_: Any) -> Any:
    from fastapi.encoders import jsonable_encoder

    def render(_: Any, content: Any) -> bytes:
        return json.dumps(
            content, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=jsonable_encoder
        ).encode()

    return render


def _bare(original: Any) -> Any:
    def create_app(context: Any) -> Any:
        app = original(context)
        app.user_middleware = [one for one in app.user_middleware if one.cls.__name__ not in _UNREAD]
        return app

    return create_app
