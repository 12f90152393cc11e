"""What runs have cost, per pipeline and month, as the registry has it."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from dit_dagster.ports import Event, Registry

_ALL = 10_000_000
_NOTHING = {"runs": 0, "phases": 0, "bytes_billed": 0, "slot_ms": 0, "comparing_bytes_billed": 0}


def costs(registry: Registry, pipeline: str | None, month: str | None) -> list[dict[str, Any]]:
    """One row per pipeline and month (`YYYY-MM`, UTC, of when it was recorded), the latest month first."""
    rows: defaultdict[tuple[str, str], dict[str, int]] = defaultdict(lambda: dict(_NOTHING))
    for event in registry.since(["spent", "run_finished"], None, _ALL):
        at = f"{event.at:%Y-%m}" if event.at is not None else ""
        if (pipeline is None or event.pipeline == pipeline) and (month is None or at == month):
            _add(rows[at, event.pipeline], event)
    ordered = sorted(rows.items(), key=lambda row: row[0][1])
    ordered.sort(key=lambda row: row[0][0], reverse=True)
    return [{"pipeline": name, "month": at, **row} for (at, name), row in ordered]


def _add(row: dict[str, int], event: Event) -> None:
    """A run's verdicts are billed with the run; its phases by themselves, whether they came to a state or not."""
    if event.kind == "spent":
        row["phases"] += 1
        row["bytes_billed"] += event.payload["bytes_billed"]
        row["slot_ms"] += event.payload["slot_ms"]
    else:
        row["runs"] += 1
        row["comparing_bytes_billed"] += event.payload.get("cost", {}).get("bytes_billed", 0)
