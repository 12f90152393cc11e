"""Extract jobs write where and how they are told.

BigQuery: a `*` in the URI becomes a twelve-digit file number, folders need no creation, compression, header and
delimiter are honoured, and text formats have BigQuery's notation: timestamps end in " UTC", JSON has integers as
strings, bytes are base64.
Emulator: writes a file whose name has a star, fails with 500 where the folder is missing, ignores the options, and
writes DuckDB's notation.
Here: all of it, for top-level columns; each export is one file.
"""

from __future__ import annotations

from typing import Any

from dit_dagster.adapters.local_gcp.emulation import partitions
from dit_dagster.adapters.local_gcp.emulation.emulator import Table
from dit_dagster.adapters.local_gcp.emulation.patch import Patch, wrap

_FIRST = "000000000000"
_TEXT_FORMATS = frozenset({"CSV", "NEWLINE_DELIMITED_JSON", "JSON"})


def apply() -> None:
    """Replace the executor of extract jobs."""
    from bqemulator.jobs import executor

    wrap(executor, "execute_extract_job", lambda _: _execute)


PATCH = Patch(name="extracts", apply=apply)


async def _execute(project: str, job: str, config: dict[str, Any], ctx: Any) -> Any:
    from bqemulator.catalog.models import JobMeta

    started = ctx.clock.now()
    written = _extract(project, config["extract"], ctx)
    return JobMeta(
        project_id=project,
        job_id=job,
        job_type="EXTRACT",
        state="DONE",
        configuration=config,
        statistics={"extract": {"destinationUriFileCounts": [str(count) for count in written]}},
        creation_time=started,
        start_time=started,
        end_time=ctx.clock.now(),
        etag=job,
    )


def _extract(project: str, extract: dict[str, Any], ctx: Any) -> list[int]:
    """Write the first URI and return the number of files for each."""
    from bqemulator.domain.errors import InvalidQueryError, NotFoundError
    from bqemulator.jobs import executor

    name, partition = partitions.split(Table.of(extract["sourceTable"], project))
    record = ctx.catalog.get_table(*name)
    if record is None:
        raise NotFoundError(f"Not found: Table {name.project}:{name.dataset}.{name.table}")
    kind = extract.get("destinationFormat", "CSV").upper()
    if kind not in executor._EXPORT_FORMATS:
        raise InvalidQueryError(f"Unknown destination format: {kind}")
    uris = extract.get("destinationUris", [])
    path = executor._resolve_uri(uris[0].replace("*", _FIRST), ctx)
    executor._validate_local_path(path)
    executor._ensure_parent_dir(path)
    columns = ", ".join(_column(field, kind) for field in record.schema_.fields)
    query = f"SELECT {columns} FROM {name.sql} WHERE {partitions.condition(record, partition)}"
    executor._copy_relation_to_file(
        query,
        path,
        kind,
        ctx,
        header=extract.get("printHeader", True),
        field_delimiter=extract.get("fieldDelimiter"),
        compression=extract.get("compression"),
    )
    return [1] + [0] * (len(uris) - 1)


def _column(field: Any, kind: str) -> str:
    name = f'"{field.name}"'
    if kind not in _TEXT_FORMATS or field.mode == "REPEATED":
        return name
    if field.type == "TIMESTAMP":
        seconds = f"strftime({name}, '%Y-%m-%d %H:%M:%S')"
        fraction = f"rtrim(rtrim(strftime({name}, '.%f'), '0'), '.')"
        return f"{seconds} || {fraction} || ' UTC' AS {name}"
    if field.type == "BYTES":
        return f"to_base64({name}) AS {name}"
    if field.type in {"INTEGER", "INT64"} and kind != "CSV":
        return f"CAST({name} AS VARCHAR) AS {name}"
    return name
