"""GEOGRAPHY in results and in tables that queries make, and cells of S2.

BigQuery: a GEOGRAPHY is one in every schema, also within a STRUCT or an ARRAY, and its value is WKT (`POINT(1 2)`).
`S2_CELLIDFROMPOINT(point[, level => 0 to 30])` is the id of the point's cell, as a signed INT64.
Emulator: lists it as BYTES; to write its value, downloads DuckDB's spatial extension; `POINT (1 2)`, with a space.
It does not know `S2_CELLIDFROMPOINT`.
Here: as documented; the extension is loaded from its package, the cell's id is computed by s2cell. Other functions stay
the emulator's: on a plane.
"""

from __future__ import annotations

import re
from typing import Any

from dit_dagster.adapters.local_gcp.emulation.patch import Patch, wrap
from dit_dagster.adapters.local_gcp.patches.offline import extension

_TYPE = "GEOGRAPHY"
_ARROW_NAME, _ARROW_TYPE = b"ARROW:extension:name", b"geoarrow.wkb"
_SPACE_BEFORE_COORDINATES = re.compile(r"(?<=[A-Z]) (?=\()")
_CELL = """CREATE OR REPLACE MACRO main.S2_CELLIDFROMPOINT
(point) AS dit_s2_cell(ST_X(point), ST_Y(point), 30),
(point, level) AS dit_s2_cell(ST_X(point), ST_Y(point), level)"""


def apply() -> None:
    """Name the type wherever a schema is made, write values, and add the function."""
    from bqemulator.catalog import ddl_sync
    from bqemulator.jobs import executor
    from bqemulator.sql import builtin_udfs
    from bqemulator.types import geography

    wrap(geography, "_ensure_conv_conn", _offline)
    wrap(geography, "wkb_to_wkt", _as_documented)
    wrap(executor, "_resolve_bq_type", _named_in_results)
    wrap(ddl_sync, "_arrow_field_to_table_field", _named_in_tables)
    wrap(builtin_udfs, "register_builtin_udfs", _with_cells)


PATCH = Patch(name="geography", apply=apply)


def _offline(original: Any) -> Any:
    del original
    from functools import cache

    @cache
    def connection() -> Any:
        import duckdb

        made = duckdb.connect(":memory:")
        made.execute(f"LOAD '{extension('spatial')}'")
        return made

    # Results are written by several threads; a cursor is for one.
    return lambda: connection().cursor()


def _as_documented(original: Any) -> Any:
    return lambda wkb: _SPACE_BEFORE_COORDINATES.sub("", original(wkb))


def _named_in_results(original: Any) -> Any:
    def resolve(field: Any, inner: Any) -> Any:
        return _TYPE if _is_geography(field) else original(field, inner)

    return resolve


def _named_in_tables(original: Any) -> Any:
    def convert(field: Any, *more: Any, **options: Any) -> Any:
        made = original(field, *more, **options)
        return made.model_copy(update={"type": _TYPE}) if _is_geography(field) else made

    return convert


def _is_geography(field: Any) -> bool:
    """Of a column, or of an ARRAY's elements."""
    import pyarrow as pa

    if pa.types.is_list(field.type) or pa.types.is_large_list(field.type):
        return _is_geography(field.type.value_field)
    return (field.metadata or {}).get(_ARROW_NAME) == _ARROW_TYPE


def _with_cells(original: Any) -> Any:
    def register(connection: Any) -> None:
        original(connection)
        connection.create_function("dit_s2_cell", _cell, ["DOUBLE", "DOUBLE", "BIGINT"], "BIGINT")
        connection.execute(_CELL)

    return register


def _cell(longitude: float, latitude: float, level: int) -> int:
    import s2cell

    found = int(s2cell.lat_lon_to_cell_id(latitude, longitude, level))
    return found - (1 << 64) if found >> 63 else found
