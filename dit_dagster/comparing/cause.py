"""The signature of a difference: what kind of change leaves just this trace.

Rules over an explanation, the first that fits wins. Those over counts and distances hold for every differing value: a
mean distance that equals the largest one is a constant one. Those over texts hold for every sample, and say so.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Callable, Sequence

from dit_dagster.model.verdict import ColumnDifference, Explanation, Sample

UNEXPLAINED = "unexplained"
_HOUR = 3_600_000_000
_LAST_BITS = 1e-12
_DECIMALS = range(10)

Pair = tuple[str, str]


def cause_of(told: Explanation, *, rows: tuple[int, int]) -> str:
    """What may have happened between left and right, in a few words; `unexplained` if no signature fits."""
    found = [*_of_rows(told, rows), *_of_columns(told)]
    return "; ".join(found) if found else UNEXPLAINED


def _of_rows(told: Explanation, rows: tuple[int, int]) -> list[str]:
    left, right = rows
    found = []
    if told.multiplicity:
        more = "right" if right > left else "left"
        found.append(f"{told.multiplicity} copies too many of equal rows, {more} has more rows")
    if told.only_left and not told.only_right and not told.changed:
        found.append(f"{told.only_left} rows lost on the right")
    if told.only_right and not told.only_left and not told.changed:
        found.append(f"{told.only_right} rows more on the right")
    if told.at_boundary == 1.0 and (found or told.changed or told.only_left):
        found.append("every difference reaches over a slice boundary")
    return found


def _of_columns(told: Explanation) -> list[str]:
    """One signature for each differing column that has one; columns that are alike share a phrase."""
    phrases: dict[str, list[str]] = {}
    for column in told.columns:
        samples = [sample for sample in told.samples if sample.column == column.name]
        signature = _signature(column, samples)
        if signature:
            phrases.setdefault(signature, []).append(column.name)
    return [f"{', '.join(names)}: {phrase}" for phrase, names in phrases.items()]


def _signature(column: ColumnDifference, samples: Sequence[Sample]) -> str | None:
    if not samples:
        return None
    if column.null_on_one_side == column.mismatches + column.within_tolerance:
        return _to_null(samples)
    if column.null_on_one_side:
        return None
    pairs = [(sample.left or "", sample.right or "") for sample in samples]
    return next((phrase for rule in _RULES if (phrase := rule(column, pairs))), None)


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
    if not numbers or len(set(numbers)) < 2 or any(left == 0 for left, _ in numbers):
        return None
    first, *others = (right / left for left, right in numbers)
    same = all(math.isclose(first, other, rel_tol=1e-9) for other in others)
    return f"constant factor of {first:g}, in every sample" if same else None


def _case(column: ColumnDifference, pairs: Sequence[Pair]) -> str | None:  # noqa: ARG001  # one shape for all rules
    return "differs in case only, in every sample" if _same(pairs, str.casefold) else None


def _space(column: ColumnDifference, pairs: Sequence[Pair]) -> str | None:  # noqa: ARG001
    return "differs in spaces only, in every sample" if _same(pairs, lambda text: "".join(text.split())) else None


def _form(column: ColumnDifference, pairs: Sequence[Pair]) -> str | None:  # noqa: ARG001
    same = _same(pairs, lambda text: unicodedata.normalize("NFKC", text))
    return "differs in Unicode's normal form only, in every sample" if same else None


def _order(column: ColumnDifference, pairs: Sequence[Pair]) -> str | None:  # noqa: ARG001
    return "the same elements in another order, in every sample" if _same(pairs, _sorted_elements) else None


_RULES: tuple[Callable[[ColumnDifference, Sequence[Pair]], str | None], ...] = (
    _last_bits,
    _shift,
    _offset,
    _rounded,
    _factor,
    _order,
    _case,
    _space,
    _form,
)


def _constant(column: ColumnDifference) -> float | None:
    """The distance of every differing value, if it is one."""
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
