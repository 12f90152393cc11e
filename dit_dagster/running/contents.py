"""What the tables of a state hold, read again: for those who do not take the warehouse's word that nothing changed."""

from __future__ import annotations

from dit_dagster.comparing import digest
from dit_dagster.errors import Uncomparable
from dit_dagster.model.identity import TableName, content_hash
from dit_dagster.model.policy import ComparisonPolicy
from dit_dagster.model.state import PhaseRecord
from dit_dagster.ports import Warehouse

_VIEW = "VIEW"


def content_of(warehouse: Warehouse, table: TableName, kind: str) -> str | None:
    """A digest of all columns and rows of a table, in one scan; None for a view, or if a column has no digest."""
    if kind == _VIEW:
        return None
    try:
        taken, _ = digest(warehouse, table, ComparisonPolicy())
    except Uncomparable:
        return None
    return content_hash([taken.engine, taken.version, taken.schema, taken.rows, taken.value])


def altered_content(record: PhaseRecord, warehouse: Warehouse) -> str | None:
    """How the tables of a state hold something else than when it was committed; None if they do not.

    What cannot be told counts as altered. A view is as it was if the warehouse says so: it reads tables of the state.
    """
    for table in record.tables:
        if table.kind == _VIEW:
            continue
        if table.content is None:
            return f"what {table.role} held was not taken down, as verify: digest asks for"
        if content_of(warehouse, table.name, table.kind) != table.content:
            return f"{table.role} holds something else than was committed"
    return None
