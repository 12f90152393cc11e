"""The phases of all modes as the tree that they form: equal beginnings once, each with what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from dit_dagster.evidence.html.words import seconds, short

STATES = {
    "ran": ("executed", "●"),
    "reused": ("reused", "○"),
    "failed": ("failed", "✕"),
    "blocked": ("blocked", "–"),
    "capped": ("capped", "–"),
    "cancelled": ("cancelled", "–"),
    "not needed": ("not needed", "·"),
    "": ("not run", "·"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One phase. `parts` are the comparisons in which its mode parts from the reference just here."""

    fingerprint: str
    number: int
    start: str
    end: str
    state: str
    word: str
    sign: str
    seconds: str
    mutation: str
    why: str
    error: str
    log: str
    parts: tuple[str, ...]
    offset: float
    width: float

    @property
    def short(self) -> str:
        return short(self.fingerprint)

    @property
    def notable(self) -> bool:
        """Whether it must be seen, however many phases there are."""
        return bool(self.parts) or self.state == "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Phases in a row that the same modes go through; then the ways on.

    `ends` are the modes that come to an end here; `why` is the reason that all of several phases were decided by.
    """

    modes: tuple[str, ...]
    phases: tuple[Phase, ...]
    ends: tuple[str, ...]
    further: tuple[Segment, ...]
    why: str


@dataclass(slots=True, kw_only=True)
class _Step:
    """A phase while the tree is being put together."""

    phase: Phase
    modes: list[str] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    further: dict[str, _Step] = field(default_factory=dict)


def tree(report: Mapping[str, Any]) -> tuple[Segment, ...]:
    """The first segments; modes that share none of their beginnings are side by side."""
    roots: dict[str, _Step] = {}
    partings = _partings(report)
    for mode in report["modes"]:
        steps, step = roots, None
        for number, told in enumerate(mode["phases"], 1):
            name = told["fingerprint"]
            step = steps.setdefault(name, _Step(phase=_phase(told, number, report, partings.get(name, []))))
            step.modes.append(mode["mode"])
            steps = step.further
        if step is not None:
            step.ends.append(mode["mode"])
    return tuple(_segment(step) for step in roots.values())


def _segment(step: _Step) -> Segment:
    """From this step on, as long as there is one way and nobody leaves."""
    phases = [step.phase]
    while len(step.further) == 1 and not step.ends:
        [step] = step.further.values()
        phases.append(step.phase)
    return Segment(
        modes=tuple(step.modes),
        phases=tuple(phases),
        ends=tuple(step.ends),
        further=tuple(_segment(each) for each in step.further.values()),
        why=phases[0].why if len(phases) > 1 and len({phase.why for phase in phases}) == 1 else "",
    )


def _partings(report: Mapping[str, Any]) -> dict[str, list[str]]:
    """By fingerprint, the comparisons in which it is the first phase after which the modes part."""
    found: dict[str, list[str]] = {}
    for comparison in report["comparisons"]:
        parting = (comparison.get("explanation") or {}).get("parting")
        if parting:
            who = f"{comparison['output']} of {comparison['right']}"
            found.setdefault(parting["fingerprint"], []).append(f"{who} parts from {comparison['left']}")
    return found


def _phase(told: Mapping[str, Any], number: int, report: Mapping[str, Any], parts: Sequence[str]) -> Phase:
    state = told.get("outcome", "")
    word, sign = STATES.get(state, (state, "·"))
    offset, width = share_of(report["window"], told["start"], told["end"])
    return Phase(
        fingerprint=told["fingerprint"],
        number=number,
        start=told["start"],
        end=told["end"],
        state=state,
        word=word,
        sign=sign,
        seconds=seconds(told["seconds"]) if told.get("seconds") else "",
        mutation=", ".join(told["mutation"]).replace("_", " "),
        why="; ".join(told.get("reasons", ())),
        error=told.get("error") or "",
        log=told.get("log") or "",
        parts=tuple(parts),
        offset=offset,
        width=width,
    )


def share_of(window: Sequence[str], start: str, end: str) -> tuple[float, float]:
    """Where `[start, end)` lies in the window, and how much of it that is, in percent."""
    first, last, since, until = (date.fromisoformat(day) for day in (*window, start, end))
    days = max(1, (last - first).days)
    offset = min(max((since - first).days / days, 0.0), 1.0)
    return round(100 * offset, 2), round(100 * min(max((until - since).days / days, 0.0), 1.0 - offset), 2)
