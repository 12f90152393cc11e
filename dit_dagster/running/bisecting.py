"""The first commit at which something turns: looked for by halving, one experiment a commit, none where it is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dit_dagster.errors import UnknownName, UsageError
from dit_dagster.model.identity import Commit
from dit_dagster.model.outcome import record_of
from dit_dagster.model.pipeline import Pipeline
from dit_dagster.model.verdict import (
    Different,
    Equivalent,
    ExpectedDifference,
    Explanation,
    Identical,
    Outcome,
    SchemaDifferent,
    Unchanged,
    Verdict,
    verdict_name,
)
from dit_dagster.planning.bisection import Found, Hidden, Search, Turn
from dit_dagster.ports import SourceControl
from dit_dagster.running.crossing import cross
from dit_dagster.running.phase import compared_role
from dit_dagster.running.run import Report
from dit_dagster.running.workplace import Workplace


@dataclass(frozen=True, slots=True, kw_only=True)
class PairTurns:
    """The verdict on two modes of a commit: bad where it fails, for `output` or for any."""

    left: str
    right: str
    output: str | None = None

    def modes(self, pipeline: Pipeline) -> Sequence[str]:  # noqa: ARG002  # as the other kind's
        return (self.left, self.right)

    def refuse_unless_declared(self, pipeline: Pipeline) -> None:
        """UsageError for two modes that are not compared, and for an unknown output."""
        _refuse_unknown_output(self.output, pipeline)
        pipeline.mode(self.left)
        with_ = pipeline.mode(self.right).compared_with or pipeline.reference
        if self.right == pipeline.reference or with_ != self.left:
            raise UsageError(
                f"--pair {self.left},{self.right}: they are not compared; {pipeline.name} compares "
                + ", ".join(
                    f"{mode.compared_with or pipeline.reference},{name}"
                    for name, mode in pipeline.available_modes.items()
                    if name != pipeline.reference
                )
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDiffers:
    """A column of what the good commit made against the same of another: bad where any of its values differs."""

    column: str
    output: str | None = None
    mode: str | None = None

    def modes(self, pipeline: Pipeline) -> Sequence[str]:
        return (self.mode or pipeline.reference,)

    def refuse_unless_declared(self, pipeline: Pipeline) -> None:
        """UsageError for an unknown mode or output. Which columns there are is known when there is a table."""
        _refuse_unknown_output(self.output, pipeline)
        pipeline.mode(self.mode or pipeline.reference)


def _refuse_unknown_output(output: str | None, pipeline: Pipeline) -> None:
    if output is not None and output not in pipeline.outputs:
        raise UnknownName(f"unknown output {output!r}; {pipeline.name} has {', '.join(pipeline.outputs)}")


def question(
    pair: tuple[str, str] | None, column: str | None, output: str | None, mode: str | None
) -> PairTurns | ColumnDiffers:
    """What to look for. UsageError unless it is either a pair or a column."""
    match pair, column:
        case None, str():
            return ColumnDiffers(column=column, output=output, mode=mode)
        case (left, right), None if mode is None:
            return PairTurns(left=left, right=right, output=output)
    raise UsageError("give a pair of modes (--pair LEFT,RIGHT), or a column (--column NAME) with or without a mode")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was seen at one commit. `executed` phases ran for it; with none it was no experiment."""

    commit: Commit
    subject: str
    turn: Turn
    verdict: str
    reason: str
    run_id: str
    executed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotTurned:
    """An end is not what it was said to be, so that there is nothing to look for between them."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bisection:
    """Every look in order, and the answer."""

    looks: tuple[Look, ...]
    answer: Found | Hidden | NotTurned

    @property
    def experiments(self) -> int:
        """How many looks ran something."""
        return sum(look.executed > 0 for look in self.looks)


def look_at_pair(seen: PairTurns, report: Report, place: Workplace) -> Look:
    """What a run's verdicts on the pair come to: the worst of its outputs."""
    of_pair = [
        one
        for one in report.comparisons
        if (one.left, one.right) == (seen.left, seen.right) and seen.output in (None, one.output)
    ]
    order = (Outcome.FAIL, Outcome.ERROR, Outcome.INCONCLUSIVE, Outcome.PASS)
    worst = min(of_pair, key=lambda one: order.index(one.outcome), default=None)
    turns = {Outcome.FAIL: Turn.BAD, Outcome.PASS: Turn.GOOD}
    return _look(
        report,
        place,
        turn=turns.get(worst.outcome, Turn.UNKNOWN) if worst is not None else Turn.UNKNOWN,
        verdict=worst.verdict if worst is not None else "NOT_COMPARED",
        reason=str(worst.json["reason"]) if worst is not None else "the run was stopped",
    )


def look_at_column(seen: ColumnDiffers, reports: tuple[Report, Report], place: Workplace) -> Look:
    """Whether the column differs between what two runs made. UnknownName if the good one made no such column."""
    _refuse_unknown_column(seen, reports[0], place)
    crossings = cross(dict(zip(("good", "other"), reports, strict=True)), place)
    turns = [(turn_of(seen.column, one.verdict), one.verdict) for one in crossings if seen.output in (None, one.output)]
    order = (Turn.BAD, Turn.UNKNOWN, Turn.GOOD)
    (turn, reason), verdict = min(turns, key=lambda one: order.index(one[0][0]))
    return _look(reports[1], place, turn=turn, verdict=verdict_name(verdict), reason=reason)


