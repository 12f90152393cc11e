"""From committed states to verdicts.

What two tables are to one another is the comparison's to say; this module adds what only the plan knows: that a
replica differs, that days are missing, that a mutation touched nothing, that one side failed. Each of these may turn
a pass into something less; none ever turns a difference into a pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, assert_never

from dit_dagster.comparing import (
    DIGEST_VERSION,
    Digest,
    compare_tables,
    count_stale,
    digest,
    final_states,
    spanning_rows,
)
from dit_dagster.errors import BadDeclaration, DitError, NotFound, StateInvalid, Uncomparable, WarehouseError
from dit_dagster.model.identity import Fingerprint, TableName, content_hash
from dit_dagster.model.origin import Editable
from dit_dagster.model.outcome import (
    Blocked,
    Cancelled,
    Capped,
    Failed,
    NotNeeded,
    PhaseOutcome,
    record_of,
    remembered_of,
)
from dit_dagster.model.pipeline import Output
from dit_dagster.model.state import PhaseRecord
from dit_dagster.model.verdict import (
    Cause,
    CauseName,
    Different,
    Error,
    Evidence,
    Expectation,
    Explanation,
    Incomparable,
    Incomplete,
    NonDeterministic,
    NotCompared,
    NotExercised,
    Outcome,
    Side,
    Skipped,
    Verdict,
    judged,
    verdict_name,
)
from dit_dagster.model.verdict_json import comparison_json
from dit_dagster.model.window import Window
from dit_dagster.planning.decision import changed_since
from dit_dagster.planning.plan import AnyPair, GoldenPair, NoPair, Pair, Plan, PlannedMode
from dit_dagster.ports import Event, Statement, Warehouse
from dit_dagster.running.contents import altered_content
from dit_dagster.running.parting import first_parting
from dit_dagster.running.phase import compared_role
from dit_dagster.running.sources import quoted
from dit_dagster.running.workplace import Workplace

Outcomes = Mapping[Fingerprint, PhaseOutcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One judged pair: its JSON, its outcome, and whether an earlier run had judged these very states already."""

    output: str
    left: str
    right: str
    outcome: Outcome
    verdict: str
    json: Mapping[str, Any]
    remembered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Judges the pairs of one plan. `expected_days` are the days on which the sources have rows."""

    plan: Plan
    workplace: Workplace
    run_id: str
    expected_days: tuple[date, ...]
    expectation: Expectation = Expectation.MUST_MATCH

    def pairs(self, outcomes: Outcomes, wanted: Sequence[AnyPair] | None = None) -> tuple[Comparison, ...]:
        """A comparison for each pair of the plan (or of `wanted`), in the plan's order."""
        pairs = self.plan.pairs if wanted is None else wanted
        addresses = {pair: self._address(pair, outcomes) for pair in pairs if isinstance(pair, Pair)}
        known = [address for address in addresses.values() if address is not None]
        events = self.workplace.registry.of_fingerprints(["verdict"], known)
        remembered = {event.fingerprint: event.payload for event in events if _whole(event.payload)}
        digests = Digests(self.plan, self.workplace, self.run_id, outcomes)
        changed = self._changed(pairs, outcomes)
        judged_pairs = [
            self._pair(
                pair, addresses.get(pair) if isinstance(pair, Pair) else None, remembered, outcomes, digests, changed
            )
            for pair in pairs
        ]
        self.workplace.registry.append(
            [*digests.news, *(self._event(one, addresses, pair) for pair, one in zip(pairs, judged_pairs, strict=True))]
        )
        return tuple(judged_pairs)

    def _changed(self, pairs: Sequence[AnyPair], outcomes: Outcomes) -> Mapping[str, str]:
        """The modes whose final state is no longer what was committed, and how: no verdict may speak of those."""
        names = {side for pair in pairs for side in _modes_of(pair)}
        records = {name: record_of(outcomes.get(self.plan.mode(name).leaf)) for name in sorted(names)}
        there = {name: record for name, record in records.items() if record is not None}
        facts = self.workplace.warehouse.facts([table.name for record in there.values() for table in record.tables])
        found = {name: changed_since(record, facts) for name, record in there.items()}
        return {name: changed for name, changed in found.items() if changed is not None}

    def _event(self, judged_pair: Comparison, addresses: Mapping[Pair, str | None], pair: AnyPair) -> Event:
        """The verdict, addressed by the states it is about if it is about states alone."""
        lasting = judged_pair.outcome is not Outcome.ERROR and not judged_pair.remembered
        address = addresses.get(pair) if isinstance(pair, Pair) and lasting else None
        return Event(
            kind="verdict",
            run_id=self.run_id,
            pipeline=self.plan.request.pipeline.name,
            fingerprint=address,
            payload={
                **judged_pair.json,
                "commit": self.plan.request.commit,
                **({"remembered": True} if judged_pair.remembered else {}),
            },
        )

    def _pair(
        self,
        pair: AnyPair,
        address: str | None,
        remembered: Mapping[str | None, Mapping[str, Any]],
        outcomes: Outcomes,
        digests: Digests,
        changed: Mapping[str, str],
    ) -> Comparison:
        touched = [name for name in _modes_of(pair) if name in changed]
        if address is not None and address in remembered and not touched:
            payload = {name: value for name, value in remembered[address].items() if name != "commit"}
            return Comparison(
                output=pair.output,
                left=pair.left,
                right=pair.right,
                outcome=Outcome(payload["outcome"]),
                verdict=payload["verdict"],
                json={**payload, "left": pair.left, "right": pair.right},
                remembered=True,
            )
        verdict = self._verdict(pair, outcomes, digests)
        if touched:
            reason = f"{touched[0]}: {changed[touched[0]]}; run again"
            verdict = Error(evidence=verdict.evidence, reason=reason)
        if isinstance(self.plan.request.origin, Editable):
            verdict = _unproved(verdict)
        return Comparison(
            output=pair.output,
            left=pair.left,
            right=pair.right,
            outcome=judged(verdict, self.expectation),
            verdict=(json := comparison_json(pair.output, pair.left, pair.right, verdict, self.expectation))["verdict"],
            json=json,
            remembered=False,
        )

    def _verdict(self, pair: AnyPair, outcomes: Outcomes, digests: Digests) -> Verdict:
        output = self.plan.request.pipeline.outputs[pair.output]
        evidence = Evidence(
            left=Side(label=pair.left, table=""), right=Side(label=pair.right, table=""), policy=output.policy
        )
        if isinstance(pair, NoPair):
            return NotCompared(evidence=evidence, reason=pair.reason)
        modes = [self.plan.mode(name) for name in _modes_of(pair)]
        for mode in modes:
            if record_of(outcomes.get(mode.leaf)) is None:
                return Skipped(evidence=evidence, reason=f"{mode.name}: {why_no_state(mode, outcomes)}")
        try:
            records = {mode.name: digests.record(mode.leaf) for mode in modes}
            if isinstance(pair, GoldenPair):
                verdict = self._of_golden(pair, output, modes[0], digests, evidence)
                return warned_of_emptiness(verdict, {pair.left: pair.golden.record, **records})
            verdict = self._of_states(pair, output, modes[0], modes[1], digests)
            return warned_of_emptiness(verdict, records)
        except DitError as error:
            return Error(evidence=evidence, reason=str(error))
        except Exception as error:  # noqa: BLE001  # the other pairs are judged; this one is no pass
            return Error(evidence=evidence, reason=f"internal error: {type(error).__name__}: {error}; please report it")

    def _of_states(
        self, pair: Pair, output: Output, left: PlannedMode, right: PlannedMode, digests: Digests
    ) -> Verdict:
        boundaries = slice_boundaries(self.plan, left, right)
        verdict = compare_tables(
            self.workplace.warehouse,
            digests.table(left.leaf, pair.output),
            digests.table(right.leaf, pair.output),
            output.policy,
            left_label=pair.left,
            right_label=pair.right,
            left_digest=digests.of(left.leaf, pair.output),
            right_digest=digests.of(right.leaf, pair.output),
            boundaries=boundaries,
        )
        if isinstance(verdict, Different):
            verdict = replace(verdict, explanation=self._told(verdict.explanation, pair, left, right, digests))
        if isinstance(verdict, Different) and right.replica:
            return NonDeterministic(evidence=verdict.evidence, explanation=verdict.explanation)
        if judged(verdict, self.expectation) is Outcome.PASS:
            verdict = self._lessened(verdict, pair, output, left, right, digests)
        return self._warned(verdict, pair, output, right, boundaries, digests)

    def _of_golden(
        self, pair: GoldenPair, output: Output, mode: PlannedMode, digests: Digests, evidence: Evidence
    ) -> Verdict:
        """The verdict on a mode and the golden state. What is missing of a mode is missing of both."""
        golden, warehouse = pair.golden.record, self.workplace.warehouse
        identities = {name: identity.to_json() for name, identity in self.plan.sources.items()}
        reason = pair.golden.why_incomparable(identities, self.plan.request.window)
        table = golden.table(compared_role(pair.output, output))
        if reason is not None or table is None:
            reason = reason or f"the golden state holds no {pair.output}, which was declared later; set another"
            return Incomparable(evidence=evidence, reason=reason)
        changed = changed_since(golden, warehouse.facts([one.name for one in golden.tables]))
        if changed is None and self.plan.request.pipeline.verify == "digest":
            changed = altered_content(golden, warehouse)
        if changed is not None:
            return Error(evidence=evidence, reason=f"the golden state: {changed}; set another")
        verdict = compare_tables(
            warehouse,
            table,
            digests.table(mode.leaf, pair.output),
            output.policy,
            left_label=f"{pair.left} ({pair.golden.mode} at {golden.commit[:12]})",
            right_label=pair.right,
            right_digest=digests.of(mode.leaf, pair.output),
        )
        if judged(verdict, self.expectation) is Outcome.PASS:
            missing = self._missing(digests.of(mode.leaf, pair.output)) if output.day is not None else ()
            if missing:
                return Incomplete(evidence=verdict.evidence, missing_left=missing, missing_right=missing)
            repeated = self._repeated_versions(pair, output, (mode,), digests)
            if repeated:
                return Incomparable(evidence=verdict.evidence, reason=repeated)
        record = digests.record(mode.leaf)
        if record is not None and record.prefix == golden.prefix:
            warning = "this is the golden state itself: the same code on the same input"
            return replace(verdict, evidence=replace(verdict.evidence, warnings=(*verdict.evidence.warnings, warning)))
        return verdict

    def _told(
        self, explanation: Explanation, pair: Pair, left: PlannedMode, right: PlannedMode, digests: Digests
    ) -> Explanation:
        """With what only the plan knows: where the modes part, and whether what a step reads differs already."""
        ends = (left.leaf, right.leaf)
        explanation = self._with_stale(explanation, pair, ends, digests)
        if explanation.unexplained:
            upstream = self._upstream(pair, ends, digests)
            explanation = replace(explanation, causes=upstream or explanation.causes)
        policy = self.plan.request.pipeline.outputs[pair.output].policy
        tables = {name: digests.table(name, pair.output) for name in right.path if digests.stands(name)}
        records = {name: record for name in right.path if (record := digests.record(name)) is not None}
        try:
            both = (digests.table(ends[0], pair.output), tables[ends[1]])
            taken = (digests.of(ends[0], pair.output), digests.of(ends[1], pair.output))
            final = final_states(self.workplace.warehouse, both, policy, taken)
            return replace(explanation, parting=first_parting(self.plan, left, right, final, tables, records))
        except (StateInvalid, WarehouseError, Uncomparable) as reason:
            return replace(explanation, parting_untold=str(reason))

    def _with_stale(
        self, explanation: Explanation, pair: Pair, ends: tuple[Fingerprint, Fingerprint], digests: Digests
    ) -> Explanation:
        """Of a versioned output whose every changed row is one that the left has left behind, the cause says so."""
        output, record = self.plan.request.pipeline.outputs[pair.output], digests.record(ends[0])
        versions = record.table(pair.output) if record is not None else None
        if output.versioned is None or not output.policy.keys or versions is None or not explanation.changed:
            return explanation
        views = [digests.table(end, pair.output) for end in ends]
        try:
            found = count_stale(self.workplace.warehouse, views[0], views[1], versions, output.policy)
        except (BadDeclaration, NotFound, Uncomparable, WarehouseError):
            return explanation  # the verdict stands without this cause
        if not found.stale == found.changed == explanation.changed:
            return explanation
        evidence = f"all {found.stale:,} changed rows are on the right as an earlier version has them on the left"
        known = () if explanation.unexplained else explanation.causes
        return replace(explanation, causes=(Cause(name=CauseName.STALE, evidence=evidence), *known))

    def _upstream(self, pair: Pair, ends: tuple[Fingerprint, Fingerprint], digests: Digests) -> tuple[Cause, ...]:
        """The outputs declared before this one that differ between the same states: look there first."""
        outputs = list(self.plan.request.pipeline.outputs)
        earlier = outputs[: outputs.index(pair.output)]
        differ = [name for name in earlier if _unlike(*(digests.of(end, name) for end in ends))]
        evidence = f"{', '.join(differ)} differs between the same modes, and is declared before {pair.output}"
        return (Cause(name=CauseName.UPSTREAM, evidence=evidence),) if differ else ()

    def _lessened(
        self, verdict: Verdict, pair: Pair, output: Output, left: PlannedMode, right: PlannedMode, digests: Digests
    ) -> Verdict:
        """What a pass becomes when days are missing, versions are not unique, or nothing was exercised."""
        if output.day is not None:
            missing = [self._missing(digests.of(mode.leaf, pair.output)) for mode in (left, right)]
            if any(missing):
                return Incomplete(evidence=verdict.evidence, missing_left=missing[0], missing_right=missing[1])
        repeated = self._repeated_versions(pair, output, (left, right), digests)
        if repeated:
            return Incomparable(evidence=verdict.evidence, reason=repeated)
        unexercised = self._unexercised(pair, right, left, digests) or self._unexercised(pair, left, right, digests)
        if unexercised:
            return NotExercised(evidence=verdict.evidence, reason=unexercised)
        return verdict

    def _missing(self, taken: Digest | None) -> tuple[date, ...]:
        there = {day for day, rows, _ in taken.days if rows} if taken is not None else set()
        return tuple(day for day in self.expected_days if day not in there)

    def _repeated_versions(
        self, pair: AnyPair, output: Output, modes: Sequence[PlannedMode], digests: Digests
    ) -> str | None:
        """For an SCD-2 table: which side holds one (key, version) twice, so that its last version is arbitrary."""
        if output.versioned is None:
            return None
        for mode in modes:
            record = digests.record(mode.leaf)
            table = record.table(pair.output) if record is not None else None
            repeated = _repeated(self.workplace.warehouse, table, (*output.versioned.key, output.versioned.version))
            if repeated:
                return (
                    f"{mode.name}: {pair.output} holds {repeated:,} pairs of key and version more than once, "
                    "so that which version is the last is arbitrary; make versions unique per key"
                )
        return None

    def _unexercised(self, pair: Pair, mode: PlannedMode, other: PlannedMode, digests: Digests) -> str | None:
        """Why a pass of a mode with mutations proves nothing, or None if its mutations left their mark."""
        if not mode.mutated:
            return None
        windows = [self._read_by(fingerprint) for fingerprint in mode.mutated]
        records = [digests.record(fingerprint) for fingerprint in mode.mutated]
        touched = [one for record in records if record is not None for one in record.touched]
        if not any(one.within(windows) for one in touched):
            return "the mutation touched no row that a mutated phase reads; choose other keys, days or rows"
        if mode.before_recovery is None:
            return None
        before, reference = digests.of(mode.before_recovery, pair.output), digests.of(other.leaf, pair.output)
        if before is None or reference is None or not before.comparable(reference):
            return (
                "whether the damaged input changed anything cannot be told: the state before the recovery is gone, "
                "and how it is compared has changed since; run with --force"
            )
        if before.value == reference.value:
            return (
                "the damaged input changed nothing in this output: before the recovery it equals the reference already"
            )
        return None

    def _read_by(self, fingerprint: Fingerprint) -> Window:
        return self.plan.nodes[fingerprint].window.widened(back=self.plan.request.pipeline.reads_back)

    def _warned(
        self,
        verdict: Verdict,
        pair: Pair,
        output: Output,
        right: PlannedMode,
        boundaries: tuple[date, ...],
        digests: Digests,
    ) -> Verdict:
        """A warning if no row reaches over a slice boundary: then the modes could hardly have differed."""
        if output.span is None or not boundaries:
            return verdict
        reach = spanning_rows(
            self.workplace.warehouse, digests.table(right.leaf, pair.output), output.policy, boundaries
        )
        if reach:
            return verdict
        warning = f"no row of {pair.output} spans a slice boundary: this data cannot show a boundary bug"
        return replace(verdict, evidence=replace(verdict.evidence, warnings=(*verdict.evidence.warnings, warning)))

    def _address(self, pair: Pair, outcomes: Outcomes) -> str | None:
        """What the verdict depends on. Equal addresses: the very same states were judged in the very same way."""
        modes = [self.plan.mode(pair.left), self.plan.mode(pair.right)]
        involved = [*(mode.leaf for mode in modes), *(name for mode in modes for name in mode.mutated)]
        records = [remembered_of(outcomes.get(fingerprint)) for fingerprint in involved]
        if any(record_of(outcomes.get(mode.leaf)) is None for mode in modes):
            return None
        output = self.plan.request.pipeline.outputs[pair.output]
        return content_hash(
            {
                "judged": _JUDGING_VERSION,
                "states": [
                    record.prefix if record else str(name) for record, name in zip(records, involved, strict=True)
                ],
                "output": pair.output,
                "declared": output.model_dump(mode="json"),
                "engine": self.workplace.warehouse.engine,
                "digest_version": DIGEST_VERSION,
                "expectation": self.expectation.value,
                "days": [day.isoformat() for day in self.expected_days],
                "boundaries": [day.isoformat() for day in slice_boundaries(self.plan, *modes)],
                "reads_back": self.plan.request.pipeline.reads_back,
                "replica": modes[1].replica,
            }
        )


