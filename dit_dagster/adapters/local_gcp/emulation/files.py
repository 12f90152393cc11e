"""Files of a load job as rows: one reader per format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from glob import glob
from typing import Any

SELF_DESCRIBING = frozenset({"PARQUET", "AVRO", "ORC"})
_NOTHING = "\\x00nothing"  # a null marker that no file holds
_NUMBER = r"^[+-]?\d+(\.\d*)?([eE][+-]?\d+)?$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What to read: files, the load configuration, and the columns wanted (none: as the files say)."""

    paths: Sequence[str]
    options: Mapping[str, Any]
    columns: Mapping[str, str]
    ctx: Any


def resolved(uris: Sequence[str], ctx: Any) -> list[str]:
    """Local paths of `uris`, wildcards expanded; NotFoundError for one that names nothing."""
    from bqemulator.domain.errors import NotFoundError
    from bqemulator.jobs.executor import _resolve_uri, _validate_local_path

    paths: list[str] = []
    for uri in uris:
        path = _resolve_uri(uri, ctx)
        _validate_local_path(path)
        found = sorted(glob(path)) if "*" in path else [path]  # noqa: PTH207 - an absolute pattern
        if not found:
            raise NotFoundError(f"Not found: URI {uri}")
        paths += found
    return paths


def rows(kind: str, source: Source) -> str:
    """DuckDB's query for the rows of `source`; UnsupportedFeatureError for a format that is not known."""
    from bqemulator.domain.errors import UnsupportedFeatureError

    readers: Mapping[str, Callable[[Source], str]] = {
        "PARQUET": _parquet,
        "AVRO": _avro,
        "ORC": _orc,
        "CSV": _csv,
        "NEWLINE_DELIMITED_JSON": _json,
        "JSON": _json,
    }
    if kind not in readers:
        raise UnsupportedFeatureError(f"the local cloud does not load {kind}; it loads {', '.join(readers)}")
    return readers[kind](source)


def _parquet(source: Source) -> str:
    return f"SELECT {_as_bigquery(source, 'read_parquet')} FROM read_parquet({_list(source.paths)}, union_by_name=true)"


def _as_bigquery(source: Source, reader: str) -> str:
    """All columns, with the widths that BigQuery has only one of (INT64, FLOAT64)."""
    described = source.ctx.engine.connection.execute(
        f"DESCRIBE SELECT * FROM {reader}({_list(source.paths)}, union_by_name=true)"
    ).fetchall()
    return ", ".join(f'"{row[0]}"::{_widened(row[1])} AS "{row[0]}"' for row in described)


def _widened(kind: str) -> str:
    if kind in {"TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER"}:
        return "BIGINT"
    if kind.startswith("TIMESTAMP_"):
        return "TIMESTAMP"
    return {"FLOAT": "DOUBLE", "UBIGINT": "DECIMAL(38, 9)"}.get(kind, kind)


def _avro(source: Source) -> str:
    from bqemulator.jobs.avro_reader import read_avro_to_arrow

    return _arrow([read_avro_to_arrow(path) for path in source.paths], source)


def _orc(source: Source) -> str:
    from bqemulator.jobs.orc_reader import read_orc_to_arrow

    return _arrow([read_orc_to_arrow(path) for path in source.paths], source)


def _arrow(tables: list[Any], source: Source) -> str:
    import pyarrow

    source.ctx.engine.connection.register("dit_loaded", pyarrow.concat_tables(tables, promote_options="default"))
    return "SELECT * FROM dit_loaded"


def _csv(source: Source) -> str:
    if not source.columns:
        return f"SELECT * FROM read_csv({_list(source.paths)})"
    options = source.options
    declared = ", ".join(f"{_text(name)}: 'VARCHAR'" for name in source.columns)
    settings = {
        "columns": f"{{{declared}}}",
        "header": "false",
        "auto_detect": "false",
        "skip": str(int(options.get("skipLeadingRows") or 0)),
        "delim": _text(
            {"tab": "\t", "\\t": "\t"}.get(options.get("fieldDelimiter", ","), options.get("fieldDelimiter", ","))
        ),
        "quote": _text(options.get("quote", '"')),
        "escape": _text(options.get("quote", '"')),
        "nullstr": _text(options.get("nullMarker") or _NOTHING),
        "null_padding": str(bool(options.get("allowJaggedRows"))).lower(),
        "ignore_errors": str(int(options.get("maxBadRecords") or 0) > 0).lower(),
    }
    arguments = ", ".join(f"{name}={value}" for name, value in settings.items())
    casts = ", ".join(_from_text(name, kind, empty_is_null=True) for name, kind in source.columns.items())
    return f"SELECT {casts} FROM read_csv({_list(source.paths)}, {arguments})"


def _json(source: Source) -> str:
    paths = _list(source.paths)
    if not source.columns:
        return f"SELECT * FROM read_json({paths}, format='newline_delimited')"
    if not source.options.get("ignoreUnknownValues"):
        _refuse_unknown_fields(source, paths)
    nested = {
        name for name, kind in source.columns.items() if kind.endswith("]") or kind.startswith(("STRUCT", "JSON"))
    }
    declared = ", ".join(
        f"{_text(name)}: {_text(kind if name in nested else 'VARCHAR')}" for name, kind in source.columns.items()
    )
    casts = ", ".join(
        f'"{name}"' if name in nested else _from_text(name, kind, empty_is_null=False)
        for name, kind in source.columns.items()
    )
    return f"SELECT {casts} FROM read_json({paths}, format='newline_delimited', columns={{{declared}}})"


def _refuse_unknown_fields(source: Source, paths: str) -> None:
    from bqemulator.domain.errors import ValidationError

    keys = f"SELECT DISTINCT unnest(json_keys(json)) FROM read_ndjson_objects({paths})"
    known = {name.lower() for name in source.columns}
    unknown = [key for (key,) in source.ctx.engine.connection.execute(keys).fetchall() if key.lower() not in known]
    if unknown:
        raise ValidationError(f"Error while reading data, error message: No such field: {min(unknown)}.")


def _from_text(name: str, kind: str, *, empty_is_null: bool) -> str:
    """A column read as text, as BigQuery reads it: numbers in TIMESTAMP columns are seconds, BYTES are base64."""
    column = f'"{name}"'
    if kind == "VARCHAR":
        return column
    value = f"NULLIF({column}, '')" if empty_is_null else column
    if kind == "BLOB":
        return f'from_base64({value}) AS "{name}"'
    if kind == "TIMESTAMPTZ":
        epoch = f"make_timestamp(CAST(round(CAST({value} AS DOUBLE) * 1000000) AS BIGINT)) AT TIME ZONE 'UTC'"
        number = f"regexp_matches({value}, {_text(_NUMBER)})"
        return f'CASE WHEN {number} THEN {epoch} ELSE CAST({value} AS TIMESTAMPTZ) END AS "{name}"'
    return f'CAST({value} AS {kind}) AS "{name}"'


def _list(paths: Sequence[str]) -> str:
    return f"[{', '.join(_text(path) for path in paths)}]"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
