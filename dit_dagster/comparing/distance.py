"""How far two values of one column lie apart, in SQL over their canonical texts: exact for integers and decimals.

Texts are the same in every engine and keep every digit, so the same few expressions serve any number of columns.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from decimal import ROUND_FLOOR, Decimal

from sqlglot import exp

from dit_dagster.comparing.documents import RAW
from dit_dagster.comparing.rows import Ends, Engine
from dit_dagster.comparing.schema import NUMBERS, Column
from dit_dagster.comparing.sql import (
    Node,
    all_of,
    call,
    cast,
    choose,
    differs,
    number,
    render,
    safe_cast,
    text,
)
from dit_dagster.model.policy import Geography, Json, Tolerance

UNITS = {"DATE": "days", "TIME": "microseconds", "DATETIME": "microseconds", "TIMESTAMP": "microseconds"}

# A bound finer than a type's last digit is rounded down to it, which decides the same pairs.
_SCALES = {"INT64": Decimal(1), "NUMERIC": Decimal("1e-9"), "BIGNUMERIC": Decimal("1e-38")}
_LARGEST = Decimal("1e28")
_EXACT_INTEGERS = 2.0**53


def near(of: Column, ends: Ends, spelling: Engine) -> Node:
    """Whether two different values, given as texts, lie within the column's tolerance: TRUE or FALSE, never NULL.

    NULL is near nothing, nor are NaN and the infinities. The absolute bound is exact for integers and decimals; the
    relative one is evaluated in FLOAT64.
    """
    if of.tolerance is None:
        return exp.false()
    if of.is_list:
        return _near_throughout(replace(of, path=()), ends, spelling)
    if isinstance(of.tolerance, Geography):
        return exp.Coalesce(this=_near_on_earth(ends, of.tolerance, spelling), expressions=[exp.false()])
    if isinstance(of.tolerance, Json):
        return exp.Coalesce(this=_near_documents(ends, of.tolerance, spelling), expressions=[exp.false()])
    gap = _gap(of.type, ends, spelling)
    close: Node = exp.LTE(this=gap, expression=_absolute(of, of.tolerance, spelling))
    if of.tolerance.rel:
        bound = exp.Mul(this=_float(of.tolerance.rel), expression=magnitude(ends))
        close = exp.paren(exp.or_(close, exp.LTE(this=cast(gap.copy(), "FLOAT64"), expression=bound)))
        close = all_of([close, _finite(ends)]) if of.type == "FLOAT64" else close
    return exp.Coalesce(this=close, expressions=[exp.false()])


def _near_throughout(of: Column, ends: Ends, spelling: Engine) -> Node:
    """Lists are near where each value is, or is equal; lists of unequal length are not."""
    lists = (spelling.texts(ends[0]), spelling.texts(ends[1]))

    def at_a_place(both: Ends) -> Node:
        equal = exp.not_(exp.paren(differs(both[0].copy(), both[1].copy())))
        return exp.paren(exp.or_(equal, near(of, both, spelling)))

    everywhere = spelling.side_by_side(lists, at_a_place, "LOGICAL_AND")
    return exp.Coalesce(this=all_of([_of_one_length(ends, spelling), everywhere]), expressions=[exp.false()])


def _of_one_length(ends: Ends, spelling: Engine) -> Node:
    lengths = [call("ARRAY_LENGTH", spelling.texts(end.copy())) for end in ends]
    return exp.EQ(this=lengths[0], expression=lengths[1])


_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?"
_VERTEX = f"{_NUMBER} {_NUMBER}"


def _near_on_earth(ends: Ends, tolerance: Geography, spelling: Engine) -> Node:
    """Shapes of one kind with as many vertices in the same order, each within so many metres of its counterpart.

    Not the distance of two shapes, which is zero where they touch.
    """
    texts = [call("ST_ASTEXT", call("ST_GEOGFROMWKB", call("FROM_HEX", end.copy()))) for end in ends]
    shapes = [call("REGEXP_REPLACE", each, text(_NUMBER), text("#")) for each in texts]
    lists = [call("REGEXP_EXTRACT_ALL", each.copy(), text(_VERTEX)) for each in texts]

    def close(both: Ends) -> Node:
        points = [call("ST_GEOGFROMTEXT", call("CONCAT", text("POINT("), each, text(")"))) for each in both]
        return exp.LTE(this=call("ST_DISTANCE", *points), expression=_float(tolerance.metres))

    alike = exp.EQ(this=shapes[0], expression=shapes[1])
    everywhere = spelling.side_by_side((lists[0], lists[1]), close, "LOGICAL_AND")
    return all_of([alike, exp.Coalesce(this=everywhere, expressions=[exp.true()])])


def _near_documents(ends: Ends, bounds: Json, spelling: Engine) -> Node:
    """Documents of the same tokens, but for numbers, which are near; a text that is no document has none.

    From 2^53 on FLOAT64 does not hold every integer, so that two of them might seem nearer than they are.
    """
    of_number = Column(name="", type="FLOAT64", policy=Tolerance(abs=bounds.abs, rel=bounds.rel))
    lists = tuple(call("REGEXP_EXTRACT_ALL", end.copy(), text(spelling.json_tokens)) for end in ends)
    lengths = [call("ARRAY_LENGTH", each.copy()) for each in lists]

    def at_a_place(both: Ends) -> Node:
        equal = exp.EQ(this=both[0].copy(), expression=both[1].copy())
        found = tuple(call("REGEXP_EXTRACT", each.copy(), text(spelling.json_number)) for each in both)
        numbers = (found[0], found[1])
        held = exp.LT(this=magnitude(numbers), expression=_float(_EXACT_INTEGERS))
        return exp.paren(exp.or_(equal, all_of([near(of_number, numbers, spelling), held])))

    documents = [exp.not_(call("STARTS_WITH", end.copy(), text(RAW))) for end in ends]
    one_length = exp.EQ(this=lengths[0], expression=lengths[1])
    everywhere = spelling.side_by_side((lists[0], lists[1]), at_a_place, "LOGICAL_AND")
    return all_of([*documents, one_length, everywhere])


def distance(columns: Mapping[int, Column], place: Node, ends: Ends, spelling: Engine) -> Node:
    """How far `ends` lie apart as FLOAT64, in the unit of the column at `place`; NULL where there is no distance.

    Of lists of one length, the farthest apart of the values at the same place.
    """
    kinds: dict[str, tuple[Node, list[int]]] = {}
    for i, each in columns.items():
        value = _farthest(each.type, ends, spelling) if each.is_list else _distance(each.type, ends, spelling)
        if value is not None:
            kinds.setdefault(render(value), (value, []))[1].append(i)
    case = exp.Case()
    for value, places in kinds.values():
        case = case.when(exp.In(this=place.copy(), expressions=[number(i) for i in places]), value)
    return case if kinds else cast(exp.Null(), "FLOAT64")


def rises(columns: Mapping[int, Column], place: Node, ends: Ends, spelling: Engine) -> Node:
    """Whether the value on the right is the greater one; NULL where values have no order, or one is NULL."""
    kinds: dict[str, list[int]] = {}
    for i, each in columns.items():
        if each.type in NUMBERS | UNITS.keys() and not each.is_list:
            kinds.setdefault(_ordered_as(each.type, spelling), []).append(i)
    case = exp.Case()
    for kind, places in kinds.items():
        left, right = (safe_cast(end.copy(), kind) for end in ends)
        there = exp.In(this=place.copy(), expressions=[number(i) for i in places])
        case = case.when(there, exp.LT(this=left, expression=right))
    return case if kinds else cast(exp.Null(), "BOOL")


def _ordered_as(kind: str, spelling: Engine) -> str:
    """What a canonical text is read as to be put in order; a TIMESTAMP's is its microseconds."""
    return kind if kind in ("FLOAT64", "DATE", "TIME", "DATETIME") else _decimal(kind, spelling)


