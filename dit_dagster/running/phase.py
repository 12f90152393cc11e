"""One phase, from its parent's state to a state of its own.

A zero-copy clone of the parent's tables under a prefix that only this attempt has; the steps, one after another; then
everything under the prefix is taken down as the state, with a comparison digest of each output.
"""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import string
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from graphlib import TopologicalSorter
from typing import Any

from dit_dagster.comparing import Digest, digest
from dit_dagster.errors import BadDeclaration, EngineError, Interrupted, StateInvalid, StepFailed, Uncomparable
from dit_dagster.model.beam import DATAFLOW, Beam, BeamJob, rendered
from dit_dagster.model.identity import TableName
from dit_dagster.model.pipeline import TREE_IMAGE, Hook, Output, Pipeline, Step
from dit_dagster.model.state import JobRecord, PhaseRecord, StateTable, Touched
from dit_dagster.model.step_environment import SYSTEM_PATH, own_folders
from dit_dagster.planning.decision import changed_since
from dit_dagster.planning.fingerprint import SCHEMA_VERSION, step_window
from dit_dagster.planning.plan import Node, Plan
from dit_dagster.ports import Checkout, Environment, Event, Invocation, JobMarks, TableFacts, Warehouse
from dit_dagster.running.contents import content_of
from dit_dagster.running.hooks import is_empty, run_hook
from dit_dagster.running.job_names import JobOf, job_name
from dit_dagster.running.labels import PHASE, job_labels, phase_label
from dit_dagster.running.names import state_table
from dit_dagster.running.redaction import redaction
from dit_dagster.running.remote_jobs import StepJobs
from dit_dagster.running.sources import Input
from dit_dagster.running.workplace import Workplace

EXITED = "ended with exit code"
WROTE_NOTHING = "under its prefix there is nothing"
LATE = "changed after the last step had ended"
"""What a failed phase says if its program failed, and if it was not done when it returned."""

_BUFFER_SECONDS = 120.0
_LAST_LINES = 4
_LAST_WORDS = 400
_BINDING = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at one phase. `sources` are the tables that stand for the pipeline's sources in it.

    `checkout` and `environment` are its own copies; `shared` is the installation that all phases were copied from.
    """

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
    shared: Environment


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
    _refuse_other_code(attempt, workplace)
    done = _run_steps(attempt, workplace, line, stopped)
    _refuse_other_code(attempt, workplace)
    _gather_shards(attempt, workplace)
    facts = _settled(attempt, workplace, stopped)
    tables = tuple(_state_table(found, attempt.prefix) for found in facts.values())
    if attempt.plan.request.pipeline.verify == "digest":
        tables = tuple(replace(one, content=content_of(workplace.warehouse, one.name, one.kind)) for one in tables)
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
        commands=done.commands,
        empty=done.empty,
        images=done.images,
        jobs=done.jobs,
    )
    return Committable(record=record, digests=digests)


def _labelled(attempt: Attempt, workplace: Workplace) -> Workplace:
    """The workplace with the phase's label, besides the run's, on what the warehouse does for it."""
    return replace(workplace, warehouse=workplace.warehouse.labelled({PHASE: phase_label(attempt.node.fingerprint)}))


def compared_role(name: str, output: Output) -> str:
    """The role of the table or view that is compared for an output."""
    return output.compared.format(table=name)


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


def _refuse_other_code(attempt: Attempt, workplace: Workplace) -> None:
    """The code that really ran is read back: before and after, the files and the installation are the commit's."""
    altered = workplace.code.altered(attempt.checkout)
    if altered:
        raise StateInvalid(
            f"{altered[0]} is not what commit {attempt.checkout.commit[:12]} holds: a step, or somebody, changed it, "
            "so that other code would run than is judged; let the program write elsewhere, and run again; if that "
            "does not help, remove the commit's folder in 'checkouts' of DIT_HOME"
        )
    installed = workplace.environments.altered(attempt.environment, attempt.shared)
    if installed:
        raise StateInvalid(
            f"{installed[0]} is not what was installed for commit {attempt.checkout.commit[:12]}: a step, or somebody, "
            "changed it, so that other code would run than is judged; let the program write elsewhere, and run again: "
            "the environment is then built anew"
        )


