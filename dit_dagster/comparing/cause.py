"""The signature of a difference: what kind of change leaves just this trace.

Rules over an explanation; of a column, the first that fits. Those over counts and distances hold for every differing
value: a mean distance that equals the largest one is a constant one. Those over texts hold for every sample, and say
so in their evidence; a sample that was shortened tells nothing. A signature that does not fit everything it speaks of
is not claimed.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Callable, Mapping, Sequence

from dit_dagster.comparing.telling import SAMPLE_CHARACTERS
from dit_dagster.model.verdict import Cause, CauseName, ColumnDifference, Explanation, Sample

_HOUR = 3_600_000_000
_LAST_BITS = 1e-13
"""Relative: some hundred units in the last place, as sums in another order leave. Beyond that it is another value."""
_DECIMALS = range(10)
_SEVERAL = 2

Pair = tuple[str, str]


def causes_of(told: Explanation, *, doubled_keys: int = 0, reaching: float | None = None) -> tuple[Cause, ...]:
    """What may have happened between left and right; UNEXPLAINED alone if no signature fits.

    `doubled_keys` is how many more rows on the right than on the left have the key of an earlier row, `reaching` the
    share of all rows that reach over a slice boundary.
    """
    found = (*_of_rows(told, doubled_keys, reaching), *_of_columns(told))
    return found or (Cause(name=CauseName.UNEXPLAINED, evidence=""),)


def _of_rows(told: Explanation, doubled_keys: int, reaching: float | None) -> list[Cause]:
    found = []
    if told.multiplicity:
        sides = {"left": told.multiplicity_left, "right": told.multiplicity - told.multiplicity_left}
        where = " and ".join(f"{count} on the {side}" for side, count in sides.items() if count)
        found.append(_rows(CauseName.DOUBLED, f"copies too many of equal rows: {where}"))
    if told.only_left and not told.only_right:
        found.append(_rows(CauseName.LOST, f"{told.only_left} rows lost on the right"))
    if told.only_right and not told.only_left:
        beside = ", as many as there are keys held twice" if doubled_keys == told.only_right else ""
        found.append(_rows(CauseName.ADDED, f"{told.only_right} rows more on the right{beside}"))
    if told.at_boundary == 1.0:
        others = f", as {reaching:.0%} of all rows do" if reaching is not None else ""
        found.append(_rows(CauseName.BOUNDARY, f"every difference reaches over a slice boundary{others}"))
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
    if column.null_on_one_side == column.mismatches + column.within_tolerance:
        return Cause(name=CauseName.NULL, evidence=_to_null(column))
    if column.null_on_one_side or not samples:
        return None
    pairs = [(sample.left or "", sample.right or "") for sample in samples]
    whole = all(len(text) < SAMPLE_CHARACTERS - 1 for pair in pairs for text in pair)
    rules = _RULES if whole else _OF_COUNTS
    found = ((name, rule(column, pairs)) for name, rule in rules.items())
    return next((Cause(name=name, evidence=phrase) for name, phrase in found if phrase), None)


def _to_null(column: ColumnDifference) -> str:
    if column.null_on_right == column.null_on_one_side:
        return "value to NULL"
    return "NULL on one side" if column.null_on_right else "NULL to value"


def _last_bits(column: ColumnDifference, pairs: Sequence[Pair]) -> str | None:  # noqa: ARG001  # one shape for all rules
    noise = column.type == "FLOAT64" and column.max_rel is not None and 0 < column.max_rel < _LAST_BITS
    return f"last-bit float noise, at most {column.max_rel:.1e} relative" if noise else None


def _last_bits_within(column: ColumnDifference, pairs: Sequence[Pair]) -> str | None:
    """JSON documents that are alike but for the last bits of numbers; names where those are."""
    if column.type not in ("STRING", "JSON"):
        return None
    places: dict[str, None] = {}
    for pair in pairs:
        try:
            left, right = (json.loads(end) for end in pair)
        except ValueError:
            return None
        if left == right or not _alike_but_for_last_bits(left, right, "$", places):
            return None
    return f"last-bit float noise within JSON, at {', '.join(places)}, in every sample"


def _alike_but_for_last_bits(left: object, right: object, path: str, places: dict[str, None]) -> bool:
    """Adds to `places` the paths, with `[]` for any element, of numbers that differ in their last bits."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(
            _alike_but_for_last_bits(value, right[name], f"{path}.{name}", places) for name, value in left.items()
        )
    if isinstance(left, list) and isinstance(right, list):
        both = zip(left, right, strict=False)
        return len(left) == len(right) and all(_alike_but_for_last_bits(*each, f"{path}[]", places) for each in both)
    if type(left) is type(right) and left == right:
        return True
    kinds = {type(left), type(right)}
    if kinds in ({float}, {float, int}) and math.isclose(left, right, rel_tol=_LAST_BITS):  # type: ignore[arg-type]
        places[path] = None
        return True
    return False


