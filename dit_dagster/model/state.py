"""What a phase leaves behind, as the registry records it once the phase is committed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Self

from dit_dagster.model.identity import Fingerprint, TableName
from dit_dagster.model.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class StateTable:
    """A table or view of a state, as the warehouse described it when the state was committed."""

    name: TableName
    role: str
    kind: str
    rows: int | None
    created: str
    etag: str

    def to_json(self) -> dict[str, Any]:
        return {
            "name": str(self.name),
            "role": self.role,
            "kind": self.kind,
            "rows": self.rows,
            "created": self.created,
            "etag": self.etag,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> StateTable:
        return cls(
            name=TableName.parse(value["name"], project=""),
            role=value["role"],
            kind=value["kind"],
            rows=value["rows"],
            created=value["created"],
            etag=value["etag"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """What a mutation did: rows before and after, and the touched ones by their day (None: it has no day)."""

    source: str
    table: TableName
    before: int
    after: int
    by_day: Mapping[date | None, int]

    def within(self, windows: Sequence[Window]) -> int:
        """Touched rows on days of these windows; rows without a day count, since any phase may read them."""
        return sum(
            rows
            for day, rows in self.by_day.items()
            if day is None or any(window.start <= day < window.end for window in windows)
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "table": str(self.table),
            "before": self.before,
            "after": self.after,
            "by_day": [[day and day.isoformat(), rows] for day, rows in self.by_day.items()],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Touched:
        return cls(
            source=value["source"],
            table=TableName.parse(value["table"], project=""),
            before=value["before"],
            after=value["after"],
            by_day={day and date.fromisoformat(day): rows for day, rows in value["by_day"]},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseRecord:
    """A committed state. `inputs` is the JSON of PhaseInputs; `touched` says what its mutations did.

    `prefix` is what every table of the state starts with; `epoch` counts the commits of this fingerprint; `commands`
    are the steps' command lines as they ran. `empty` names the tables that a hook left empty, as is declared, in this
    phase or in one that it stands on.
    """

    fingerprint: Fingerprint
    run_id: str
    pipeline: str
    commit: str
    mode: str
    index: int
    prefix: str
    epoch: int
    tables: tuple[StateTable, ...]
    inputs: Mapping[str, Any] = field(repr=False)
    seconds: float
    schema_version: int
    touched: tuple[Touched, ...] = ()
    commands: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "fingerprint": str(self.fingerprint),
            "run_id": self.run_id,
            "pipeline": self.pipeline,
            "commit": self.commit,
            "mode": self.mode,
            "index": self.index,
            "prefix": self.prefix,
            "epoch": self.epoch,
            "tables": [table.to_json() for table in self.tables],
            "inputs": dict(self.inputs),
            "seconds": self.seconds,
            "schema_version": self.schema_version,
            "touched": [touched.to_json() for touched in self.touched],
            "commands": list(self.commands),
            "empty": list(self.empty),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(
            fingerprint=Fingerprint(value["fingerprint"]),
            run_id=value["run_id"],
            pipeline=value["pipeline"],
            commit=value["commit"],
            mode=value["mode"],
            index=value["index"],
            prefix=value["prefix"],
            epoch=value["epoch"],
            tables=tuple(StateTable.from_json(table) for table in value["tables"]),
            inputs=value["inputs"],
            seconds=value["seconds"],
            schema_version=value["schema_version"],
            touched=tuple(Touched.from_json(touched) for touched in value["touched"]),
            commands=tuple(str(command) for command in value["commands"]),
            empty=tuple(str(table) for table in value["empty"]),
        )

    @classmethod
    def readable(cls, value: Mapping[str, Any]) -> Self | None:
        """The record as it was written; None for one that cannot be read, which counts as no record."""
        try:
            return cls.from_json(value)
        except (KeyError, TypeError, ValueError, AttributeError):
            return None

    def table(self, role: str) -> TableName | None:
        """Where the table or view of that role lies, such as `gaps` or `gaps_last_versions`."""
        return next((table.name for table in self.tables if table.role == role), None)