def _refuse_late_writes(attempt: Attempt, facts: Mapping[TableName, TableFacts], warehouse: Warehouse) -> None:
    """What was digested is what is recorded, and the sources are as they were: else the record would be wrong."""
    inputs = [one.table for one in attempt.sources.values()]
    now = warehouse.facts([*facts, *inputs])
    for name, before in facts.items():
        if name not in now or now[name].etag != before.etag:
            raise StateInvalid(f"{name.table} {LATE}; a step must return only when its work is done")
    for source, one in attempt.sources.items():
        if one.table not in now or now[one.table].etag != one.etag:
            raise StateInvalid(f"a step wrote into source {source!r}, which every mode reads; it may only read it")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """What was run, which tables hooks have left empty by now, and the images and jobs that ran, as read back."""

    commands: tuple[str, ...]
    empty: tuple[str, ...]
    images: tuple[str, ...]
    jobs: tuple[JobRecord, ...]


def _run_steps(
    attempt: Attempt, workplace: Workplace, line: Callable[[str], None], stopped: Callable[[], bool]
) -> _Done:
    """Every step, and after it its hooks."""
    commands: list[str] = []
    jobs: list[JobRecord] = []
    empty = set(attempt.parent.empty) if attempt.parent is not None else set()
    images: dict[str, None] = {}

    def ran(what: str, invocation: Invocation) -> str:
        command, image = _invoke(what, invocation, attempt, workplace, line, stopped)
        images.update(dict.fromkeys([image] if image is not None else ()))
        return command

    for step in attempt.plan.request.pipeline.steps:
        invocation = _invocation(attempt, step, workplace)
        with _following(attempt, step, invocation, workplace, line, stopped) as started:
            commands.append(ran(f"step {step.name!r}", invocation))
        jobs.extend(started())
        for hook in attempt.plan.request.pipeline.hooks:
            if hook.after == step.name:
                said, left_empty = _run_hook(attempt, hook, step, workplace, line, ran)
                commands.append(said)
                if left_empty:
                    empty.add(hook.table)
    return _Done(commands=tuple(commands), empty=tuple(sorted(empty)), images=tuple(images), jobs=tuple(jobs))


_SHARD = re.compile(r"_?(\d{8})")


def _gather_shards(attempt: Attempt, workplace: Workplace) -> None:
    """One view over the daily tables of each sharded output, of whichever phase they are."""
    warehouse = workplace.warehouse
    for name, output in attempt.plan.request.pipeline.outputs.items():
        if output.sharded == "off":
            continue
        start = state_table(attempt.prefix, name)
        found = {table: _SHARD.fullmatch(table.table.removeprefix(start)) for table in _below(start, workplace)}
        shards = sorted((day[1], table.sql) for table, day in found.items() if day is not None)
        if shards:
            view = workplace.dataset.table(state_table(attempt.prefix, compared_role(name, output)))
            warehouse.drop(view)
            each = (f"SELECT PARSE_DATE('%Y%m%d', '{day}') AS shard, * FROM {table}" for day, table in shards)
            warehouse.create_view(view, " UNION ALL ".join(each))


def _below(start: str, workplace: Workplace) -> Sequence[TableName]:
    return workplace.warehouse.tables(workplace.dataset, start)


def _run_hook(
    attempt: Attempt,
    hook: Hook,
    step: Step,
    workplace: Workplace,
    line: Callable[[str], None],
    ran: Callable[[str, Invocation], str],
) -> tuple[str, bool]:
    """Run a hook to its end, on the dates of its step: what was run, and whether its table is empty now."""
    values = placeholders(attempt, step, workplace)
    table = workplace.dataset.table(state_table(attempt.prefix, hook.table))

    def call(command: tuple[str, ...]) -> None:
        ran(f"hook {hook.name!r}", _prepared(attempt, step, workplace, command, bare=True))

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


