"""The trials by which a contract is checked: a declaration changed in one respect each, and modes to run it in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Literal

from dit_dagster.errors import UsageError
from dit_dagster.model.contract import KeyFilter
from dit_dagster.model.mode import GENERIC, Mode, Slice
from dit_dagster.model.pipeline import Pipeline, Step
from dit_dagster.model.window import Window

ONCE, TWICE, OVERLAPPING, REPEAT, UNLABELLED = "bf", "twice", "overlapping", "repeat", "unlabelled"
BASE = (ONCE, TWICE, OVERLAPPING, REPEAT)
UNKNOWN_OPTION = "--dit-no-such-option"
MISSING_TABLE = "{dataset}.dit_no_such_table"
MISSING_PROJECT, MISSING_RUNNER, MISSING_DATASET = "dit-no-such-project", "DitNoSuchRunner", "dit_no_such_dataset"
BeamTold = Literal["runner", "temp_dataset"]
_PROJECT = "GOOGLE_CLOUD_PROJECT"
_DAYS = 12
_FEWEST_DAYS = 6
_WITHOUT_LABELS = 2
"""A replica of its own: labels are in no fingerprint, so that the labelled state would be taken over."""


def _phases(*slices: tuple[str, str]) -> tuple[Slice, ...]:
    return tuple(Slice.model_validate({"from": begin, "to": to}) for begin, to in slices)


_MODES = {
    ONCE: GENERIC[ONCE],
    TWICE: Mode(phases=_phases(("start", "end"), ("start", "end")), compared_with=ONCE),
    OVERLAPPING: Mode(phases=_phases(("start", "end-2"), ("end-4", "end")), compared_with=ONCE),
    REPEAT: GENERIC[REPEAT],
    UNLABELLED: Mode(phases=_phases(("start", "end")), replica=_WITHOUT_LABELS),
}


def trial_window(pipeline: Pipeline, start: date | None, end: date | None) -> Window:
    """The days of the trials: the first of the declared window, unless told otherwise. UsageError if they are few."""
    begin = start or pipeline.window.start
    window = Window(begin, end or min(begin + timedelta(days=_DAYS), max(pipeline.window.end, begin)))
    if window.days < _FEWEST_DAYS:
        raise UsageError(f"--start and --end: {window} is too short; a contract is checked on {_FEWEST_DAYS} days")
    return window


def in_trial(pipeline: Pipeline) -> Pipeline:
    """The declaration with the modes of the trials and no others."""
    return pipeline.model_copy(
        update={"modes": _MODES, "reference": ONCE, "default_modes": (ONCE,), "golden": "off", "outage": None}
    )


def without_labels(pipeline: Pipeline) -> Pipeline:
    """No step is given labels. None of them can say so within its command, which is left as it is."""

    def changed(step: Step) -> Step:
        beam = step.beam and step.beam.model_copy(update={"flags": {**step.beam.flags, "labels": None}})
        return step.model_copy(update={"labels": (), "beam": beam})

    return _with_steps(pipeline, *(changed(step) for step in pipeline.steps))


def gives_labels(pipeline: Pipeline) -> bool:
    """Whether any step is given labels besides its command."""
    return any(step.labels or (step.beam is not None and step.beam.flag("labels")) for step in pipeline.steps)


def with_no_labels_named(pipeline: Pipeline) -> Pipeline:
    """Where labels are part of a command: none are in it."""

    def changed(step: Step) -> Step:
        return step.model_copy(update={"command": tuple(part.replace("{labels}", "{{}}") for part in step.command)})

    return _with_steps(pipeline, *(changed(step) for step in pipeline.steps))


def with_unknown_option(pipeline: Pipeline, name: str) -> Pipeline:
    """One step is given an option that no program has."""
    return _with_arguments(pipeline, {name: (UNKNOWN_OPTION,)})


def with_missing_project(pipeline: Pipeline, name: str) -> Pipeline:
    """One step is told of a project that there is not, in every way that it can be told of its project."""

    def changed(step: Step) -> Step:
        return step.model_copy(
            update={
                "command": tuple(part.replace("{project}", MISSING_PROJECT) for part in step.command),
                "environment": {**step.environment, _PROJECT: MISSING_PROJECT},
                "beam": step.beam and step.beam.model_copy(update={"project": MISSING_PROJECT}),
            }
        )

    return _with_steps(pipeline, *(changed(step) if step.name == name else step for step in pipeline.steps))


def with_beam(pipeline: Pipeline, name: str, option: BeamTold, value: str) -> Pipeline:
    """One step is given one of Beam's options otherwise."""
    return _with_steps(
        pipeline,
        *(
            step.model_copy(update={"beam": step.beam.model_copy(update={option: value})})
            if step.beam is not None and step.name == name
            else step
            for step in pipeline.steps
        ),
    )


def with_keys(pipeline: Pipeline, declared: KeyFilter, keys: Sequence[str]) -> Pipeline:
    """The program is confined to some keys."""
    told = declared.separator.join(keys).replace("{", "{{").replace("}", "}}")
    return _with_arguments(
        pipeline,
        {name: tuple(part.replace("{keys}", told) for part in parts) for name, parts in declared.arguments.items()},
    )


def with_dry_run(pipeline: Pipeline) -> Pipeline:
    """The steps that can say what they would do say so; there are no others, and no hooks."""
    told = pipeline.contract.dry_run
    able = tuple(step for step in pipeline.steps if step.name in told)
    return _with_arguments(pipeline.model_copy(update={"steps": able, "hooks": ()}), told)


def with_missing_source(pipeline: Pipeline, source: str) -> Pipeline:
    """Wherever a source is named, a table that is not there."""
    written = f"{{source.{source}}}"

    def changed(step: Step) -> Step:
        command = tuple(part.replace(written, MISSING_TABLE) for part in step.command)
        environment = {name: part.replace(written, MISSING_TABLE) for name, part in step.environment.items()}
        return step.model_copy(update={"command": command, "environment": environment})

    return _with_steps(pipeline, *(changed(step) for step in pipeline.steps))


def with_sources(pipeline: Pipeline, tables: dict[str, str]) -> Pipeline:
    """Some sources are other tables."""
    sources = {
        name: source.model_copy(update={"table": tables.get(name, source.table)})
        for name, source in pipeline.sources.items()
    }
    return pipeline.model_copy(update={"sources": sources})


def is_told_of(pipeline: Pipeline, placeholder: str) -> bool:
    """Whether any step is."""
    texts = (part for step in pipeline.steps for part in (*step.command, *step.environment.values()))
    return any(f"{{{placeholder}}}" in text for text in texts)


def demands_labels(pipeline: Pipeline) -> bool:
    """Whether labels are part of a command."""
    return is_told_of(pipeline, "labels")


def _with_arguments(pipeline: Pipeline, more: Mapping[str, Sequence[str]]) -> Pipeline:
    return _with_steps(
        pipeline,
        *(step.model_copy(update={"command": (*step.command, *more.get(step.name, ()))}) for step in pipeline.steps),
    )


def _with_steps(pipeline: Pipeline, *steps: Step) -> Pipeline:
    return pipeline.model_copy(update={"steps": steps})
