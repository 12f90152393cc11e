"""The answer of one comparison: a closed union of frozen verdicts, and what each carries as evidence.

A verdict says what is true of two tables. Whether that passes depends on what was asked for: `judged` reads the union
and an `Expectation`, and is the only place that turns a verdict into pass, fail or inconclusive.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Any, Literal, assert_never

from dit_dagster.model.exercise import Exercised
from dit_dagster.model.policy import ComparisonPolicy


class Outcome(StrEnum):
    """What a verdict, or a whole run, comes to."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"


class Expectation(StrEnum):
    """What the two sides were supposed to be."""

    MUST_MATCH = "must_match"
    REPORT_ONLY = "report_only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two compared tables. `rows` and `duplicate_keys` are None when they were not counted.

    Of a large table on the local engine so many as `sampled_keys` were looked at instead, none of them repeated.
    """

    label: str
    table: str
    rows: int | None = None
    duplicate_keys: int | None = None
    sampled_keys: int | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a comparison read. Bytes as the engine states them; `slot_ms` is 0 where the engine has no slots."""

    bytes_estimated: int = 0
    bytes_billed: int = 0
    slot_ms: int = 0
    seconds: float = 0.0
    statements: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            bytes_estimated=self.bytes_estimated + other.bytes_estimated,
            bytes_billed=self.bytes_billed + other.bytes_billed,
            slot_ms=self.slot_ms + other.slot_ms,
            seconds=self.seconds + other.seconds,
            statements=self.statements + other.statements,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """Bytes that a comparison would read: the verdict in any case, the explanation only if the tables differ."""

    verdict: int
    explanation: int

    @property
    def most(self) -> int:
        return self.verdict + self.explanation


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What every verdict carries, whatever it says. `method` names how the answer was found.

    `exercised` says of two modes which rows could have shown a bug; None where nothing was asked of them.
    """

    left: Side
    right: Side
    policy: ComparisonPolicy
    compared: tuple[str, ...] = ()
    ignored: Mapping[str, str] = field(default_factory=dict)
    method: str = "none"
    engine: str = ""
    digest_version: int = 0
    cost: Cost = Cost()
    warnings: tuple[str, ...] = ()
    exercised: Exercised | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDifference:
    """How often one column (or leaf path) differs between paired rows, and by how much where it is a number.

    `mismatches` are beyond the column's tolerance, `within_tolerance` are not. Deltas are in the column's own unit
    (microseconds for times); None where the column has no distance. `histogram` counts the distances by power of ten:
    (e, n) says that n values, within the tolerance or beyond, lie from 10^e up to 10^(e+1) apart. `greater_on_right`
    counts the values that are, None where they have no order; `null_on_right` those that are NULL there alone.
    """

    name: str
    mismatches: int
    type: str = ""
    within_tolerance: int = 0
    null_on_one_side: int = 0
    null_on_right: int = 0
    greater_on_right: int | None = None
    max_abs: float | None = None
    mean_abs: float | None = None
    max_rel: float | None = None
    unit: str | None = None
    histogram: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One differing value in long form. `column` is None for a row that only one side has."""

    key: Mapping[str, str | None]
    column: str | None
    left: str | None
    right: str | None


class CauseName(StrEnum):
    """What kind of change leaves a trace that fits; closed, and spelled so in JSON."""

    FLOAT_NOISE = "float noise"
    ROUNDING = "rounding"
    OFFSET = "constant offset"
    FACTOR = "constant factor"
    SHIFT = "time shift"
    NULL = "value and NULL"
    DOUBLED = "doubled rows"
    LOST = "lost rows"
    ADDED = "added rows"
    STALE = "stale version"
    ORDER = "array order"
    CASE = "letter case"
    SPACE = "white space"
    FORM = "normal form"
    BOUNDARY = "slice boundary"
    UPSTREAM = "upstream"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A signature that fits, and what it rests on."""

    name: CauseName
    evidence: str

    def __str__(self) -> str:
        return self.evidence or self.name.value


@dataclass(frozen=True, slots=True, kw_only=True)
class PartedRow:
    """A row in which two modes part, as JSON: `extra` on the right, or `missing` there."""

    kind: Literal["extra", "missing"]
    key: Mapping[str, str | None]
    row: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Parting:
    """The first phase of the right mode after which it parts from the left one: `index` counts from 0.

    `rows` finally differing rows stood there already, of those whose days were all filled by then.
    """

    mode: str
    index: int
    fingerprint: str
    start: date
    end: date
    commands: tuple[str, ...]
    rows: int
    samples: tuple[PartedRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why two tables differ. Counts are rows; `changed` are pairs; `multiplicity` is rows in surplus of equal ones.

    Of `multiplicity`, `multiplicity_left` rows are the left's. `within_tolerance` are pairs that differ, but nowhere
    beyond a tolerance; they are no part of `changed`. `parting` is None where no modes are compared, or where
    `parting_untold` says why it cannot be told.
    """

    only_left: int
    only_right: int
    changed: int
    multiplicity: int
    multiplicity_left: int = 0
    within_tolerance: int = 0
    columns: tuple[ColumnDifference, ...] = ()
    samples: tuple[Sample, ...] = ()
    days: tuple[tuple[date, int], ...] = ()
    dimensions: tuple[tuple[str, str | None, int], ...] = ()
    ambiguous_keys: int = 0
    at_boundary: float | None = None
    causes: tuple[Cause, ...] = ()
    parting: Parting | None = None
    parting_untold: str = ""

    @property
    def cause(self) -> str:
        """All that may have happened, in a few words; empty where nothing was asked."""
        return "; ".join(map(str, self.causes))

    @property
    def unexplained(self) -> bool:
        return [cause.name for cause in self.causes] == [CauseName.UNEXPLAINED]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identical:
    """The same multiset of rows."""

    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivalent:
    """Differences only within the declared tolerances."""

    evidence: Evidence
    explanation: Explanation


