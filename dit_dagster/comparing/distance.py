"""How far two values of one column lie apart, in SQL: exact for integers and decimals, IEEE for FLOAT64."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal

from sqlglot import exp

from dit_dagster.comparing.rows import Engine
from dit_dagster.comparing.schema import Column
from dit_dagster.comparing.sql import Node, all_of, any_of, call, cast, choose, is_null
from dit_dagster.model.policy import Tolerance

UNITS = {"DATE": "days", "TIME": "microseconds", "DATETIME": "microseconds", "TIMESTAMP": "microseconds"}

# A bound finer than a type's last digit is rounded down to it, which decides the same pairs.
_SCALES = {"INT64": Decimal(1), "NUMERIC": Decimal("1e-9"), "BIGNUMERIC": Decimal("1e-38")}
_LARGEST = Decimal("1e28")


def near(of: Column, left: Node, right: Node, spelling: Engine) -> Node:
    """Whether two values that are not the same lie within the column's tolerance: TRUE or FALSE, never NULL.

    NULL is near nothing, nor are NaN and the infinities. The absolute bound is exact for integers and decimals; the
    relative one is evaluated in FLOAT64.
    """
    if of.tolerance is None:
        return exp.false()
    gap = _gap(of, left, right, spelling)
    bounds = [_within_absolute(of, gap, of.tolerance), _within_relative(gap, left, right, of.tolerance)]
    tests = [*_finite(of, left, right), any_of([bound for bound in bounds if bound is not None])]
    return exp.Coalesce(this=exp.paren(all_of(tests)), expressions=[exp.false()])


def distance(of: Column, left: Node, right: Node, spelling: Engine) -> Node:
    """|left - right| as FLOAT64, in the column's unit; NULL where there is no distance."""
    match of.type:
        case "INT64" | "NUMERIC" | "BIGNUMERIC":
            return cast(_gap(of, left, right, spelling), "FLOAT64")
        case "FLOAT64":
            return choose(all_of(_finite(of, left, right)), _gap(of, left, right, spelling), exp.Null())
        case "TIMESTAMP":
            steps: Node = exp.Sub(this=call("UNIX_MICROS", left.copy()), expression=call("UNIX_MICROS", right.copy()))
        case "DATE":
            steps = exp.Sub(this=call("UNIX_DATE", left.copy()), expression=call("UNIX_DATE", right.copy()))
        case "TIME" | "DATETIME":
            steps = call(f"{of.type}_DIFF", left.copy(), right.copy(), exp.var("MICROSECOND"))
        case _:
            return cast(exp.Null(), "FLOAT64")
    return cast(call("ABS", exp.paren(steps)), "FLOAT64")


def magnitude(of: Column, left: Node, right: Node) -> Node:
    """max(|left|, |right|) as FLOAT64 for numbers, NULL otherwise: what a relative difference is relative to."""
    if of.type not in ("INT64", "FLOAT64", "NUMERIC", "BIGNUMERIC"):
        return cast(exp.Null(), "FLOAT64")
    return call("GREATEST", *(call("ABS", cast(side.copy(), "FLOAT64")) for side in (left, right)))


def _gap(of: Column, left: Node, right: Node, spelling: Engine) -> Node:
    """Integers are subtracted as decimals: their difference may need 65 bits."""
    if of.type == "FLOAT64":
        return call("ABS", spelling.difference(left.copy(), right.copy()))
    kind = _decimal(of)
    return call("ABS", spelling.decimal_difference(cast(left.copy(), kind), cast(right.copy(), kind)))


def _within_absolute(of: Column, gap: Node, tolerance: Tolerance) -> Node:
    if of.type == "FLOAT64":
        return exp.LTE(this=gap, expression=_float(tolerance.abs))
    digits = min(Decimal(repr(tolerance.abs)), _LARGEST).quantize(_SCALES[of.type], rounding=ROUND_FLOOR)
    return exp.LTE(this=gap, expression=cast(exp.Literal.string(format(digits, "f")), _decimal(of)))


def _within_relative(gap: Node, left: Node, right: Node, tolerance: Tolerance) -> Node | None:
    if not tolerance.rel:
        return None
    largest = call("GREATEST", *(call("ABS", cast(side.copy(), "FLOAT64")) for side in (left, right)))
    bound = exp.Mul(this=_float(tolerance.rel), expression=largest)
    return exp.LTE(this=cast(gap.copy(), "FLOAT64"), expression=bound)


def _finite(of: Column, left: Node, right: Node) -> list[Node]:
    if of.type != "FLOAT64":
        return [exp.not_(is_null(left.copy())), exp.not_(is_null(right.copy()))]
    return [exp.not_(call(test, side.copy())) for side in (left, right) for test in ("IS_NAN", "IS_INF")]


def _decimal(of: Column) -> str:
    return "BIGNUMERIC" if of.type == "BIGNUMERIC" else "NUMERIC(38, 9)"


def _float(value: float) -> Node:
    """A FLOAT64 that reads back as the same bits."""
    return cast(exp.Literal.string(repr(value)), "FLOAT64")
