"""Versions against one another: the same modes of several commits, on the same pinned input, mode by mode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from dit_dagster.comparing import compare_tables
from dit_dagster.errors import DitError
from dit_dagster.model.identity import Fingerprint, TableName
from dit_dagster.model.outcome import Failed, record_of
from dit_dagster.model.pipeline import Output
from dit_dagster.model.state import PhaseRecord
from dit_dagster.model.verdict import (
    Error,
    Evidence,
    Expectation,
    Incomparable,
    Outcome,
    Side,
    Skipped,
    Unchanged,
    Verdict,
    combined,
    judged,
)
from dit_dagster.planning.decision import changed_since
from dit_dagster.planning.plan import PlannedMode
from dit_dagster.running.judging import Digests, slice_boundaries, why_no_state
from dit_dagster.running.phase import compared_role
from dit_dagster.running.run import Report
from dit_dagster.running.workplace import Workplace


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """The verdict on one output of one mode: `left` and `right` are bindings."""

    output: str
    mode: str
    left: str
    right: str
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """What became of each binding, by name, and the verdicts between the first and each of the others."""

    reports: Mapping[str, Report]
    crossings: tuple[Crossing, ...]
    expectation: Expectation
    seconds: float

    @property
    def outcome(self) -> Outcome:
        """Of the crossings, and of phases that failed; how a binding's own modes compare is told and not judged."""
        failed = [
            Outcome.ERROR
            for report in self.reports.values()
            if any(isinstance(one, Failed) for one in report.outcomes.values())
        ]
        return combined([*(judged(one.verdict, self.expectation) for one in self.crossings), *failed])


def cross(reports: Mapping[str, Report], workplace: Workplace) -> tuple[Crossing, ...]:
    """Judge the first binding against each of the others, in every mode and output. No verdict raises."""
    first, *others = reports
    outputs = reports[first].prospect.plan.request.pipeline.outputs
    return tuple(
        Crossing(
            output=name,
            mode=mode,
            left=first,
            right=other,
            verdict=_verdict(name, output, mode, (first, other), reports, workplace),
        )
        for other in others
        for name, output in outputs.items()
        for mode in reports[first].prospect.plan.request.modes
    )


def _verdict(
    name: str,
    output: Output,
    mode: str,
    pair: tuple[str, str],
    reports: Mapping[str, Report],
    workplace: Workplace,
) -> Verdict:
    left, right = (reports[binding] for binding in pair)
    labels = (f"{pair[0]}.{mode}", f"{pair[1]}.{mode}")
    sides = [Side(label=label, table="") for label in labels]
    evidence = Evidence(left=sides[0], right=sides[1], policy=output.policy)
    if left.prospect.plan.sources != right.prospect.plan.sources:
        reason = "a source changed between the bindings' runs, so that they did not read the same input; run again"
        return Incomparable(evidence=evidence, reason=reason)
    if left.prospect.plan.code == right.prospect.plan.code:
        return Unchanged(evidence=evidence)
    for binding, report in zip(pair, (left, right), strict=True):
        planned = report.prospect.plan.mode(mode)
        if _record(report, planned) is None:
            return Skipped(evidence=evidence, reason=f"{binding}: {why_no_state(planned, report.outcomes)}")
    try:
        return _of_tables(name, output, mode, (left, right), labels, evidence, workplace)
    except DitError as error:
        return Error(evidence=evidence, reason=str(error))


def _of_tables(
    name: str,
    output: Output,
    mode: str,
    reports: tuple[Report, Report],
    labels: tuple[str, str],
    evidence: Evidence,
    workplace: Workplace,
) -> Verdict:
    modes = tuple(report.prospect.plan.mode(mode) for report in reports)
    records = [record for report, planned in zip(reports, modes, strict=True) if (record := _record(report, planned))]
    facts = workplace.warehouse.facts([table.name for record in records for table in record.tables])
    for label, record in zip(labels, records, strict=True):
        changed = changed_since(record, facts)
        if changed is not None:
            return Error(evidence=evidence, reason=f"{label}: {changed}; run again")
    role = compared_role(name, output)
    tables: list[TableName] = [table for record in records if (table := record.table(role)) is not None]
    if len(tables) < len(records):
        return Error(evidence=evidence, reason=f"a state holds no {role}: it was declared later; run with --force")
    known = [
        Digests(report.prospect.plan, workplace, report.run_id, report.outcomes).of(planned.leaf, name)
        for report, planned in zip(reports, modes, strict=True)
    ]
    return compare_tables(
        workplace.warehouse,
        tables[0],
        tables[1],
        output.policy,
        left_label=labels[0],
        right_label=labels[1],
        left_digest=known[0],
        right_digest=known[1],
        boundaries=_boundaries(reports, mode),
    )


def _boundaries(reports: tuple[Report, Report], mode: str) -> tuple[date, ...]:
    """The slice boundaries of either side; a plan knows its own phases alone."""
    plans = [report.prospect.plan for report in reports]
    return tuple(sorted({day for plan in plans for day in slice_boundaries(plan, plan.mode(mode))}))


def _record(report: Report, mode: PlannedMode) -> PhaseRecord | None:
    leaf: Fingerprint = mode.leaf
    return record_of(report.outcomes.get(leaf))
