"""What the registry says of runs that are over, or under way elsewhere."""

from __future__ import annotations

from typing import Any

from dit_dagster.ports import Registry


def recorded_runs(registry: Registry, pipeline: str | None, limit: int) -> list[dict[str, Any]]:
    """The latest runs, newest first; one that has not finished is `running`, or `cancelled`."""
    planned = registry.of_pipeline("run_planned", pipeline, limit)
    finished = {event.run_id: event for event in registry.of_pipeline("run_finished", pipeline, 2 * limit)}
    cancelled = {event.run_id for event in registry.of_pipeline("run_cancelled", pipeline, 2 * limit)}
    runs = []
    for event in planned:
        end = finished.get(event.run_id)
        counts = end.payload["invocations"] if end else {"executed": None, "reused": None}
        runs.append(
            {
                "run_id": event.run_id,
                "pipeline": event.pipeline,
                "commit": event.payload["commit"],
                "experiment_id": event.payload["experiment_id"],
                "modes": event.payload["modes"],
                "started_at": event.at.isoformat(timespec="seconds") if event.at else "",
                "outcome": end.payload["outcome"] if end else _without_report(event.run_id in cancelled),
                "seconds": end.payload["seconds"] if end else None,
                "executed": counts["executed"],
                "reused": counts["reused"],
            }
        )
    return runs


def _without_report(cancelled: bool) -> str:
    return "cancelled" if cancelled else "running"
