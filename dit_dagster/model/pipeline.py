"""A pipeline as its `defs.yaml` declares it: repository, steps, sources, outputs, modes.

The models are the schema: an unknown field, a wrong type or a name that leads nowhere is an error that names the
field and the remedy. Nothing here knows Dagster; the component wraps `Pipeline`.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from packaging.requirements import InvalidRequirement, Requirement
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, field_validator, model_validator

from dit_dagster.errors import BadDeclaration, BadName, UnknownName
from dit_dagster.model.beam import Beam
from dit_dagster.model.cohort import Cohort, DefaultWindow, Selection
from dit_dagster.model.container import Container, InTree, Starter
from dit_dagster.model.contract import ContractOptions
from dit_dagster.model.golden import LABEL
from dit_dagster.model.identity import Label, PipelineName
from dit_dagster.model.mode import GENERIC, MUTATE, OUTAGE, Mode, Moment, Slice, is_moment, moments_in
from dit_dagster.model.mutation import DropRows, Mutation, RestrictKeys
from dit_dagster.model.policy import ComparisonPolicy, Declared
from dit_dagster.model.pull_request import Pulls
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
    """What of the repository is the program. Changes elsewhere (a README) re-run nothing.

    `requirements` are files that name what it needs, where it has neither a lock nor a `requirements.txt`; `packages`
    is what it needs besides and does not name, since its image happens to have it.
    """

    paths: tuple[str, ...] = ()
    requirements: tuple[InTree, ...] = ()
    packages: tuple[str, ...] = ()

    @field_validator("packages")
    @classmethod
    def _are_requirements(cls, packages: tuple[str, ...]) -> tuple[str, ...]:
        for one in packages:
            try:
                if Requirement(one).url is not None:
                    raise ValueError(f"{one!r}: a package is named, and not fetched from an address")
            except InvalidRequirement as error:
                raise ValueError(f"{one!r} names no package: {error}".splitlines()[0]) from error
        return packages


Command = Annotated[tuple[str, ...], Field(min_length=1)]


class Step(Declared):
    """One command of the pipeline.

    `dates` says whether its own flags are half-open or inclusive. `window` is `phase`, or `from_start` for a step
    that always rebuilds from the experiment's start to the phase's end.
    """

    name: Name
    command: Command
    dates: Literal["half_open", "inclusive"] = "half_open"
    window: Literal["phase", "from_start"] = "phase"
    environment: dict[str, str] = Field(default_factory=dict)
    secrets: tuple[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")], ...] = Field(
        default=(), description="variables of whoever runs this that are passed on; their values stand nowhere"
    )
    labels: tuple[str, ...] = Field(
        default=(), description="arguments added once per label, e.g. [--labels, '{key}={value}']"
    )
    beam: Beam | None = None


class Version(Declared):
    """Commands of the commits whose tree has, or lacks, a path: those of steps that were spelled otherwise then."""

    has: str | None = None
    lacks: str | None = None
    commands: dict[Name, Command] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_way(self) -> Version:
        if (self.has is None) == (self.lacks is None):
            raise ValueError("a version is told by exactly one of has and lacks, a path in the repository")
        return self

    def fits(self, holds: Callable[[str], bool]) -> bool:
        """Whether a tree is of this version; `holds` says whether a path is in it."""
        return holds(self.has) if self.has is not None else not holds(self.lacks or "")


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
    """A table that the pipeline writes, and how it is compared. `view` is compared instead, if given.

    `sharded`: the program writes a table per day, named {table}YYYYMMDD or {table}_YYYYMMDD. All of them are compared
    as one view, with the day of each row as `shard`.
    """

    view: str | None = None
    sharded: Switch = "off"
    versioned: Versioned | None = None

    @field_validator("view")
    @classmethod
    def _names_its_table(cls, view: str | None) -> str | None:
        if view is not None and not (view.startswith("{table}") and view.count("{") == 1):
            raise ValueError("a view's name starts with {table}, such as '{table}_last_versions'")
        return view

    @model_validator(mode="after")
    def _one_relation(self) -> Output:
        if self.sharded == "on" and self.view is not None:
            raise ValueError("sharded tables are compared as a view of their own; leave out view")
        return self

    @property
    def compared(self) -> str:
        """What is compared, with {table} for the output's name."""
        return "{table}_days" if self.sharded == "on" else self.view or "{table}"

    @property
    def policy(self) -> ComparisonPolicy:
        """The comparison alone, without where the rows lie."""
        return ComparisonPolicy.model_validate({name: getattr(self, name) for name in ComparisonPolicy.model_fields})


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
    default_branch: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_./-]{0,199}$")
    code: Code = Code()
    window: DefaultWindow
    tail: int = Field(default=3, ge=1)
    lookback: int = Field(default=1, ge=1)
    reads_back: int = Field(default=0, ge=0)
    owns_to_end: bool = False
    sharing: Switch = "on"
    golden: Switch = "off"
    verify: Literal["metadata", "digest"] = "metadata"
    keep: str = Field(default="7d", pattern=r"^\d{1,4}[dh]$")
    parameters: dict[str, str | int | float | bool] = Field(default_factory=dict)
    sources: dict[Name, Source] = Field(min_length=1)
    steps: tuple[Step, ...] = Field(min_length=1)
    runner: Starter = "process"
    container: Container | None = None
    versions: tuple[Version, ...] = ()
    hooks: tuple[SqlHook | PythonHook, ...] = ()
    intermediates: tuple[Name, ...] = ()
    outputs: dict[Name, Output] = Field(min_length=1)
    mutations: dict[Name, Mutation] = Field(default_factory=dict)
    outage: Outage | None = None
    modes: dict[Name, Mode] = Field(default_factory=dict)
    cohorts: dict[Name, Cohort] = Field(default_factory=dict)
    default_cohort: Name | None = None
    reference: Name = "bf"
    default_modes: tuple[Name, ...] = ("bf", "bfd", "bftruncate")
    pulls: Pulls | None = None
    contract: ContractOptions = ContractOptions()

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
    def builds_worker_image(self) -> bool:
        """Whether Dataflow's workers run the image that is built of the commit's tree."""
        return any(step.beam is not None and step.beam.worker_image == TREE_IMAGE for step in self.steps)

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

    def of_tree(self, holds: Callable[[str], bool]) -> Pipeline:
        """The declaration with the commands of a tree's version: of the first that fits, else as they stand."""
        version = next((one for one in self.versions if one.fits(holds)), None)
        commands = version.commands if version is not None else {}
        steps = tuple(step.model_copy(update={"command": commands.get(step.name, step.command)}) for step in self.steps)
        return self.model_copy(update={"steps": steps, "versions": ()})

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

    def cohort(self, name: str | None) -> Cohort:
        """The cohort of that name, the default one for None, or an empty one. UnknownName for one that there is not."""
        wanted = name or self.default_cohort
        if wanted is None:
            return Cohort()
        if wanted not in self.cohorts:
            there = ", ".join(self.cohorts) or "none"
            raise UnknownName(f"unknown cohort {wanted!r}; {self.name} declares {there}")
        return self.cohorts[wanted]

    def selected(self, selection: Selection) -> Pipeline:
        """This pipeline on what was chosen to be read. UnknownName for a source or cohort that there is not."""
        cohort = self.cohort(selection.cohort) if selection.cohort is not None else Cohort()
        whole = {
            name: f"{cohort.dataset}.{source.table.rpartition('.')[2]}"
            for name, source in self.sources.items()
            if cohort.dataset is not None
        }
        tables = {**whole, **cohort.sources, **selection.tables}
        for name in tables:
            if name not in self.sources:
                raise UnknownName(f"unknown source {name!r}; {self.name} has {', '.join(self.sources)}")
        sources = {
            name: source.model_copy(update={"table": tables.get(name, source.table)})
            for name, source in self.sources.items()
        }
        return self.model_copy(update={"sources": sources, "window": cohort.window or self.window})

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
            {"start", "end", "project", "dataset", "prefix", "labels"}
            | {f"source.{name}" for name in self.sources}
            | {f"table.{name}" for name in self.tables}
            | {f"parameter.{name}" for name in self.parameters}
        )

    def _problems(self) -> Iterator[str]:
        if self.runner == "docker" and self.container is None:
            yield f"runner: {self.name} {NO_CONTAINER}"
        yield from self._command_problems()
        yield from self._hook_problems()
        yield from self._mutation_problems()
        yield from self._cohort_problems()
        yield from self._contract_problems()
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
        yield from self._template_problems()
        names = [step.name for step in self.steps]
        if len(set(names)) != len(names):
            yield "steps: two steps have one name"
        for number, version in enumerate(self.versions):
            for name in version.commands:
                if name not in names:
                    yield f"versions.{number}.commands: no step {name!r}; there are {', '.join(names)}"

    def _template_problems(self) -> Iterator[str]:
        allowed = self.placeholders()
        for where, part in self._templates():
            for used in _fields(part):
                if used not in allowed:
                    yield f"{where}: no placeholder {{{used}}}; allowed: {', '.join(sorted(allowed))}"
        for step in self.steps:
            yield from self._beam_problems(step)
            for used in (used for part in step.labels for used in _fields(part)):
                if used not in ("key", "value"):
                    yield f"steps.{step.name}.labels: no placeholder {{{used}}}; allowed: key, value"

    def _beam_problems(self, step: Step) -> Iterator[str]:
        if step.beam is None:
            return
        allowed = (*self.placeholders(), *CODE)
        image = step.beam.worker_image
        if not step.labels and step.beam.flag("labels") is None and step.beam.flag("job_name") is None:
            yield f"steps.{step.name}.beam.flags: of labels and job_name one must be passed; a job is found by it"
        for used in (used for part in step.beam.templates if part != TREE_IMAGE for used in _fields(part)):
            if used not in allowed:
                yield f"steps.{step.name}.beam: no placeholder {{{used}}}; allowed: {', '.join(sorted(allowed))}"
        if image == TREE_IMAGE and (self.container is None or self.container.image is not None):
            yield (
                f"steps.{step.name}.beam.worker_image: {TREE_IMAGE} is built of the commit's tree, and nothing says "
                "how; declare a `container` with dockerfile, recipe or service"
            )

    def _templates(self) -> Iterator[tuple[str, str]]:
        """Every text in which placeholders of a step may stand, and where it stands."""
        for step in self.steps:
            yield from ((f"steps.{step.name}", part) for part in (*step.command, *step.environment.values()))
        for number, version in enumerate(self.versions):
            for name, command in version.commands.items():
                yield from ((f"versions.{number}.commands.{name}", part) for part in command)

    def _hook_problems(self) -> Iterator[str]:
        steps = [step.name for step in self.steps]
        for hook in self.hooks:
            if hook.after not in steps:
                yield f"hooks.{hook.name}.after: no step {hook.after!r}; there are {', '.join(steps)}"
            if hook.table not in self.tables:
                yield f"hooks.{hook.name}.table: no output or intermediate {hook.table!r}"
        if len({hook.name for hook in self.hooks}) != len(self.hooks):
            yield "hooks: two hooks have one name"

    def _cohort_problems(self) -> Iterator[str]:
        if self.default_cohort is not None and self.default_cohort not in self.cohorts:
            yield f"default_cohort: no cohort {self.default_cohort!r}; there are {', '.join(self.cohorts) or 'none'}"
        heavy = self.pulls.heavy.cohort if self.pulls is not None and self.pulls.heavy is not None else None
        if heavy is not None and heavy not in self.cohorts:
            yield f"pulls.heavy.cohort: no cohort {heavy!r}; there are {', '.join(self.cohorts) or 'none'}"
        for name, cohort in self.cohorts.items():
            if cohort.rows_per_day and not any(source.day for source in self.sources.values()):
                yield f"cohorts.{name}.rows_per_day: no source declares its day, so that nothing would be counted"
            for source in cohort.sources:
                if source not in self.sources:
                    yield f"cohorts.{name}.sources: no source {source!r}; there are {', '.join(self.sources)}"

    def _contract_problems(self) -> Iterator[str]:
        keys = self.contract.key_filter
        steps, outputs = [step.name for step in self.steps], list(self.outputs)
        told = (
            ("dry_run", self.contract.dry_run, "step", steps),
            ("key_filter.arguments", keys.arguments if keys else {}, "step", steps),
            ("key_filter.columns", keys.columns if keys else {}, "output", outputs),
        )
        for where, names, kind, there in told:
            for name in names:
                if name not in there:
                    yield f"contract.{where}: no {kind} {name!r}; there are {', '.join(there)}"

    def _mutation_problems(self) -> Iterator[str]:
        for name, mutation in self.mutations.items():
            if mutation.source not in self.sources:
                yield f"mutations.{name}.source: no source {mutation.source!r}; there are {', '.join(self.sources)}"
            chosen = mutation.chosen_by if isinstance(mutation, RestrictKeys) else None
            if chosen is not None and chosen.output not in self.outputs:
                yield f"mutations.{name}.chosen_by.output: no output {chosen.output!r}"
            if chosen is not None and chosen.mode not in self.available_modes:
                yield f"mutations.{name}.chosen_by.mode: no mode {chosen.mode!r}"
            for moment in moments_in(chosen.where) if chosen is not None else ():
                if not is_moment(moment) or (moment.startswith("outage") and self.outage is None):
                    yield f"mutations.{name}.chosen_by.where: {{{moment}}} is not a moment, such as {{end-T}}"
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
CODE = ("commit", "tree")
"""Placeholders of Beam's options alone: which code runs, for the name of its worker image."""
TREE_IMAGE = "{image}"
"""All of a `worker_image`: the image of the commit's tree, which is built unless it is there."""
NO_CONTAINER = "declares no container, in which it would run; add `container`"


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
        "versions": Version,
        "hooks": SqlHook,
        "outputs": Output,
        "modes": Mode,
        "code": Code,
        "window": DefaultWindow,
        "cohorts": Cohort,
        "outage": Outage,
        "container": Container,
        "pulls": Pulls,
    }
    model: type[Declared] = Pipeline if len(location) < 2 else holders.get(str(location[0]), Declared)
    if "beam" in location[:-1]:
        model = Beam
    return tuple(sorted((field.alias or name) for name, field in model.model_fields.items()))
