"""What equal means, once more: brute force over plain Python values, sharing nothing with what it judges.

Rows are dictionaries of Python values; a column is declared by its GoogleSQL type and a policy. Everything follows the
written semantics: multisets of rows, NULL equals NULL only, NaN equals NaN, -0.0 equals 0.0 unless bitwise, integers
never through a float, a tolerance only between rows that pair by key, JSON by meaning.
"""

from __future__ import annotations

import json
import math
import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import permutations
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """How one column is compared."""

    type: str
    policy: str = "exact"
    abs: float = 0.0
    rel: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The verdict's name, and how many rows of each side have no equal on the other."""

    verdict: str
    surplus_left: int
    surplus_right: int


def judge(left: Sequence[Row], right: Sequence[Row], columns: Mapping[str, Spec], keys: Sequence[str]) -> Judgement:
    mine, theirs = (Counter(_canonical(row, columns) for row in side) for side in (left, right))
    alone_left, alone_right = mine - theirs, theirs - mine
    surplus = {"surplus_left": alone_left.total(), "surplus_right": alone_right.total()}
    if not alone_left and not alone_right:
        return Judgement(verdict="IDENTICAL" if left else "EMPTY", **surplus)
    tolerant = any(spec.policy == "tolerance" for spec in columns.values())
    if not tolerant:
        return Judgement(verdict="DIFFERENT", **surplus)
    if not keys:
        return Judgement(verdict="INCOMPARABLE", **surplus)
    rest = (_rows_of(left, alone_left, columns), _rows_of(right, alone_right, columns))
    return Judgement(verdict="EQUIVALENT" if _pairs_up(*rest, columns, keys) else "DIFFERENT", **surplus)


def _canonical(row: Row, columns: Mapping[str, Spec]) -> tuple[Any, ...]:
    return tuple(_value(row[name], spec) for name, spec in columns.items())


def _value(value: Any, spec: Spec) -> Any:
    if value is None:
        return None
    if spec.policy == "json":
        return _json(value)
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        return struct.pack(">d", value) if spec.policy == "bitwise" else value + 0.0
    return value


def _json(text: str) -> Any:
    """By meaning; text that is no JSON, or repeats a key, stands for itself."""
    try:
        return ("json", _frozen(json.loads(text, object_pairs_hook=_Pairs, parse_constant=_refuse)))
    except ValueError:
        return ("text", text)


class _Pairs(tuple[Any, ...]):
    """The members of an object, in order."""

    __slots__ = ()


def _refuse(text: str) -> Any:
    raise ValueError(text)


def _frozen(value: Any) -> Any:
    match value:
        case _Pairs():
            members = {name: _frozen(each) for name, each in value}
            if len(members) < len(value):
                raise ValueError("a key twice")
            return ("object", frozenset(members.items()))
        case list():
            return ("array", tuple(_frozen(each) for each in value))
        case bool():
            return ("bool", value)
        case int() | float():
            return ("number", value)
    return value


def _rows_of(rows: Sequence[Row], wanted: Counter[Any], columns: Mapping[str, Spec]) -> list[Row]:
    left, found = Counter(wanted), []
    for row in rows:
        canonical = _canonical(row, columns)
        if left[canonical]:
            left[canonical] -= 1
            found.append(row)
    return found


def _pairs_up(left: list[Row], right: list[Row], columns: Mapping[str, Spec], keys: Sequence[str]) -> bool:
    """Whether some pairing within the keys satisfies every tolerance. By trying them all."""
    key_specs = {key: columns[key] for key in keys}
    sides = []
    for rows in (left, right):
        groups: dict[Any, list[Row]] = {}
        for row in rows:
            groups.setdefault(_canonical(row, key_specs), []).append(row)
        sides.append(groups)
    mine, theirs = sides
    if {key: len(rows) for key, rows in mine.items()} != {key: len(rows) for key, rows in theirs.items()}:
        return False
    return all(
        any(all(_near(a, b, columns) for a, b in zip(rows, order, strict=True)) for order in permutations(theirs[key]))
        for key, rows in mine.items()
    )


def _near(left: Row, right: Row, columns: Mapping[str, Spec]) -> bool:
    return all(_close(left[name], right[name], spec) for name, spec in columns.items())


def _close(a: Any, b: Any, spec: Spec) -> bool:
    if _value(a, spec) == _value(b, spec):
        return True
    if spec.policy != "tolerance" or a is None or b is None:
        return False
    if isinstance(a, float):
        if not (math.isfinite(a) and math.isfinite(b)):
            return False
        gap = abs(a - b)
        return bool(gap <= spec.abs or gap <= spec.rel * max(abs(a), abs(b)))
    exact = abs(Decimal(a) - Decimal(b))
    return exact <= Decimal(repr(spec.abs)) or float(exact) <= spec.rel * max(abs(float(a)), abs(float(b)))