def _shift(column: ColumnDifference, pairs: Sequence[Pair]) -> str | None:  # noqa: ARG001
    constant, sign = _constant(column), _sign(column)
    if column.unit is None or constant is None or not sign:
        return None
    if column.unit == "days":
        return f"shift by {sign}{constant:.0f} days"
    if constant % _HOUR == 0:
        return f"shift by {sign}{constant / _HOUR:.0f} whole hours, as between time zones"
    return f"shift by {sign}{constant / 1e6} s"


def _sign(column: ColumnDifference) -> str:
    """The way that every value went; empty if they went both ways."""
    if column.greater_on_right == column.mismatches + column.within_tolerance:
        return "+"
    return "-" if column.greater_on_right == 0 else ""


def _rounded(column: ColumnDifference, pairs: Sequence[Pair]) -> str | None:
    numbers = _numbers(pairs) if column.unit is None else None
    if not numbers or column.max_abs is None:
        return None
    for side, order in (("right", 1), ("left", -1)):
        ends = [pair[::order] for pair in numbers]
        for places in _DECIMALS:
            within = column.max_abs <= 0.5 * 10.0**-places * (1 + 1e-9)
            if within and all(math.isclose(round(full, places), short, rel_tol=1e-15) for full, short in ends):
                return f"rounded to {places} decimals on the {side}, in every sample"
    return None


def _offset(column: ColumnDifference, pairs: Sequence[Pair]) -> str | None:  # noqa: ARG001
    constant, sign = _constant(column), _sign(column)
    if column.unit is not None or constant is None or not sign:
        return None
    return f"constant offset of {sign}{constant:g}"


def _factor(column: ColumnDifference, pairs: Sequence[Pair]) -> str | None:
    """The same factor in every sample, and no value that is relatively farther away than it takes them."""
    numbers = _numbers(pairs) if column.unit is None else None
    if not numbers or len(set(numbers)) < _SEVERAL or any(0 in pair for pair in numbers) or column.max_rel is None:
        return None
    first, *others = (right / left for left, right in numbers)
    gap = abs(first - 1) / max(1.0, abs(first))
    same = all(math.isclose(first, other, rel_tol=1e-9) for other in others)
    return f"constant factor of {first:g}, in every sample" if same and column.max_rel <= gap * (1 + 1e-9) else None


def _case(column: ColumnDifference, pairs: Sequence[Pair]) -> str | None:  # noqa: ARG001
    return "differs in case only, in every sample" if _same(pairs, str.lower) else None


def _space(column: ColumnDifference, pairs: Sequence[Pair]) -> str | None:  # noqa: ARG001
    return "differs in spaces only, in every sample" if _same(pairs, lambda text: " ".join(text.split())) else None


def _form(column: ColumnDifference, pairs: Sequence[Pair]) -> str | None:  # noqa: ARG001
    same = _same(pairs, lambda text: unicodedata.normalize("NFC", text))
    return "differs in Unicode's normal form only, in every sample" if same else None


def _order(column: ColumnDifference, pairs: Sequence[Pair]) -> str | None:  # noqa: ARG001
    return "the same elements in another order, in every sample" if _same(pairs, _sorted_elements) else None


_Rule = Callable[[ColumnDifference, Sequence[Pair]], str | None]
_OF_COUNTS: Mapping[CauseName, _Rule] = {
    CauseName.FLOAT_NOISE: _last_bits,
    CauseName.SHIFT: _shift,
    CauseName.OFFSET: _offset,
}
_RULES: Mapping[CauseName, _Rule] = {
    **_OF_COUNTS,
    CauseName.FLOAT_NOISE: lambda column, pairs: _last_bits(column, pairs) or _last_bits_within(column, pairs),
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