@dataclass(frozen=True, slots=True, kw_only=True)
class Different:
    """Anything else."""

    evidence: Evidence
    explanation: Explanation


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedDifference:
    """Exactly the declared difference."""

    evidence: Evidence
    explanation: Explanation


@dataclass(frozen=True, slots=True, kw_only=True)
class NonDeterministic:
    """Two replicas of one mode differ."""

    evidence: Evidence
    explanation: Explanation


@dataclass(frozen=True, slots=True, kw_only=True)
class Incomplete:
    """Days on which the source has rows and the output has none."""

    evidence: Evidence
    missing_left: tuple[date, ...]
    missing_right: tuple[date, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """Both bindings declare the same code."""

    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaDifferent:
    """Columns, types or modes differ; one line each."""

    evidence: Evidence
    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Empty:
    """Both are empty, and were not allowed to be."""

    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCompared:
    """There was nothing to compare."""

    evidence: Evidence
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Incomparable:
    """An answer would not mean anything; the reason names what stands in the way."""

    evidence: Evidence
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotExercised:
    """It would pass, but what should have been exercised was not."""

    evidence: Evidence
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """One side failed, was capped or was cancelled."""

    evidence: Evidence
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Error:
    """The comparison itself failed."""

    evidence: Evidence
    reason: str


Verdict = (
    Identical
    | Equivalent
    | Different
    | ExpectedDifference
    | NonDeterministic
    | Incomplete
    | Unchanged
    | SchemaDifferent
    | Empty
    | NotCompared
    | Incomparable
    | NotExercised
    | Skipped
    | Error
)

_NAMES: Mapping[type[Any], str] = {
    Identical: "IDENTICAL",
    Equivalent: "EQUIVALENT",
    Different: "DIFFERENT",
    ExpectedDifference: "EXPECTED_DIFFERENCE",
    NonDeterministic: "NON_DETERMINISTIC",
    Incomplete: "INCOMPLETE",
    Unchanged: "UNCHANGED",
    SchemaDifferent: "SCHEMA_DIFFERENT",
    Empty: "EMPTY",
    NotCompared: "NOT_COMPARED",
    Incomparable: "INCOMPARABLE",
    NotExercised: "NOT_EXERCISED",
    Skipped: "SKIPPED",
    Error: "ERROR",
}


def foretold(verdict: Verdict, ahead: Foreseen) -> Verdict:
    """`verdict` with the bytes that were estimated before for what was then read."""
    cost = verdict.evidence.cost
    if cost.statements == 0:
        return verdict
    explained = ahead.explanation if verdict.evidence.method == "residue" else 0
    cost = replace(cost, bytes_estimated=ahead.verdict + explained)
    return replace(verdict, evidence=replace(verdict.evidence, cost=cost))


def verdict_name(verdict: Verdict) -> str:
    """The verdict's public name, as reports and JSON spell it."""
    return _NAMES[type(verdict)]


def judged(verdict: Verdict, expectation: Expectation = Expectation.MUST_MATCH) -> Outcome:
    """Turn a verdict into an outcome under what was expected."""
    match verdict:
        case Identical() | Equivalent() | ExpectedDifference() | Unchanged():
            return Outcome.PASS
        case Different() | NonDeterministic() | SchemaDifferent():
            return Outcome.PASS if expectation is Expectation.REPORT_ONLY else Outcome.FAIL
        case Incomplete():
            return Outcome.FAIL
        case Error():
            return Outcome.ERROR
        case Empty() | NotCompared() | Incomparable() | NotExercised() | Skipped():
            return Outcome.INCONCLUSIVE
    assert_never(verdict)


def combined(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome of many: fail before error before inconclusive before pass; nothing at all is inconclusive."""
    seen = set(outcomes)
    for outcome in (Outcome.FAIL, Outcome.ERROR, Outcome.INCONCLUSIVE, Outcome.PASS):
        if outcome in seen:
            return outcome
    return Outcome.INCONCLUSIVE


EXIT_CODES: Mapping[Outcome, int] = {
    Outcome.PASS: 0,
    Outcome.FAIL: 1,
    Outcome.INCONCLUSIVE: 3,
    Outcome.ERROR: 4,
}
