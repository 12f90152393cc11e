"""The signature of a difference: what kind of change leaves just this trace.

Rules over an explanation; of a column, the first that fits. Those over counts and distances hold for every differing
value: a mean distance that equals the largest one is a constant one. Those over texts hold for every sample, and say
so in their evidence. A signature that does not fit everything it speaks of is not claimed.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Callable, Mapping, Sequence

from dit_dagster.model.verdict import Cause, CauseName, ColumnDifference, Explanation, Sample

_HOUR = 3_600_000_000
_LAST_BITS = 1e-12
_DECIMALS = range(10)
_SEVERAL = 2

Pair = tuple[str, str]


def causes_of(told: Explanation, *, rows: tuple[int, int], doubled_keys: int = 0) -> tuple[Cause, ...]:
    """What may have happened between left and right; UNEXPLAINED alone if no signature fits.

    `rows` are those of both sides, `doubled_keys` how many more rows on the right than on the left have the key of an
    earlier row.
    """
    found = (*_of_rows(told, rows, doubled_keys), *_of_columns(told))
    return found or (Cause(name=CauseName.UNEXPLAINED, evidence=""),)


def _of_rows(told: Explanation, rows: tuple[int, int], doubled_keys: int) -> list[Cause]:
    left, right = rows
    found = []
    if told.multiplicity:
        # Which side has them can be read off the rows only where no other row stands alone.
        alone = told.only_left or told.only_right or left == right
        more = "" if alone else f", {'right' if right > left else 'left'} has more rows"
        found.append(_rows(CauseName.DOUBLED, f"{told.multiplicity} copies too many of equal rows{more}"))
    if told.only_left and not told.only_right:
        found.append(_rows(CauseName.LOST, f"{told.only_left} rows lost on the right"))
    if told.only_right and not told.only_left:
        beside = ", as many as there are keys held twice" if doubled_keys == told.only_right else ""
        found.append(_rows(CauseName.ADDED, f"{told.only_right} rows more on the right{beside}"))
    if told.at_boundary == 1.0:
        found.append(_rows(CauseName.BOUNDARY, "every difference reaches over a slice boundary"))
    return found


def _rows(name: CauseName, evidence: str) -> Cause:
    return Cause(name=name, evidence=evidence)


def _of_columns(told: Explanation) -> list[Cause]:
    """One signature for each differing column that has one; columns that are alike share it."""
    names: dict[Cause, list[str]] = {}
    for column in told.columns:
        samples = [sample for sample in told.samples if sample.column == column.name]
        signature = _signature(column, samples)
        if signature:
            names.setdefault(signature, []).append(column.name)
    return [
        Cause(name=cause.name, evidence=f"{', '.join(columns)}: {cause.evidence}") for cause, columns in names.items()
    ]


def _signature(column: ColumnDifference, samples: Sequence[Sample]) -> Cause | None:
    if not samples:
        return None
    if column.null_on_one_side == column.mismatches + column.within_tolerance:
        return Cause(name=CauseName.NULL, evidence=_to_null(samples))
    if column.null_on_one_side:
        return None
    pairs = [(sample.left or "", sample.right or "") for sample in samples]
    found = ((name, rule(column, pairs)) for name, rule in _RULES.items())
    return next((Cause(name=name, evidence=phrase) for name, phrase in found if phrase), None)


def _to_null(samples: Sequence[Sample]) -> str:
    if all(sample.right is None for sample in samples):
        return "value to NULL"
    return "NULL to value" if all(sample.left is None for sample in samples) else "NULL on one side"


def _last_bits(column: ColumnDifference, pairs: Sequence[Pair]) -> str | None:
    fractions = all("." in text or "e" in text for pair in pairs for text in pair)
    noise = column.max_rel is not None and 0 < column.max_rel < _LAST_BITS
    return f"last-bit float noise, at most {column.max_rel:.1e} relative" if noise and fractions else None


def _shift(column: ColumnDifference, pairs: Sequence[Pair]) -> str | None:
    constant = _constant(column)
    if column.unit is None or constant is None:
        return None
    sign = _sign(pairs)
    if not sign:
        return None
    if column.unit == "days":
        return f"shift by {sign}{constant:.0f} days"
    if constant % _HOUR == 0:
        return f"shift by {sign}{constant / _HOUR:.0f} whole hours, as between time zones"
    return f"shift by {sign}{constant / 1e6} s"


def _sign(pairs: Sequence[Pair]) -> str:
    """Texts of times sort as the times do."""
    if all(left < right for left, right in pairs):
        return "+"
    return "-" if all(left > right for left, right in pairs) else ""


def _rounded(column: ColumnDifference, pairs: Sequence[Pair]) -> str | None:
    numbers = _numbers(pairs) if column.unit is None else None
    if not numbers:
        return None
    for side, order in (("right", 1), ("left", -1)):
        ends = [pair[::order] for pair in numbers]
        for places in _DECIMALS:
            if all(math.isclose(round(full, places), short, rel_tol=1e-15) for full, short in ends):
                return f"rounded to {places} decimals on the {side}, in every sample"
    return None


def _offset(column: ColumnDifference, pairs: Sequence[Pair]) -> str | None:
    numbers = _numbers(pairs) if column.unit is None else None
    constant = _constant(column)
    if not numbers or constant is None:
        return None
    if all(left < right for left, right in numbers):
        return f"constant offset of +{constant:g}"
    return f"constant offset of -{constant:g}" if all(left > right for left, right in numbers) else None


def _factor(column: ColumnDifference, pairs: Sequence[Pair]) -> str | None:
    numbers = _numbers(pairs) if column.unit is None else None
    if not numbers or len(set(numbers)) < 2 or any(0 in pair for pair in numbers):
        return None
    first, *others = (right / left for left, right in numbers)
    same = all(math.isclose(first, other, rel_tol=1e-9) for other in others)
    return f"constant factor of {first:g}, in every sample" if same else None


def _case(column: ColumnDifference, pairs: Sequence[Pair]) -> str | None:  # noqa: ARG001  # one shape for all rules
    return "differs in case only, in every sample" if _same(pairs, str.casefold) else None


def _space(column: ColumnDifference, pairs: Sequence[Pair]) -> str | None:  # noqa: ARG001
    return "differs in spaces only, in every sample" if _same(pairs, lambda text: "".join(text.split())) else None


def _form(column: ColumnDifference, pairs: Sequence[Pair]) -> str | None:  # noqa: ARG001
    same = _same(pairs, lambda text: unicodedata.normalize("NFC", text))
    return "differs in Unicode's normal form only, in every sample" if same else None


def _order(column: ColumnDifference, pairs: Sequence[Pair]) -> str | None:  # noqa: ARG001
    return "the same elements in another order, in every sample" if _same(pairs, _sorted_elements) else None


_RULES: Mapping[CauseName, Callable[[ColumnDifference, Sequence[Pair]], str | None]] = {
    CauseName.FLOAT_NOISE: _last_bits,
    CauseName.SHIFT: _shift,
    CauseName.OFFSET: _offset,
    CauseName.ROUNDING: _rounded,
    CauseName.FACTOR: _factor,
    CauseName.ORDER: _order,
    CauseName.CASE: _case,
    CauseName.SPACE: _space,
    CauseName.FORM: _form,
}


def _constant(column: ColumnDifference) -> float | None:
    """The distance of every differing value, if it is one; of a single value it would say nothing."""
    if column.mismatches + column.within_tolerance < _SEVERAL:
        return None
    if not column.max_abs or column.mean_abs is None or not math.isclose(column.max_abs, column.mean_abs, rel_tol=1e-9):
        return None
    return column.max_abs


def _numbers(pairs: Sequence[Pair]) -> list[tuple[float, float]] | None:
    try:
        found = [(float(left), float(right)) for left, right in pairs]
    except ValueError:
        return None
    return found if all(math.isfinite(value) for pair in found for value in pair) else None


def _same(pairs: Sequence[Pair], of: Callable[[str], object]) -> bool:
    return all(left != right and of(left) == of(right) for left, right in pairs)


def _sorted_elements(text: str) -> object:
    """An ARRAY's elements without their order; anything else as it is."""
    try:
        elements = json.loads(text)
    except ValueError:
        return text
    return sorted(map(json.dumps, elements)) if isinstance(elements, list) else text
