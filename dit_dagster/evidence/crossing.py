"""Versions against one another, as JSON."""

from __future__ import annotations

from typing import Any

from dit_dagster.model.verdict import Outcome
from dit_dagster.model.verdict_json import comparison_json
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
        "comparisons": [
            {
                **comparison_json(one.output, one.left, one.right, one.verdict, diff.expectation),
                "mode": one.mode,
            }
            for one in diff.crossings
        ],
        "seconds": round(diff.seconds, 3),
    }
