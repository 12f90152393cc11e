"""The tree of phases as a picture: a lane per mode, phases from left to right, and where lanes leave one another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dit_dagster.evidence.html.tree import Phase, Segment

_STEP = 34
_LANE = 40
_MARGIN = 20
_LETTER = 8.2
_MOST_IN_A_ROW = 5
_NARROWEST = 240


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A phase, or `left_out` phases in a row, at its place."""

    x: int
    y: int
    phase: Phase | None = None
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """From one dot to the next, as an SVG path."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A mode's name where it ends."""

    x: int
    y: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Sizes are in SVG units, which are pixels unless the screen is narrower."""

    width: int
    height: int
    dots: tuple[Dot, ...]
    lines: tuple[Line, ...]
    labels: tuple[Label, ...]


Part = Dot | Line | Label


def picture(segments: Sequence[Segment]) -> Picture:
    """All lanes; long rows of ordinary phases are drawn as their first and last, and a count between."""
    parts: list[Part] = []
    lane = 0
    for segment in segments:
        drawn, lane = _drawn(segment, column=0, lane=lane, before=None)
        parts += drawn
    labels = tuple(part for part in parts if isinstance(part, Label))
    widest = max((label.x + int(_LETTER * len(label.text)) for label in labels), default=0)
    return Picture(
        width=max(_NARROWEST, widest + _MARGIN),
        height=max(lane, 1) * _LANE,
        dots=tuple(part for part in parts if isinstance(part, Dot)),
        lines=tuple(part for part in parts if isinstance(part, Line)),
        labels=labels,
    )


def _drawn(segment: Segment, *, column: int, lane: int, before: Dot | None) -> tuple[list[Part], int]:
    """The parts of a segment and of all that follows, and the first lane that is free afterwards."""
    parts: list[Part] = []
    for slot in _slots(segment.phases):
        x, y = _MARGIN + _STEP * column, _LANE // 2 + _LANE * lane
        dot = Dot(x=x, y=y, phase=slot) if isinstance(slot, Phase) else Dot(x=x, y=y, left_out=slot)
        parts += [dot] if before is None else [Line(path=_path(before, dot)), dot]
        before, column = dot, column + 1
    if segment.ends and before is not None:
        beside = 24 if before.phase and before.phase.parts else 16
        parts.append(Label(x=before.x + beside, y=before.y, text=", ".join(segment.ends)))
        lane += 1
    for further in segment.further:
        drawn, lane = _drawn(further, column=column, lane=lane, before=before)
        parts += drawn
    return parts, lane


def _slots(phases: Sequence[Phase]) -> Iterator[Phase | int]:
    """The phases to draw; a number stands for so many that are left out."""
    if len(phases) <= _MOST_IN_A_ROW:
        yield from phases
        return
    left_out = 0
    for place, phase in enumerate(phases):
        if place in (0, len(phases) - 1) or phase.notable:
            if left_out:
                yield left_out
            yield phase
            left_out = 0
        else:
            left_out += 1


def _path(start: Dot, end: Dot) -> str:
    """Straight in one lane; into another one it bends right after it starts."""
    if start.y == end.y:
        return f"M{start.x} {start.y}H{end.x}"
    bend = start.x + _STEP // 2
    return f"M{start.x} {start.y}C{bend} {start.y} {start.x} {end.y} {bend + 4} {end.y}H{end.x}"
