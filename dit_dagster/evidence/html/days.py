"""The days that hold differences, as the months of a calendar, with the days on which a mode's phases begin."""

from __future__ import annotations

from calendar import Calendar
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

_LEVELS = 4
_ALL_MONTHS_UP_TO = 13
_MOST_MONTHS = 36
_THOUSAND = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A day of a month; `within` the window or not. `level` is 0 for no difference, else 1 to 4."""

    number: int
    within: bool
    rows: int
    shown: str
    level: int
    begins: bool


Week = tuple[Day | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """Its weeks that are within the window, from Monday; None for a day of another month."""

    name: str
    weeks: tuple[Week, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """What the calendar shows. `left_out` months hold differences as well."""

    months: tuple[Month, ...]
    differing: int
    most: int
    begins: bool
    left_out: int


def days(comparison: Mapping[str, Any], window: Sequence[str] | None = None, starts: Sequence[str] = ()) -> Days | None:
    """None where no day is known to differ. `starts` are days on which the right side's phases begin."""
    told = (comparison.get("explanation") or {}).get("days") or ()
    counts = {date.fromisoformat(day): int(rows) for day, rows in told}
    if not counts:
        return None
    first, last = _ends(counts, window)
    months = list(_months(first, last))
    if len(months) > _ALL_MONTHS_UP_TO:
        months = [month for month in months if any((day.year, day.month) == month for day in counts)]
    begins = {date.fromisoformat(day) for day in starts if first < date.fromisoformat(day) <= last}
    return Days(
        months=tuple(_month(month, counts, (first, last), begins) for month in months[:_MOST_MONTHS]),
        differing=len(counts),
        most=max(counts.values()),
        begins=bool(begins),
        left_out=max(0, len(months) - _MOST_MONTHS),
    )


def _ends(counts: Mapping[date, int], window: Sequence[str] | None) -> tuple[date, date]:
    """The first and the last day to show: those of the window, and what lies outside and differs all the same."""
    known = list(counts)
    if window is not None:
        known += [date.fromisoformat(window[0]), date.fromisoformat(window[1]) - timedelta(days=1)]
    return min(known), max(known)


def _months(first: date, last: date) -> Iterator[tuple[int, int]]:
    year, month = first.year, first.month
    while (year, month) <= (last.year, last.month):
        yield year, month
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)


def _month(month: tuple[int, int], counts: Mapping[date, int], ends: tuple[date, date], begins: set[date]) -> Month:
    most = max(counts.values())

    def shown(day: date) -> Day | None:
        if (day.year, day.month) != month:
            return None
        rows = counts.get(day, 0)
        return Day(
            number=day.day,
            within=ends[0] <= day <= ends[1],
            rows=rows,
            shown=f"{rows / _THOUSAND:.0f}k" if rows >= 10 * _THOUSAND else str(rows),
            level=-(-_LEVELS * rows // most),
            begins=day in begins,
        )

    weeks = [tuple(map(shown, week)) for week in Calendar().monthdatescalendar(*month)]
    within = tuple(week for week in weeks if any(day is not None and day.within for day in week))
    return Month(name=f"{date(*month, 1):%B %Y}", weeks=within)