def _refuse_unknown_column(seen: ColumnDiffers, good: Report, place: Workplace) -> None:
    pipeline = good.prospect.plan.request.pipeline
    [mode] = seen.modes(pipeline)
    record = record_of(good.outcomes.get(good.prospect.plan.mode(mode).leaf))
    if record is None:  # the look itself says why
        return
    outputs = {name: one for name, one in pipeline.outputs.items() if seen.output in (None, name)}
    tables = [table for name, one in outputs.items() if (table := record.table(compared_role(name, one))) is not None]
    there = {field.name for found in place.warehouse.facts(tables).values() for field in found.schema}
    if there and _root(seen.column) not in {name.lower() for name in there}:
        raise UnknownName(f"no column {seen.column!r} in {', '.join(outputs)}; there are {', '.join(sorted(there))}")


def turn_of(column: str, verdict: Verdict) -> tuple[Turn, str]:
    """Whether a verdict says that a column differs, and why. Unknown where it does not say.

    A column is what it is called, and all within it. Rows that are on one side alone have no other value of the
    column, unless it is a key; without keys, or where keys are repeated, no row has a partner to differ from.
    """
    match verdict:
        case Unchanged():
            return Turn.GOOD, ""
        case SchemaDifferent():
            named = any(_is_within(line.split(":")[0].split(" ")[0], column) for line in verdict.differences)
            return (Turn.BAD if named else Turn.UNKNOWN), "; ".join(verdict.differences)
        case Identical() | Different() | Equivalent() | ExpectedDifference():
            compared = verdict.evidence.compared
            if not any(_is_within(name, column) or _is_within(column, name) for name in compared):
                return Turn.UNKNOWN, f"{column} is not compared"
            if isinstance(verdict, Identical):
                return Turn.GOOD, ""
            return _turn_of_explained(column, verdict.evidence.policy.keys, verdict.explanation)
        case _:
            return Turn.UNKNOWN, str(getattr(verdict, "reason", ""))


def _turn_of_explained(column: str, keys: Sequence[str], found: Explanation) -> tuple[Turn, str]:
    differ = sum(one.mismatches for one in found.columns if _is_within(one.name, column))
    alone = found.only_left + found.only_right
    if differ:
        return Turn.BAD, f"{differ:,} rows differ in {column}"
    if alone and any(_is_within(key, column) for key in keys):
        return Turn.BAD, f"{alone:,} rows have a {column} that is on one side alone"
    if not keys or found.ambiguous_keys:
        missing = "no keys are declared" if not keys else f"{found.ambiguous_keys:,} keys are of several rows"
        return Turn.UNKNOWN, f"{missing}: which columns differ cannot be told"
    return Turn.GOOD, f"0 rows differ in {column}"


def _is_within(name: str, column: str) -> bool:
    """Whether a name is that of the column, or of something within it."""
    name, column = name.lower(), column.lower()
    return name == column or name.startswith((f"{column}.", f"{column}["))


def _root(column: str) -> str:
    return column.split(".")[0].split("[")[0].lower()


def _look(report: Report, place: Workplace, *, turn: Turn, verdict: str, reason: str) -> Look:
    commit = report.prospect.plan.request.commit
    return Look(
        commit=commit,
        subject=place.code.subject(commit),
        turn=turn,
        verdict=verdict,
        reason=reason,
        run_id=report.run_id,
        executed=len(report.executed),
    )


def refuse_unless_built_on(code: SourceControl, good: Commit, bad: Commit) -> None:
    """UsageError unless `bad` is another commit, which builds on `good`."""
    if good == bad or not code.is_ancestor(good, bad):
        raise UsageError(f"{bad[:12]} does not build on {good[:12]}: name a good commit among the bad one's ancestors")


def find_turn(
    code: SourceControl,
    good: Commit,
    bad: Commit,
    look_at: Callable[[Commit], Look],
    *,
    stopped: Callable[[], bool],
    told: Callable[[Look, int], None],
) -> Bisection:
    """Look at both ends, then halve what lies between. `told` hears of each look, and how many commits are left.

    When `stopped()` turns true, what is left is hidden.
    """
    looks: list[Look] = []

    def seen(commit: Commit) -> Turn:
        looks.append(look_at(commit))
        return looks[-1].turn

    search = Search(good=(good,), bad=bad)
    for end, wanted in ((good, Turn.GOOD), (bad, Turn.BAD)):
        turn = seen(end)
        told(looks[-1], len(code.between(search.good, bad)) - 1)
        if turn is not wanted:
            reason = f"{end[:12]} is {turn.value} ({looks[-1].verdict}), not {wanted.value}"
            return Bisection(looks=tuple(looks), answer=NotTurned(reason=reason))
    while True:
        candidates = code.between(search.good, search.bad)
        answer = search.proceed(candidates)
        if isinstance(answer, (Found, Hidden)):
            return Bisection(looks=tuple(looks), answer=answer)
        if stopped():
            return Bisection(looks=tuple(looks), answer=Hidden(suspects=candidates))
        search = search.after(answer, seen(answer))
        told(looks[-1], len(code.between(search.good, search.bad)) - 1)
