"""How a phase ended: a closed union, one value for each planned phase, whatever happened to the others."""

from __future__ import annotations

from dataclasses import dataclass

from dit_dagster.model.identity import Fingerprint
from dit_dagster.model.state import PhaseRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """Executed by this run, and committed."""

    record: PhaseRecord
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reused:
    """A committed state was found; `adopted` if another run committed it while this one was under way."""

    record: PhaseRecord
    adopted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NotNeeded:
    """Nothing that runs starts from it. `record` is what is remembered of a state whose tables are gone."""

    record: PhaseRecord | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """It was executed and did not come to a committed state.

    `misdeclared` says that the pipeline's declaration is at fault: what it names is not in the tables.
    """

    error: str
    log: str | None
    seconds: float
    misdeclared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """A phase that it starts from has no state."""

    by: Fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class Capped:
    """A budget does not allow it."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """The run was stopped before it was done."""


PhaseOutcome = Ran | Reused | NotNeeded | Failed | Blocked | Capped | Cancelled


def outcome_name(outcome: PhaseOutcome) -> str:
    """The public name, such as `ran` or `blocked`."""
    return {"NotNeeded": "not needed"}.get(type(outcome).__name__, type(outcome).__name__.lower())


def record_of(outcome: PhaseOutcome | None) -> PhaseRecord | None:
    """The state that the phase left, if it left one."""
    return outcome.record if isinstance(outcome, (Ran, Reused)) else None


def remembered_of(outcome: PhaseOutcome | None) -> PhaseRecord | None:
    """The record of the phase's state, whether its tables still stand or not."""
    return outcome.record if isinstance(outcome, (Ran, Reused, NotNeeded)) else None
