"""A contract, checked on the program itself: it is run as ever, in trials that differ in one respect each.

What can be told from one experiment (an empty destination, twice, overlapping, anew) is; then a source that is not
there, an option that nobody knows, no labels, and days that are missing from the input say the rest.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from functools import reduce
from operator import or_

from dit_dagster.errors import DitError
from dit_dagster.model.contract import Broken, Finding, Kept, NotChecked, Promise, all_of, complete
from dit_dagster.model.identity import ImageDigest, TableName
from dit_dagster.model.outcome import Failed, PhaseOutcome, Ran, record_of
from dit_dagster.model.pipeline import Pipeline
from dit_dagster.model.verdict import Outcome
from dit_dagster.model.window import Window
from dit_dagster.planning import contract as trials
from dit_dagster.ports import Statement
from dit_dagster.running.contract.checker import Checker, Trial, end_of, said_of
from dit_dagster.running.contract.images import of_images
from dit_dagster.running.contract.options import of_options
from dit_dagster.running.judging import Comparison
from dit_dagster.running.names import made_table
from dit_dagster.running.phase import EXITED, LATE
from dit_dagster.running.remote_jobs import JOB_FAILED
from dit_dagster.running.run import Report
from dit_dagster.running.sources import INPUT_DAYS, quoted
from dit_dagster.running.workplace import Workplace


def check_contract(
    pipeline: Pipeline,
    window: Window,
    place: Workplace,
    trial: Trial,
    image_labels: Callable[[ImageDigest], Mapping[str, str]],
) -> Mapping[Promise, Finding]:
    """A finding for every promise. UsageError for a declaration or a window with which nothing can be tried."""
    own = trials.in_trial(pipeline)
    base = trial(own, trials.BASE)
    checker = Checker(pipeline=own, window=window, place=place, trial=trial, base=base, image_labels=image_labels)
    found = {Promise.EMPTY_DESTINATION: _runs(end_of(checker.base, trials.ONCE))}
    if checker.state is None:
        first = NotChecked(why="it did not run where nothing is yet")
        return complete({**dict.fromkeys(Promise, first), **found})
    seen = (_of_base(checker), _of_failures(checker), _of_tables(checker), of_options(checker), of_images(checker))
    return complete(reduce(or_, seen, found))


def _of_base(checker: Checker) -> dict[Promise, Finding]:
    """What the first experiment shows, and one without labels."""
    base = checker.base
    return {
        Promise.TWICE: _equal(base, trials.TWICE, "the second run changed nothing"),
        Promise.OVERLAPPING: _equal(base, trials.OVERLAPPING, "two runs that share two days leave what one does"),
        Promise.DETERMINISTIC: _equal(base, trials.REPEAT, "a second start from nothing left the same"),
        Promise.PARALLEL: _parallel(base),
        Promise.OWN_WRITES: _own_writes(base),
        Promise.LABELS: _labels(checker),
    }


def _runs(outcome: PhaseOutcome | None) -> Finding:
    if record_of(outcome) is not None:
        return Kept(seen="the first run of a state ended well")
    return Broken(why=said_of(outcome))


def _equal(report: Report, mode: str, seen: str) -> Finding:
    """Whether a mode left what one run leaves, in every output."""
    if record_of(end_of(report, mode)) is None:
        return Broken(why=_first_failure(report, mode))
    compared = [one for one in report.comparisons if one.right == mode]
    doubts = sorted({doubt for one in compared for doubt in one.json.get("warnings", ())})
    return all_of(map(_of_outcome, compared), "; but ".join([seen, *doubts]))


def _first_failure(report: Report, mode: str) -> str:
    path = report.prospect.plan.mode(mode).path
    return next((one.error for name in path if isinstance(one := report.outcomes.get(name), Failed)), "it did not run")


def _of_outcome(comparison: Comparison) -> Finding:
    said = f"{comparison.output}: {comparison.verdict}"
    reason = comparison.json.get("reason")
    match comparison.outcome:
        case Outcome.PASS:
            return Kept(seen=said)
        case Outcome.FAIL:
            return Broken(why=f"{said}, {reason}")
        case _:
            return NotChecked(why=f"{said}, {reason}")


def _parallel(base: Report) -> Finding:
    """Two starts from nothing that really ran at once, and left the same."""
    both = all(isinstance(end_of(base, mode), Ran) for mode in (trials.ONCE, trials.REPEAT))
    if not both or base.peak_parallel < 2:  # one after another proves nothing
        return NotChecked(why="no two runs were under way at once; try --force and --jobs 2")
    return _equal(base, trials.REPEAT, "two runs at once left the same")


def _own_writes(base: Report) -> Finding:
    late = [one.error for one in base.outcomes.values() if isinstance(one, Failed) and LATE in one.error]
    return Broken(why=late[0]) if late else Kept(seen="nothing changed after the last step had ended")


def _labels(checker: Checker) -> Finding:
    if trials.demands_labels(checker.pipeline):
        outcome = checker.once(trials.with_no_labels_named(checker.pipeline))
        return Kept(seen="it ran with none in them") if record_of(outcome) else Broken(why=said_of(outcome))
    if not trials.gives_labels(checker.pipeline):
        return Kept(seen="it is given none")
    tried = checker.trial(trials.without_labels(checker.pipeline), (trials.UNLABELLED,))
    outcome = end_of(tried, trials.UNLABELLED)
    return Kept(seen="it ran without any") if record_of(outcome) else Broken(why=said_of(outcome))


def _of_failures(checker: Checker) -> dict[Promise, Finding]:
    """How it fails: on an option that it does not know, and on sources that are not there."""
    unknown = (
        _rejected(checker.trial(trials.with_unknown_option(checker.pipeline, step.name), (trials.ONCE,)), step.name)
        for step in checker.pipeline.steps
    )
    missing = {
        source: checker.once(trials.with_missing_source(checker.pipeline, source))
        for source in checker.pipeline.sources
        if trials.is_told_of(checker.pipeline, f"source.{source}")
    }
    return {
        Promise.UNKNOWN_OPTION: all_of(unknown, f"every step failed on {trials.UNKNOWN_OPTION}"),
        Promise.EXIT_CODE: all_of(
            (_honest(checker, *one) for one in missing.items()), "it failed on every missing source"
        ),
        Promise.TABLES: all_of(
            (*_overridden(checker, missing), _at_home(checker)), "each source and output is the one named"
        ),
    }


def _rejected(report: Report, step: str) -> Finding:
    outcome = end_of(report, trials.ONCE)
    if record_of(outcome) is not None:
        return Broken(why=f"step {step!r} ran to its end with {trials.UNKNOWN_OPTION}: a misspelled option is not told")
    return Kept(seen=step) if EXITED in said_of(outcome) else Broken(why=said_of(outcome))


def _honest(checker: Checker, source: str, outcome: PhaseOutcome | None) -> Finding:
    """Whether the program said that it failed. One that left what it should reads something else: it did not fail."""
    found = record_of(outcome)
    if found is None:
        failed = EXITED in said_of(outcome) or JOB_FAILED in said_of(outcome)
        return Kept(seen=source) if failed else Broken(why=f"0, though {source} is not there: {said_of(outcome)}")
    if checker.differs(found):
        return Broken(why=f"0, though {source} is not there, and it left something else than with it")
    return NotChecked(why=f"without {source} it leaves the same, and may not have failed")


def _overridden(checker: Checker, missing: Mapping[str, PhaseOutcome | None]) -> Iterator[Finding]:
    for source, outcome in missing.items():
        found = record_of(outcome)
        if found is not None and not checker.differs(found):
            yield Broken(why=f"though {source} is not there it leaves the same: it reads something else, or nothing")


def _at_home(checker: Checker) -> Finding:
    """Every source and output is told to a step. What it wrote under other names than its prefix cannot be seen."""
    pipeline = checker.pipeline
    names = [*(f"source.{name}" for name in pipeline.sources), *(f"table.{name}" for name in pipeline.outputs)]
    untold = [name for name in names if not trials.is_told_of(pipeline, name)]
    return Broken(why=f"no step is told of {', '.join(untold)}") if untold else Kept(seen="all are told")


def _of_tables(checker: Checker) -> dict[Promise, Finding]:
    return {Promise.INTERMEDIATES: _intermediates(checker), Promise.DATES: _dates(checker)}


def _intermediates(checker: Checker) -> Finding:
    """Each declared one is told to a step and was written; the state holds no table that nobody named."""
    named = tuple(checker.pipeline.tables)
    roles = [table.role for table in checker.known_state.tables]
    unnamed = [role for role in roles if not role.startswith(named)]
    unwritten = [name for name in checker.pipeline.intermediates if not any(role.startswith(name) for role in roles)]
    if unnamed:
        return Broken(why=f"it wrote {', '.join(unnamed)}, which the declaration does not name")
    if unwritten:
        return Broken(why=f"it did not write {', '.join(unwritten)} where it was told to")
    return Kept(seen=f"all {len(roles)} tables and views of the state have names that it was told")


def _dates(checker: Checker) -> Finding:
    """Days are left out of every source, one in each trial: those of the window must be missed, and no other."""
    days = {name: source.day for name, source in checker.pipeline.sources.items() if source.day is not None}
    if not days:
        return NotChecked(why="no source declares its day")
    first, last, beyond = checker.window.start, checker.window.end - timedelta(days=1), checker.window.end
    if not all(_rows_on(checker, day) for day in (first, last, beyond)):
        return NotChecked(why=f"a source has no rows on {first}, {last} or {beyond}, which could be missed")
    try:
        if _misses(checker, beyond):
            return Broken(why=f"without {beyond} in its input it leaves something else: it reads beyond its end date")
        for day in (first, last):
            if not _misses(checker, day):
                return Broken(why=f"without {day} in its input it leaves the same: it does not read that day")
    except DitError as error:
        return NotChecked(why=str(error))
    return Kept(seen=f"it reads {first} and {last}, and not {beyond}")


def _rows_on(checker: Checker, day: date) -> bool:
    for name, source in checker.pipeline.sources.items():
        if source.day is not None:
            table = checker.base.prospect.plan.sources[name].place
            sql = f"SELECT COUNT(*) AS n FROM {table.sql} WHERE DATE({quoted(source.day)}) = @day"
            [row] = checker.place.warehouse.query(Statement(sql=sql, parameters={"day": day})).rows
            if not row["n"]:
                return False
    return True


def _misses(checker: Checker, day: date) -> bool:
    """Whether any output differs when a day is left out of the sources. DitError if that cannot be told."""
    made = {name: _without(checker, name, day) for name, one in checker.pipeline.sources.items() if one.day is not None}
    try:
        names = {name: str(table) for name, table in made.items()}
        outcome = checker.once(trials.with_sources(checker.pipeline, names))
        found = record_of(outcome)
        if found is None:
            raise DitError(f"without {day} in its input it failed: {said_of(outcome)}")
        return checker.differs(found)
    finally:
        for table in made.values():
            checker.place.warehouse.drop(table)


def _without(checker: Checker, name: str, day: date) -> TableName:
    """A source without the rows of a day."""
    plan = checker.base.prospect.plan
    source = checker.pipeline.sources[name]
    content = {**plan.sources[name].to_json(), "without": day.isoformat(), "own": secrets.token_hex(8)}
    target = made_table(checker.place.dataset, plan.request, f"without_{name}", content)
    expires = f"OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL {INPUT_DAYS} DAY))"
    sql = (
        f"CREATE TABLE {target.sql} {expires} AS SELECT * FROM {plan.sources[name].place.sql} "
        f"WHERE IFNULL(DATE({quoted(source.day or '')}) != @day, TRUE)"
    )
    checker.place.warehouse.query(Statement(sql=sql, parameters={"day": day}))
    return target
