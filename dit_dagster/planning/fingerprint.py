"""The address of a state by its inputs, known before it is computed.

`sha256(canonical JSON of PhaseInputs)`. Everything that can change a phase's output is a field of `PhaseInputs`;
`OUTSIDE` lists, with the reason, what is known of a phase and left out. A test walks the dataclasses and fails on a
field that is in neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dit_dagster.model.experiment import CodeIdentity, SourceIdentity
from dit_dagster.model.identity import Fingerprint, content_hash
from dit_dagster.model.pipeline import Step
from dit_dagster.model.window import Window

SCHEMA_VERSION = 1
"""Raised whenever a fingerprint would mean something else; records of another version count as none."""

INSIDE: Mapping[str, str] = {
    "Request.window": "as `from_start` steps read it; a phase's own window is PhaseInputs.window",
    "Pipeline.code": "the tree is computed over its paths",
    "Pipeline.sources": "each table's identity",
    "Pipeline.steps": "as declared, with the dates of each step",
    "Pipeline.parameters": "they stand in the steps' commands",
    "Pipeline.mutations": "the recipe, with its dates",
    "Pipeline.outage": "its days are in the recipe",
    "Pipeline.sharing": "off: mode and position join the key, so that nothing is shared between modes",
    "Source.table": "its identity: creation, modification, etag, rows",
    "Source.day": "an outage's recipe names the column by which it drops days",
    "Code.paths": "the tree is hashed over them",
    "Outage.from_": "its date is in the recipe",
    "Outage.to": "its date is in the recipe",
    "Outage.sources": "one recipe for each",
    "Step.name": "it is the step",
    "Step.command": "it is the step",
    "Step.dates": "it changes the rendered end date",
    "Step.window": "it changes the rendered start date",
    "Step.environment": "the program can read it",
    "Mode.replica": "a replica is never shared with another",
}

OUTSIDE: Mapping[str, str] = {
    "Request.pipeline": "its fields are judged one by one",
    "Request.commit": "the tree says what runs; a rebase or an amended message keeps the cache",
    "Request.experiment": "a name",
    "Request.modes": "they select phases, and do not change any",
    "Request.tail": "it shows in the phases' windows",
    "Request.lookback": "it shows in the phases' windows",
    "Request.jobs": "parallelism does not reach a phase",
    "Request.force": "it decides about running, not about the result",
    "Pipeline.name": "a name",
    "Pipeline.repository": "where the tree was found does not change it",
    "Pipeline.description": "for readers",
    "Pipeline.window": "a default of the request",
    "Pipeline.tail": "a default of the request",
    "Pipeline.lookback": "a default of the request",
    "Pipeline.reads_back": "it judges a mutation's reach, after the fact",
    "Pipeline.owns_to_end": "it validates plans; the program owns what it owns",
    "Pipeline.intermediates": "names of tables stand in the steps' commands",
    "Pipeline.outputs": "how tables are compared: a changed policy costs a scan, never a run",
    "Pipeline.modes": "they resolve to phases",
    "Pipeline.reference": "which pairs are compared",
    "Pipeline.default_modes": "a default of the request",
    "Pipeline.keep": "how long a state is kept, not what it holds",
    "Source.where": "the rows that are counted for coverage; no phase is told of it",
    "Step.labels": "labels are for bills and clean-up",
    "Mode.phases": "each phase has its own fingerprint",
    "Mode.compared_with": "which pairs are compared",
    "Mode.purpose": "for readers",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseInputs:
    """Everything that can change what a phase leaves behind."""

    code: CodeIdentity
    steps: tuple[Mapping[str, Any], ...]
    window: Window
    parameters: Mapping[str, str | int | float | bool]
    sources: Mapping[str, SourceIdentity]
    mutation: tuple[Mapping[str, Any], ...]
    replica: int
    private_to: str | None
    parents: tuple[Fingerprint, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "schema_version": SCHEMA_VERSION,
            "code": self.code.to_json(),
            "steps": [dict(step) for step in self.steps],
            "window": [self.window.start.isoformat(), self.window.end.isoformat()],
            "parameters": dict(self.parameters),
            "sources": {name: identity.to_json() for name, identity in self.sources.items()},
            "mutation": [dict(recipe) for recipe in self.mutation],
            "replica": self.replica,
            "private_to": self.private_to,
            "parents": [str(parent) for parent in self.parents],
        }

    @property
    def fingerprint(self) -> Fingerprint:
        return Fingerprint(content_hash(self.to_json()))


def step_window(step: Step, phase: Window, experiment: Window) -> Window:
    """The days that a step is told to work on in this phase, half-open."""
    return Window(experiment.start, phase.end) if step.window == "from_start" else phase


def step_identity(step: Step, phase: Window, experiment: Window) -> Mapping[str, Any]:
    """A step as its phase runs it: the declaration that reaches the program, and its dates."""
    window = step_window(step, phase, experiment)
    return {
        "name": step.name,
        "command": list(step.command),
        "dates": step.dates,
        "environment": dict(step.environment),
        "window": [window.start.isoformat(), window.end.isoformat()],
    }
