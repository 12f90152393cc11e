"""A pipeline as its `defs.yaml` declares it: repository, steps, sources, outputs, modes.

The models are the schema: an unknown field, a wrong type or a name that leads nowhere is an error that names the
field and the remedy. Nothing here knows Dagster; the component wraps `Pipeline`.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, field_validator, model_validator

from dit_dagster.errors import BadDeclaration, BadName, UnknownName
from dit_dagster.model.golden import LABEL
from dit_dagster.model.identity import Label, PipelineName
from dit_dagster.model.mode import GENERIC, MUTATE, OUTAGE, Mode, Moment, Slice
from dit_dagster.model.mutation import DropRows, Mutation, RestrictKeys
from dit_dagster.model.policy import ComparisonPolicy, Declared
from dit_dagster.model.yaml_file import read_yaml


def _label(text: str) -> str:
    try:
        return str(Label(text))
    except BadName as error:
        raise ValueError(str(error)) from error


Name = Annotated[str, AfterValidator(_label)]


def _switch(value: Any) -> Any:
    """YAML reads a bare `on` or `off` as a boolean."""
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else value


Switch = Annotated[Literal["on", "off"], BeforeValidator(_switch)]


class Source(Declared):
    """A table that the pipeline reads. `day` is its DATE or TIMESTAMP column, by which coverage is checked."""

    table: str
    day: str | None = None
    where: str | None = Field(default=None, description="the rows that the pipeline is expected to use")


class Code(Declared):
    """What of the repository is the program. Changes elsewhere (a README) re-run nothing."""

    paths: tuple[str, ...] = ()


class Step(Declared):
    """One command of the pipeline.

    `dates` says whether its own flags are half-open or inclusive. `window` is `phase`, or `from_start` for a step
    that always rebuilds from the experiment's start to the phase's end.
    """

    name: Name
    command: tuple[str, ...] = Field(min_length=1)
    dates: Literal["half_open", "inclusive"] = "half_open"
    window: Literal["phase", "from_start"] = "phase"
    environment: dict[str, str] = Field(default_factory=dict)
    labels: tuple[str, ...] = Field(
        default=(), description="arguments added once per label, e.g. [--labels, '{key}={value}']"
    )


class _Hook(Declared):
    """Runs after a step of every phase, and fills or filters `table`, an output or an intermediate.

    `version` stands for what cannot be hashed. `allow_empty`: the table may be empty afterwards.
    """

    name: Name
    after: Name
    table: Name
    version: str | None = Field(default=None, min_length=1)
    allow_empty: bool = False


class SqlHook(_Hook):
    """A SQL script: a file of the repository, with the placeholders of steps."""

    sql: str = Field(pattern=r"^\w[\w./-]*$")

    @field_validator("sql")
    @classmethod
    def _within(cls, sql: str) -> str:
        if ".." in sql:
            raise ValueError(f"{sql!r} may leave the repository; name a file in it")
        return sql


class PythonHook(_Hook):
    """A function, as `module:function`, of the program or its environment; it gets the placeholders by name."""

    python: str = Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")


Hook = SqlHook | PythonHook


class Versioned(Declared):
    """An SCD-2 table: (key, version) must be unique in the raw table."""

    key: tuple[str, ...] = Field(min_length=1)
    version: str


class Output(ComparisonPolicy):
    """A table that the pipeline writes, and how it is compared. `view` is compared instead, if given."""

    view: str | None = None
    versioned: Versioned | None = None

    @field_validator("view")
    @classmethod
    def _names_its_table(cls, view: str | None) -> str | None:
        if view is not None and not (view.startswith("{table}") and view.count("{") == 1):
            raise ValueError("a view's name starts with {table}, such as '{table}_last_versions'")
        return view

    @property
    def policy(self) -> ComparisonPolicy:
        """The comparison alone, without where the rows lie."""
        return ComparisonPolicy.model_validate({name: getattr(self, name) for name in ComparisonPolicy.model_fields})


class DefaultWindow(Declared):
    """The window of a run that names none."""

    start: date
    end: date


class Outage(Declared):
    """The days that are missing from sources in `outage_recovery`."""

    from_: Moment = Field(alias="from")
    to: Moment
    sources: tuple[str, ...] = Field(min_length=1)

    @field_validator("from_", "to")
    @classmethod
    def _anchored(cls, moment: str) -> str:
        if moment.startswith("outage"):
            raise ValueError(f"{moment!r} speaks of itself; write start or end, plus or minus days or T")
        return moment


class Pipeline(Declared):
    """One pipeline. `lookback` is the days that a daily run covers; `reads_back` how far before its window it reads."""

    name: str
    repository: str
    description: str = ""
    code: Code = Code()
    window: DefaultWindow
    tail: int = Field(default=3, ge=1)
    lookback: int = Field(default=1, ge=1)
    reads_back: int = Field(default=0, ge=0)
    owns_to_end: bool = False
    sharing: Switch = "on"
    golden: Switch = "off"
    keep: str = Field(default="7d", pattern=r"^\d{1,4}[dh]$")
    parameters: dict[str, str | int | float | bool] = Field(default_factory=dict)
    sources: dict[Name, Source] = Field(min_length=1)
    steps: tuple[Step, ...] = Field(min_length=1)
    hooks: tuple[SqlHook | PythonHook, ...] = ()
    intermediates: tuple[Name, ...] = ()
    outputs: dict[Name, Output] = Field(min_length=1)
    mutations: dict[Name, Mutation] = Field(default_factory=dict)
    outage: Outage | None = None
    modes: dict[Name, Mode] = Field(default_factory=dict)
    reference: Name = "bf"
    default_modes: tuple[Name, ...] = ("bf", "bfd", "bftruncate")

    @field_validator("name")
    @classmethod
    def _named(cls, name: str) -> str:
        try:
            return str(PipelineName(name))
        except BadName as error:
            raise ValueError(str(error)) from error

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Pipeline:
        for problem in self._problems():
            raise ValueError(problem)
        return self

    @property
    def kept_for(self) -> timedelta:
        """How long a state is kept after its last use."""
        number, unit = int(self.keep[:-1]), self.keep[-1]
        return timedelta(days=number) if unit == "d" else timedelta(hours=number)

    @property
    def hashed_paths(self) -> tuple[str, ...]:
        """What of the tree is the code's identity, hooks included; () is the whole tree."""
        scripts = (hook.sql for hook in self.hooks if isinstance(hook, SqlHook))
        return (*self.code.paths, *scripts) if self.code.paths else ()

    @property
    def opaque_hooks(self) -> tuple[str, ...]:
        """The hooks of which a change could go unseen: functions that may lie outside the paths that are hashed."""
        unseen = (hook for hook in self.hooks if isinstance(hook, PythonHook) and self.code.paths)
        return tuple(hook.name for hook in unseen if hook.version is None)

    @property
    def tables(self) -> tuple[str, ...]:
        """Every table that a step may be told to write."""
        return (*self.outputs, *self.intermediates)

    @property
    def available_modes(self) -> Mapping[str, Mode]:
        """Generic modes that this pipeline has what it takes for, then its own; own ones win."""
        usable = {
            name: mode
            for name, mode in GENERIC.items()
            if (name != MUTATE or MUTATE in self.mutations) and (name != "outage_recovery" or self.outage is not None)
        }
        return {**usable, **self.modes}

    def mode(self, name: str) -> Mode:
        """The mode of that name, or UnknownName with what there is."""
        modes = self.available_modes
        if name in modes:
            return modes[name]
        missing = {
            MUTATE: f"{self.name} declares no mutation named {MUTATE}",
            "outage_recovery": f"{self.name} declares no outage",
        }
        if name in GENERIC:
            raise UnknownName(f"mode {name!r} is not available: {missing[name]} in its defs.yaml")
        raise UnknownName(f"unknown mode {name!r} in --modes; {self.name} has {', '.join(modes)}")

    def mutation(self, name: str) -> tuple[Mutation, ...]:
        """The mutations behind a name; an outage drops the days from each of its sources."""
        if name in self.mutations:
            return (self.mutations[name],)
        assert name == OUTAGE  # noqa: S101  # validated when it was read
        assert self.outage is not None  # noqa: S101
        return tuple(DropRows(source=source, where="{outage}") for source in self.outage.sources)

    def placeholders(self) -> frozenset[str]:
        """What a step's command may refer to."""
        return frozenset(
            {"start", "end", "project", "dataset", "prefix"}
            | {f"source.{name}" for name in self.sources}
            | {f"table.{name}" for name in self.tables}
            | {f"parameter.{name}" for name in self.parameters}
        )

    def _problems(self) -> Iterator[str]:
        yield from self._command_problems()
        yield from self._hook_problems()
        yield from self._mutation_problems()
        modes = self.available_modes
        for name in (self.reference, *self.default_modes):
            if name not in modes:
                yield f"default_modes/reference: no mode {name!r}; there are {', '.join(modes)}"
        for name, mode in self.modes.items():
            yield from self._mode_problems(name, mode)
        if LABEL in modes:
            yield f"modes.{LABEL}: the golden state is called so in comparisons; rename the mode"
        if len(set(self.default_modes)) != len(self.default_modes):
            yield "default_modes: a mode stands there twice"
        both = sorted(set(self.outputs) & set(self.intermediates))
        if both:
            yield f"intermediates: {', '.join(both)} is an output as well; name it once"

    def _mode_problems(self, name: str, mode: Mode) -> Iterator[str]:
        if mode.compared_with is not None and mode.compared_with not in self.available_modes:
            yield f"modes.{name}.compared_with: no mode {mode.compared_with!r}"
        if mode.compared_with == name:
            yield f"modes.{name}.compared_with: a mode equals itself; name another, or leave it out"
        for phase in mode.phases:
            if phase.mutation is not None and phase.mutation not in self.mutations and phase.mutation != OUTAGE:
                known = ", ".join(self.mutations) or "none"
                yield f"modes.{name}: no mutation {phase.mutation!r}; there are {known}"
        if self.outage is None and any(_mentions_outage(phase) for phase in mode.phases):
            yield f"modes.{name}: speaks of an outage, and none is declared"

    def _command_problems(self) -> Iterator[str]:
        allowed = self.placeholders()
        for step in self.steps:
            for part in (*step.command, *step.environment.values()):
                for used in _fields(part):
                    if used not in allowed:
                        yield f"steps.{step.name}: no placeholder {{{used}}}; allowed: {', '.join(sorted(allowed))}"
            for used in (used for part in step.labels for used in _fields(part)):
                if used not in ("key", "value"):
                    yield f"steps.{step.name}.labels: no placeholder {{{used}}}; allowed: key, value"
        if len({step.name for step in self.steps}) != len(self.steps):
            yield "steps: two steps have one name"

    def _hook_problems(self) -> Iterator[str]:
        steps = [step.name for step in self.steps]
        for hook in self.hooks:
            if hook.after not in steps:
                yield f"hooks.{hook.name}.after: no step {hook.after!r}; there are {', '.join(steps)}"
            if hook.table not in self.tables:
                yield f"hooks.{hook.name}.table: no output or intermediate {hook.table!r}"
        if len({hook.name for hook in self.hooks}) != len(self.hooks):
            yield "hooks: two hooks have one name"

    def _mutation_problems(self) -> Iterator[str]:
        for name, mutation in self.mutations.items():
            if mutation.source not in self.sources:
                yield f"mutations.{name}.source: no source {mutation.source!r}; there are {', '.join(self.sources)}"
            chosen = mutation.chosen_by if isinstance(mutation, RestrictKeys) else None
            if chosen is not None and chosen.output not in self.outputs:
                yield f"mutations.{name}.chosen_by.output: no output {chosen.output!r}"
            if chosen is not None and chosen.mode not in self.available_modes:
                yield f"mutations.{name}.chosen_by.mode: no mode {chosen.mode!r}"
        for source in self.outage.sources if self.outage else ():
            if source not in self.sources or self.sources[source].day is None:
                yield f"outage.sources: {source!r} must be a source that declares its day column"