def magnitude(ends: Ends) -> Node:
    """The larger absolute value as FLOAT64, for numbers: what a relative difference is relative to."""
    return call("GREATEST", *(call("ABS", safe_cast(end.copy(), "FLOAT64")) for end in ends))


def _distance(kind: str, ends: Ends, spelling: Engine) -> Node | None:
    match kind:
        case "FLOAT64":
            return choose(_finite(ends), _gap(kind, ends, spelling), exp.Null())
        case "INT64" | "NUMERIC" | "BIGNUMERIC" | "TIMESTAMP":
            return cast(_gap(kind, ends, spelling), "FLOAT64")
        case "DATE":
            days = [call("UNIX_DATE", safe_cast(end.copy(), "DATE")) for end in ends]
            return cast(call("ABS", exp.Sub(this=days[0], expression=days[1])), "FLOAT64")
        case "TIME" | "DATETIME":
            times = [safe_cast(end.copy(), kind) for end in ends]
            return cast(call("ABS", call(f"{kind}_DIFF", *times, exp.var("MICROSECOND"))), "FLOAT64")
    return None


def _farthest(kind: str, ends: Ends, spelling: Engine) -> Node | None:
    if _distance(kind, ends, spelling) is None:
        return None
    lists = (spelling.texts(ends[0].copy()), spelling.texts(ends[1].copy()))

    def at_a_place(both: Ends) -> Node:
        found = _distance(kind, both, spelling)
        assert found is not None  # noqa: S101  # asked above
        return found

    most = spelling.side_by_side(lists, at_a_place, "MAX")
    return choose(_of_one_length(ends, spelling), most, exp.Null())


def _gap(kind: str, ends: Ends, spelling: Engine) -> Node:
    """Integers are subtracted as decimals: their difference may need 65 bits."""
    left, right = (safe_cast(end.copy(), _decimal(kind, spelling)) for end in ends)
    return call(
        "ABS", spelling.difference(left, right) if kind == "FLOAT64" else spelling.decimal_difference(left, right)
    )


def _absolute(of: Column, tolerance: Tolerance, spelling: Engine) -> Node:
    if of.type == "FLOAT64":
        return _float(tolerance.abs)
    digits = min(Decimal(repr(tolerance.abs)), _LARGEST).quantize(_SCALES[of.type], rounding=ROUND_FLOOR)
    return cast(text(format(digits, "f")), _decimal(of.type, spelling))


def _decimal(kind: str, spelling: Engine) -> str:
    return kind if kind in ("FLOAT64", "BIGNUMERIC") else spelling.decimal


def _finite(ends: Ends) -> Node:
    """False of NaN, whether the engine sorts it above all numbers or compares it with none."""
    return exp.LTE(this=magnitude(ends), expression=_float(sys.float_info.max))


def _float(value: float) -> Node:
    """A FLOAT64 that reads back as the same bits."""
    return cast(text(repr(value)), "FLOAT64")
