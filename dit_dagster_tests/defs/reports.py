"""Reports and comparisons as the registry holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dit_dagster.model.policy import ComparisonPolicy
from dit_dagster.model.verdict import Different, Evidence, Expectation, Explanation, Side, Verdict
from dit_dagster.model.verdict_json import comparison_json


def a_verdict_json(verdict: Verdict, *, left: str = "bf", right: str = "bfd", output: str = "daily") -> dict[str, Any]:
    return comparison_json(output, left, right, verdict, Expectation.MUST_MATCH)


def an_evidence(**changes: Any) -> Evidence:
    given = {
        "left": Side(label="bf", table="p.d.left", rows=3),
        "right": Side(label="bfd", table="p.d.right", rows=4),
        "policy": ComparisonPolicy(keys=("day",)),
    }
    return Evidence(**{**given, **changes})


def a_difference(**changes: Any) -> Different:
    counts: dict[str, Any] = {"only_left": 1, "only_right": 2, "changed": 3, "multiplicity": 4}
    return Different(evidence=an_evidence(), explanation=Explanation(**{**counts, **changes}))


def a_comparison(
    left: str, right: str, *, verdict: str = "IDENTICAL", outcome: str = "pass", reason: str = "", output: str = "daily"
) -> dict[str, Any]:
    """A comparison in which nothing differs, under another name if need be."""
    base = comparison_json(output, left, right, a_difference(), Expectation.MUST_MATCH)
    said = {"verdict": verdict, "outcome": outcome, "passed": outcome == "pass", "reason": reason}
    return {**base, **said, "explanation": None, "columns": []}


def a_report(
    commit: str, *, modes: Mapping[str, str] | None = None, comparisons: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """The report of a run, as `report_json` writes it, as far as Dagster reads it."""
    described = [
        {
            "mode": mode,
            "selected": True,
            "outcome": outcome,
            "phases": [
                {
                    "fingerprint": "f" * 64,
                    "start": "2013-01-01",
                    "end": "2013-01-06",
                    "mutation": [],
                    "decision": "run",
                    "reasons": ["never ran"],
                    "outcome": outcome,
                    "seconds": 1.5,
                }
            ],
        }
        for mode, outcome in (modes or {"bf": "ran", "bfd": "reused"}).items()
    ]
    return {
        "commit": commit,
        "outcome": "pass",
        "invocations": {"naive": 3, "planned": 3, "executed": 3, "reused": 0},
        "seconds": 4,
        "peak_parallel": 2,
        "modes": described,
        "comparisons": list(comparisons),
    }
