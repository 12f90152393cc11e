"""Versions against one another: the verdicts between two commits, output by output and mode by mode."""

from __future__ import annotations

from dataclasses import dataclass

from dit_dagster.model.identity import Commit
from dit_dagster.model.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """The verdict on one output of one mode: `left` and `right` are bindings."""

    output: str
    mode: str
    left: str
    right: str
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """What a run's commit changes against another, of which nothing was run for it.

    `reason` says why nothing is known.
    """

    commit: Commit
    crossings: tuple[Crossing, ...] = ()
    reason: str = ""
