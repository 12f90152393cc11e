"""What a run may take over from earlier ones: nothing, what there is, or always something."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from dit_dagster.errors import UsageError

_PLACE = re.compile(r"(?P<mode>[a-z][a-z0-9_]{0,39}):(?P<number>[1-9]\d{0,3})")


class Resume(StrEnum):
    """`never`: every phase runs. `if-possible`: what is committed is reused. `always`: no mode begins from nothing."""

    NEVER = "never"
    IF_POSSIBLE = "if-possible"
    ALWAYS = "always"

    @classmethod
    def parse(cls, text: str) -> Self:
        """UsageError for any other word."""
        try:
            return cls(text)
        except ValueError as error:
            raise UsageError(f"--resume {text}: choose {', '.join(cls)}") from error


@dataclass(frozen=True, slots=True)
class PhaseAt:
    """A phase by its mode and number, counted from 1, as `dit explain` shows it: `bfd:3`."""

    mode: str
    number: int

    def __str__(self) -> str:
        return f"{self.mode}:{self.number}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """UsageError unless it is written MODE:N."""
        found = _PLACE.fullmatch(text)
        if found is None:
            raise UsageError(f"--from-phase {text}: write MODE:N with the first phase as 1; 'dit explain' shows them")
        return cls(found["mode"], int(found["number"]))

    def refuse_unless_among(self, phases: Mapping[str, int]) -> None:
        """UsageError unless one of these modes has so many phases."""
        if self.mode not in phases:
            raise UsageError(f"--from-phase {self}: mode {self.mode!r} is not run; there are {', '.join(phases)}")
        if self.number > phases[self.mode]:
            raise UsageError(f"--from-phase {self}: {self.mode} has {phases[self.mode]} phases")


def refuse_contradiction(*, force: bool, resume: Resume, from_phase: PhaseAt | None) -> None:
    """UsageError for a request that asks for one thing and for its opposite."""
    everything = "--force" if force else "--resume never" if resume is Resume.NEVER else None
    if force and resume is Resume.ALWAYS:
        raise UsageError("--force and --resume always contradict one another: the first reuses nothing")
    if everything is not None and from_phase is not None:
        raise UsageError(f"{everything} and --from-phase contradict one another: the first reuses no phase before it")
