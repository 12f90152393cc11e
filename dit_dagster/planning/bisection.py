"""The search for the first commit at which something turns: which commit to look at next, and when to stop.

Halving over the graph is git's (`rev-list --bisect-all`): each candidate comes with how many commits would be ruled
out at the least. Commits that could not be judged are left out, and may hide the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from dit_dagster.model.identity import Commit


class Turn(StrEnum):
    """What was seen at a commit."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The first bad commit: each of its parents is good, or an ancestor of one that is."""

    commit: Commit


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """One of these is the first bad commit; all but the last could not be judged."""

    suspects: tuple[Commit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is known so far. `bad` is the earliest bad commit that was seen."""

    good: tuple[Commit, ...]
    bad: Commit
    unknown: frozenset[Commit] = frozenset()

    def after(self, commit: Commit, turn: Turn) -> Search:
        """With what was seen at one more commit."""
        match turn:
            case Turn.GOOD:
                return replace(self, good=(*self.good, commit))
            case Turn.BAD:
                return replace(self, bad=commit)
            case Turn.UNKNOWN:
                return replace(self, unknown=self.unknown | {commit})

    def proceed(self, candidates: Sequence[Commit]) -> Commit | Found | Hidden:
        """The next commit to look at, or the end. `candidates`: what lies between, what halves it best first."""
        between = [commit for commit in candidates if commit != self.bad]
        left = [commit for commit in between if commit not in self.unknown]
        if left:
            return left[0]
        return Hidden(suspects=(*between, self.bad)) if between else Found(commit=self.bad)