def _mentions_outage(phase: Any) -> bool:
    return isinstance(phase, Slice) and ("outage" in phase.from_ or "outage" in phase.to or phase.mutation == OUTAGE)


def _fields(template: str) -> Iterator[str]:
    try:
        parsed = list(string.Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"{template!r} is not a template ({error}); write {{{{ and }}}} for braces") from error
    return (name for _, name, _, _ in parsed if name is not None)


COMPONENT = "dit_dagster.MultiModePipeline"


def read_pipeline(file: Path) -> Pipeline:
    """Read one `defs.yaml`. Raises BadDeclaration naming file, field and remedy."""
    document = read_yaml(file)
    if not isinstance(document, dict) or document.get("type") != COMPONENT:
        raise BadDeclaration(f"{file}: type must be {COMPONENT}")
    unknown = sorted(set(document) - {"type", "attributes"})
    if unknown:
        raise BadDeclaration(f"{file}: unknown field {unknown[0]!r}; allowed: type, attributes")
    return parse_pipeline(document.get("attributes") or {}, where=str(file))


def parse_pipeline(attributes: Mapping[str, Any], *, where: str) -> Pipeline:
    """Validate declared attributes; `where` is named in errors."""
    try:
        return Pipeline.model_validate(attributes)
    except ValidationError as error:
        raise BadDeclaration(f"{where}: {_first(error)}") from error


def _first(error: ValidationError) -> str:
    """The first problem in words: the field's path, what is wrong, what is allowed."""
    problem = error.errors()[0]
    path = ".".join(str(part) for part in problem["loc"]) or "attributes"
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        message = f"unknown field; allowed: {', '.join(_allowed(problem['loc'])) or 'see docs/pipelines'}"
    others = len(error.errors()) - 1
    return f"{path}: {message}" + (f" (and {others} more)" if others else "")


def _allowed(location: tuple[int | str, ...]) -> tuple[str, ...]:
    """The fields of the model that holds the last part of `location`, as far as it can be followed."""
    holders: Mapping[str, type[Declared]] = {
        "sources": Source,
        "steps": Step,
        "hooks": SqlHook,
        "outputs": Output,
        "modes": Mode,
        "code": Code,
        "window": DefaultWindow,
        "outage": Outage,
    }
    model: type[Declared] = Pipeline if len(location) < 2 else holders.get(str(location[0]), Declared)
    return tuple(sorted((field.alias or name) for name, field in model.model_fields.items()))