_JUDGING_VERSION = 7
"""Raised whenever this module would judge the same states differently."""


class Digests:
    """The digests of a plan's states: as recorded, or else taken now and kept in `news` for the registry."""

    def __init__(self, plan: Plan, workplace: Workplace, run_id: str, outcomes: Outcomes) -> None:
        self._plan = plan
        self._workplace = workplace
        self._run_id = run_id
        self._records = {
            name: record for name in plan.nodes if (record := remembered_of(outcomes.get(name))) is not None
        }
        self._standing = frozenset(name for name in plan.nodes if record_of(outcomes.get(name)) is not None)
        self._taken: dict[tuple[Fingerprint, str], Digest | None] | None = None
        self.news: list[Event] = []

    def record(self, fingerprint: Fingerprint) -> PhaseRecord | None:
        """What is known of a state, whether its tables still stand or not."""
        return self._records.get(fingerprint)

    def stands(self, fingerprint: Fingerprint) -> bool:
        """Whether a state's tables are there."""
        return fingerprint in self._standing

    def table(self, fingerprint: Fingerprint, output: str) -> TableName:
        record = self._records[fingerprint]
        role = compared_role(output, self._plan.request.pipeline.outputs[output])
        table = record.table(role)
        if table is None:
            raise StateInvalid(
                f"output {output!r} was declared after {record.mode} phase {record.index + 1} had run, and its state "
                f"holds no {role}; run with --force"
            )
        return table

    def of(self, fingerprint: Fingerprint, output: str) -> Digest | None:
        """The digest under the present policy; None if a column's type cannot be digested."""
        known = self._recorded()
        if (fingerprint, output) not in known and fingerprint in self._standing:
            known[fingerprint, output] = self._take(fingerprint, output)
        return known.get((fingerprint, output))

    def _take(self, fingerprint: Fingerprint, output: str) -> Digest | None:
        policy = self._plan.request.pipeline.outputs[output].policy
        try:
            taken, _ = digest(self._workplace.warehouse, self.table(fingerprint, output), policy)
        except Uncomparable:
            return None
        payload = {"output": output, "prefix": self._records[fingerprint].prefix, "digest": taken.to_json()}
        pipeline = self._plan.request.pipeline.name
        self.news.append(
            Event(kind="digest", run_id=self._run_id, pipeline=pipeline, fingerprint=fingerprint, payload=payload)
        )
        return taken

    def _recorded(self) -> dict[tuple[Fingerprint, str], Digest | None]:
        if self._taken is None:
            events = self._workplace.registry.of_fingerprints(["digest"], list(self._records))
            self._taken = {
                (Fingerprint(event.fingerprint or ""), event.payload["output"]): taken
                for event in events
                if (taken := self._usable(event)) is not None
            }
        return self._taken

    def _usable(self, event: Event) -> Digest | None:
        """A recorded digest, if it was taken of the very state in hand, under this policy, engine and version."""
        output = self._plan.request.pipeline.outputs.get(event.payload.get("output", ""))
        record = self._records[Fingerprint(event.fingerprint or "")]
        if output is None or event.payload.get("prefix") != record.prefix:
            return None
        try:
            taken = Digest.from_json(event.payload["digest"])
        except (KeyError, TypeError, ValueError):
            return None  # one that cannot be read is taken again
        fits = (taken.policy, taken.kind_of_engine, taken.version) == (
            output.policy.digest_hash,
            self._workplace.warehouse.engine,
            DIGEST_VERSION,
        )
        return taken if fits else None


