"""From a mode's declaration and an experiment's window to the phases it stands for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import assert_never

from dit_dagster.errors import UsageError
from dit_dagster.model.mode import Dailies, Mode, Slice, split_moment, with_moments
from dit_dagster.model.pipeline import Pipeline
from dit_dagster.model.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedPhase:
    """One phase with its dates; `mutation` is the declared name of what is done to its input."""

    window: Window
    mutation: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The dates of one experiment: its window, tail T, daily window W, and the outage's days if there is one."""

    window: Window
    tail: int
    lookback: int
    outage: Window | None

    def at(self, moment: str) -> date:
        """The date of a moment such as `end-T`. The declaration was validated."""
        base, offsets = split_moment(moment)
        anchors: Mapping[str, date] = {"start": self.window.start, "end": self.window.end}
        if base in anchors:
            origin = anchors[base]
        else:
            assert self.outage is not None  # noqa: S101  # the declaration was validated
            origin = self.outage.start if base == "outage_start" else self.outage.end
        named = {"T": self.tail, "W": self.lookback}
        return origin + timedelta(days=sum(sign * (named.get(days) or int(days)) for sign, days in offsets))


def dated(condition: str, dates: Calendar) -> str:
    """A SQL condition with the moments between braces as its dates."""
    return with_moments(condition, lambda moment: f"DATE '{dates.at(moment).isoformat()}'")


def calendar(pipeline: Pipeline, window: Window, tail: int, lookback: int) -> Calendar:
    """The experiment's dates, or UsageError if T and W do not fit into the window."""
    if not 0 < tail < window.days:
        raise UsageError(f"--tail {tail}: the tail must be at least 1 and less than the window's {window.days} days")
    if lookback < 1:
        raise UsageError(f"--lookback {lookback}: a daily run covers at least 1 day")
    if tail + lookback - 1 > window.days:
        raise UsageError(
            f"--tail {tail} --lookback {lookback}: the first daily run would start before {window.start}; "
            f"tail + lookback - 1 must be at most {window.days}"
        )
    bare = Calendar(window=window, tail=tail, lookback=lookback, outage=None)
    return Calendar(window=window, tail=tail, lookback=lookback, outage=_outage(pipeline, bare))


def _outage(pipeline: Pipeline, bare: Calendar) -> Window | None:
    if pipeline.outage is None:
        return None
    begin, end = bare.at(pipeline.outage.from_), bare.at(pipeline.outage.to)
    return Window(begin, end) if bare.window.start < begin < end < bare.window.end else None


def resolve(pipeline: Pipeline, name: str, dates: Calendar) -> tuple[ResolvedPhase, ...]:
    """The mode's phases in order. Raises UnknownName or UsageError before anything has happened."""
    mode = pipeline.mode(name)
    if dates.outage is None and _needs_outage(mode):
        raise UsageError(f"mode {name!r}: the declared outage does not lie inside {dates.window}; use a longer window")
    return tuple(phase for declared in mode.phases for phase in _phases(declared, dates))


def _needs_outage(mode: Mode) -> bool:
    slices = [phase for phase in mode.phases if isinstance(phase, Slice)]
    return any("outage" in f"{phase.from_} {phase.to} {phase.mutation}" for phase in slices)


def _phases(declared: Slice | Dailies, dates: Calendar) -> Iterator[ResolvedPhase]:
    match declared:
        case Slice():
            window = Window(dates.at(declared.from_), dates.at(declared.to))
            yield ResolvedPhase(window=window, mutation=declared.mutation)
        case Dailies():
            for back in reversed(range(dates.tail)):
                end = dates.window.end - timedelta(days=back)
                window = Window(end - timedelta(days=dates.lookback), end)
                yield ResolvedPhase(window=window, mutation=declared.mutation)
        case _:
            assert_never(declared)


def uncovered(phases: tuple[ResolvedPhase, ...], window: Window, *, owns_to_end: bool) -> tuple[date, ...]:
    """Days of `window` that the phases leave unfilled, or fill from outside it."""
    *_, filled = filled_after([(phase.window, phase.mutation is not None) for phase in phases], owns_to_end=owns_to_end)
    return tuple(sorted(set(window.each_day()) ^ filled))


def filled_after(phases: Iterable[tuple[Window, bool]], *, owns_to_end: bool) -> Iterator[frozenset[date]]:
    """The days that are filled after each phase, given its window and whether its input is mutated.

    A phase over [a, b) of a pipeline that owns to the end removes everything from a on, then adds [a, b); of any
    other it adds [a, b). Only true input fills a day.
    """
    filled: frozenset[date] = frozenset()
    for window, mutated in phases:
        if owns_to_end:
            filled = frozenset(day for day in filled if day < window.start)
        days = frozenset(window.each_day())
        filled = filled - days if mutated else filled | days
        yield filled
