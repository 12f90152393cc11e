"""FOR SYSTEM_TIME AS OF never answers with the wrong time.

BigQuery: reads the table as it was.
Emulator: keeps a copy after each DML statement; a table that was only created or replaced has none, and then the
present rows are returned for any time asked.
Here: the present rows are returned for times since the last change; for an earlier time without a copy it is an error.
A dataset with the label `time_travel: none` keeps no copies: a copy of a large table after each small write would cost
more than all else, and the tables that this project generates are never read at another time.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dit_dagster.adapters.local_gcp.emulation.patch import Patch, wrap


def apply() -> None:
    """Check the time against the table's last change; copy only where somebody may ask."""
    from bqemulator.versioning.snapshots import SnapshotManager

    wrap(SnapshotManager, "resolve_time_travel", _checked)
    wrap(SnapshotManager, "capture", _where_asked_for)


PATCH = Patch(name="time_travel", apply=apply)


def _checked(original: Any) -> Any:
    def resolve(snapshots: Any, project: str, dataset: str, table: str, target: datetime) -> Any:
        from bqemulator.domain.errors import InvalidQueryError, OutOfRangeError

        record = snapshots._catalog.get_table(project, dataset, table)
        moment = target if target.tzinfo else target.replace(tzinfo=UTC)
        if record is not None and record.last_modified_time <= moment <= snapshots._clock.now():
            return None
        try:
            found = original(snapshots, project, dataset, table, target)
        except OutOfRangeError as error:
            raise InvalidQueryError(str(error)) from error
        if found is None:
            raise InvalidQueryError(
                f"FOR SYSTEM_TIME AS OF {moment.isoformat()}: the local cloud keeps no copy of {dataset}.{table} "
                "from then; it keeps one after each INSERT, UPDATE, DELETE, MERGE and load"
            )
        return found

    return resolve


def _where_asked_for(original: Any) -> Any:
    def capture(snapshots: Any, project: str, dataset: str, table: str, *, kind: str = "AUTO") -> Any:
        record = snapshots._catalog.get_dataset(project, dataset)
        if kind == "AUTO" and record is not None and record.labels.get("time_travel") == "none":
            return None
        return original(snapshots, project, dataset, table, kind=kind)

    return capture
