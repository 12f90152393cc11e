"""The Registry port in the warehouse: one append-only table of events, and views that read it.

`dit_events` holds facts only; `dit_runs`, `dit_phases` and `dit_verdicts` are views. There is no UPDATE, so nothing
that was ever recorded is lost, and two writers cannot undo one another. An event that was sent twice (a lost answer)
has one `event_id`, and readers take it once.

Claims and commits rest on the one atomic thing that every warehouse has: a table is created once. Such marks stay for
a day: while a mark stands, somebody who read the registry a while ago cannot claim that generation a second time.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from dit_dagster.errors import AlreadyExists, NotFound
from dit_dagster.model.identity import DatasetName, TableName
from dit_dagster.ports import ON_BEHALF, Claim, Event, Field, Heard, Held, Scalar, Statement, Warehouse

PATIENCE_SECONDS = 60.0

_COLUMNS = (
    Field(name="event_id", type="STRING", mode="REQUIRED"),
    Field(name="recorded_at", type="TIMESTAMP", mode="REQUIRED"),
    Field(name="sequence", type="INT64", mode="REQUIRED"),
    Field(name="kind", type="STRING", mode="REQUIRED"),
    Field(name="run_id", type="STRING", mode="REQUIRED"),
    Field(name="pipeline", type="STRING", mode="REQUIRED"),
    Field(name="fingerprint", type="STRING"),
    Field(name="payload", type="STRING", mode="REQUIRED"),
)
# What readers ask by. A question about fingerprints or a run reads the blocks that hold them, not the table.
_CLUSTERED = ("kind", "fingerprint", "run_id", "pipeline")
_DAY_SECONDS = 86_400
_MARK_DAYS = 1


class WarehouseRegistry:
    """Events in `dataset` of `warehouse`. The tables are made on the first write."""

    def __init__(self, warehouse: Warehouse, dataset: DatasetName, *, patience: float = PATIENCE_SECONDS) -> None:
        self._warehouse = warehouse
        self._dataset = dataset
        self._ready = False
        self.patience = patience

    @property
    def events(self) -> TableName:
        return self._dataset.table("dit_events")

    def append(self, events: Sequence[Event]) -> None:
        if not events:
            return
        self._prepare()
        values: list[str] = []
        parameters: dict[str, Scalar] = {}
        for number, event in enumerate(events):
            given: dict[str, Scalar] = {
                "event_id": event.event_id or uuid.uuid4().hex,
                "sequence": time.time_ns() + number,
                "kind": event.kind,
                "run_id": event.run_id,
                "pipeline": event.pipeline,
                "fingerprint": event.fingerprint,
                "payload": json.dumps(event.payload, sort_keys=True),
            }
            parameters |= {f"{name}_{number}": value for name, value in given.items()}
            placeholders = ", ".join(f"@{name}_{number}" for name in given)
            values.append(f"({placeholders}, CURRENT_TIMESTAMP())")
        columns = "event_id, sequence, kind, run_id, pipeline, fingerprint, payload, recorded_at"
        sql = f"INSERT INTO {self.events.sql} ({columns}) VALUES {', '.join(values)}"
        self._warehouse.query(Statement(sql=sql, parameters=parameters))

    def of_fingerprints(self, kinds: Sequence[str], fingerprints: Sequence[str]) -> tuple[Event, ...]:
        if not fingerprints:
            return ()
        condition = "kind IN UNNEST(@kinds) AND fingerprint IN UNNEST(@fingerprints)"
        return self._read(condition, {"kinds": list(kinds), "fingerprints": list(fingerprints)})

    def of_run(self, run_id: str) -> tuple[Event, ...]:
        return self._read("run_id = @run_id", {"run_id": run_id})

    def of_pipeline(self, kind: str, pipeline: str | None, limit: int) -> tuple[Event, ...]:
        condition, parameters = "kind = @kind", {"kind": kind}
        if pipeline is not None:
            condition += " AND pipeline = @pipeline"
            parameters["pipeline"] = pipeline
        return self._read(condition, parameters, order="DESC", limit=limit)

    def since(
        self, kinds: Sequence[str], after: datetime | None, limit: int, *, bare: Sequence[str] = ()
    ) -> tuple[Event, ...]:
        condition = "kind IN UNNEST(@kinds)" + (" AND recorded_at > @after" if after is not None else "")
        parameters: dict[str, Scalar | Sequence[Scalar]] = {"kinds": list(kinds)}
        if after is not None:
            parameters["after"] = after
        # Events of one statement have one time: a plain LIMIT could cut between them.
        condition += f" QUALIFY RANK() OVER (ORDER BY recorded_at) <= {int(limit)}"
        if not bare:
            return self._read(condition, parameters)
        payload = "IF(kind IN UNNEST(@bare), '{}', payload)"
        return self._read(condition, {**parameters, "bare": list(bare)}, payload=payload)

    def claim(
        self, fingerprint: str, *, run_id: str, pipeline: str, note: Mapping[str, Any] | None = None
    ) -> Claim | Held:
        self._prepare()
        held = self._standing(fingerprint)
        if isinstance(held, Held):
            return held
        generation, epoch = held
        if not self._make(self._mark("lease", fingerprint, generation)):
            return self._unannounced(fingerprint, generation, run_id, pipeline)
        claim = Claim(fingerprint=fingerprint, run_id=run_id, pipeline=pipeline, generation=generation, epoch=epoch)
        self.append([_of_claim("claimed", claim, note)])
        return claim

    def beat(self, claims: Sequence[Claim]) -> None:
        self.append([_of_claim("beat", claim) for claim in claims])

    def commit(self, claim: Claim, record: Event, also: Sequence[Event] = ()) -> bool:
        mark = self._mark("commit", claim.fingerprint, claim.epoch)
        if not self._make(mark):
            if not self._orphaned(mark, claim):
                return False
            self.append([_of_claim("orphaned", claim)])
            return self.commit(replace(claim, epoch=claim.epoch + 1), record, also)
        if self._outlived_marks(claim) and self._is_recorded(claim):
            return False
        payload = {**record.payload, "epoch": claim.epoch, "generation": claim.generation}
        self.append([replace(record, payload=payload), *also])
        return True

    def _make(self, mark: TableName) -> bool:
        """Whether this call made the mark. Its only column bears a name that is ours alone, by which a mark is known
        again whose making succeeded without an answer."""
        own = Field(name=f"by_{uuid.uuid4().hex}", type="STRING")
        try:
            self._warehouse.create(mark, (own,), days=_MARK_DAYS)
        except AlreadyExists:
            facts = self._warehouse.facts([mark]).get(mark)
            return facts is not None and facts.schema == (own,)
        return True

    def _outlived_marks(self, claim: Claim) -> bool:
        """Whether the claim is so old that the mark of another's commit may have expired: its process slept."""
        return abs(time.time() - claim.since) >= _MARK_DAYS * _DAY_SECONDS / 2

    def _is_recorded(self, claim: Claim) -> bool:
        records = self.of_fingerprints(["committed"], [claim.fingerprint])
        return any(event.payload["epoch"] == claim.epoch for event in records)

    def _orphaned(self, mark: TableName, claim: Claim) -> bool:
        """A commit mark whose maker died before it could write the record; older than our patience, to be sure."""
        if self._is_recorded(claim):
            return False
        facts = self._warehouse.facts([mark]).get(mark)
        return facts is not None and _age(facts.created) >= self.patience

    def release(self, claim: Claim) -> None:
        self.append([_of_claim("released", claim)])

    def heard(self) -> Heard:
        sql = (
            f"SELECT run_id, MAX(recorded_at) AS at, CURRENT_TIMESTAMP() AS now FROM {self.events.sql} "
            "WHERE kind NOT IN UNNEST(@others) GROUP BY run_id"
        )
        try:
            rows = self._warehouse.query(Statement(sql=sql, parameters={"others": list(ON_BEHALF)})).rows
        except NotFound:
            rows = ()  # nothing was ever recorded
        now = max((row["now"] for row in rows), default=datetime.now(UTC))
        return Heard(now=now, runs={row["run_id"]: row["at"] for row in rows})

    def _standing(self, fingerprint: str) -> Held | tuple[int, int]:
        """Who holds a fingerprint, or the next generation and the present epoch."""
        sql = (
            "SELECT kind, run_id, payload, TIMESTAMP_DIFF(CURRENT_TIMESTAMP(), recorded_at, MILLISECOND) AS age "
            f"FROM {self.events.sql} WHERE kind IN ('claimed', 'beat', 'released', 'committed', 'orphaned') "
            "AND fingerprint = @fingerprint ORDER BY recorded_at, sequence"
        )
        rows = self._warehouse.query(Statement(sql=sql, parameters={"fingerprint": fingerprint})).rows
        facts = [(row, fact) for row in rows if "generation" in (fact := _payload(row) or {})]
        used_up = [fact["epoch"] for row, fact in facts if row["kind"] in ("committed", "orphaned")]
        epoch = max(used_up, default=-1) + 1
        latest = max((fact["generation"] for _, fact in facts), default=0)
        last_words = [row for row, fact in facts if fact["generation"] == latest]
        if last_words and not any(row["kind"] in ("released", "committed") for row in last_words):
            silent = min(row["age"] for row in last_words) / 1000
            if silent < self.patience:
                return Held(run_id=last_words[-1]["run_id"], silent=silent)
        return latest + 1, epoch

    def _unannounced(self, fingerprint: str, generation: int, run_id: str, pipeline: str) -> Held:
        """A lease table without its event: its maker is about to write it, or died in between.

        If it is older than our patience, say so in the registry; the next one who asks gets the generation after.
        """
        name = self._mark("lease", fingerprint, generation)
        facts = self._warehouse.facts([name]).get(name)
        if facts is None:
            return Held(run_id="unknown", silent=0.0)
        silent = _age(facts.created)
        if silent >= self.patience:
            dead = Claim(fingerprint=fingerprint, run_id=run_id, pipeline=pipeline, generation=generation, epoch=0)
            self.append([_of_claim("released", dead)])
        return Held(run_id="unknown", silent=silent)

    def _mark(self, what: str, fingerprint: str, number: int) -> TableName:
        return self._dataset.table(f"dit_{what}_{fingerprint}_{number}")

    def _prepare(self) -> None:
        """Make the dataset, the table and the views, unless they are there."""
        if self._ready:
            return
        if self.events not in self._warehouse.facts([self.events]):
            self._warehouse.ensure_dataset(self._dataset)
            with suppress(AlreadyExists):  # another process was faster; what it made is what we need
                self._warehouse.create(self.events, _COLUMNS, by_day="recorded_at", clustered=_CLUSTERED)
        for name, sql in _views(self.events).items():
            view = self._dataset.table(name)
            if view not in self._warehouse.facts([view]):
                with suppress(AlreadyExists):  # as above
                    self._warehouse.create_view(view, sql)
        self._ready = True

    def _read(
        self,
        condition: str,
        parameters: Mapping[str, Scalar | Sequence[Scalar]],
        *,
        order: str = "ASC",
        limit: int | None = None,
        payload: str = "payload",
    ) -> tuple[Event, ...]:
        columns = f"event_id, recorded_at, sequence, kind, run_id, pipeline, fingerprint, {payload} AS payload"
        sql = (
            f"SELECT {columns} FROM {self.events.sql} WHERE {condition} ORDER BY recorded_at {order}, sequence {order}"
        )
        if limit is not None:
            sql += f" LIMIT {int(limit)}"
        try:
            rows = self._warehouse.query(Statement(sql=sql, parameters=parameters)).rows
        except NotFound:
            return ()  # nothing was ever recorded
        unique = {row["event_id"]: row for row in rows}
        return tuple(event for row in unique.values() if (event := _event(row)) is not None)


