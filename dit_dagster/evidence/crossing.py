"""Versions against one another, as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dit_dagster.model.verdict import Outcome
from dit_dagster.model.verdict_json import crossing_json
from dit_dagster.running.crossing import Diff


def diff_json(diff: Diff) -> dict[str, Any]:
    """What `dit diff --json` writes: the bindings with the runs that made them, and a comparison per crossing."""
    some = next(iter(diff.reports.values())).prospect.plan.request
    return {
        "pipeline": some.pipeline.name,
        "experiment_id": str(some.experiment),
        "window": [some.window.start.isoformat(), some.window.end.isoformat()],
        "modes": list(some.modes),
        "expectation": diff.expectation.value,
        "outcome": diff.outcome.value,
        "passed": diff.outcome is Outcome.PASS,
        "bindings": [
            {
                "name": name,
                "ref": diff.refs.get(name),
                "commit": str(report.prospect.plan.request.commit),
                "tree": str(report.prospect.plan.code.tree),
                "environment": report.prospect.plan.code.environment,
                "run_id": report.run_id,
                "outcome": report.outcome.value,
                "executed": len(report.executed),
                "reused": len(report.reused),
            }
            for name, report in diff.reports.items()
        ],
        "comparisons": [crossing_json(one, diff.expected_of(one)) for one in diff.crossings],
        "seconds": round(diff.seconds, 3),
    }


CHANGED = "changed"
"""How a difference is shown that is told and not judged: a pass of the verdict, and no equal data."""

_CHANGES = ("DIFFERENT", "SCHEMA_DIFFERENT", "NON_DETERMINISTIC")


def shown(comparison: Mapping[str, Any]) -> str:
    """The outcome of one comparison as people see it: "changed" where a difference passes because none is judged."""
    told = comparison["outcome"] == Outcome.PASS.value and comparison["verdict"] in _CHANGES
    return CHANGED if told else str(comparison["outcome"])


def shown_of_diff(described: Mapping[str, Any]) -> str:
    """The outcome of a whole diff (`diff_json`) as people see it: "changed" if it passes and something differs."""
    if described["outcome"] != Outcome.PASS.value:
        return str(described["outcome"])
    return CHANGED if any(shown(one) == CHANGED for one in described["comparisons"]) else Outcome.PASS.value


def in_modes(comparisons: Iterable[Mapping[str, Any]]) -> list[tuple[list[str], Mapping[str, Any]]]:
    """What there is to say between versions, once for all modes of which the same is to be said."""
    found: dict[str, tuple[list[str], Mapping[str, Any]]] = {}
    for one in comparisons:
        said = repr(
            (one["output"], one["left"], one["right"], one["verdict"], one["reason"], one["columns"], one["warnings"])
        )
        found.setdefault(said, ([], one))[0].append(one["mode"])
    return list(found.values())
