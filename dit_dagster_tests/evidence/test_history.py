"""The list of runs, as the registry has them."""

from __future__ import annotations

from typing import Any

import pytest

from dit_dagster.adapters.memory import MemoryRegistry
from dit_dagster.evidence.history import recorded_runs
from dit_dagster.ports import Event

PLANNED = {"commit": "c" * 40, "experiment_id": "solo", "modes": ["bf", "bfd"]}
FINISHED = {"outcome": "pass", "seconds": 2.5, "invocations": {"executed": 4, "reused": 0}}


@pytest.fixture
def registry() -> MemoryRegistry:
    made = MemoryRegistry()
    for number, finished in enumerate((True, False)):
        events = [Event(kind="run_planned", run_id=f"run-{number}", pipeline="trips", payload=PLANNED)]
        if finished:
            events.append(Event(kind="run_finished", run_id=f"run-{number}", pipeline="trips", payload=FINISHED))
        made.append(events)
    return made


def told(runs: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(run["run_id"], run["outcome"], run["executed"], run["seconds"]) for run in runs]


def test_runs_come_newest_first(registry: MemoryRegistry) -> None:
    """One that has not finished is running."""
    assert told(recorded_runs(registry, None, 10)) == [("run-1", "running", None, None), ("run-0", "pass", 4, 2.5)]


def test_runs_can_be_limited_to_a_pipeline_and_a_number(registry: MemoryRegistry) -> None:
    """An unknown pipeline has none."""
    assert told(recorded_runs(registry, "trips", 1)) == [("run-1", "running", None, None)]
    assert recorded_runs(registry, "other", 10) == []
