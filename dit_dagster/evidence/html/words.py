"""How numbers, sizes, times and verdicts are spelled on a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SIGNS = {"pass": "✓", "fail": "✕", "inconclusive": "?", "error": "!", "changed": "≠"}
"""Beside every colour, so that none is needed."""

MEANINGS = {
    "IDENTICAL": "the same rows",
    "EQUIVALENT": "different only within the declared tolerances",
    "DIFFERENT": "not the same rows",
    "EXPECTED_DIFFERENCE": "exactly the declared difference",
    "NON_DETERMINISTIC": "two runs of the same mode differ",
    "INCOMPLETE": "days without rows",
    "UNCHANGED": "the same code on both sides",
    "SCHEMA_DIFFERENT": "not the same columns",
    "EMPTY": "both sides are empty",
    "NOT_COMPARED": "there was nothing to compare",
    "INCOMPARABLE": "an answer would not mean anything",
    "NOT_EXERCISED": "equal, but the test could not have failed",
    "SKIPPED": "one side has no state",
    "ERROR": "the comparison itself failed",
}

UNEXPLAINED = "no kind of change that is known leaves such a trace"

_STEPS = ((86_400e6, "d"), (3_600e6, "h"), (60e6, "min"), (1e6, "s"), (1e3, "ms"))


def counted(number: int | None) -> str:
    """With separators; a dash for what was not counted."""
    return "–" if number is None else f"{number:,}"


def plural(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def size(number: int) -> str:
    """Bytes in the largest unit that keeps one digit before the point."""
    amount = float(number)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def seconds(number: float) -> str:
    return f"{number:.1f} s" if number < 120 else f"{number / 60:.1f} min"


def distance(number: float | None, unit: str | None, *, digits: int = 4) -> str:
    """A distance with its unit: microseconds in the largest unit of time that fits, everything else as it is."""
    if number is None:
        return ""
    if unit != "microseconds":
        return f"{number:,.6g}{' ' + unit if unit else ''}"
    for step, name in _STEPS:
        if number >= step:
            return f"{number / step:,.{digits}g} {name}"
    return f"{number:.{digits}g} µs"


def relative(number: float | None) -> str:
    return "" if number is None else f"{100 * number:.3g} %" if number >= 1e-6 else f"{number:.1e}"


def short(identity: str) -> str:
    """The start of a hash, as git shows it."""
    return identity[:12]


def differing(comparison: Mapping[str, Any]) -> int | None:
    """How many rows or pairs differ beyond every tolerance; None where that was not counted."""
    explanation = comparison.get("explanation")
    if not explanation:
        return None
    names = ("only_left", "only_right", "changed", "multiplicity")
    return sum(int(explanation.get(name) or 0) for name in names)


def span(days: list[str]) -> str:
    """The first and the last of some days."""
    return days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
