"""Half-open windows of days, `[start, end)`, and what they cover together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from dit_dagster.errors import UsageError


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """The days from `start` up to, not including, `end`."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise UsageError(f"the window [{self.start}, {self.end}) is empty; --end must be after --start")

    def __str__(self) -> str:
        return f"[{self.start}, {self.end})"

    @property
    def days(self) -> int:
        return (self.end - self.start).days

    def each_day(self) -> Iterable[date]:
        return (self.start + timedelta(days=n) for n in range(self.days))

    def contains(self, other: Window) -> bool:
        return self.start <= other.start and other.end <= self.end

    def widened(self, *, back: int) -> Window:
        """This window with `back` more days before it: what a phase that looks back reads."""
        return Window(self.start - timedelta(days=back), self.end)
