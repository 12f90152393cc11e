"""One phase, from its parent's state to a state of its own.

A zero-copy clone of the parent's tables under a prefix that only this attempt has; the steps, one after another; then
everything under the prefix is taken down as the state, with a comparison digest of each output.
"""

from __future__ import annotations

import contextlib
import shlex
import string
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from graphlib import TopologicalSorter
from typing import Any

from dit_dagster.comparing import Digest, digest
from dit_dagster.errors import BadDeclaration, Interrupted, StateInvalid, StepFailed, Uncomparable
from dit_dagster.model.identity import TableName
from dit_dagster.model.pipeline import Hook, Output, Pipeline, Step
from dit_dagster.model.state import PhaseRecord, StateTable, Touched
from dit_dagster.planning.decision import changed_since
from dit_dagster.planning.fingerprint import SCHEMA_VERSION, step_window
from dit_dagster.planning.plan import Node, Plan
from dit_dagster.ports import Checkout, Environment, Invocation, TableFacts, Warehouse
from dit_dagster.running.hooks import is_empty, run_hook
from dit_dagster.running.labels import PHASE, phase_label, run_labels
from dit_dagster.running.names import state_table
from dit_dagster.running.sources import Input
from dit_dagster.running.workplace import Workplace

_BUFFER_SECONDS = 120.0
_LAST_LINES = 4
_LAST_WORDS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at one phase. `sources` are the tables that stand for the pipeline's sources in it."""

    plan: Plan
    node: Node
    run_id: str
    prefix: str
    epoch: int
    parent: PhaseRecord | None
    sources: Mapping[str, Input]
    touched: tuple[Touched, ...]
    checkout: Checkout
    environment: Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Committable:
    """A finished attempt: what the registry will record if this attempt is the one that commits."""

    record: PhaseRecord
    digests: Mapping[str, Digest]


def attempt_phase(
    attempt: Attempt, workplace: Workplace, *, line: Callable[[str], None], stopped: Callable[[], bool]
) -> Committable:
    """Run the attempt to its end. Raises DitError; then its tables are the caller's to drop."""
    from dit_dagster.running.views import check_views

    started = time.monotonic()
    workplace = _labelled(attempt, workplace)
    if attempt.parent is not None:
        _clone_state(attempt, workplace)
    commands, empty = _run_steps(attempt, workplace, line, stopped)
    facts = _settled(attempt, workplace, stopped)
    tables = tuple(_state_table(found, attempt.prefix) for found in facts.values())
    check_outputs(attempt.plan.request.pipeline, tables, facts)
    check_views(facts, workplace.warehouse.project)
    compared = attempt.node.fingerprint in attempt.plan.compared
    digests = _digests(attempt, tables, workplace.warehouse) if compared else {}
    _refuse_late_writes(attempt, facts, workplace.warehouse)
    mode, index = attempt.node.position
    record = PhaseRecord(
        fingerprint=attempt.node.fingerprint,
        run_id=attempt.run_id,
        pipeline=attempt.plan.request.pipeline.name,
        commit=attempt.plan.request.commit,
        mode=mode,
        index=index,
        prefix=attempt.prefix,
        epoch=attempt.epoch,
        tables=tables,
        inputs=attempt.node.inputs.to_json(),
        seconds=round(time.monotonic() - started, 3),
        schema_version=SCHEMA_VERSION,
        touched=attempt.touched,
        commands=commands,
        empty=empty,
    )
    return Committable(record=record, digests=digests)


def _labelled(attempt: Attempt, workplace: Workplace) -> Workplace:
    """The workplace with the phase's label, besides the run's, on what the warehouse does for it."""
    return replace(workplace, warehouse=workplace.warehouse.labelled({PHASE: phase_label(attempt.node.fingerprint)}))


def compared_role(name: str, output: Output) -> str:
    """The role of the table or view that is compared for an output."""
    return name if output.view is None else output.view.format(table=name)


def _clone_state(attempt: Attempt, workplace: Workplace) -> None:
    """Clone the parent's tables; then its views, rewritten to the clones."""
    from dit_dagster.running.views import read_by, rewritten

    assert attempt.parent is not None  # noqa: S101  # the caller asked
    clones = {
        table.name: workplace.dataset.table(state_table(attempt.prefix, table.role)) for table in attempt.parent.tables
    }
    views = [table for table in attempt.parent.tables if table.kind == "VIEW"]
    for table in attempt.parent.tables:
        if table.kind != "VIEW":
            workplace.warehouse.clone(table.name, clones[table.name])
    facts = workplace.warehouse.facts(list(clones))
    changed = changed_since(attempt.parent, facts)
    if changed:
        raise StateInvalid(f"the state to start from is not what was committed: {changed}; run again")
    reads = {view.name: read_by(facts[view.name].view_sql or "", workplace.warehouse.project) for view in views}
    for view in TopologicalSorter({name: read & reads.keys() for name, read in reads.items()}).static_order():
        sql = rewritten(facts[view].view_sql or "", clones, workplace.warehouse.project, view)
        workplace.warehouse.create_view(clones[view], sql)


