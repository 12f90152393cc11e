"""What a test provokes: jobs that wait in the queue, are slow, fail, or end without having run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dit_dagster.adapters.local_gcp.dataflow.jobs import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """For jobs with all of these labels: stay queued while the rule stands, wait before running, fail, or be done."""

    labels: Mapping[str, str] = field(default_factory=dict)
    hold: bool = False
    seconds: float = 0.0
    fail: str | None = None
    done: bool = False


class Rules:
    """The rules in force, by name; the first one that fits a job is its rule."""

    def __init__(self) -> None:
        self._rules: Mapping[str, Rule] = {}

    def state(self, stated: Mapping[str, Mapping[str, Any] | None]) -> None:
        """Put these in the place of those of their names; None takes one away. TypeError for one that is none."""
        named = {name: Rule(**one) for name, one in stated.items() if one is not None}
        self._rules = {**{name: one for name, one in self._rules.items() if name not in stated}, **named}

    def of(self, job: Job) -> Rule:
        fitting = (rule for rule in self._rules.values() if rule.labels.items() <= job.labels.items())
        return next(fitting, Rule())