_FIELDS = frozenset(
    {
        *("output", "left", "right", "verdict", "passed", "outcome", "rows_left", "rows_right", "method"),
        *("columns", "explanation", "reason", "warnings", "detail"),
    }
)


def _whole(payload: Mapping[str, Any]) -> bool:
    """Whether a recorded verdict can be taken for one: with a field missing, it is judged again."""
    return payload.keys() >= _FIELDS and payload["outcome"] in set(Outcome)


def _unproved(verdict: Verdict) -> Verdict:
    """What ran as it lay may have changed from one phase to the next: no pass can be believed."""
    why = "the code ran from a folder that is edited, which may have changed from one phase to the next"
    if judged(verdict) is Outcome.PASS:
        reason = f"{verdict_name(verdict)} as it ran, but {why}; run the working tree or a commit"
        return Incomparable(evidence=verdict.evidence, reason=reason)
    return replace(verdict, evidence=replace(verdict.evidence, warnings=(*verdict.evidence.warnings, why)))


def warned_of_emptiness(verdict: Verdict, records: Mapping[str, PhaseRecord | None]) -> Verdict:
    """With a warning for each state that stands on a table which a hook left empty: that was declared, and is said.

    `records` are those of the states that were compared, by what they are called.
    """
    warnings = tuple(
        f"{name} stands on {', '.join(record.empty)}, which a hook left empty, as is declared"
        for name, record in records.items()
        if record is not None and record.empty
    )
    evidence = replace(verdict.evidence, warnings=(*verdict.evidence.warnings, *warnings))
    return replace(verdict, evidence=evidence) if warnings else verdict