def _refuse_late_writes(attempt: Attempt, facts: Mapping[TableName, TableFacts], warehouse: Warehouse) -> None:
    """What was digested is what is recorded, and the sources are as they were: else the record would be wrong."""
    inputs = [one.table for one in attempt.sources.values()]
    now = warehouse.facts([*facts, *inputs])
    for name, before in facts.items():
        if name not in now or now[name].etag != before.etag:
            raise StateInvalid(
                f"{name.table} changed after the last step had ended; a step must return only when its work is done"
            )
    for source, one in attempt.sources.items():
        if one.table not in now or now[one.table].etag != one.etag:
            raise StateInvalid(f"a step wrote into source {source!r}, which every mode reads; it may only read it")


def _run_steps(
    attempt: Attempt, workplace: Workplace, line: Callable[[str], None], stopped: Callable[[], bool]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Every step, and after it its hooks: what was run, and which tables hooks have left empty by now."""
    commands: list[str] = []
    empty = set(attempt.parent.empty) if attempt.parent is not None else set()
    for step in attempt.plan.request.pipeline.steps:
        commands.append(_run_step(attempt, step, workplace, line, stopped))
        for hook in attempt.plan.request.pipeline.hooks:
            if hook.after == step.name:
                said, left_empty = _run_hook(attempt, hook, step, workplace, line, stopped)
                commands.append(said)
                if left_empty:
                    empty.add(hook.table)
    return tuple(commands), tuple(sorted(empty))


def _run_hook(
    attempt: Attempt,
    hook: Hook,
    step: Step,
    workplace: Workplace,
    line: Callable[[str], None],
    stopped: Callable[[], bool],
) -> tuple[str, bool]:
    """Run a hook to its end, on the dates of its step: what was run, and whether its table is empty now."""
    values = placeholders(attempt, step, workplace)
    table = workplace.dataset.table(state_table(attempt.prefix, hook.table))

    def call(command: tuple[str, ...]) -> None:
        _invoke(f"hook {hook.name!r}", _prepared(attempt, step, workplace, command), attempt, workplace, line, stopped)

    line(f"# hook {hook.name}")
    said = run_hook(
        hook,
        table,
        values,
        checkout=attempt.checkout.directory,
        warehouse=workplace.warehouse,
        fill=lambda text: fill(text, values),
        call=call,
    )
    return said, is_empty(hook, table, workplace.warehouse)


def _run_step(
    attempt: Attempt,
    step: Step,
    workplace: Workplace,
    line: Callable[[str], None],
    stopped: Callable[[], bool],
) -> str:
    """Run one step to its end. The command line as it ran."""
    return _invoke(f"step {step.name!r}", _invocation(attempt, step, workplace), attempt, workplace, line, stopped)


def _invoke(
    what: str,
    invocation: Invocation,
    attempt: Attempt,
    workplace: Workplace,
    line: Callable[[str], None],
    stopped: Callable[[], bool],
) -> str:
    """Run one command to its end, as it was rendered; `what` it is, for messages."""
    command = shlex.join(invocation.arguments)
    line(f"$ {command}")
    last: list[str] = []

    def keep(text: str) -> None:
        last[:] = [*last, text.strip()][-_LAST_LINES:] if text.strip() else last
        line(text)

    ended = workplace.runner.run(invocation, line=keep, stopped=stopped)
    line(f"# {what}: exit {ended.code} after {ended.seconds:.1f} s")
    if stopped():
        raise Interrupted(15)
    if ended.code != 0:
        said = f": {' / '.join(last)[:_LAST_WORDS]}" if last else ""
        raise StepFailed(f"{what} over {attempt.node.window} ended with exit code {ended.code}{said}")
    return command


def _invocation(attempt: Attempt, step: Step, workplace: Workplace) -> Invocation:
    values = placeholders(attempt, step, workplace)
    request = attempt.plan.request
    labels = {**run_labels(request, attempt.run_id), PHASE: phase_label(attempt.node.fingerprint)}
    labelled = [part.format(key=key, value=value) for key, value in labels.items() for part in step.labels]
    arguments = (*(fill(part, values) for part in step.command), *labelled)
    return _prepared(attempt, step, workplace, arguments)


def _prepared(attempt: Attempt, step: Step, workplace: Workplace, arguments: tuple[str, ...]) -> Invocation:
    """A command in the commit's environment, with the variables of its step."""
    values = placeholders(attempt, step, workplace)
    binaries = ":".join(str(directory) for directory in attempt.environment.binaries)
    variables = {
        **workplace.variables,
        "PATH": f"{binaries}:{workplace.variables.get('PATH', '/usr/bin:/bin')}",
        "VIRTUAL_ENV": str(attempt.environment.directory),
        **{name: fill(value, values) for name, value in step.environment.items()},
    }
    program = _program(arguments[0], attempt.environment)
    return Invocation(
        arguments=(program, *arguments[1:]),
        directory=attempt.checkout.directory,
        variables=variables,
        redacted=frozenset(step.environment),
    )


def _program(name: str, environment: Environment) -> str:
    """The program of the environment if it has one of that name: PATH of the parent is not searched first."""
    candidates = (directory / name for directory in environment.binaries)
    return next((str(candidate) for candidate in candidates if candidate.exists()), name)


def placeholders(attempt: Attempt, step: Step, workplace: Workplace) -> Mapping[str, str]:
    """What a step's command may refer to, filled in for this phase."""
    request = attempt.plan.request
    window = step_window(step, attempt.node.window, request.window)
    end = window.end - timedelta(days=1) if step.dates == "inclusive" else window.end
    tables = {
        f"table.{role}": str(workplace.dataset.table(state_table(attempt.prefix, role)))
        for role in request.pipeline.tables
    }
    return {
        "start": window.start.isoformat(),
        "end": end.isoformat(),
        "project": workplace.warehouse.project,
        "dataset": str(workplace.dataset),
        "prefix": f"{attempt.prefix}__",
        **{f"source.{name}": str(one.table) for name, one in attempt.sources.items()},
        **{f"parameter.{name}": str(value) for name, value in request.pipeline.parameters.items()},
        **tables,
    }


class _Filler(string.Formatter):
    """Takes `{table.gaps}` as one name, where str.format would look for an attribute."""

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, str]:  # noqa: ARG002
        return kwargs[field_name], field_name


