"""What the steps are given: tables and a range of days."""

import dataclasses
import datetime as dt
import re

_FULL_NAME = re.compile(r"[A-Za-z0-9_:.-]+\.[A-Za-z0-9_]+\.[A-Za-z0-9_-]+")


class Table(str):
    """`project.dataset.table`, checked, so that it can stand between backticks in SQL."""

    def __new__(cls, text: str) -> "Table":
        if not _FULL_NAME.fullmatch(text):
            raise ValueError(f"{text!r} is not project.dataset.table")
        return super().__new__(cls, text)

    @property
    def last_versions(self) -> "Table":
        """The view of the latest version of every row of a versioned table."""
        return Table(f"{self}_last_versions")


@dataclasses.dataclass(frozen=True)
class Window:
    """The UTC days from `start` up to, and without, `end`."""

    start: dt.date
    end: dt.date

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise ValueError(f"--start {self.start} must lie before --end {self.end}")


def midnight(day: dt.date) -> dt.datetime:
    """The instant at which a UTC day begins."""
    return dt.datetime.combine(day, dt.time.min, dt.UTC)
