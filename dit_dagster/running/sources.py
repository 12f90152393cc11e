"""The pipeline's sources: what they hold when the run is planned, the pins that every mode reads, and mutations.

A pin is a snapshot of a source as it was identified. A mutated source is a table derived from the pin. Both are made
only when a phase will run, and are named by what they hold.
"""

from __future__ import annotations

import secrets
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import assert_never

from dit_dagster.errors import BadDeclaration, BadSource, InfrastructureError
from dit_dagster.model.experiment import Request, SourceIdentity, Sources
from dit_dagster.model.golden import Golden
from dit_dagster.model.identity import DatasetName, TableName, content_hash
from dit_dagster.model.mutation import (
    DropRows,
    Mutation,
    ProjectColumns,
    RestrictKeys,
    SetValues,
    ShiftTimestamps,
)
from dit_dagster.model.pipeline import Pipeline, Source
from dit_dagster.model.state import Touched
from dit_dagster.model.window import Window
from dit_dagster.planning.plan import Node, Plan
from dit_dagster.ports import Event, Registry, Scalar, Statement, TableFacts, Warehouse
from dit_dagster.running.names import made_table

INPUT_DAYS = 30
"""For how long a pin or a mutated source stays if nobody cleans up: longer than any run."""

DayCounts = Mapping[str, Mapping[date, int]]


def identify(warehouse: Warehouse, pipeline: Pipeline, at: datetime | None = None) -> Sources:
    """What each source is now, or was at a time. Raises BadSource for one that is missing or cannot be pinned."""
    names = {
        name: TableName.parse(source.table, project=warehouse.project) for name, source in pipeline.sources.items()
    }
    facts = warehouse.facts(list(names.values()))
    identities: dict[str, SourceIdentity] = {}
    for name, table in names.items():
        found = facts.get(table)
        if found is None:
            raise BadSource(
                f"source {name!r}: there is no table {table}; load it, or correct sources.{name}.table in defs.yaml"
            )
        if found.kind == "VIEW":
            raise BadSource(f"source {name!r}: {table} is a view, which cannot be pinned; name the table behind it")
        if found.kind == "OTHER":
            # An external table, say: its files change, and nothing that the warehouse tells of it does.
            raise BadSource(
                f"source {name!r}: {table} is neither a table nor a snapshot, so that what it holds can change without "
                "a trace and cannot be pinned; load it into a table, and name that one"
            )
        if at is not None and found.created > at:
            raise BadSource(
                f"source {name!r}: {table} was created on {found.created:%Y-%m-%d %H:%M:%S} UTC, after the time as of "
                f"which it is to be read, {at:%Y-%m-%d %H:%M:%S} UTC; choose a later one"
            )
        if at is not None and found.modified > at:
            identities[name] = SourceIdentity(
                table=table, created=found.created.isoformat(), modified="", etag="", rows=None, as_of=at.isoformat()
            )
            continue
        if found.rows == 0 and not found.buffered:
            raise BadSource(f"source {name!r}: {table} is empty; load it, or correct sources.{name}.table in defs.yaml")
        identities[name] = SourceIdentity(
            table=table,
            created=found.created.isoformat(),
            modified=found.modified.isoformat(),
            etag=found.etag,
            rows=found.rows,
        )
    return identities


def sources_of(request: Request, warehouse: Warehouse) -> Sources:
    """What a run reads: the sources as they are, as they were at a time, or those that the golden state ran on.

    Raises BadSource.
    """
    if not request.selection.of_golden or request.golden is None:
        return identify(warehouse, request.pipeline, request.selection.pinned_at)
    return _kept_sources(warehouse, request.pipeline, request.golden)


def _kept_sources(warehouse: Warehouse, pipeline: Pipeline, golden: Golden) -> Sources:
    found = {}
    facts = warehouse.facts([one.table for one in golden.kept.values()])
    recorded = golden.record.inputs.get("sources", {})
    for name in pipeline.sources:
        kept = golden.kept.get(name)
        if kept is None or name not in recorded:
            raise BadSource(f"source {name!r}: the golden state kept no copy of it; set another")
        if kept.table not in facts or facts[kept.table].etag != kept.etag:
            raise BadSource(
                f"source {name!r}: the golden state's copy of it, {kept.table}, is gone or was changed; set another"
            )
        found[name] = replace(SourceIdentity.from_json(recorded[name]), kept=kept)
    return found


