"""Samples with the characters that differ marked, and every character that cannot be seen spelled out."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby
from typing import Any, Literal

from dit_dagster.evidence.html.words import plural

_LONG_EQUAL = 160
_KEPT_EQUAL = 60
_LONG_VALUE = 400
_MOST_COMPARED = 40_000
_SHORTEST_MATCH = 3
_UNSEEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"}

Kind = Literal["same", "differs", "sign", "differing sign", "note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of a value. A `sign` stands for a character that cannot be seen; a `note` for what is left out."""

    text: str
    kind: Kind = "same"


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A value as pieces. `missing` says what stands instead of one: `NULL`, `no row`, `empty text`."""

    pieces: tuple[Piece, ...] = ()
    missing: str = ""


Named = tuple[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """One differing value."""

    key: tuple[Named, ...]
    left: Value
    right: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class OfColumn:
    """Samples of one column, which differs `of` times; those farthest apart first, where that can be `measured`."""

    column: str
    changed: tuple[Changed, ...]
    of: int
    measured: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """A row without a partner: its key and its other values, or the `whole` of it if it cannot be parted."""

    key: tuple[Named, ...]
    values: tuple[Named, ...]
    whole: Value | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfSide:
    """Rows that one side has, or has more often."""

    side: str
    rows: tuple[Alone, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """What is shown of a comparison's samples, most telling first."""

    columns: tuple[OfColumn, ...]
    sides: tuple[OfSide, ...]


def samples(comparison: Mapping[str, Any]) -> Samples:
    """The samples of a comparison, by column, then rows that one side has."""
    found: Sequence[Mapping[str, Any]] = (comparison.get("explanation") or {}).get("samples") or ()
    by_column: dict[str, list[Changed]] = {}
    for sample in found:
        if sample["column"] is not None:
            left, right = marked(sample["left"], sample["right"])
            changed = Changed(key=named(sample["key"]), left=left, right=right)
            by_column.setdefault(sample["column"], []).append(changed)
    alone = [sample for sample in found if sample["column"] is None]
    sides = [_of_side(side, alone, comparison) for side in ("left", "right")]
    told = {column["name"]: column for column in comparison["columns"]}
    columns = tuple(_of_column(name, changed, told.get(name, {})) for name, changed in by_column.items())
    return Samples(columns=columns, sides=tuple(side for side in sides if side.rows))


def _of_column(name: str, changed: Sequence[Changed], told: Mapping[str, Any]) -> OfColumn:
    differing = told.get("mismatches", 0) + told.get("within_tolerance", 0)
    return OfColumn(column=name, changed=tuple(changed), of=differing, measured=told.get("max_abs") is not None)


def _of_side(side: str, alone: Sequence[Mapping[str, Any]], comparison: Mapping[str, Any]) -> OfSide:
    rows = tuple(alone_row(sample["key"], sample[side]) for sample in alone if sample[side] is not None)
    return OfSide(side=str(comparison[side]), rows=rows)


def alone_row(key: Mapping[str, str | None], row: str | None) -> Alone:
    """A row that is held as a JSON object; whatever else it is, it is shown as text."""
    try:
        values = json.loads(row or "")
    except ValueError:
        values = None
    if not isinstance(values, dict):
        return Alone(key=named(key), values=(), whole=plain_value(row))
    rest = {name: value for name, value in values.items() if name not in key}
    return Alone(key=named(key), values=named(rest))


def named(values: Mapping[str, Any]) -> tuple[Named, ...]:
    return tuple((name, plain_value(value)) for name, value in values.items())


def plain_value(value: Any) -> Value:
    """A value that is compared with nothing: a long one is cut, and says so."""
    if value is None:
        return Value(missing="NULL")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if not text:
        return Value(missing="empty text")
    pieces = [*_spelled(text[:_LONG_VALUE], differs=False)]
    if len(text) > _LONG_VALUE:
        pieces.append(Piece(text=f"and {plural(len(text) - _LONG_VALUE, 'character')} more", kind="note"))
    return Value(pieces=tuple(pieces))


def marked(left: str | None, right: str | None) -> tuple[Value, Value]:
    """Both values, each with the parts that the other does not have marked."""
    if not left or not right:
        return plain_value(left), plain_value(right)
    common = _common(left, right)
    return (
        _parted(left, [(start, length) for start, _, length in common]),
        _parted(right, [(start, length) for _, start, length in common]),
    )


def _common(left: str, right: str) -> list[tuple[int, int, int]]:
    """The parts that both have, as (start left, start right, length): what begins and ends alike, then what is within.

    Within, only values short enough to be matched quickly are, and short accidental matches are none.
    """
    most = min(len(left), len(right))
    before = next((i for i in range(most) if left[i] != right[i]), most)
    after = next((i for i in range(most - before) if left[-1 - i] != right[-1 - i]), most - before)
    ends = (len(left) - after, len(right) - after)
    inner = (left[before : ends[0]], right[before : ends[1]])
    within = []
    if len(inner[0]) * len(inner[1]) <= _MOST_COMPARED:
        matcher = SequenceMatcher(None, *inner, autojunk=False)
        within = [
            (before + block.a, before + block.b, block.size)
            for block in matcher.get_matching_blocks()
            if block.size >= _SHORTEST_MATCH
        ]
    return [(0, 0, before), *within, (*ends, after)]


def _parted(text: str, common: Sequence[tuple[int, int]]) -> Value:
    pieces: list[Piece] = []
    at = 0
    for start, length in common:
        pieces += _spelled(text[at:start], differs=True)
        pieces += _shortened(text[start : start + length], first=start == 0, last=start + length == len(text))
        at = start + length
    return Value(pieces=tuple(pieces))


def _shortened(text: str, *, first: bool, last: bool) -> Iterator[Piece]:
    """An equal part; of a long one only what is next to a difference."""
    if len(text) <= _LONG_EQUAL:
        yield from _spelled(text, differs=False)
        return
    head, tail = (0 if first else _KEPT_EQUAL), (0 if last else _KEPT_EQUAL)
    yield from _spelled(text[:head], differs=False)
    yield Piece(text=plural(len(text) - head - tail, "equal character"), kind="note")
    yield from _spelled(text[len(text) - tail :], differs=False)


def _spelled(text: str, *, differs: bool) -> Iterator[Piece]:
    """The text, with its code point in place of a character that cannot be seen; spaces only where they differ."""
    for unseen, run in groupby(text, lambda sign: _unseen(sign, differs=differs)):
        characters = "".join(run)
        if not unseen:
            yield Piece(text=characters, kind="differs" if differs else "same")
            continue
        for sign in characters:
            yield Piece(text=_name(sign), kind="differing sign" if differs else "sign")


def _unseen(sign: str, *, differs: bool) -> bool:
    return differs if sign == " " else unicodedata.category(sign) in _UNSEEN or unicodedata.combining(sign) != 0


def _name(sign: str) -> str:
    return {" ": "space", "\n": "newline", "\t": "tab"}.get(sign, f"U+{ord(sign):04X}")
