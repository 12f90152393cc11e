"""The address of a state by its inputs, known before it is computed.

`sha256(canonical JSON of PhaseInputs)`. Everything that can change a phase's output is a field of `PhaseInputs`;
`identity_table` says of every field of a request and a declaration whether it is in the key, and why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dit_dagster.model.experiment import CodeIdentity, SourceIdentity
from dit_dagster.model.identity import Fingerprint, content_hash
from dit_dagster.model.pipeline import Hook, Pipeline, Step
from dit_dagster.model.window import Window

SCHEMA_VERSION = 2
"""Raised whenever a fingerprint would mean something else; records of another version count as none."""


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
    container: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        # Only where there is one: fingerprints of steps that run as processes are as old as the scheme.
        container = {"container": dict(self.container)} if self.container is not None else {}
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
            **container,
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
    identity = {
        "name": step.name,
        "command": list(step.command),
        "dates": step.dates,
        "environment": dict(step.environment),
        **({"secrets": list(step.secrets)} if step.secrets else {}),
        "window": [window.start.isoformat(), window.end.isoformat()],
    }
    if step.beam is None:
        return identity
    return {**identity, "beam": {"runner": step.beam.runner, "worker_image": step.beam.worker_image}}


def container_identity(pipeline: Pipeline) -> Mapping[str, Any] | None:
    """How the steps' container is declared; None where they run as processes. What its image is, is in the code."""
    if pipeline.runner != "docker" or pipeline.container is None:
        return None
    return pipeline.container.identity


def hook_identity(hook: Hook) -> Mapping[str, Any]:
    """A hook as it is declared. What its file holds is in the tree, or its version stands for it."""
    return {"hook": hook.model_dump(mode="json")}
