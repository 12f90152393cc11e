"""The pairs of a report and what they come to: the one reading that JUnit, Markdown and notices share.

A report is what `report_json` wrote. Whatever is not known to be a pass is none: an outcome of another spelling is an
error, and nothing compared is inconclusive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dit_dagster.model.verdict import Outcome, combined

_COUNTS = ("only_left", "only_right", "changed", "multiplicity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One pair of one output. `differing` rows are None where nothing was counted; `columns` are (name, mismatches)."""

    output: str
    left: str
    right: str
    verdict: str
    outcome: Outcome
    reason: str
    warnings: tuple[str, ...] = ()
    differing: int | None = None
    columns: tuple[tuple[str, int], ...] = ()
    causes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def pair(self) -> str:
        return f"{self.left} ~ {self.right}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedPhase:
    """A phase that failed: `number` counts from 1 in its mode."""

    mode: str
    number: int
    start: str
    end: str
    error: str


def cases(report: Mapping[str, Any]) -> tuple[Case, ...]:
    """Every pair of the report, in its order."""
    return tuple(_case(one) for one in report["comparisons"])


def changes(report: Mapping[str, Any]) -> tuple[Case, ...]:
    """What the commit changes against another: a case per output and mode, `left` and `right` being the mode."""
    found = report.get("against") or {"comparisons": ()}
    return tuple(replace(_case(one), left=one["mode"], right=one["mode"]) for one in found["comparisons"])


def failed_phases(report: Mapping[str, Any]) -> tuple[FailedPhase, ...]:
    """Every phase that failed, once, under the first mode that has it."""
    found: dict[str, FailedPhase] = {}
    for mode in report["modes"]:
        for number, phase in enumerate(mode["phases"], 1):
            if phase.get("outcome") == "failed":
                failed = FailedPhase(
                    mode=mode["mode"], number=number, start=phase["start"], end=phase["end"], error=phase["error"]
                )
                found.setdefault(phase["fingerprint"], failed)
    return tuple(found.values())


def whole(report: Mapping[str, Any]) -> Outcome:
    """What the run comes to: never better than its worst pair, and no pass if nothing was compared."""
    each = [case.outcome for case in cases(report)]
    said = _outcome(report["outcome"])
    return combined([said, *each, *([] if each else [Outcome.INCONCLUSIVE])])


def worst(report: Mapping[str, Any]) -> Sequence[Case]:
    """The pairs that do not pass: failures before errors before what is inconclusive, more rows before fewer."""
    order = (Outcome.FAIL, Outcome.ERROR, Outcome.INCONCLUSIVE)
    bad = [case for case in cases(report) if case.outcome is not Outcome.PASS]
    return sorted(bad, key=lambda case: (order.index(case.outcome), -(case.differing or 0), case.output, case.pair))


def headline(report: Mapping[str, Any]) -> str:
    """One line of plain text: what the run comes to, and the worst that there is."""
    bad, total = worst(report), len(report["comparisons"])
    outcome = whole(report)
    if outcome is Outcome.PASS:
        return f"PASS: all {total} pairs"
    failed = failed_phases(report)
    if bad:
        first = bad[0]
        what = f"{first.output} {first.pair} {first.verdict}"
    elif failed:
        what = f"{failed[0].mode} phase {failed[0].number} failed"
    else:
        what = "nothing was compared" if not total else "see the report"
    return f"{outcome.value.upper()}: {what}; {total - len(bad)} of {total} pairs pass"


def _case(one: Mapping[str, Any]) -> Case:
    explanation = one["explanation"]
    outcome = _outcome(one["outcome"])
    if outcome is Outcome.PASS and one["passed"] is not True:  # two fields that contradict each other prove nothing
        outcome = Outcome.ERROR
    return Case(
        output=one["output"],
        left=one["left"],
        right=one["right"],
        verdict=one["verdict"],
        outcome=outcome,
        reason=one["reason"],
        warnings=tuple(one["warnings"]),
        differing=sum(explanation[name] for name in _COUNTS) if explanation is not None else None,
        columns=tuple((column["name"], column["mismatches"]) for column in one["columns"]),
        causes=tuple(cause["name"] for cause in (explanation or {}).get("causes", ())),
        seconds=float(one["detail"]["evidence"]["cost"]["seconds"]),
    )


def _outcome(said: Any) -> Outcome:
    return Outcome(said) if said in set(Outcome) else Outcome.ERROR
