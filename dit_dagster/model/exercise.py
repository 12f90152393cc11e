"""What two modes exercised of one output: which of its rows could have shown a bug at all.

Modes can only differ where phases meet, and where a day is written again. Everything here is counted in the rows that
were compared, so that a pass can say what it rests on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from dit_dagster.model.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class AtBoundary:
    """The rows at one boundary.

    `spanning` start before `day` and end on it or later, by the declared span. `beside` says whether there are rows
    on `day` and on the day before, by the declared day. None: the output does not declare it.
    """

    day: date
    spanning: int | None = None
    beside: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAgain:
    """A window that was run again while later days stood there already.

    `over` rows reach over it: they start before it and end after it. None: the output declares no span.
    """

    window: Window
    over: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exercised:
    """What `mode` exercised. `spanning` rows reach over any boundary, `over` over any window that was run again.

    `days_twice` days were written more than once and hold `rows_twice` rows; None where the output declares no day.
    """

    mode: str
    boundaries: tuple[AtBoundary, ...] = ()
    again: tuple[RunAgain, ...] = ()
    spanning: int | None = None
    over: int | None = None
    days_twice: int | None = None
    rows_twice: int | None = None

    def __str__(self) -> str:
        """In a few words; empty where nothing can be told."""
        return "; ".join(filter(None, (self._at_boundaries(), self._over(), self._twice())))

    def _at_boundaries(self) -> str:
        if not self.boundaries:
            return ""
        if self.spanning is not None:
            return f"{_counted(self.spanning, 'row')} {'spans' if self.spanning == 1 else 'span'} its boundaries"
        beside = [one.beside for one in self.boundaries]
        return "" if None in beside else f"rows on both sides of {beside.count(True)} of {len(beside)} boundaries"

    def _over(self) -> str:
        if not self.again or self.over is None:
            return ""
        return f"{_counted(self.over, 'row')} {'reaches' if self.over == 1 else 'reach'} over what was run again"

    def _twice(self) -> str:
        if not self.days_twice or self.rows_twice is None:
            return ""
        verb = "was" if self.days_twice == 1 else "were"
        return f"{_counted(self.days_twice, 'day')} {verb} written twice ({_counted(self.rows_twice, 'row')})"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
