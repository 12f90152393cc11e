"""How large a table is: rows exactly, bytes by BigQuery's table of data type sizes.

https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#data_type_sizes. Text and bytes count their
length plus 2; their mean length is taken from the first rows, so that asking costs the same for any table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from dit_dagster.adapters.local_gcp.emulation.emulator import Table, changing

_FIXED: Mapping[str, int] = {
    "INTEGER": 8,
    "INT64": 8,
    "FLOAT": 8,
    "FLOAT64": 8,
    "NUMERIC": 16,
    "BIGNUMERIC": 32,
    "BOOLEAN": 1,
    "BOOL": 1,
    "DATE": 8,
    "DATETIME": 8,
    "TIME": 8,
    "TIMESTAMP": 8,
    "INTERVAL": 16,
}
_Size = TypeVar("_Size")
Take = Callable[[Any, Any], _Size]
_SAMPLED_ROWS = 2000
_PREFIX_BYTES = 2
_KEPT = 4096
_counts: dict[tuple[Table, str], int] = {}
_widths: dict[tuple[Table, str], Mapping[str, float]] = {}


def row_count(engine: Any, record: Any) -> int:
    """Rows in the table now, remembered until it changes."""
    return _remembered(_counts, engine, record, _counted)


def column_widths(engine: Any, record: Any) -> Mapping[str, float]:
    """Mean bytes per row of each top-level column, remembered until the table changes."""
    return _remembered(_widths, engine, record, _measured)


def _remembered(kept: dict[tuple[Table, str], _Size], engine: Any, record: Any, take: Take[_Size]) -> _Size:
    """An etag is new with every change (see modification.py).

    While a change is under way, its etag is known before its rows are: then nothing is remembered.
    """
    key = (_table(record), record.etag)
    if not record.etag or changing(engine):
        return take(engine, record)
    if key not in kept:
        if len(kept) > _KEPT:
            kept.clear()
        kept[key] = take(engine, record)
    return kept[key]


def logical_bytes(engine: Any, record: Any) -> int:
    """Bytes in the table now, estimated."""
    return round(row_count(engine, record) * sum(column_widths(engine, record).values()))


def _counted(engine: Any, record: Any) -> int:
    (count,) = engine.connection.execute(f"SELECT COUNT(*) FROM {_table(record).sql}").fetchone()
    return int(count)


def _measured(engine: Any, record: Any) -> Mapping[str, float]:
    fixed = {f.name: float(_FIXED[f.type]) for f in record.schema_.fields if f.type in _FIXED and f.mode != "REPEATED"}
    others = [field for field in record.schema_.fields if field.name not in fixed]
    if not others:
        return fixed
    lengths = ", ".join(f"COALESCE(AVG({_length(field)}), 0)" for field in others)
    sample = f"SELECT * FROM {_table(record).sql} LIMIT {_SAMPLED_ROWS}"
    means = engine.connection.execute(f"SELECT {lengths} FROM ({sample})").fetchone()
    sampled = {field.name: mean for field, mean in zip(others, means, strict=True)}
    return {field.name: (fixed | sampled)[field.name] for field in record.schema_.fields}


def _length(field: Any) -> str:
    single = field.mode != "REPEATED"
    if field.type == "GEOGRAPHY" and single:
        return f'16 + 24 * ST_NPoints("{field.name}")'
    text = (
        f'octet_length("{field.name}")'
        if field.type == "BYTES" and single
        else f'strlen(CAST("{field.name}" AS VARCHAR))'
    )
    return f"{_PREFIX_BYTES} + {text}"


def _table(record: Any) -> Table:
    return Table(record.project_id, record.dataset_id, record.table_id)