def _modes_of(pair: AnyPair) -> tuple[str, ...]:
    """The modes of this plan whose states a pair is about."""
    match pair:
        case Pair():
            return (pair.left, pair.right)
        case GoldenPair():
            return (pair.right,)
        case NoPair():
            return ()
    assert_never(pair)


def why_no_state(mode: PlannedMode, outcomes: Outcomes) -> str:
    """Why a mode has no state to compare, from its first phase that has none."""
    for fingerprint in mode.path:
        match outcomes.get(fingerprint):
            case Failed(error=error):
                return f"a phase failed: {error}"
            case Cancelled():
                return "cancelled"
            case Capped(reason=reason):
                return reason
            case Blocked() | NotNeeded():
                continue
            case None:
                return "it was not run"
    return "a phase that it starts from has no state"


def slice_boundaries(plan: Plan, *modes: PlannedMode) -> tuple[date, ...]:
    """The days inside the window at which a phase of these modes starts or ends."""
    windows = [plan.nodes[step].window for mode in modes for step in mode.path]
    inside = plan.request.window
    days = {day for window in windows for day in (window.start, window.end)}
    return tuple(sorted(day for day in days if inside.start < day < inside.end))


def _unlike(left: Digest | None, right: Digest | None) -> bool:
    """Whether two states are known to differ."""
    return left is not None and right is not None and left.comparable(right) and left.value != right.value


def _repeated(warehouse: Warehouse, table: TableName | None, columns: Sequence[str]) -> int:
    """How many combinations of `columns` stand in the table more than once."""
    if table is None:
        return 0
    listed = ", ".join(quoted(column) for column in columns)
    sql = f"SELECT COUNT(*) AS n FROM (SELECT 1 FROM {table.sql} GROUP BY {listed} HAVING COUNT(*) > 1)"
    return int(warehouse.query(Statement(sql=sql)).rows[0]["n"])
