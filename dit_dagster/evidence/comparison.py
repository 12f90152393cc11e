"""The comparison of any two tables as JSON, and in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dit_dagster.evidence.html.words import distance
from dit_dagster.model.verdict import Expectation, Verdict
from dit_dagster.model.verdict_json import comparison_json, plain

_COUNTS = ("only_left", "only_right", "changed", "multiplicity", "within_tolerance")
_SHOWN_SAMPLES = 5
_LINE, _BEFORE = 100, 40
"""Characters of a value that are shown on a line, and how many of them stand before where two values part."""
_SETTLED = ("IDENTICAL", "EMPTY")


def compared_json(verdict: Verdict) -> dict[str, Any]:
    """What `dit compare --json` writes. Counts are null where nothing was counted, never 0."""
    evidence = verdict.evidence
    described = comparison_json("", evidence.left.label, evidence.right.label, verdict, Expectation.MUST_MATCH)
    del described["output"]
    return {**described, **_counts(described), "cost": plain(evidence.cost)}


def _counts(described: Mapping[str, Any]) -> dict[str, int | None]:
    explanation = described["explanation"]
    if explanation is None:
        return dict.fromkeys(_COUNTS, 0 if described["verdict"] in _SETTLED else None)
    return {name: explanation[name] for name in _COUNTS}


def told(described: Mapping[str, Any]) -> str:
    """A comparison in plain lines: the verdict and its reason, then the columns and samples that differ."""
    return "\n".join(_lines(described))


def _lines(described: Mapping[str, Any]) -> Iterator[str]:
    rows = " ~ ".join("-" if n is None else f"{n:,}" for n in (described["rows_left"], described["rows_right"]))
    yield f"{described['left']} ~ {described['right']}: {described['verdict']}, rows {rows}, by {described['method']}"
    if described["reason"]:
        yield f"  {described['reason']}"
    yield from (f"  warning: {warning}" for warning in described["warnings"])
    yield from (f"  column {column_line(column)}" for column in described["columns"])
    samples = (described["explanation"] or {}).get("samples", ())
    yield from (f"  {sample_line(sample)}" for sample in samples[:_SHOWN_SAMPLES])


def column_line(column: Mapping[str, Any]) -> str:
    """One column that differs: how often, and by how much where that can be measured."""
    parts = [f"{column['name']}: {column['mismatches']:,} differ"]
    if column["within_tolerance"]:
        parts.append(f"{column['within_tolerance']:,} within the tolerance")
    if column["null_on_one_side"]:
        parts.append(f"{column['null_on_one_side']:,} against NULL")
    for name, of in (("max", "max_abs"), ("mean", "mean_abs")):
        if column[of] is not None:
            parts.append(f"{name} {distance(column[of], column['unit'])}")
    if column["max_rel"] is not None:
        parts.append(f"relative {column['max_rel']:.3g}")
    return ", ".join(parts)


def sample_line(sample: Mapping[str, Any]) -> str:
    """One differing value, or one row that only one side has."""
    key = ", ".join(f"{name}={told_apart(value)}" for name, value in sample["key"].items())
    what = sample["column"] or "row"
    left, right = _where_they_part(_side(sample, "left"), _side(sample, "right"))
    return f"{key + ': ' if key else ''}{what}: {left} ~ {right}"


def _where_they_part(left: str, right: str) -> tuple[str, str]:
    """Of long texts that begin alike what is around the first character that differs; the whole is in the report."""
    if max(len(left), len(right)) <= _LINE:
        return left, right
    apart = (place for place, (one, other) in enumerate(zip(left, right, strict=False)) if one != other)
    start = max(next(apart, min(len(left), len(right))) - _BEFORE, 0)
    return _excerpt(left, start), _excerpt(right, start)


def _excerpt(text: str, start: int) -> str:
    end = start + _LINE
    return f"{'…' if start else ''}{text[start:end]}{'…' if len(text) > end else ''}"


def _side(sample: Mapping[str, Any], side: str) -> str:
    if not sample["column"]:
        return "none" if sample[side] is None else str(sample[side])
    return told_apart(sample[side])


def told_apart(value: str | None) -> str:
    """A value on one line: NULL for NULL, and quotes around a text that would be taken for it, or that is empty."""
    if value is None:
        return "NULL"
    return f'"{value}"' if not value.strip('"') or value.strip('"').upper() == "NULL" else value
