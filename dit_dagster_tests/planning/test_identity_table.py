"""The table of what is in a fingerprint is complete, is the one in the docs, and says what really happens."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import fields, is_dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from dit_dagster.model.beam import Beam
from dit_dagster.model.cohort import DefaultWindow, Selection
from dit_dagster.model.container import Container
from dit_dagster.model.experiment import CodeIdentity, Request, SourceIdentity
from dit_dagster.model.golden import KeptSource
from dit_dagster.model.identity import Commit, ExperimentId, Fingerprint, ImageDigest, TableName, Tree
from dit_dagster.model.mode import Dailies, Mode, Slice
from dit_dagster.model.mutation import (
    ChosenBy,
    DropRows,
    ProjectColumns,
    RestrictKeys,
    SetValues,
    ShiftTimestamps,
)
from dit_dagster.model.origin import Committed
from dit_dagster.model.pipeline import (
    Code,
    Outage,
    Output,
    Pipeline,
    PythonHook,
    Source,
    SqlHook,
    Step,
    Version,
    Versioned,
    parse_pipeline,
)
from dit_dagster.model.resumption import PhaseAt, Resume
from dit_dagster.model.window import Window
from dit_dagster.planning.fingerprint import PhaseInputs
from dit_dagster.planning.identity_table import INSIDE, OUTSIDE
from dit_dagster.planning.plan import Plan, make_plan
from dit_dagster_tests.builders import CODE, a_golden, a_plan, source_identity

KINDS: tuple[Any, ...] = (
    *(PhaseInputs, CodeIdentity, SourceIdentity),
    *(Request, Pipeline, Container, DefaultWindow, Source, Code, Outage, Step, Beam, Version),
    *(SqlHook, PythonHook, Output, Versioned),
    *(Mode, Slice, Dailies, RestrictKeys, ChosenBy, DropRows, ShiftTimestamps, SetValues, ProjectColumns),
)
PAGE = (Path(__file__).parents[2] / "docs" / "identity.md").read_text(encoding="utf-8")


def names_of(kind: Any) -> Iterator[str]:
    for name in [field.name for field in fields(kind)] if is_dataclass(kind) else kind.model_fields:
        yield f"{kind.__name__}.{name}"


FIELDS = [name for kind in KINDS for name in names_of(kind)]


@pytest.mark.parametrize("field", FIELDS)
def test_trap_36_every_field_is_in_the_key_or_has_a_reason(field: str) -> None:
    """Trap 36: a field that is added must be put inside the fingerprint, or outside with the reason."""
    assert (field in INSIDE) != (field in OUTSIDE)
    assert {**INSIDE, **OUTSIDE}[field].strip()


def test_trap_36_the_tables_speak_of_fields_that_exist() -> None:
    """Trap 36: a field that was renamed or removed leaves the tables too."""
    assert INSIDE.keys() | OUTSIDE.keys() == set(FIELDS)


def test_the_docs_show_this_table() -> None:
    """Row for row."""
    rows = re.findall(r"^\| `([\w.]+)` \| (in|out) \| (.+) \|$", PAGE, re.MULTILINE)

    assert {name: (where, why) for name, where, why in rows} == {
        **{name: ("in", why) for name, why in INSIDE.items()},
        **{name: ("out", why) for name, why in OUTSIDE.items()},
    }


NEWER = {"has": "new.py", "commands": {"count": ["count", "--from", "{start}"]}}
ALL = {"kind": "slice", "from": "start", "to": "end"}
WHOLE: dict[str, Any] = {
    "name": "trips",
    "repository": "/nowhere/trips",
    "window": {"start": date(2013, 1, 1), "end": date(2014, 1, 1)},
    "tail": 4,
    "lookback": 4,
    "runner": "docker",
    "container": {"image": "trips:{commit}"},
    "sources": {
        "trips": {"table": "raw.trips", "day": "left_at"},
        "calls": {"table": "raw.calls", "day": "at"},
    },
    "steps": [
        {"name": "count", "command": ["count", "{start}", "{end}"]},
        {"name": "more", "command": ["more"], "beam": {}},
    ],
    "hooks": [
        {"name": "fill", "after": "count", "table": "daily", "sql": "fill.sql"},
        {"name": "sieve", "after": "count", "table": "daily", "python": "hooks:sieve"},
    ],
    "intermediates": ["raw_counts"],
    "outputs": {
        "daily": {"keys": ["day", "vessel"], "view": "{table}_last", "versioned": {"key": ["day"], "version": "v"}},
        "monthly": {"keys": ["month"]},
    },
    "mutations": {
        "some": {"restrict_keys": {"source": "trips", "key": "vessel", "share": 0.5}},
        "listed": {"restrict_keys": {"source": "trips", "key": "vessel", "keys": ["v1"]}},
        "chosen": {
            "restrict_keys": {"source": "trips", "key": "vessel", "chosen_by": {"mode": "bf", "output": "daily"}}
        },
        "fewer": {"drop_rows": {"source": "trips", "where": "TRUE"}},
        "later": {"shift_timestamps": {"source": "trips", "column": "left_at", "seconds": 60}},
        "fixed": {"set_values": {"source": "trips", "column": "speed", "value": 1}},
        "older": {"project_columns": {"source": "trips", "columns": ["vessel"]}},
    },
    "outage": {"from": "end-9", "to": "end-7", "sources": ["trips"]},
    "modes": {
        "own": {"phases": [{"kind": "slice", "from": "start", "to": "end-T"}, {"kind": "dailies"}, ALL]},
        "on_some": {"phases": [{**ALL, "mutation": "some"}, ALL]},
        "on_listed": {"phases": [{**ALL, "mutation": "listed"}, ALL]},
        "on_chosen": {"phases": [{**ALL, "mutation": "chosen"}, ALL]},
        "on_fewer": {"phases": [{**ALL, "mutation": "fewer"}, ALL]},
        "on_later": {"phases": [{**ALL, "mutation": "later"}, ALL]},
        "on_fixed": {"phases": [{**ALL, "mutation": "fixed"}, ALL]},
        "on_older": {"phases": [{**ALL, "mutation": "older"}, ALL]},
    },
    "owns_to_end": True,
}


def declared(changes: Mapping[str, Any]) -> Pipeline:
    """The whole declaration with some places in it changed; a place is a path such as `sources.trips.day`."""
    whole = deepcopy(WHOLE)
    for path, value in changes.items():
        *way, last = path.split(".")
        place: Any = whole
        for part in way:
            place = place[int(part)] if isinstance(place, list) else place.setdefault(part, {})
        place[int(last) if isinstance(place, list) else last] = value
    return parse_pipeline(whole, where="defs.yaml")


def planned(mode: str, declaration: Pipeline, **changes: Any) -> Plan:
    """A plan of one mode. Sources are known by their declared tables, as they are when a run is planned."""
    request = Request(
        pipeline=declaration,
        commit=Commit("c" * 40),
        experiment=ExperimentId("solo"),
        modes=(mode,),
        window=Window(date(2013, 1, 1), date(2014, 1, 1)),
        tail=4,
        lookback=4,
        jobs=2,
    )
    sources = {
        name: source_identity(table=TableName.parse(source.table, project="prod"))
        for name, source in declaration.sources.items()
    }
    return make_plan(replace(request, **changes), CODE, sources)


def leaf(mode: str, changes: Mapping[str, Any], **asked: Any) -> Fingerprint:
    return planned(mode, declared(changes), **asked).mode(mode).leaf


DECLARED: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "Pipeline.name": ("own", {"name": "renamed"}),
    "Pipeline.repository": ("own", {"repository": "/elsewhere"}),
    "Pipeline.description": ("own", {"description": "new"}),
    "Pipeline.default_branch": ("own", {"default_branch": "trunk"}),
    "Pipeline.window": ("own", {"window": {"start": date(2012, 1, 1), "end": date(2013, 1, 1)}}),
    "DefaultWindow.start": ("own", {"window.start": date(2012, 1, 1)}),
    "DefaultWindow.end": ("own", {"window.end": date(2015, 1, 1)}),
    "Pipeline.tail": ("own", {"tail": 9}),
    "Pipeline.lookback": ("own", {"lookback": 9}),
    "Pipeline.reads_back": ("own", {"reads_back": 9}),
    "Pipeline.owns_to_end": ("own", {"owns_to_end": False}),
    "Pipeline.sharing": ("own", {"sharing": "off"}),
    "Pipeline.verify": ("own", {"verify": "digest"}),
    "Pipeline.golden": ("own", {"golden": "on"}),
    "Pipeline.keep": ("own", {"keep": "9d"}),
    "Code.packages": ("own", {"code": {"packages": ["setuptools<81"]}}),
    "Code.requirements": ("own", {"code": {"requirements": ["needs.txt"]}}),
    "Pipeline.contract": ("own", {"contract": {"dry_run": {"count": ["--dry-run"]}}}),
    "Pipeline.pulls": ("own", {"pulls": {"remote": "https://git.example/o/n"}}),
    "Pipeline.parameters": ("own", {"parameters": {"hours": 1}}),
    "Pipeline.sources": ("own", {"sources.more": {"table": "raw.more"}}),
    "Pipeline.steps": ("own", {"steps": [*WHOLE["steps"], {"name": "again", "command": ["count"]}]}),
    "Pipeline.intermediates": ("own", {"intermediates": ["other"]}),
    "Pipeline.outputs": ("on_chosen", {"outputs.daily.view": "{table}_first"}),
    "Pipeline.mutations": ("on_fewer", {"mutations.fewer.drop_rows.where": "FALSE"}),
    "Pipeline.outage": ("outage_recovery", {"outage": {"from": "end-8", "to": "end-6", "sources": ["trips"]}}),
    "Pipeline.modes": ("own", {"modes.own.phases": [ALL]}),
    "Pipeline.cohorts": ("own", {"cohorts": {"small": {"sources": {"trips": "raw.few"}}}}),
    "Pipeline.default_cohort": ("own", {"cohorts": {"small": {}}, "default_cohort": "small"}),
    "Pipeline.reference": ("own", {"reference": "own"}),
    "Pipeline.default_modes": ("own", {"default_modes": ["own"]}),
    "Source.table": ("own", {"sources.trips.table": "raw.other"}),
    "Source.day": ("outage_recovery", {"sources.trips.day": "arrived_at"}),
    "Source.where": ("own", {"sources.trips.where": "TRUE"}),
    "Outage.from_": ("outage_recovery", {"outage.from": "end-10"}),
    "Outage.to": ("outage_recovery", {"outage.to": "end-6"}),
    "Outage.sources": ("outage_recovery", {"outage.sources": ["trips", "calls"]}),
    "Pipeline.runner": ("own", {"runner": "process"}),
    "Pipeline.container": ("own", {"container": {"image": "other"}}),
    "Container.image": ("own", {"container": {"image": "other"}}),
    "Container.dockerfile": ("own", {"container": {"dockerfile": "Dockerfile"}}),
    "Container.recipe": ("own", {"container": {"recipe": "FROM a"}}),
    "Container.service": ("own", {"container": {"service": "pipeline"}}),
    "Container.compose": ("own", {"container": {"service": "pipeline", "compose": "other.yaml"}}),
    "Container.context": ("own", {"container": {"recipe": "FROM a", "context": "src"}}),
    "Container.target": ("own", {"container": {"recipe": "FROM a", "target": "last"}}),
    "Container.build_args": ("own", {"container": {"recipe": "FROM a", "build_args": {"A": "1"}}}),
    "Container.entrypoint": ("own", {"container.entrypoint": ["run"]}),
    "Container.environment": ("own", {"container.environment": {"MODE": "fast"}}),
    "Container.volumes": ("own", {"container.volumes": ["cache:/cache"]}),
    "Container.network": ("own", {"container.network": "none"}),
    "Container.workdir": ("own", {"container.workdir": "/elsewhere"}),
    "Container.user": ("own", {"container.user": "1000"}),
    "Container.holds": ("own", {"container.holds": {"/program": "."}}),
    "Container.memory": ("own", {"container.memory": "1g"}),
    "Container.cpus": ("own", {"container.cpus": 1.5}),
    "Step.name": ("own", {"steps.1.name": "tally"}),
    "Step.command": ("own", {"steps.0.command": ["count", "{start}"]}),
    "Step.dates": ("own", {"steps.0.dates": "inclusive"}),
    "Step.window": ("own", {"steps.0.window": "from_start"}),
    "Step.environment": ("own", {"steps.0.environment": {"MODE": "fast"}}),
    "Step.secrets": ("own", {"steps.0.secrets": ["TOKEN"]}),
    "Step.beam": ("own", {"steps.0.beam": {}}),
    "Beam.runner": ("own", {"steps.1.beam.runner": "DirectRunner"}),
    "Beam.worker_image": ("own", {"steps.1.beam.worker_image": "image:{commit}"}),
    "Beam.spelling": ("own", {"steps.1.beam.spelling": "hyphens"}),
    "Beam.flags": ("own", {"steps.1.beam.flags": {"labels": "--label"}}),
    "Beam.project": ("own", {"steps.1.beam.project": "other"}),
    "Beam.region": ("own", {"steps.1.beam.region": "other"}),
    "Beam.temp_location": ("own", {"steps.1.beam.temp_location": "gs://other/temp"}),
    "Beam.staging_location": ("own", {"steps.1.beam.staging_location": "gs://other/staging"}),
    "Beam.temp_dataset": ("own", {"steps.1.beam.temp_dataset": "other"}),
    "Beam.service_account": ("own", {"steps.1.beam.service_account": "other"}),
    "Beam.subnetwork": ("own", {"steps.1.beam.subnetwork": "other"}),
    "Beam.max_workers": ("own", {"steps.1.beam.max_workers": 9}),
    "Pipeline.versions": ("own", {"versions": [NEWER]}),
    "Version.has": ("own", {"versions": [NEWER]}),
    "Version.lacks": ("own", {"versions": [{"lacks": "new.py", "commands": {"count": ["count", "{start}"]}}]}),
    "Version.commands": ("own", {"versions": [{**NEWER, "commands": {"more": ["more", "{end}"]}}]}),
    "Pipeline.hooks": ("own", {"hooks": []}),
    "SqlHook.name": ("own", {"hooks.0.name": "other"}),
    "SqlHook.after": ("own", {"hooks.0.after": "more"}),
    "SqlHook.table": ("own", {"hooks.0.table": "monthly"}),
    "SqlHook.version": ("own", {"hooks.0.version": "2"}),
    "SqlHook.allow_empty": ("own", {"hooks.0.allow_empty": True}),
    "SqlHook.sql": ("own", {"hooks.0.sql": "other.sql"}),
    "PythonHook.name": ("own", {"hooks.1.name": "other"}),
    "PythonHook.after": ("own", {"hooks.1.after": "more"}),
    "PythonHook.table": ("own", {"hooks.1.table": "monthly"}),
    "PythonHook.version": ("own", {"hooks.1.version": "2"}),
    "PythonHook.allow_empty": ("own", {"hooks.1.allow_empty": True}),
    "PythonHook.python": ("own", {"hooks.1.python": "hooks:other"}),
    "Step.labels": ("own", {"steps.0.labels": ["--labels", "{key}={value}"]}),
    "Mode.phases": ("own", {"modes.own.phases": [ALL]}),
    "Mode.compared_with": ("own", {"modes.own.compared_with": "bfd"}),
    "Mode.replica": ("own", {"modes.own.replica": 1}),
    "Mode.purpose": ("own", {"modes.own.purpose": "new"}),
    "Slice.kind": (
        "own",
        {
            "modes.own.phases": [
                {"kind": "slice", "from": "start", "to": "end-T"},
                {"kind": "dailies"},
                {"kind": "slice", "from": "end-T", "to": "end"},
            ]
        },
    ),
    "Slice.from_": (
        "own",
        {
            "modes.own.phases": [
                {"kind": "slice", "from": "start", "to": "end-T"},
                {"kind": "slice", "from": "end-9", "to": "end"},
            ]
        },
    ),
    "Slice.to": (
        "own",
        {
            "modes.own.phases": [
                {"kind": "slice", "from": "start", "to": "end-3"},
                {"kind": "dailies"},
            ]
        },
    ),
    "Slice.mutation": ("on_some", {"modes.on_some.phases.0.mutation": "fewer"}),
    "Dailies.kind": ("own", {"modes.own.phases.1": {"kind": "slice", "from": "end-T", "to": "end"}}),
    "Dailies.mutation": ("own", {"modes.own.phases.1.mutation": "fewer"}),
    "RestrictKeys.kind": ("on_some", {"mutations.some": {"drop_rows": {"source": "trips", "where": "TRUE"}}}),
    "RestrictKeys.source": ("on_some", {"mutations.some.restrict_keys.source": "calls"}),
    "RestrictKeys.key": ("on_some", {"mutations.some.restrict_keys.key": "captain"}),
    "RestrictKeys.keys": ("on_listed", {"mutations.listed.restrict_keys.keys": ["v2"]}),
    "RestrictKeys.share": ("on_some", {"mutations.some.restrict_keys.share": 0.6}),
    "RestrictKeys.chosen_by": (
        "on_chosen",
        {"mutations.chosen.restrict_keys.chosen_by": {"mode": "bfd", "output": "monthly"}},
    ),
    "ChosenBy.mode": ("on_chosen", {"mutations.chosen.restrict_keys.chosen_by.mode": "bfd"}),
    "ChosenBy.output": ("on_chosen", {"mutations.chosen.restrict_keys.chosen_by.output": "monthly"}),
    "ChosenBy.where": ("on_chosen", {"mutations.chosen.restrict_keys.chosen_by.where": "FALSE"}),
    "ChosenBy.keep": ("on_chosen", {"mutations.chosen.restrict_keys.chosen_by.keep": "others"}),
    "DropRows.kind": ("on_fewer", {"mutations.fewer": {"project_columns": {"source": "trips", "columns": ["day"]}}}),
    "DropRows.source": ("on_fewer", {"mutations.fewer.drop_rows.source": "calls"}),
    "DropRows.where": ("on_fewer", {"mutations.fewer.drop_rows.where": "FALSE"}),
    "ShiftTimestamps.kind": ("on_later", {"mutations.later": {"drop_rows": {"source": "trips", "where": "TRUE"}}}),
    "ShiftTimestamps.source": ("on_later", {"mutations.later.shift_timestamps.source": "calls"}),
    "ShiftTimestamps.column": ("on_later", {"mutations.later.shift_timestamps.column": "at"}),
    "ShiftTimestamps.seconds": ("on_later", {"mutations.later.shift_timestamps.seconds": 61}),
    "ShiftTimestamps.where": ("on_later", {"mutations.later.shift_timestamps.where": "FALSE"}),
    "SetValues.kind": ("on_fixed", {"mutations.fixed": {"drop_rows": {"source": "trips", "where": "TRUE"}}}),
    "SetValues.source": ("on_fixed", {"mutations.fixed.set_values.source": "calls"}),
    "SetValues.column": ("on_fixed", {"mutations.fixed.set_values.column": "course"}),
    "SetValues.value": ("on_fixed", {"mutations.fixed.set_values.value": 2}),
    "SetValues.where": ("on_fixed", {"mutations.fixed.set_values.where": "FALSE"}),
    "ProjectColumns.kind": ("on_older", {"mutations.older": {"drop_rows": {"source": "trips", "where": "TRUE"}}}),
    "ProjectColumns.source": ("on_older", {"mutations.older.project_columns.source": "calls"}),
    "ProjectColumns.columns": ("on_older", {"mutations.older.project_columns.columns": ["day"]}),
    "Output.view": ("on_chosen", {"outputs.daily.view": "{table}_first"}),
    "Output.keys": ("on_chosen", {"outputs.daily.keys": ["day"]}),
    "Output.ignore": ("on_chosen", {"outputs.daily.ignore": {"v": "a clock"}}),
    "Output.columns": ("on_chosen", {"outputs.daily.columns": {"speed": {"tolerance": {"abs": 1}}}}),
    "Output.where": ("on_chosen", {"outputs.daily.where": "TRUE"}),
    "Output.allow_empty": ("on_chosen", {"outputs.daily.allow_empty": True}),
    "Output.content_hash_key": ("on_chosen", {"outputs.daily.content_hash_key": True}),
    "Output.alternate_keys": ("on_chosen", {"outputs.daily.alternate_keys": ["vessel"]}),
    "Output.dimensions": ("on_chosen", {"outputs.daily.dimensions": ["vessel"]}),
    "Output.day": ("on_chosen", {"outputs.daily.day": "day"}),
    "Output.span": ("on_chosen", {"outputs.daily.span": {"start": "a", "end": "b"}}),
    "Output.sharded": ("own", {"outputs.monthly.sharded": "on"}),
    "Output.expected_diff": ("on_chosen", {"outputs.daily.expected_diff": {"where": "TRUE", "rows": 1}}),
    "Output.versioned": ("on_chosen", {"outputs.daily.versioned": {"key": ["vessel"], "version": "v"}}),
    "Versioned.key": ("on_chosen", {"outputs.daily.versioned.key": ["vessel"]}),
    "Versioned.version": ("on_chosen", {"outputs.daily.versioned.version": "w"}),
}
"""A mode, and a change of the declaration, by which each declared field shows what it does."""

ASKED: Mapping[str, Mapping[str, Any]] = {
    "Request.pipeline": {"pipeline": declared({"description": "another value, field for field the same"})},
    "Request.commit": {"commit": Commit("d" * 40)},
    "Request.experiment": {"experiment": ExperimentId("other")},
    "Request.modes": {"modes": ("own", "bf")},
    "Request.window": {"window": Window(date(2013, 1, 2), date(2014, 1, 1))},
    "Request.tail": {"tail": 5},
    "Request.lookback": {"lookback": 5},
    "Request.jobs": {"jobs": 9},
    "Request.force": {"force": True},
    "Request.max_bytes": {"max_bytes": 1},
    "Request.with_golden": {"with_golden": True},
    "Request.selection": {"selection": Selection(cohort="small", rows_per_day=1)},
    "Request.origin": {"origin": Committed(reviewed=True)},
    "Request.golden": {"with_golden": True, "golden": a_golden(a_plan("bf"), "bf")},
    "Request.against": {"against": Commit("b" * 40)},
    "Request.resume": {"resume": Resume.NEVER},
    "Request.from_phase": {"from_phase": PhaseAt("own", 1)},
}

KEPT = KeptSource(table=TableName("prod", "scratch", "kept"), etag="e9")
BARE = replace(next(iter(planned("bf", declared({})).nodes.values())).inputs, sources={"trips": source_identity()})
INPUTS: Mapping[str, PhaseInputs] = {
    "PhaseInputs.code": replace(BARE, code=replace(CODE, tree=Tree("b" * 40))),
    "PhaseInputs.steps": replace(BARE, steps=()),
    "PhaseInputs.window": replace(BARE, window=Window(date(2013, 1, 1), date(2013, 1, 2))),
    "PhaseInputs.parameters": replace(BARE, parameters={"hours": 2}),
    "PhaseInputs.sources": replace(BARE, sources={}),
    "PhaseInputs.mutation": replace(BARE, mutation=({"kind": "drop_rows"},)),
    "PhaseInputs.replica": replace(BARE, replica=1),
    "PhaseInputs.private_to": replace(BARE, private_to="bf/0"),
    "PhaseInputs.container": replace(BARE, container={"image": "other"}),
    "PhaseInputs.parents": replace(BARE, parents=(Fingerprint("0" * 64),)),
    "CodeIdentity.tree": replace(BARE, code=replace(CODE, tree=Tree("b" * 40))),
    "CodeIdentity.environment": replace(BARE, code=replace(CODE, environment="cpython-3.12.1-0")),
    "CodeIdentity.image": replace(BARE, code=replace(CODE, image=ImageDigest("sha256:" + "1" * 64))),
    "SourceIdentity.table": replace(BARE, sources={"trips": source_identity(table=TableName("prod", "raw", "b"))}),
    "SourceIdentity.created": replace(BARE, sources={"trips": source_identity(created="2025-01-01")}),
    "SourceIdentity.modified": replace(BARE, sources={"trips": source_identity(modified="2025-01-01")}),
    "SourceIdentity.kept": replace(BARE, sources={"trips": source_identity(kept=KEPT)}),
    "SourceIdentity.as_of": replace(BARE, sources={"trips": source_identity(as_of="2025-01-01")}),
    "SourceIdentity.etag": replace(BARE, sources={"trips": source_identity(etag="e2")}),
    "SourceIdentity.rows": replace(BARE, sources={"trips": source_identity(rows=8)}),
}

ELSEWHERE = {"Pipeline.code", "Code.paths"}
"""They act where the tree is computed, which is the source control's: its contract has the test."""


@pytest.mark.parametrize("field", sorted(set(FIELDS) - ELSEWHERE))
def test_trap_36_every_field_acts_as_the_table_says(field: str) -> None:
    """Trap 36: a change of the field changes the fingerprint if it is in, and leaves it if it is out."""
    if field in INPUTS:
        before, after = BARE.fingerprint, INPUTS[field].fingerprint
    elif field in ASKED:
        before, after = leaf("own", {}), leaf("own", {}, **ASKED[field])
    else:
        mode, changes = DECLARED[field]
        before, after = leaf(mode, {}), leaf(mode, changes)

    assert (before != after) == (field in INSIDE)
