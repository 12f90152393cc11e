"""A comparison as plain JSON: what reports, checks and the registry hold of a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date
from enum import Enum
from typing import Any

from pydantic import BaseModel

from dit_dagster.model.crossing import Crossing
from dit_dagster.model.verdict import (
    ColumnDifference,
    Expectation,
    Explanation,
    Outcome,
    Verdict,
    judged,
    verdict_name,
)


def crossing_json(crossing: Crossing, expectation: Expectation) -> dict[str, Any]:
    """The verdict between two bindings in one mode, in the same words as that on a pair of modes."""
    said = comparison_json(crossing.output, crossing.left, crossing.right, crossing.verdict, expectation)
    return {**said, "mode": crossing.mode}


def comparison_json(output: str, left: str, right: str, verdict: Verdict, expectation: Expectation) -> dict[str, Any]:
    """The verdict on one pair. `columns` lists the columns that differ, `detail` everything else it carries."""
    outcome = judged(verdict, expectation)
    explanation: Explanation | None = getattr(verdict, "explanation", None)
    columns = explanation.columns if explanation else ()
    evidence = verdict.evidence
    return {
        "output": output,
        "left": left,
        "right": right,
        "verdict": verdict_name(verdict),
        "passed": outcome is Outcome.PASS,
        "outcome": outcome.value,
        "rows_left": evidence.left.rows,
        "rows_right": evidence.right.rows,
        "method": evidence.method,
        "columns": [{**plain(column), "mismatches": column.mismatches} for column in columns],
        "explanation": {**plain(explanation), "cause": explanation.cause} if explanation else None,
        "reason": summary(verdict),
        "warnings": list(evidence.warnings),
        "exercised": str(evidence.exercised) if evidence.exercised is not None else "",
        "detail": {field.name: plain(getattr(verdict, field.name)) for field in fields(verdict)},
    }


def _counted(column: ColumnDifference) -> str:
    near = f"{column.within_tolerance:,} within the tolerance"
    return f"{column.name} ({f'{column.mismatches:,}' if column.mismatches else near})"


def summary(verdict: Verdict) -> str:
    """One line: what differs or why nothing can be said; empty for a plain pass."""
    explanation: Explanation | None = getattr(verdict, "explanation", None)
    if explanation is not None:
        parts = [
            f"{count:,} {what}"
            for count, what in (
                (explanation.only_left, "only left"),
                (explanation.only_right, "only right"),
                (explanation.changed, "changed"),
                (explanation.multiplicity, "by multiplicity"),
                (explanation.within_tolerance, "within the tolerance"),
            )
            if count
        ]
        columns = ", ".join(map(_counted, explanation.columns[:4]))
        return "; ".join(filter(None, [", ".join(parts), columns and f"columns: {columns}", explanation.cause]))
    for name in ("missing_left", "missing_right"):
        missing: Sequence[date] = getattr(verdict, name, ())
        if missing:
            return f"no rows on {len(missing)} days on which the source has rows, first {missing[0]}"
    differences: Sequence[str] = getattr(verdict, "differences", ())
    return "; ".join(differences) or str(getattr(verdict, "reason", ""))


def plain(value: Any) -> Any:
    """Frozen values as JSON: dataclasses and models by field, dates as ISO text, tuples as lists."""
    match value:
        case None | bool() | int() | float() | str() if not isinstance(value, Enum):
            return value
        case Enum():
            return value.value
        case date():
            return value.isoformat()
        case BaseModel():
            return value.model_dump(mode="json")
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    return str(value)
