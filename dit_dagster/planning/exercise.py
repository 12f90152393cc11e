"""What a mode is to exercise, from its phases alone; and what its outputs say of whether it did.

A boundary is where a phase meets what earlier phases left: rows that reach over it are stitched together. A window is
run again when a phase starts behind what stands there already and ends before it: rows that reach over such a window
show whether what lies ahead is truncated. Days that several phases work on are written twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import assert_never

from dit_dagster.model.exercise import AtBoundary, Exercised, RunAgain
from dit_dagster.model.identity import Fingerprint
from dit_dagster.model.mutation import DropRows, Mutation, ProjectColumns, RestrictKeys, SetValues, ShiftTimestamps
from dit_dagster.model.pipeline import Output
from dit_dagster.model.state import Touched
from dit_dagster.model.window import Window
from dit_dagster.planning.plan import Plan, PlannedMode


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What `mode` is to exercise: of `again` a mode with mutations asks less, since it has its mutations to show."""

    mode: str
    mutated: bool = False
    boundaries: tuple[date, ...] = ()
    again: tuple[Window, ...] = ()
    twice: tuple[date, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.boundaries or self.again or self.twice)


def asked_of(plan: Plan, left: PlannedMode, right: PlannedMode) -> Asked:
    """What a comparison of two modes is to exercise: what the right one does, or else what the left one does.

    Modes with the very same phases tell whether the program is deterministic, and exercise nothing of this.
    """
    phases = {mode.name: [_phase(plan, name) for name in mode.path] for mode in (left, right)}
    if phases[left.name] == phases[right.name]:
        return Asked(mode=right.name)
    return next(filter(None, (asked(name, phases[name]) for name in (right.name, left.name))), Asked(mode=right.name))


def _phase(plan: Plan, name: Fingerprint) -> tuple[Window, bool]:
    node = plan.nodes[name]
    return node.window, bool(node.mutation)


def asked(mode: str, phases: Sequence[tuple[Window, bool]]) -> Asked:
    """What a mode is to exercise, from its phases' windows and whether their input is mutated."""
    before: set[date] = set()
    boundaries: set[date] = set()
    twice: set[date] = set()
    again: list[Window] = []
    for window, _ in phases:
        days = set(window.each_day())
        behind, ahead = any(day < window.start for day in before), any(day >= window.end for day in before)
        boundaries |= {window.start} if behind else set()
        boundaries |= {window.end} if ahead else set()
        if behind and ahead and days & before and window not in again:
            again.append(window)
        twice |= days & before
        before |= days
    return Asked(
        mode=mode,
        mutated=any(mutated for _, mutated in phases),
        boundaries=tuple(sorted(boundaries)),
        again=tuple(again),
        twice=tuple(sorted(twice)),
    )


def with_days(asked: Asked, rows: Mapping[date, int]) -> Exercised:
    """What the rows per day of an output say."""
    there = {day for day, count in rows.items() if count}
    written = [rows[day] for day in asked.twice if day in there]
    return replace(
        exercised(asked),
        boundaries=tuple(
            AtBoundary(day=day, beside={day, day - timedelta(days=1)} <= there) for day in asked.boundaries
        ),
        days_twice=len(written),
        rows_twice=sum(written),
    )