def _age(created: datetime) -> float:
    return max((datetime.now(UTC) - created).total_seconds(), 0.0)


def _payload(row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The payload of a recorded row, None if it is no JSON object: then it counts as no record."""
    try:
        payload = json.loads(row["payload"])
    except (ValueError, RecursionError):
        return None
    return payload if isinstance(payload, dict) else None


def _event(row: Mapping[str, Any]) -> Event | None:
    """The event of a recorded row, None if its payload cannot be read."""
    payload = _payload(row)
    if payload is None:
        return None
    return Event(
        kind=row["kind"],
        run_id=row["run_id"],
        pipeline=row["pipeline"],
        fingerprint=row["fingerprint"],
        payload=payload,
        at=row["recorded_at"],
        event_id=row["event_id"],
    )


def _of_claim(kind: str, claim: Claim, note: Mapping[str, Any] | None = None) -> Event:
    return Event(
        kind=kind,
        run_id=claim.run_id,
        pipeline=claim.pipeline,
        fingerprint=claim.fingerprint,
        payload={**(note or {}), "generation": claim.generation, "epoch": claim.epoch},
    )


def _views(events: TableName) -> Mapping[str, str]:
    """The three views, each event taken once."""

    def once(kind: str) -> str:
        return (
            f"SELECT * FROM {events.sql} WHERE kind = '{kind}' "
            "QUALIFY ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY recorded_at) = 1"
        )

    def value(path: str, alias: str = "e") -> str:
        return f"JSON_VALUE({alias}.payload, '$.{path}')"

    runs = (
        f"SELECT e.run_id, e.pipeline, {value('commit')} AS commit, {value('experiment_id')} AS experiment_id, "
        "e.recorded_at AS started_at, f.recorded_at AS finished_at, "
        f"COALESCE({value('outcome', 'f')}, 'running') AS outcome, "
        f"CAST({value('invocations.executed', 'f')} AS INT64) AS executed, "
        f"CAST({value('invocations.reused', 'f')} AS INT64) AS reused "
        f"FROM ({once('run_planned')}) e LEFT JOIN ({once('run_finished')}) f ON e.run_id = f.run_id"
    )
    phases = (
        f"SELECT e.run_id, e.pipeline, e.fingerprint, {value('mode')} AS mode, "
        f"CAST({value('index')} AS INT64) AS position, "
        "IF(e.kind = 'claimed', 'running', e.kind) AS state, e.recorded_at, "
        f"CAST({value('seconds')} AS FLOAT64) AS seconds, {value('error')} AS error "
        f"FROM (SELECT * FROM {events.sql} WHERE kind IN ('claimed', 'committed', 'failed', 'cancelled', 'reused') "
        "QUALIFY ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY recorded_at) = 1) e"
    )
    verdicts = (
        f"SELECT e.run_id, e.pipeline, {value('commit')} AS commit, {value('output')} AS output, "
        f"{value('left')} AS left_mode, {value('right')} AS right_mode, {value('verdict')} AS verdict, "
        f"{value('passed')} AS passed, CAST({value('rows_left')} AS INT64) AS rows_left, "
        f"CAST({value('rows_right')} AS INT64) AS rows_right, e.recorded_at FROM ({once('verdict')}) e"
    )
    return {"dit_runs": runs, "dit_phases": phases, "dit_verdicts": verdicts}
