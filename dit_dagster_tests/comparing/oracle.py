"""What equal means, once more: brute force over plain Python values, sharing nothing with what it judges.

Rows are dictionaries of Python values: a STRUCT is a dictionary, an ARRAY a list. Everything follows the written
semantics: multisets of rows, NULL equals NULL only, NaN equals NaN, -0.0 equals 0.0 unless bitwise, integers never
through a float, a tolerance only between rows that pair by key and only between values at the same place, JSON by
meaning, a NULL ARRAY is an empty one, a NULL STRUCT is not a STRUCT of NULLs.
"""

from __future__ import annotations

import json
import math
import struct
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from itertools import permutations
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """How one column, or what it holds, is compared. A STRUCT has `fields`, an ARRAY `element`."""

    type: str
    policy: str = "exact"
    abs: float = 0.0
    rel: float = 0.0
    fields: tuple[tuple[str, Spec], ...] = ()
    element: Spec | None = None

    @property
    def tolerant(self) -> bool:
        """Whether a tolerance is declared here or within."""
        inner = [spec for _, spec in self.fields] + ([self.element] if self.element else [])
        return self.policy == "tolerance" or self.bounded_json or any(spec.tolerant for spec in inner)

    @property
    def bounded_json(self) -> bool:
        """Whether numbers within the document may differ."""
        return self.policy == "json" and (self.abs, self.rel) != (0.0, 0.0)


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
    if not any(spec.tolerant for spec in columns.values()):
        return Judgement(verdict="DIFFERENT", **surplus)
    if not keys:
        return Judgement(verdict="INCOMPARABLE", **surplus)
    rest = (_rows_of(left, alone_left, columns), _rows_of(right, alone_right, columns))
    return Judgement(verdict="EQUIVALENT" if _pairs_up(*rest, columns, keys) else "DIFFERENT", **surplus)


def differing_paths(
    left: Sequence[Row], right: Sequence[Row], columns: Mapping[str, Spec], keys: Sequence[str]
) -> set[str]:
    """Of rows with unique keys: the paths at which some pair differs, within a tolerance or beyond."""
    key_specs = {key: columns[key] for key in keys}
    mine, theirs = ({_canonical(row, key_specs): row for row in side} for side in (left, right))
    found = set()
    for key in mine.keys() & theirs.keys():
        told = [dict(_paths(row, columns)) for row in (mine[key], theirs[key])]
        found |= {path for path in told[0] if told[0][path] != told[1][path]}
    return found


def _paths(row: Row, columns: Mapping[str, Spec]) -> Iterator[tuple[str, Any]]:
    for name, spec in columns.items():
        yield from _at(name, [row[name]], spec, listed=False)


def _at(path: str, values: list[Any], spec: Spec, *, listed: bool) -> Iterator[tuple[str, Any]]:
    """What is told of the values that stand at a path; `listed` says that they are an ARRAY's elements."""
    if spec.type == "STRUCT":
        yield path, [value is None for value in values]
        for name, inner in spec.fields:
            yield from _at(f"{path}.{name}", [None if v is None else v[name] for v in values], inner, listed=listed)
    elif spec.element is None or spec.policy == "unordered":
        yield path, [_value(value, spec) for value in values]
    elif spec.element.type == "STRUCT":
        yield path, [[each is None for each in value or []] for value in values]
        elements = [each for value in values for each in value or []]
        for name, inner in spec.element.fields:
            yield from _at(f"{path}[].{name}", [None if e is None else e[name] for e in elements], inner, listed=True)
    elif spec.element.policy == "tolerance" and listed:
        yield path, [[each is None for each in value or []] for value in values]
        yield f"{path}[]", [_value(each, spec.element) for value in values for each in value or []]
    else:
        yield path, [_value(value, spec) for value in values]


def _canonical(row: Row, columns: Mapping[str, Spec]) -> tuple[Any, ...]:
    return tuple(_value(row[name], spec) for name, spec in columns.items())


def _value(value: Any, spec: Spec) -> Any:
    if spec.element is not None:
        elements = [_value(each, spec.element) for each in value or []]
        return frozenset(Counter(elements).items()) if spec.policy == "unordered" else tuple(elements)
    if value is None:
        return None
    if spec.type == "STRUCT":
        return ("struct", *(_value(value[name], inner) for name, inner in spec.fields))
    if spec.policy == "json" or spec.type == "JSON":
        return _json(value, exact=spec.policy != "json")
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        return struct.pack(">d", value) if spec.policy == "bitwise" else value + 0.0
    return value


def _json(text: str, *, exact: bool) -> Any:
    """By meaning; text that is no JSON, or repeats a key, stands for itself. Exactly, 1 and 1.0 are two values."""
    try:
        return ("json", _frozen(json.loads(text, object_pairs_hook=_Pairs, parse_constant=_refuse), exact=exact))
    except ValueError:
        return ("text", text)


class _Pairs(tuple[Any, ...]):
    """The members of an object, in order."""

    __slots__ = ()


def _refuse(text: str) -> Any:
    raise ValueError(text)


def _frozen(value: Any, *, exact: bool) -> Any:
    match value:
        case _Pairs():
            members = {name: _frozen(each, exact=exact) for name, each in value}
            if len(members) < len(value):
                raise ValueError("a key twice")
            return ("object", frozenset(members.items()))
        case list():
            return ("array", tuple(_frozen(each, exact=exact) for each in value))
        case bool():
            return ("bool", value)
        case int() | float():
            return ("number", type(value).__name__ if exact else "", value)
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
    if spec.element is not None and spec.policy != "unordered":
        mine, theirs = a or [], b or []
        return len(mine) == len(theirs) and all(map(_close, mine, theirs, [spec.element] * len(mine)))
    if spec.type == "STRUCT":
        return None not in (a, b) and all(_close(a[name], b[name], inner) for name, inner in spec.fields)
    if spec.bounded_json and a is not None and b is not None:
        return _near_documents(_value(a, spec), _value(b, spec), spec)
    if spec.policy != "tolerance" or a is None or b is None:
        return False
    if isinstance(a, float):
        if not (math.isfinite(a) and math.isfinite(b)):
            return False
        gap = abs(a - b)
        return bool(gap <= spec.abs or gap <= spec.rel * max(abs(a), abs(b)))
    with localcontext(prec=80):  # a NUMERIC has 38 digits, ten more than the context that Python begins with
        exact = abs(Decimal(a) - Decimal(b))
    return exact <= Decimal(repr(spec.abs)) or float(exact) <= spec.rel * max(abs(float(a)), abs(float(b)))


def _near_documents(a: Any, b: Any, spec: Spec) -> bool:
    """Documents of one shape whose numbers are near, in floats; integers that a float may not hold must be equal."""
    if a == b:
        return True
    match a, b:
        case ("json", mine), ("json", theirs):
            return _near_documents(mine, theirs, spec)
        case ("object", mine), ("object", theirs):
            left, right = dict(mine), dict(theirs)
            return left.keys() == right.keys() and all(_near_documents(left[k], right[k], spec) for k in left)
        case ("array", mine), ("array", theirs):
            return len(mine) == len(theirs) and all(map(_near_documents, mine, theirs, [spec] * len(mine)))
        case ("number", _, x), ("number", _, y):
            gap, size = abs(float(x) - float(y)), max(abs(float(x)), abs(float(y)))
            return size < 2**53 and (gap <= spec.abs or gap <= spec.rel * size)
    return False