def exercised(asked: Asked) -> Exercised:
    """The boundaries and windows, of which nothing is counted yet."""
    return Exercised(
        mode=asked.mode,
        boundaries=tuple(AtBoundary(day=day) for day in asked.boundaries),
        again=tuple(RunAgain(window=window) for window in asked.again),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What is to be said of a pass: why it proves nothing (`lacking`, empty if it does), and what else it lacks."""

    lacking: str = ""
    warnings: tuple[str, ...] = ()


def shown(asked: Asked, found: Exercised, name: str, output: Output, *, rows: int | None) -> Shown:
    """Whether an output exercised what was asked. Only a declared span can turn a pass into less.

    An output that may be empty, and is, was declared to be right so: it is warned of.
    """
    if not asked:
        return Shown()
    if output.span is None:
        return Shown(warnings=_by_day(asked, found, name, declared=output.day is not None))
    unspanned = [_unspanned(asked, name)] if asked.boundaries and not found.spanning else []
    unreached = [_unreached(asked, name)] if asked.again and not found.over else []
    if rows == 0 and output.allow_empty:
        return Shown(warnings=(*unspanned, *unreached))
    if unspanned:
        return Shown(lacking=unspanned[0])
    if unreached and not asked.mutated:
        return Shown(lacking=unreached[0])
    return Shown(warnings=tuple(unreached))


def _unspanned(asked: Asked, name: str) -> str:
    return (
        f"no row of {name} spans a slice boundary of {asked.mode} ({_days(asked.boundaries)}): this data cannot show a "
        f"boundary bug; choose input of which a row starts before {_or(asked.boundaries)} and ends on that day or later"
    )


def _unreached(asked: Asked, name: str) -> str:
    first = asked.again[0]
    length = f"longer than {first.days} {'day' if first.days == 1 else 'days'}"
    return (
        f"no row of {name} reaches over what {asked.mode} runs again ({_windows(asked.again)}): this data cannot show "
        f"that a re-run truncates what lies ahead; choose input of which a row, {length}, starts before {first.start} "
        f"and ends on {first.end} or later"
    )


def _by_day(asked: Asked, found: Exercised, name: str, *, declared: bool) -> tuple[str, ...]:
    """What rows per day cannot show. Without a day nothing can be told."""
    if not declared:
        return (f"{name} declares neither day nor span, so that what {asked.mode} exercised of it cannot be told",)
    beside = any(one.beside for one in found.boundaries)
    warnings = []
    if asked.boundaries and not beside:
        warnings.append(
            f"{name} has rows on both sides of no slice boundary of {asked.mode} ({_days(asked.boundaries)}); choose a "
            "window with rows on one of these days and on the day before"
        )
    if asked.twice and not found.rows_twice:
        warnings.append(
            f"{name} has no row on a day that {asked.mode} writes twice ({_days(asked.twice)}); choose a window with "
            "rows there"
        )
    return tuple(warnings)


def untouched(mutations: Sequence[Mutation], touched: Sequence[Touched], read: Sequence[Window], outage: str) -> str:
    """Why mutations that touched no row which a mutated phase reads could show nothing, and what would.

    `read` are the windows that the mutated phases read; `outage` the days of the declared outage, if that is what was
    done to their input, or else empty.
    """
    if outage:
        return _outage_untouched(outage, touched, read)
    said = "the mutation touched no row that a mutated phase reads"
    ways = "; ".join(dict.fromkeys(_other(mutation) for mutation in mutations))
    days = sorted(day for one in touched for day in one.by_day if day is not None)
    seen = f", but rows of {_days(days)}" if days else " at all"
    return f"{said} ({_windows(read)}){seen}: {ways}"


def _outage_untouched(outage: str, touched: Sequence[Touched], read: Sequence[Window]) -> str:
    sources = ", ".join(dict.fromkeys(one.source for one in touched)) or "the sources"
    days = [day for one in touched for day in one.by_day if day is not None]
    if not days:
        return f"{sources} has no row on the days of the outage {outage}: declare an outage on days that have rows"
    first = min(window.start for window in read)
    enough = (first - max(days)).days
    return (
        f"the outage {outage} took rows away, but the phase that runs without them reads from {first} on: if the "
        f"program reads further back, declare a reads_back that is larger by {enough}; if it does not, no input shows "
        "anything in this mode, and it need not be run"
    )


def unmarked(mutations: Sequence[Mutation], name: str, outage: str) -> str:
    """What would show, where damaged input left an output as it was."""
    said = "the damaged input changed nothing in this output: before the recovery it equals the reference already"
    if outage:
        return f"{said}; declare an outage on days whose rows show in {name}"
    return f"{said}; {'; '.join(dict.fromkeys(_other(mutation) for mutation in mutations))}"


def _other(mutation: Mutation) -> str:
    """What else a mutation could be told to do."""
    match mutation:
        case RestrictKeys(key=key, source=source):
            return f"choose other keys ({key} of {source}), some of whose rows there are left out"
        case DropRows(where=where, source=source):
            return f"choose a condition other than {where!r} that is true of rows of {source} there"
        case ShiftTimestamps(column=column, source=source):
            return f"choose rows of {source} there, or more seconds, so that a moved {column} matters"
        case SetValues(column=column, source=source):
            return f"choose rows of {source} there whose {column} is another value, and matters"
        case ProjectColumns(source=source):
            return f"leave out a column of {source} that the program reads"
        case _:
            assert_never(mutation)


_SHOWN = 4


def _days(days: Sequence[date]) -> str:
    listed = [day.isoformat() for day in days]
    return ", ".join(listed) if len(listed) <= _SHOWN else f"{listed[0]} to {listed[-1]}"


def _windows(windows: Sequence[Window]) -> str:
    listed = list(dict.fromkeys(map(str, windows)))
    return ", ".join(listed[:_SHOWN]) + (f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else "")


def _or(days: Sequence[date]) -> str:
    return f"{days[0]}" if len(days) == 1 else f"one of these days, such as {days[0]},"
