"""Small valid values that tests start from, each to be varied in the one respect a test is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from dit_dagster.model.experiment import CodeIdentity, Request, SourceIdentity
from dit_dagster.model.golden import Golden
from dit_dagster.model.identity import Commit, ExperimentId, TableName, Tree
from dit_dagster.model.pipeline import Pipeline, parse_pipeline
from dit_dagster.model.state import PhaseRecord, StateTable
from dit_dagster.model.window import Window
from dit_dagster.planning.fingerprint import SCHEMA_VERSION
from dit_dagster.planning.plan import Node, Plan, make_plan
from dit_dagster.ports import Event, TableFacts

COMMIT = Commit("c" * 40)
CODE = CodeIdentity(tree=Tree("a" * 40), environment="cpython-3.11.2-0123456789abcdef")
MOMENT = datetime(2024, 1, 1, tzinfo=UTC)
MUTATION = {"restrict_keys": {"source": "trips", "key": "vessel", "share": 0.5}}


def declared(**changes: Any) -> dict[str, Any]:
    """The attributes of a declaration that is right; `changes` replace fields, None removes one."""
    attributes: dict[str, Any] = {
        "name": "trips",
        "repository": "/nowhere/trips",
        "window": {"start": date(2013, 1, 1), "end": date(2014, 1, 1)},
        "tail": 4,
        "lookback": 4,
        "sources": {"trips": {"table": "raw.trips", "day": "left_at"}},
        "steps": [
            {
                "name": "count",
                "command": ["count", "{start}", "{end}", "{source.trips}", "{table.daily}"],
            }
        ],
        "outputs": {"daily": {"keys": ["day", "vessel"]}},
        "mutations": {"mutate_recover": MUTATION},
        "owns_to_end": True,
    }
    return {name: value for name, value in {**attributes, **changes}.items() if value is not None}


def a_pipeline(**changes: Any) -> Pipeline:
    return parse_pipeline(declared(**changes), where="defs.yaml")


def a_request(
    *modes: str, pipeline: Pipeline | None = None, days: tuple[date, date] | None = None, **changes: Any
) -> Request:
    """A request for `modes` over the whole of 2013, T=4, W=4."""
    start, end = days or (date(2013, 1, 1), date(2014, 1, 1))
    request = Request(
        pipeline=pipeline or a_pipeline(),
        commit=COMMIT,
        experiment=ExperimentId("solo"),
        modes=modes,
        window=Window(start, end),
        tail=4,
        lookback=4,
        jobs=2,
    )
    return replace(request, **changes)


def source_identity(**changes: Any) -> SourceIdentity:
    identity = SourceIdentity(
        table=TableName("prod", "raw", "trips"), created="2024-01-01", modified="2024-01-02", etag="e1", rows=7
    )
    return replace(identity, **changes)


def sources_of(pipeline: Pipeline) -> Mapping[str, SourceIdentity]:
    return {name: source_identity() for name in pipeline.sources}


def a_plan(*modes: str, pipeline: Pipeline | None = None, **changes: Any) -> Plan:
    request = a_request(*modes, pipeline=pipeline, **changes)
    return make_plan(request, CODE, sources_of(request.pipeline))


def state_table(role: str, prefix: str = "p", **changes: Any) -> StateTable:
    table = StateTable(
        name=TableName("prod", "scratch", f"{prefix}__{role}"),
        role=role,
        kind="TABLE",
        rows=3,
        created=MOMENT.isoformat(),
        etag="e1",
    )
    return replace(table, **changes)


def facts_of(table: StateTable, **changes: Any) -> TableFacts:
    """What the warehouse says of a table that is as it was recorded."""
    facts = TableFacts(
        name=table.name,
        kind="TABLE",
        schema=(),
        created=MOMENT,
        modified=MOMENT,
        etag=table.etag,
        rows=table.rows,
        bytes=1,
    )
    return replace(facts, **changes)


def record_of_node(node: Node, **changes: Any) -> PhaseRecord:
    """The record that a committed phase leaves."""
    prefix = f"p{node.fingerprint[:8]}"
    mode, index = node.position
    record = PhaseRecord(
        fingerprint=node.fingerprint,
        run_id="run-000001",
        pipeline="trips",
        commit=COMMIT,
        mode=mode,
        index=index,
        prefix=prefix,
        epoch=0,
        tables=(state_table("daily", prefix),),
        inputs=node.inputs.to_json(),
        seconds=1.0,
        schema_version=SCHEMA_VERSION,
    )
    return replace(record, **changes)


def a_golden(plan: Plan, mode: str, **changes: Any) -> Golden:
    """The final state of a mode of a plan, made golden."""
    record = record_of_node(plan.nodes[plan.mode(mode).leaf], **changes)
    return Golden(mode=mode, window=plan.request.window, record=record)


def an_event(kind: str = "started", **changes: Any) -> Event:
    event = Event(kind=kind, run_id="run-000001", pipeline="trips", fingerprint="f" * 64, payload={"n": 1})
    return replace(event, **changes)