def count_days(
    warehouse: Warehouse, registry: Registry, pipeline: Pipeline, sources: Sources, window: Window, run_id: str | None
) -> DayCounts:
    """Rows per day of each source that declares its day column, from the registry where they were counted before.

    Counted over what the phases can read. With a `run_id` new counts are recorded.
    """
    wide = window.widened(back=pipeline.reads_back)
    asked = {name: _count_address(source, sources[name], wide) for name, source in _with_day(pipeline).items()}
    recorded = {
        str(event.fingerprint): event.payload
        for event in registry.of_fingerprints(["source_days"], list(asked.values()))
    }
    counts: dict[str, Mapping[date, int]] = {}
    for name, address in asked.items():
        if address in recorded:
            counts[name] = {date.fromisoformat(day): rows for day, rows in recorded[address]["days"].items()}
            continue
        counts[name] = _count(warehouse, pipeline.sources[name], sources[name], wide)
        if run_id is not None:
            days = {day.isoformat(): rows for day, rows in counts[name].items()}
            event = Event(
                kind="source_days", run_id=run_id, pipeline=pipeline.name, fingerprint=address, payload={"days": days}
            )
            registry.append([event])
    return counts


def refuse_empty_windows(plan: Plan, counts: DayCounts) -> None:
    """BadSource if a phase would read a window in which a source has no rows at all."""
    for node in plan.nodes.values():
        for name, days in counts.items():
            if not any(days.get(day) for day in node.window.each_day()):
                table = plan.sources[name].table
                raise BadSource(
                    f"source {name!r}: {table} has no rows in {node.window}, which mode {node.position[0]} reads; "
                    "choose --start and --end where there is data"
                )


def refuse_thin_days(plan: Plan, counts: DayCounts) -> None:
    """BadSource if a day of the window has fewer rows than the cohort says there must be."""
    floor, cohort = plan.request.selection.rows_per_day, plan.request.selection.cohort
    for name, days in counts.items():
        thin = [day for day in plan.request.window.each_day() if days.get(day, 0) < floor]
        if thin:
            raise BadSource(
                f"source {name!r}: {plan.sources[name].table} has {days.get(thin[0], 0):,} rows on {thin[0]}, and "
                f"fewer than {floor:,} on {len(thin)} of {plan.request.window.days} days; cohort {cohort} asks for as "
                "many a day: choose other days, or lower its rows_per_day"
            )


