"""Versions against one another: the same modes of several commits, on the same pinned input, mode by mode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from dit_dagster.comparing import compare_tables
from dit_dagster.errors import DitError
from dit_dagster.model.crossing import Against, Crossing
from dit_dagster.model.identity import Commit, Fingerprint, TableName
from dit_dagster.model.outcome import Capped, Failed, Reused, record_of
from dit_dagster.model.pipeline import Output
from dit_dagster.model.policy import ExpectedDiff
from dit_dagster.model.resumption import Resume
from dit_dagster.model.state import PhaseRecord
from dit_dagster.model.verdict import (
    Different,
    Error,
    Evidence,
    Expectation,
    Explanation,
    Incomparable,
    Outcome,
    Side,
    Skipped,
    Unchanged,
    Verdict,
    combined,
    judged,
)
from dit_dagster.planning.decision import Reuse, changed_since, decide, opaque
from dit_dagster.planning.plan import PlannedMode, make_plan
from dit_dagster.running.judging import Digests, slice_boundaries, warned_of_emptiness, why_no_state
from dit_dagster.running.phase import compared_role
from dit_dagster.running.pulse import beating
from dit_dagster.running.run import Report, gather, identify_code
from dit_dagster.running.versions import at_commit
from dit_dagster.running.workplace import Workplace


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """What became of each binding, by name, and the verdicts between the first and each of the others.

    `announced` are the outputs of which exactly one difference is expected: any other fails, whatever `expectation` is.
    `refs` are the commits as they were asked for: a branch, a tag or an id, by binding.
    """

    reports: Mapping[str, Report]
    crossings: tuple[Crossing, ...]
    expectation: Expectation
    seconds: float
    announced: frozenset[str] = frozenset()
    refs: Mapping[str, str] = field(default_factory=dict)

    def expected_of(self, crossing: Crossing) -> Expectation:
        """What a verdict is judged by."""
        return Expectation.MUST_MATCH if crossing.output in self.announced else self.expectation

    @property
    def outcome(self) -> Outcome:
        """Of the crossings, phases that failed, and runs that were stopped.

        How a binding's own modes compare is told and not judged.
        """
        failed = [
            Outcome.ERROR
            for report in self.reports.values()
            if any(isinstance(one, Failed) for one in report.outcomes.values())
        ]
        stopped = [Outcome.INCONCLUSIVE for report in self.reports.values() if report.signal is not None]
        return combined([*(judged(one.verdict, self.expected_of(one)) for one in self.crossings), *failed, *stopped])


_NOTHING = Explanation(only_left=0, only_right=0, changed=0, multiplicity=0)
BASE, HEAD = "base", "head"
"""The bindings of a run that is held against another commit."""


def against(report: Report, workplace: Workplace) -> Against | None:
    """A run's states against those of the commit that was asked for, as far as they are known: nothing is run.

    None if none was asked for, or the run was stopped. Never raises: what stands in the way is told, and the run's own
    report is not held up by it.
    """
    base = report.prospect.plan.request.against
    if base is None or report.signal is not None:
        return None
    try:
        with beating(workplace.registry, report.run_id, report.prospect.plan.request.pipeline.name):
            reports = {BASE: _known(report, base, workplace), HEAD: report}
            return Against(commit=base, crossings=cross(reports, workplace))
    except DitError as error:
        return Against(commit=base, reason=str(error))
    except Exception as error:  # noqa: BLE001  # the run has its verdicts, and must not be left open for this
        return Against(commit=base, reason=f"{type(error).__name__}: {error}")


def _known(report: Report, base: Commit, workplace: Workplace) -> Report:
    """What a run of `base` on the input of `report` would reuse, as a report of a run that ran nothing."""
    plan = report.prospect.plan
    pipeline = at_commit(plan.request.pipeline, base, workplace.code)
    request = replace(plan.request, pipeline=pipeline, commit=base, against=None)
    request = replace(request, force=False, resume=Resume.IF_POSSIBLE, from_phase=None)
    there = make_plan(request, identify_code(pipeline, base, workplace), plan.sources)
    decisions = decide(there, gather(there, workplace))
    remedy = "run it, and then this again" if not pipeline.opaque_hooks else f"{opaque(pipeline)}; give it one"
    unknown = Capped(reason=f"nothing is known of {base[:12]} here on this input: {remedy}")
    outcomes = {
        name: Reused(record=decided.record) if isinstance(decided, Reuse) else unknown
        for name, decided in decisions.items()
    }
    return replace(report, prospect=replace(report.prospect, plan=there, decisions=decisions), outcomes=outcomes)


def cross(
    reports: Mapping[str, Report], workplace: Workplace, expected: Mapping[str, ExpectedDiff] | None = None
) -> tuple[Crossing, ...]:
    """Judge the first binding against each of the others, in every mode and output. No verdict raises.

    `expected` are the differences that were announced, by output.
    """
    first, *others = reports
    outputs = reports[first].prospect.plan.request.pipeline.outputs
    return tuple(
        Crossing(
            output=name,
            mode=mode,
            left=first,
            right=other,
            verdict=_verdict(
                name, _announced(output, (expected or {}).get(name)), mode, (first, other), reports, workplace
            ),
        )
        for other in others
        for name, output in outputs.items()
        for mode in reports[first].prospect.plan.request.modes
    )


def _announced(output: Output, expected: ExpectedDiff | None) -> Output:
    """What is declared to be expected between modes says nothing of versions."""
    return output.model_copy(update={"expected_diff": expected})


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
    if _one_program_ran(left, right, mode):
        if output.expected_diff is not None:  # it does not show where nothing was changed
            return Different(evidence=evidence, explanation=_NOTHING)
        return Unchanged(evidence=evidence)
    for binding, report in zip(pair, (left, right), strict=True):
        planned = report.prospect.plan.mode(mode)
        if _record(report, planned) is None:
            return Skipped(evidence=evidence, reason=f"{binding}: {why_no_state(planned, report.outcomes)}")
    shared = _worker_code((left, mode)) & _worker_code((right, mode))
    if shared and left.prospect.plan.code != right.prospect.plan.code:
        return Incomparable(evidence=evidence, reason=_one_program(min(shared)))
    try:
        return _of_tables(name, output, mode, (left, right), labels, evidence, workplace)
    except DitError as error:
        return Error(evidence=evidence, reason=str(error))


def _one_program_ran(left: Report, right: Report, mode: str) -> bool:
    """Whether two bindings are one in all that goes into a state: a binding can bring an image of its own.

    With a hook that is not hashed, only those of one commit are.
    """
    plans = (left.prospect.plan, right.prospect.plan)
    unseen = any(plan.request.pipeline.opaque_hooks for plan in plans)
    if unseen and len({plan.request.commit for plan in plans}) > 1:
        return False
    return plans[0].code == plans[1].code and len({plan.mode(mode).leaf for plan in plans}) == 1


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
    images = {record.images for record in records}
    if len(images) == 1 and records[0].images and len({report.prospect.plan.code.tree for report in reports}) > 1:
        reason = (
            f"both ran image {records[0].images[0]}, whose code cannot be that of two trees; build it from the commit, "
            "or put {commit} into its name"
        )
        return Incomparable(evidence=evidence, reason=reason)
    role = compared_role(name, output)
    tables: list[TableName] = [table for record in records if (table := record.table(role)) is not None]
    if len(tables) < len(records):
        return Error(evidence=evidence, reason=f"a state holds no {role}: it was declared later; run with --force")
    known = [
        Digests(report.prospect.plan, workplace, report.run_id, report.outcomes).of(planned.leaf, name)
        for report, planned in zip(reports, modes, strict=True)
    ]
    verdict = compare_tables(
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
    return warned_of_emptiness(verdict, dict(zip(labels, records, strict=True)))


def _boundaries(reports: tuple[Report, Report], mode: str) -> tuple[date, ...]:
    """The slice boundaries of either side; a plan knows its own phases alone."""
    plans = [report.prospect.plan for report in reports]
    return tuple(sorted({day for plan in plans for day in slice_boundaries(plan, plan.mode(mode))}))


def _worker_code(side: tuple[Report, str]) -> frozenset[str]:
    """What the workers of a mode's Dataflow jobs ran, as far as it is the pipeline's own."""
    report, mode = side
    states = (record_of(report.outcomes.get(phase)) for phase in report.prospect.plan.mode(mode).path)
    return frozenset(job.code for record in states if record is not None for job in record.jobs if job.code is not None)


def _one_program(code: str) -> str:
    return (
        f"the workers of both bindings ran {code}, although their code differs, so that one of them was not tested; "
        "build an image per commit, and declare it with {commit} or {tree} in the step's worker_image"
    )


def _record(report: Report, mode: PlannedMode) -> PhaseRecord | None:
    leaf: Fingerprint = mode.leaf
    return record_of(report.outcomes.get(leaf))
