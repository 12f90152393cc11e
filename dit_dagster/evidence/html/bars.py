"""How much of what differs: columns by mismatches, distances by power of ten, values of dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dit_dagster.evidence.html.words import distance, relative

_MOST_COLUMNS = 40
_LARGEST_PLAIN = 6
_SMALLEST_PLAIN = -4
_LONGEST_ROW = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A label, a count, and how long its bar is in percent; `beside` is a second part, within the tolerance."""

    label: str
    count: int
    length: float
    beside: int = 0
    beside_length: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnBar:
    """One column that differs."""

    bar: Bar
    nulls: int
    largest: str
    mean: str
    relative: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """How far apart the values of one column lie."""

    column: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """The values of one dimension that hold most differences. A NULL is `NULL`, with `null` on."""

    name: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The columns with most mismatches; `left_out` more differ."""

    bars: tuple[ColumnBar, ...]
    left_out: int
    tolerant: bool
    measured: bool


def columns(comparison: Mapping[str, Any]) -> Columns:
    """Most mismatches first, as they are recorded."""
    told: Sequence[Mapping[str, Any]] = comparison["columns"]
    most = max((column["mismatches"] + column.get("within_tolerance", 0) for column in told), default=0)
    return Columns(
        bars=tuple(_column(column, most) for column in told[:_MOST_COLUMNS]),
        left_out=max(0, len(told) - _MOST_COLUMNS),
        tolerant=any(column.get("within_tolerance") for column in told),
        measured=any(column.get("max_abs") is not None for column in told),
    )


def _column(column: Mapping[str, Any], most: int) -> ColumnBar:
    near, unit = column.get("within_tolerance", 0), column.get("unit")
    return ColumnBar(
        bar=Bar(
            label=column["name"],
            count=column["mismatches"],
            length=_percent(column["mismatches"], most),
            beside=near,
            beside_length=_percent(near, most),
        ),
        nulls=column.get("null_on_one_side", 0),
        largest=distance(column.get("max_abs"), unit),
        mean=distance(column.get("mean_abs"), unit),
        relative=relative(column.get("max_rel")),
    )


def histograms(comparison: Mapping[str, Any]) -> tuple[Histogram, ...]:
    """One for each column with distances; empty powers between two full ones are shown while there are few."""
    return tuple(
        Histogram(column=column["name"], bars=_buckets(column["histogram"], column.get("unit")))
        for column in comparison["columns"][:_MOST_COLUMNS]
        if column.get("histogram")
    )


def _buckets(told: Sequence[tuple[int, int]], unit: str | None) -> tuple[Bar, ...]:
    counts = dict(told)
    exponents = sorted(counts)
    if exponents[-1] - exponents[0] < _LONGEST_ROW:
        exponents = list(range(exponents[0], exponents[-1] + 1))
    most = max(counts.values())
    return tuple(
        Bar(label=_range(exponent, unit), count=counts.get(exponent, 0), length=_percent(counts.get(exponent, 0), most))
        for exponent in exponents
    )


def _range(exponent: int, unit: str | None) -> str:
    """From this power of ten up to the next."""
    if unit == "microseconds":
        return f"{distance(10.0**exponent, unit, digits=2)} to {distance(10.0 ** (exponent + 1), unit, digits=2)}"
    return f"{_power(exponent)} to {_power(exponent + 1)}{' ' + unit if unit else ''}"


def _power(exponent: int) -> str:
    if 0 <= exponent <= _LARGEST_PLAIN:
        return f"{10**exponent:,}"
    return f"{10.0**exponent:.{-exponent}f}" if _SMALLEST_PLAIN <= exponent < 0 else f"1e{exponent}"


def dimensions(comparison: Mapping[str, Any]) -> tuple[Dimension, ...]:
    """In declared order, values with most differences first."""
    found: dict[str, list[tuple[str | None, int]]] = {}
    for name, value, rows in (comparison.get("explanation") or {}).get("dimensions") or ():
        found.setdefault(name, []).append((value, rows))
    return tuple(Dimension(name=name, bars=_values(values)) for name, values in found.items())


def _values(values: Sequence[tuple[str | None, int]]) -> tuple[Bar, ...]:
    most = max(rows for _, rows in values)
    return tuple(
        Bar(label="NULL" if value is None else value or "empty text", count=rows, length=_percent(rows, most))
        for value, rows in values
    )


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0
