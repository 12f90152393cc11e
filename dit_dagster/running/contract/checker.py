"""What the checks of a contract stand on: the first experiment, and a way to run the program once more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from dit_dagster.comparing import compare_tables
from dit_dagster.model.identity import ImageDigest
from dit_dagster.model.outcome import Failed, PhaseOutcome, record_of
from dit_dagster.model.pipeline import Pipeline
from dit_dagster.model.state import PhaseRecord
from dit_dagster.model.verdict import Outcome, judged
from dit_dagster.model.window import Window
from dit_dagster.planning import contract as trials
from dit_dagster.running.phase import compared_role
from dit_dagster.running.run import Report
from dit_dagster.running.workplace import Workplace

Trial = Callable[[Pipeline, tuple[str, ...]], Report]
"""Runs a declaration in some modes over the window, as any run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checker:
    """`image_labels` reads what an image on the engine says of itself."""

    pipeline: Pipeline
    window: Window
    place: Workplace
    trial: Trial
    base: Report
    image_labels: Callable[[ImageDigest], Mapping[str, str]]

    @property
    def state(self) -> PhaseRecord | None:
        """What one run over the window left; None if it did not end well."""
        return record_of(end_of(self.base, trials.ONCE))

    @property
    def known_state(self) -> PhaseRecord:
        """The same, for checks that are made only if there is one."""
        assert self.state is not None  # noqa: S101  # the caller asked
        return self.state

    def once(self, changed: Pipeline) -> PhaseOutcome | None:
        """What became of one run of another declaration."""
        return end_of(self.trial(changed, (trials.ONCE,)), trials.ONCE)

    def differs(self, found: PhaseRecord) -> bool:
        """Whether a state holds anything else than the first one, in any output."""
        return any(self._differs(found))

    def _differs(self, found: PhaseRecord) -> Iterator[bool]:
        for name, output in self.pipeline.outputs.items():
            role = compared_role(name, output)
            left, right = self.known_state.table(role), found.table(role)
            if left is not None and right is not None:
                yield judged(compare_tables(self.place.warehouse, left, right, output.policy)) is Outcome.FAIL


def end_of(report: Report, mode: str) -> PhaseOutcome | None:
    """What became of the last phase of a mode."""
    return report.outcomes.get(report.prospect.plan.mode(mode).leaf)


def said_of(outcome: PhaseOutcome | None) -> str:
    """Why a phase did not end well."""
    return outcome.error if isinstance(outcome, Failed) else "it was not run to its end"
