"""How far two values of one column lie apart, in SQL over their canonical texts: exact for integers and decimals.

Texts are the same in every engine and keep every digit, so the same few expressions serve any number of columns.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from decimal import ROUND_FLOOR, Decimal

from sqlglot import exp

from dit_dagster.comparing.rows import Engine
from dit_dagster.comparing.schema import Column
from dit_dagster.comparing.sql import (
    Node,
    all_of,
    call,
    cast,
    choose,
    number,
    render,
    safe_cast,
    text,
)
from dit_dagster.model.policy import Tolerance

UNITS = {"DATE": "days", "TIME": "microseconds", "DATETIME": "microseconds", "TIMESTAMP": "microseconds"}

# A bound finer than a type's last digit is rounded down to it, which decides the same pairs.
_SCALES = {"INT64": Decimal(1), "NUMERIC": Decimal("1e-9"), "BIGNUMERIC": Decimal("1e-38")}
_LARGEST = Decimal("1e28")


Ends = tuple[Node, Node]


def near(of: Column, ends: Ends, spelling: Engine) -> Node:
    """Whether two different values, given as texts, lie within the column's tolerance: TRUE or FALSE, never NULL.

    NULL is near nothing, nor are NaN and the infinities. The absolute bound is exact for integers and decimals; the
    relative one is evaluated in FLOAT64.
    """
    if of.tolerance is None:
        return exp.false()
    gap = _gap(of.type, ends, spelling)
    close: Node = exp.LTE(this=gap, expression=_absolute(of, of.tolerance, spelling))
    if of.tolerance.rel:
        bound = exp.Mul(this=_float(of.tolerance.rel), expression=magnitude(ends))
        close = exp.paren(exp.or_(close, exp.LTE(this=cast(gap.copy(), "FLOAT64"), expression=bound)))
        close = all_of([close, _finite(ends)]) if of.type == "FLOAT64" else close
    return exp.Coalesce(this=close, expressions=[exp.false()])


def distance(types: Mapping[int, str], place: Node, ends: Ends, spelling: Engine) -> Node:
    """How far `ends` lie apart as FLOAT64, in the unit of the column at `place`; NULL where there is no distance."""
    kinds: dict[str, tuple[Node, list[int]]] = {}
    for i, kind in types.items():
        value = _distance(kind, ends, spelling)
        if value is not None:
            kinds.setdefault(render(value), (value, []))[1].append(i)
    case = exp.Case()
    for value, places in kinds.values():
        case = case.when(exp.In(this=place.copy(), expressions=[number(i) for i in places]), value)
    return case if kinds else cast(exp.Null(), "FLOAT64")


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
