"""What a phase leaves behind, as the registry records it once the phase is committed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar, Self

from dit_dagster.model.identity import Fingerprint, JobId, TableName
from dit_dagster.model.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class StateTable:
    """A table or view of a state, as the warehouse described it when the state was committed.

    `content` is a digest of all that it holds; None if nobody took it, or a column has no digest. It is never compared
    with that of an output, which says what a comparison reads.
    """

    name: TableName
    role: str
    kind: str
    rows: int | None
    created: str
    etag: str
    content: str | None = None

    def to_json(self) -> dict[str, Any]:
        content = {"content": self.content} if self.content is not None else {}
        return {
            **content,
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
            content=value.get("content"),
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
class JobRecord:
    """A Dataflow job of a step, once it was over: which code its workers ran, and what it counted.

    `images` are the worker images; `worker` is the code in them, where the service knows it.
    """

    step: str
    id: JobId
    name: str
    state: str
    images: tuple[str, ...]
    worker: str | None = None
    metrics: Mapping[str, int | float] = field(default_factory=dict)
    error: str = ""

    _STOCK: ClassVar[re.Pattern[str]] = re.compile(r"(?:.+/)?beam_python\d+\.\d+_sdk(?:[:@].+)?")

    @property
    def code(self) -> str | None:
        """What tells the workers' code from another's; None for Beam's own images, which hold none of a pipeline."""
        own = [image for image in self.images if not self._STOCK.fullmatch(image)]
        return (self.worker or " ".join(own)) if own else None

    def to_json(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "id": self.id,
            "name": self.name,
            "state": self.state,
            "images": list(self.images),
            "worker": self.worker,
            "metrics": dict(self.metrics),
            "error": self.error,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> JobRecord:
        return cls(**{**value, "id": JobId(value["id"]), "images": tuple(value["images"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseRecord:
    """A committed state. `inputs` is the JSON of PhaseInputs; `touched` says what its mutations did.

    `prefix` is what every table of the state starts with; `epoch` counts the commits of this fingerprint; `commands`
    are the steps' command lines as they ran. `empty` names the tables that a hook left empty, as is declared, in this
    phase or in one that it stands on. `images` are those that its containers ran, as the engine told afterwards, and
    `jobs` those that its steps ran on Dataflow.
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
    images: tuple[str, ...] = ()
    jobs: tuple[JobRecord, ...] = ()

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
            "images": list(self.images),
            **({"jobs": [job.to_json() for job in self.jobs]} if _has_beam(self.inputs) else {}),
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
            images=tuple(str(image) for image in value["images"]),
            jobs=tuple(JobRecord.from_json(job) for job in value["jobs"]) if _has_beam(value["inputs"]) else (),
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


def _has_beam(inputs: Mapping[str, Any]) -> bool:
    """Whether a phase with these inputs runs Beam: only then a record speaks of jobs, even if there were none."""
    return any("beam" in step for step in inputs.get("steps", ()))