@contextlib.contextmanager
def _following(
    attempt: Attempt,
    step: Step,
    invocation: Invocation,
    workplace: Workplace,
    line: Callable[[str], None],
    stopped: Callable[[], bool],
) -> Iterator[Callable[[], tuple[JobRecord, ...]]]:
    """Follow the jobs that a step starts while it runs; what is yielded waits for their ends, once it has."""
    jobs = _jobs_of(attempt, step, workplace, line, redaction(invocation))
    if jobs is None:
        yield tuple
        return
    with jobs.followed():
        yield lambda: jobs.finished(stopped)


def _jobs_of(
    attempt: Attempt, step: Step, workplace: Workplace, line: Callable[[str], None], hide: Callable[[str], str]
) -> StepJobs | None:
    """The jobs that a step on Dataflow will start; None for any other. Where images are stood in for, its own is."""
    values = {**placeholders(attempt, step, workplace), **_code(attempt)}
    beam = step.beam
    if beam is None or fill(beam.runner, values) != DATAFLOW:
        return None
    service = workplace.jobs()
    image = fill(beam.worker_image, values) if beam.worker_image is not None else None
    # The commit's, as its name says; not one that was built, for which nothing has to stand in.
    own = beam.worker_image not in (image, TREE_IMAGE)
    if image is not None and own and attempt.environment.image is None:  # an image holds no interpreter of this machine
        identity = f"{attempt.plan.code.tree} {attempt.environment.identity}"
        # Workers of one image are shared by phases, as the image is: a phase's own copy would go away under others.
        service.stand_in(image, attempt.shared, identity)
    return StepJobs(
        step=step.name,
        service=service,
        marks=_marks(attempt, step, beam),
        image=image,
        say=lambda kind, payload: workplace.registry.append([_event(attempt, kind, payload)]),
        line=line,
        hide=hide,
    )


def _event(attempt: Attempt, kind: str, payload: Mapping[str, object]) -> Event:
    mode, index = attempt.node.position
    return Event(
        kind=kind,
        run_id=attempt.run_id,
        pipeline=attempt.plan.request.pipeline.name,
        fingerprint=attempt.node.fingerprint,
        payload={"mode": mode, "index": index, **payload},
    )


def _code(attempt: Attempt) -> Mapping[str, str]:
    """What the name of a worker image may hold besides, or be."""
    built = attempt.environment.worker_image
    return {
        "commit": str(attempt.plan.request.commit),
        "tree": str(attempt.plan.code.tree),
        **({"image": str(built)} if built is not None else {}),
    }


def _invoke(
    what: str,
    invocation: Invocation,
    attempt: Attempt,
    workplace: Workplace,
    line: Callable[[str], None],
    stopped: Callable[[], bool],
) -> tuple[str, str | None]:
    """Run one command to its end, as it was rendered: its line, and the image that ran. `what` it is, for messages."""
    hide = redaction(invocation)
    command = hide(shlex.join(invocation.arguments))
    line(f"$ {command}")
    last: list[str] = []

    def keep(text: str) -> None:
        text = hide(text)
        last[:] = [*last, text.strip()][-_LAST_LINES:] if text.strip() else last
        line(text)

    try:
        ended = workplace.runner.run(invocation, line=keep, stopped=stopped)
    except (StepFailed, EngineError) as error:
        # An engine repeats what it was sent; so would the exception that this one came from.
        raise type(error)(hide(str(error))) from None
    why = f" ({ended.reason})" if ended.reason is not None else ""
    line(f"# {what}: exit {ended.code}{why} after {ended.seconds:.1f} s")
    if stopped():
        raise Interrupted(15)
    if ended.code != 0 or ended.reason is not None:
        said = f": {' / '.join(last)[:_LAST_WORDS]}" if last else ""
        raise StepFailed(f"{what} over {attempt.node.window} {EXITED} {ended.code}{why}{said}")
    return command, ended.image


