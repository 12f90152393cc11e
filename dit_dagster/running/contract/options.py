"""Which options reach what they are for: each is given a value that there is not, and the program must fail on it.

A failure that names the value shows that it arrived. One that does not can have another cause: nothing is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import sqlglot.expressions as exp

from dit_dagster.comparing import compare_tables
from dit_dagster.model.contract import Broken, Finding, Kept, KeyFilter, NotChecked, Promise, all_of
from dit_dagster.model.identity import TableName
from dit_dagster.model.outcome import Failed, PhaseOutcome, record_of
from dit_dagster.model.pipeline import Step
from dit_dagster.model.policy import refined
from dit_dagster.model.verdict import Outcome, judged
from dit_dagster.planning import contract as trials
from dit_dagster.ports import Statement
from dit_dagster.running.contract.checker import Checker, said_of
from dit_dagster.running.phase import EXITED, WROTE_NOTHING, compared_role
from dit_dagster.running.sources import quoted

_NO_BEAM = "no step is in Beam"
_KEYS = 2
_LAST_LINES = 40
_ERROR = re.compile(r"error|exception|not found|denied|unexpected|invalid", re.IGNORECASE)


def of_options(checker: Checker) -> dict[Promise, Finding]:
    """The promises about what the program is told besides its tables and dates."""
    beam = [step for step in checker.pipeline.steps if step.beam is not None]
    return {
        Promise.PROJECT: _of_steps(checker, checker.pipeline.steps, trials.MISSING_PROJECT),
        Promise.BEAM_OPTIONS: _of_beam(checker, beam, "runner", trials.MISSING_RUNNER),
        Promise.TEMPORARY_DATASET: _of_beam(checker, beam, "temp_dataset", trials.MISSING_DATASET),
        Promise.KEY_FILTER: _key_filter(checker),
        Promise.DRY_RUN: _dry_run(checker),
    }


def _of_steps(checker: Checker, steps: Iterable[Step], missing: str) -> Finding:
    found = (
        _arrived(checker.once(trials.with_missing_project(checker.pipeline, step.name)), step.name, missing)
        for step in steps
    )
    return all_of(found, f"every step failed for want of {missing}")


def _of_beam(checker: Checker, steps: Sequence[Step], option: trials.BeamTold, missing: str) -> Finding:
    if not steps:
        return NotChecked(why=_NO_BEAM)
    found = (
        _arrived(checker.once(trials.with_beam(checker.pipeline, step.name, option, missing)), step.name, missing)
        if step.beam is not None and step.beam.flag(option) is not None
        else NotChecked(why=f"the declaration of step {step.name!r} names no option for it, in beam.flags.{option}")
        for step in steps
    )
    return all_of(found, f"every step failed for want of {missing}")


def _arrived(outcome: PhaseOutcome | None, step: str, missing: str) -> Finding:
    if record_of(outcome) is not None:
        return Broken(why=f"step {step!r} ran to its end, though it was told of {missing}, which there is not")
    if missing in said_of(outcome) or missing in _last_words(outcome):
        return Kept(seen=step)
    return NotChecked(why=f"told of {missing} step {step!r} failed, and did not name it: {said_of(outcome)}")


def _last_words(outcome: PhaseOutcome | None) -> str:
    """What of the end of a failed phase's log tells of an error, of which the outcome holds a few words.

    Not all of it: a program that only repeats its arguments has not used them.
    """
    if not isinstance(outcome, Failed) or outcome.log is None:
        return ""
    lines = Path(outcome.log).read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
    return "\n".join(line for line in lines if not line.startswith("$ ") and _ERROR.search(line))


def _dry_run(checker: Checker) -> Finding:
    if not checker.pipeline.contract.dry_run:
        return NotChecked(why="the declaration does not say how, in contract.dry_run")
    outcome = checker.once(trials.with_dry_run(checker.pipeline))
    said = said_of(outcome)
    if record_of(outcome) is None and WROTE_NOTHING in said:
        return Kept(seen="it ended well, and wrote nothing")
    if EXITED in said:
        return Broken(why=said)
    return Broken(why="it wrote what it writes otherwise" if record_of(outcome) is not None else said)


def _key_filter(checker: Checker) -> Finding:
    declared = checker.pipeline.contract.key_filter
    if declared is None:
        return NotChecked(why="the declaration does not say how, in contract.key_filter")
    there = _keys_of(checker, declared)
    if len(there) <= _KEYS:
        return NotChecked(why=f"there are {len(there)} keys; that other keys are left out shows with more than {_KEYS}")
    keys = there[:_KEYS]
    outcome = checker.once(trials.with_keys(checker.pipeline, declared, keys))
    found = record_of(outcome)
    if found is None:
        return Broken(why=said_of(outcome))
    each = (
        _only_keys(checker, name, column, keys, found.table(compared_role(name, checker.pipeline.outputs[name])))
        for name, column in declared.columns.items()
    )
    return all_of(each, f"of {', '.join(keys)} it leaves what it leaves of them otherwise, and of no other")


def _keys_of(checker: Checker, declared: KeyFilter) -> list[str]:
    """The first few keys of the first output that has them, in order; none in which the separator stands."""
    name, column = next(iter(declared.columns.items()))
    table = checker.known_state.table(compared_role(name, checker.pipeline.outputs[name]))
    if table is None:
        return []
    key = f"CAST({quoted(column)} AS STRING)"
    sql = (
        f"SELECT DISTINCT {key} AS k FROM {table.sql} "
        f"WHERE {key} IS NOT NULL AND STRPOS({key}, @separator) = 0 ORDER BY k LIMIT {_KEYS + 1}"
    )
    asked = Statement(sql=sql, parameters={"separator": declared.separator})
    return [str(row["k"]) for row in checker.place.warehouse.query(asked).rows]


def _only_keys(checker: Checker, name: str, column: str, keys: Sequence[str], found: TableName | None) -> Finding:
    """Whether an output holds the rows of these keys as they are without a filter, and none of another."""
    output = checker.pipeline.outputs[name]
    whole = checker.known_state.table(compared_role(name, output))
    if whole is None or found is None:
        return NotChecked(why=f"{name} is not there")
    listed = ", ".join(exp.Literal.string(key).sql("bigquery") for key in keys)
    of_keys = f"CAST({quoted(column)} AS STRING) IN ({listed})"
    [row] = checker.place.warehouse.query(
        Statement(sql=f"SELECT COUNTIF({of_keys} IS NOT TRUE) AS others FROM {found.sql}")
    ).rows
    if row["others"]:
        return Broken(why=f"{name} holds {row['others']} rows of other keys than {', '.join(keys)}")
    policy = output.policy
    within = of_keys if policy.where is None else f"({policy.where}) AND {of_keys}"
    verdict = compare_tables(
        checker.place.warehouse, whole, found, refined(policy.model_copy(update={"where": None}), where=within)
    )
    match judged(verdict):
        case Outcome.PASS:
            return Kept(seen=name)
        case Outcome.FAIL:
            return Broken(why=f"{name} holds other rows of {', '.join(keys)} than without a filter")
        case _:
            return NotChecked(why=f"{name}: the comparison came to no verdict")