def fill(template: str, values: Mapping[str, str]) -> str:
    """A part of a command with its placeholders filled in. The declaration was validated: none is unknown."""
    return _Filler().vformat(template, (), values)


def _settled(attempt: Attempt, workplace: Workplace, stopped: Callable[[], bool]) -> Mapping[TableName, TableFacts]:
    """Everything under the attempt's prefix, once no table has rows in a streaming buffer."""
    deadline = time.monotonic() + _BUFFER_SECONDS
    while True:
        names = workplace.warehouse.tables(workplace.dataset, f"{attempt.prefix}__")
        facts = workplace.warehouse.facts(names)
        buffered = [name.table for name, found in facts.items() if found.buffered]
        if not buffered:
            return facts
        if stopped():
            raise Interrupted(15)
        if time.monotonic() > deadline:
            raise StateInvalid(
                f"{buffered[0]} still has rows in its streaming buffer after {_BUFFER_SECONDS:.0f} s; "
                "a table with such rows cannot be cloned: write with load jobs or DML"
            )
        time.sleep(1.0)


def _state_table(facts: TableFacts, prefix: str) -> StateTable:
    return StateTable(
        name=facts.name,
        role=facts.name.table.removeprefix(f"{prefix}__"),
        kind=facts.kind,
        rows=facts.rows,
        created=facts.created.isoformat(),
        etag=facts.etag,
    )


def check_outputs(pipeline: Pipeline, tables: Sequence[StateTable], facts: Mapping[TableName, TableFacts]) -> None:
    """Every declared output is there, and has the columns that its declaration speaks of."""
    by_role = {table.role: table.name for table in tables}
    for name, output in pipeline.outputs.items():
        role = compared_role(name, output)
        if role not in by_role:
            there = ", ".join(sorted(by_role)) or "nothing"
            raise StateInvalid(f"output {name!r}: the pipeline did not write {role}; under its prefix there is {there}")
        columns = {field.name for field in facts[by_role[role]].schema}
        spoken_of = {
            **dict.fromkeys(output.keys, "keys"),
            **({output.day: "day"} if output.day else {}),
            **({output.span.start: "span", output.span.end: "span"} if output.span else {}),
        }
        for column, field in spoken_of.items():
            if column not in columns:
                raise BadDeclaration(
                    f"{pipeline.name}: outputs.{name}.{field}: {column!r} is not a column of {role}; "
                    f"it has {', '.join(sorted(columns))}"
                )


def _digests(attempt: Attempt, tables: Sequence[StateTable], warehouse: Warehouse) -> Mapping[str, Digest]:
    """A comparison digest of each output that can have one; the comparison says why of the others."""
    by_role = {table.role: table.name for table in tables}
    found: dict[str, Digest] = {}
    for name, output in attempt.plan.request.pipeline.outputs.items():
        with contextlib.suppress(Uncomparable):
            found[name], _ = digest(warehouse, by_role[compared_role(name, output)], output.policy)
    return found