def _invocation(attempt: Attempt, step: Step, workplace: Workplace) -> Invocation:
    values = placeholders(attempt, step, workplace)
    labels = job_labels(attempt.plan.request, attempt.run_id, attempt.node.fingerprint, step.name)
    labelled = [part.format(key=key, value=value) for key, value in labels.items() for part in step.labels]
    arguments = (*(fill(part, values) for part in step.command), *_of_beam(attempt, step, workplace, values), *labelled)
    return _prepared(attempt, step, workplace, arguments)


def _of_beam(attempt: Attempt, step: Step, workplace: Workplace, values: Mapping[str, str]) -> tuple[str, ...]:
    """Beam's options of a step, its job's name and labels among them."""
    if step.beam is None:
        return ()
    known = {**values, **_code(attempt)}
    job = _job(attempt, step)
    return rendered(step.beam, workplace.beam_place, job, lambda text: fill(text, known), labelled=not step.labels)


def _job(attempt: Attempt, step: Step) -> BeamJob:
    """What the job of a step is called, and labelled with."""
    request, (mode, index) = attempt.plan.request, attempt.node.position
    of = JobOf(
        pipeline=request.pipeline.name,
        step=step.name,
        experiment=request.experiment,
        binding=request.commit[:_BINDING],
        mode=mode,
        phase=index + 1,
        attempt=attempt.epoch + 1,
        run_id=attempt.run_id,
    )
    labels = job_labels(request, attempt.run_id, attempt.node.fingerprint, step.name)
    return BeamJob(name=job_name(of), labels=labels)


def _marks(attempt: Attempt, step: Step, beam: Beam) -> JobMarks:
    """How its job is recognised: by its labels if they are passed on, else by its name."""
    job = _job(attempt, step)
    labelled = bool(step.labels) or beam.flag("labels") is not None
    return JobMarks(labels=job.labels) if labelled else JobMarks(labels={}, name=job.name)


def _prepared(
    attempt: Attempt, step: Step, workplace: Workplace, arguments: tuple[str, ...], *, bare: bool = False
) -> Invocation:
    """A command in the commit's environment, with the variables of its step."""
    values = placeholders(attempt, step, workplace)
    environment = attempt.environment
    variables = {
        **workplace.variables,
        **_of_environment(environment, workplace),
        **(own_folders(attempt.checkout.scratch) if environment.image is None else {}),
        **{name: fill(value, values) for name, value in step.environment.items()},
        **{name: workplace.secrets[name] for name in step.secrets},
    }
    return Invocation(
        arguments=(_program(arguments[0], environment), *arguments[1:]),
        directory=attempt.checkout.directory,
        variables=variables,
        redacted=frozenset(step.secrets),
        image=environment.image,
        labels=job_labels(attempt.plan.request, attempt.run_id, attempt.node.fingerprint, step.name),
        bare=bare,
    )


def _of_environment(environment: Environment, workplace: Workplace) -> Mapping[str, str]:
    """What the environment adds: the way to its programs, or what a container declares, which has a way of its own."""
    if environment.image is not None:
        return environment.variables
    binaries = ":".join(str(directory) for directory in environment.binaries)
    path = f"{binaries}:{workplace.variables.get('PATH', SYSTEM_PATH)}"
    return {**environment.variables, "PATH": path, "VIRTUAL_ENV": str(environment.directory)}


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
        "labels": json.dumps(job_labels(attempt.plan.request, attempt.run_id, attempt.node.fingerprint, step.name)),
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
            there = f"under its prefix there is {', '.join(sorted(by_role))}" if by_role else WROTE_NOTHING
            raise StateInvalid(f"output {name!r}: the pipeline did not write {role}; {there}")
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
