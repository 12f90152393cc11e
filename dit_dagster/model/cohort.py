"""What a run reads: which tables, of which days, as they were at which time.

A cohort is a named bundle of these in a pipeline's declaration. What a caller says of a single run comes on top.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from pydantic import Field, field_validator

from dit_dagster.errors import BadName, UsageError
from dit_dagster.model.identity import TableName
from dit_dagster.model.policy import Declared


class DefaultWindow(Declared):
    """The window of a run that names none."""

    start: date
    end: date


class Cohort(Declared):
    """A bundle of source tables, days, time and limits. `dataset` holds every source's table, under its own name.

    `rows_per_day`: each source that declares its day column must have so many on each day of the window.
    """

    description: str = ""
    dataset: str | None = None
    sources: dict[str, str] = Field(default_factory=dict)
    window: DefaultWindow | None = None
    pin_at: datetime | None = None
    rows_per_day: int = Field(default=0, ge=0)
    max_bytes: int | None = Field(default=None, ge=0)

    @field_validator("pin_at")
    @classmethod
    def _with_zone(cls, at: datetime | None) -> datetime | None:
        if at is not None and at.tzinfo is None:
            raise ValueError(f"{at.isoformat()} names no time zone; write it with Z or an offset")
        return at


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is read instead of what the declaration says: a cohort's name, tables by source, and the pin's time.

    `of_golden`: the sources that the golden state ran on, from the copies that were kept with it.
    """

    cohort: str | None = None
    tables: Mapping[str, str] = field(default_factory=dict)
    pinned_at: datetime | None = None
    rows_per_day: int = 0
    of_golden: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "cohort": self.cohort,
            "tables": dict(self.tables),
            "pinned_at": self.pinned_at and self.pinned_at.isoformat(),
            "rows_per_day": self.rows_per_day,
            "of_golden": self.of_golden,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | None) -> Selection:
        """The inverse; older runs chose nothing."""
        if value is None:
            return cls()
        at = value["pinned_at"]
        return cls(
            cohort=value["cohort"],
            tables=value["tables"],
            pinned_at=datetime.fromisoformat(at) if at else None,
            rows_per_day=value["rows_per_day"],
            of_golden=value.get("of_golden", False),
        )


def parse_moment(text: str, now: datetime | None = None) -> datetime:
    """A time with its zone, such as 2026-01-31T06:00:00Z. UsageError for one without, or in the future."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--pin-source-at {text!r}: write a time such as 2026-01-31T06:00:00Z") from error
    return past_moment(at, f"--pin-source-at {text!r}", now)


def past_moment(at: datetime, what: str, now: datetime | None = None) -> datetime:
    """`at` in UTC; `what` it is, for messages.

    UsageError for one without a zone, or in the future: until then what it stands for can change.
    """
    if at.tzinfo is None:
        raise UsageError(f"{what} names no time zone; append Z or an offset")
    if at > (now or datetime.now(UTC)):
        raise UsageError(f"{what} lies in the future")
    return at.astimezone(UTC)


def parse_tables(given: list[str] | None) -> dict[str, str]:
    """`NAME=TABLE` each. UsageError for what is not written so, or stands twice."""
    found: dict[str, str] = {}
    for each in given or []:
        name, equals, table = each.partition("=")
        if not equals or name in found:
            raise UsageError(f"--source {each!r}: write NAME=TABLE, each source once")
        try:
            TableName.parse(table, project="unknown")
        except BadName as error:
            raise UsageError(f"--source {name}: {error}") from error
        found[name] = table
    return found
