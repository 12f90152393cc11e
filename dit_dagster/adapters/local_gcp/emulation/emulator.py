"""What several patches need to ask of the emulator."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

_WORD = r'"?([A-Za-z0-9_\-]+)"?'
_WRITE = re.compile(
    r"\b(?:INSERT(?:\s+OR\s+REPLACE)?\s+INTO|UPDATE|DELETE\s+FROM|MERGE\s+INTO|TRUNCATE(?:\s+TABLE)?|COPY"
    r"|ALTER\s+TABLE(?:\s+IF\s+EXISTS)?|CREATE(?:\s+OR\s+REPLACE)?\s+TABLE)"
    rf"\s+{_WORD}\s*\.\s*{_WORD}",
    re.IGNORECASE,
)
# CREATE TABLE IF NOT EXISTS is not among them: it makes a new table, or changes nothing.
_READS = ("SELECT", "FROM", "DESCRIBE", "PRAGMA", "SET", "LOAD", "BEGIN", "COMMIT", "ROLLBACK", "DROP")
_INTERNAL = "_bqemulator"


class Table(NamedTuple):
    """A table's coordinates."""

    project: str
    dataset: str
    table: str

    @classmethod
    def of(cls, reference: dict[str, Any], project: str) -> Table:
        """From a REST tableReference; `project` where it names none."""
        return cls(reference.get("projectId") or project, reference["datasetId"], reference["tableId"])

    @property
    def sql(self) -> str:
        """The table in DuckDB."""
        from bqemulator.storage.sql_identifiers import quoted_table_ref

        return str(quoted_table_ref(*self))

    @property
    def bigquery(self) -> str:
        """The table in BigQuery's SQL."""
        return ".".join(f"`{part}`" for part in self)


def written_table(sql: str) -> tuple[str, str] | None:
    """The DuckDB schema and table that `sql` changes, or None if it changes no user's table."""
    head = sql.lstrip()
    if head[:8].upper().startswith(_READS):
        return None
    found = _WRITE.search(head)
    if found is None or found[1].startswith(_INTERNAL):
        return None
    return found[1], found[2]


def registered(catalog: Any, schema: str, table: str) -> Any | None:
    """The catalog's record of DuckDB's `schema`.`table`. The schema joins project and dataset by two underscores."""
    for joint in re.finditer("(?=__)", schema):
        record = catalog.get_table(schema[: joint.start()], schema[joint.start() + 2 :], table)
        if record is not None:
            return record
    return None


@contextmanager
def transaction(engine: Any) -> Iterator[None]:
    """All or nothing on this thread's connection; within another transaction it joins that one."""
    connection = engine.connection
    open_ones = _open(engine)
    if id(connection) in open_ones:
        yield
        return
    connection.execute("BEGIN")
    open_ones.add(id(connection))
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    finally:
        open_ones.discard(id(connection))


def changing(engine: Any) -> bool:
    """Whether a transaction is under way on any thread."""
    return bool(_open(engine))


def _open(engine: Any) -> set[int]:
    open_ones: set[int] = engine.__dict__.setdefault("dit_open", set())
    return open_ones