def days_with_rows(counts: DayCounts, window: Window) -> tuple[date, ...]:
    """The days of the window on which every source that declares its day has rows."""
    return tuple(day for day in window.each_day() if counts and all(days.get(day) for days in counts.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A table that stands for a source. `etag` is what it held when it was made: nobody may write into it."""

    table: TableName
    etag: str


def copy_source(warehouse: Warehouse, identity: SourceIdentity, target: TableName, *, days: int | None) -> None:
    """A copy of what a source was identified as, which expires after `days`.

    InfrastructureError, and no copy, if it is no longer the same after the copy: who knows what the copy holds.
    """
    as_of = datetime.fromisoformat(identity.as_of) if identity.as_of is not None and identity.kept is None else None
    warehouse.clone(identity.place, target, days=days, as_of=as_of)
    facts = warehouse.facts([identity.place]).get(identity.place)
    if facts is None or not _same(identity, facts):
        warehouse.drop(target)
        raise InfrastructureError(f"{identity.place} changed while the run was starting; run again")


def _same(identity: SourceIdentity, facts: TableFacts) -> bool:
    if identity.kept is not None:
        return facts.etag == identity.kept.etag
    if identity.as_of is not None:  # what came later does not matter; another table under the name does
        return facts.created.isoformat() == identity.created
    return facts.etag == identity.etag


class Inputs:
    """The tables that phases read, made when the first phase asks for them. Safe between threads.

    They are this process's own: whatever lies in a table that an earlier or another run made is no evidence.
    """

    def __init__(self, plan: Plan, warehouse: Warehouse, dataset: DatasetName) -> None:
        self._plan = plan
        self._dataset = dataset
        self._warehouse = warehouse
        self._own = secrets.token_hex(8)
        self._guards: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._pins: dict[str, Input] = {}
        self._mutated: dict[str, tuple[Touched, Input]] = {}

    def tables(self, node: Node, reference: Mapping[str, TableName]) -> tuple[Mapping[str, Input], tuple[Touched, ...]]:
        """What stands for the sources in this phase. `reference` maps outputs of its second parent."""
        mutated = [self._mutate(node, mutation, reference) for mutation in node.mutation]
        changed = {touched.source: made for touched, made in mutated}
        untouched = {name: self._pin(name) for name in self._plan.sources if name not in changed}
        return {**untouched, **changed}, tuple(touched for touched, _ in mutated)

    def _pin(self, name: str) -> Input:
        with self._guards[f"pin {name}"]:
            if name not in self._pins:
                self._pins[name] = self._snapshot(name)
            return self._pins[name]

    def _snapshot(self, name: str) -> Input:
        identity = self._plan.sources[name]
        content = {**identity.to_json(), "own": self._own}
        pin = made_table(self._dataset, self._plan.request, f"pin_{name}", content)
        copy_source(self._warehouse, identity, pin, days=INPUT_DAYS)
        return self._made(pin)

    def _made(self, table: TableName) -> Input:
        return Input(table=table, etag=self._warehouse.facts([table])[table].etag)

    def _mutate(self, node: Node, mutation: Mutation, reference: Mapping[str, TableName]) -> tuple[Touched, Input]:
        recipe = node.inputs.mutation[node.mutation.index(mutation)]
        key = content_hash([dict(recipe), self._plan.sources[mutation.source].to_json(), str(node.reference)])
        with self._guards[key]:
            if key not in self._mutated:
                touched = self._derive(mutation, recipe, key, reference)
                self._mutated[key] = (touched, self._made(touched.table))
            return self._mutated[key]

    def _derive(
        self, mutation: Mutation, recipe: Mapping[str, object], key: str, reference: Mapping[str, TableName]
    ) -> Touched:
        pin = self._pin(mutation.source).table
        source = self._plan.request.pipeline.sources[mutation.source]
        columns = tuple(field.name for field in self._warehouse.facts([pin])[pin].schema)
        rendered = render(mutation, recipe, source, columns, reference)
        content = {"key": key, "own": self._own}
        target = made_table(self._dataset, self._plan.request, f"mutated_{mutation.source}", content)
        expires = f"OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL {INPUT_DAYS} DAY))"
        sql = f"CREATE TABLE {target.sql} {expires} AS {rendered.select} FROM {pin.sql} WHERE {rendered.keep}"
        self._warehouse.query(Statement(sql=sql, parameters=rendered.parameters))
        return self._report(mutation.source, source, pin, target, rendered)

    def _report(
        self, name: str, source: Source, pin: TableName, target: TableName, rendered: RenderedMutation
    ) -> Touched:
        day = f"DATE({quoted(source.day)})" if source.day else "CAST(NULL AS DATE)"
        sql = (
            f"SELECT {day} AS day, COUNT(*) AS total, COUNTIF({rendered.touched}) AS touched, "
            f"COUNTIF({rendered.keep}) AS kept FROM {pin.sql} GROUP BY 1"
        )
        rows = self._warehouse.query(Statement(sql=sql, parameters=rendered.parameters)).rows
        return Touched(
            source=name,
            table=target,
            before=sum(row["total"] for row in rows),
            after=sum(row["kept"] for row in rows),
            by_day={row["day"]: row["touched"] for row in rows if row["touched"]},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedMutation:
    """A mutation in SQL over its pin: what is selected, which rows are kept, which were touched."""

    select: str
    keep: str
    touched: str
    parameters: Mapping[str, Scalar | Sequence[Scalar]]


def render(
    mutation: Mutation,
    recipe: Mapping[str, object],
    source: Source,
    columns: Sequence[str],
    reference: Mapping[str, TableName],
) -> RenderedMutation:
    """The SQL of a mutation. `recipe` holds an outage's dates; `reference` the tables that keys are chosen from."""
    match mutation:
        case RestrictKeys():
            keep, parameters = _kept_keys(mutation, recipe, reference)
            return RenderedMutation(select="SELECT *", keep=keep, touched=f"NOT ({keep})", parameters=parameters)
        case DropRows():
            where, dropped = _dropped(mutation, recipe, source)
            gone = f"IFNULL({where}, FALSE)"
            return RenderedMutation(select="SELECT *", keep=f"NOT {gone}", touched=gone, parameters=dropped)
        case ShiftTimestamps():
            moved = f"TIMESTAMP_ADD({quoted(mutation.column)}, INTERVAL {mutation.seconds} SECOND)"
            return _replaced(mutation, moved, {}, columns)
        case SetValues():
            return _replaced(mutation, "@value", {"value": mutation.value}, columns)
        case ProjectColumns():
            for column in mutation.columns:
                _refuse_unknown(column, mutation, columns)
            listed = ", ".join(quoted(column) for column in mutation.columns)
            fewer = {column.lower() for column in mutation.columns} < {column.lower() for column in columns}
            return RenderedMutation(select=f"SELECT {listed}", keep="TRUE", touched=str(fewer).upper(), parameters={})
    assert_never(mutation)


_SHARES = 1_000_000


def _kept_keys(
    mutation: RestrictKeys, recipe: Mapping[str, object], reference: Mapping[str, TableName]
) -> tuple[str, Mapping[str, Scalar | Sequence[Scalar]]]:
    key = f"CAST({quoted(mutation.key)} AS STRING)"
    if mutation.keys is not None:
        return f"IFNULL({key} IN UNNEST(@keys), FALSE)", {"keys": list(mutation.keys)}
    if mutation.share is not None:
        # The first 40 bits of MD5: a hash that every engine has, in an order that never changes.
        spread = f"MOD(CAST(CONCAT('0x', SUBSTR(TO_HEX(MD5({key})), 1, 10)) AS INT64), {_SHARES})"
        return f"IFNULL({spread} < @share, FALSE)", {"share": round(mutation.share * _SHARES)}
    assert mutation.chosen_by is not None  # noqa: S101  # validated: exactly one of the three
    table = reference[mutation.chosen_by.output]
    choice = recipe["chosen_by"]
    assert isinstance(choice, Mapping)  # noqa: S101  # the plan put the dates in
    inner = f"SELECT CAST({quoted(mutation.key)} AS STRING) FROM {table.sql} WHERE {choice['where']}"
    chosen = f"IFNULL({key} IN ({inner}), FALSE)"
    return (f"NOT {chosen}" if mutation.chosen_by.keep == "others" else chosen), {}


def _dropped(
    mutation: DropRows, recipe: Mapping[str, object], source: Source
) -> tuple[str, Mapping[str, Scalar | Sequence[Scalar]]]:
    where = recipe["where"]
    if isinstance(where, Mapping):
        begin, end = where["outage"]
        assert source.day is not None  # noqa: S101  # validated with the declaration
        day = f"DATE({quoted(source.day)})"
        return (
            f"({day} >= @outage_start AND {day} < @outage_end)",
            {"outage_start": date.fromisoformat(begin), "outage_end": date.fromisoformat(end)},
        )
    return f"({mutation.where})", {}


def _refuse_unknown(column: str, mutation: Mutation, columns: Sequence[str]) -> None:
    """A misspelled column would leave the input as it is, and look like a change."""
    if column.lower() not in {name.lower() for name in columns}:
        raise BadDeclaration(
            f"{mutation.kind}: {column!r} is not a column of source {mutation.source!r}; it has {', '.join(columns)}"
        )


def _replaced(
    mutation: ShiftTimestamps | SetValues,
    value: str,
    parameters: Mapping[str, Scalar | Sequence[Scalar]],
    columns: Sequence[str],
) -> RenderedMutation:
    """Rows whose value stays what it was are not touched."""
    column, where = mutation.column, f"IFNULL(({mutation.where}), FALSE)"
    _refuse_unknown(column, mutation, columns)
    listed = ", ".join(
        f"IF({where}, {value}, {quoted(name)}) AS {quoted(name)}" if name.lower() == column.lower() else quoted(name)
        for name in columns
    )
    return RenderedMutation(
        select=f"SELECT {listed}",
        keep="TRUE",
        touched=f"({where} AND {quoted(column)} IS DISTINCT FROM {value})",
        parameters=parameters,
    )


def quoted(column: str) -> str:
    """A column's name between backticks, with what would end them escaped."""
    return "`" + column.replace("\\", "\\\\").replace("`", "\\`") + "`"


def _with_day(pipeline: Pipeline) -> Mapping[str, Source]:
    return {name: source for name, source in pipeline.sources.items() if source.day is not None}


def _count_address(source: Source, identity: SourceIdentity, window: Window) -> str:
    asked = {"source": identity.to_json(), "day": source.day, "where": source.where, "window": str(window)}
    return content_hash(asked)


def _count(warehouse: Warehouse, source: Source, identity: SourceIdentity, window: Window) -> Mapping[date, int]:
    assert source.day is not None  # noqa: S101  # only such sources are counted
    condition = f" AND ({source.where})" if source.where else ""
    day = f"DATE({quoted(source.day)})"
    then = ""
    if identity.as_of is not None and identity.kept is None:  # as a literal: not every engine takes a parameter there
        at = datetime.fromisoformat(identity.as_of).astimezone(UTC)
        then = f" FOR SYSTEM_TIME AS OF TIMESTAMP '{at:%Y-%m-%d %H:%M:%S.%f}+00'"
    sql = (
        f"SELECT {day} AS day, COUNT(*) AS n FROM {identity.place.sql}{then} "
        f"WHERE {day} >= @start AND {day} < @end{condition} GROUP BY 1 ORDER BY 1"
    )
    answer = warehouse.query(Statement(sql=sql, parameters={"start": window.start, "end": window.end}))
    return {row["day"]: row["n"] for row in answer.rows}
