"""Times of the registry as it grows: `make bench-registry`.

Each size is a registry of its own with that many phase records, in runs of twenty phases, written in bulk and all
expired. Measured are the decision for a plan of twenty phases that are all recorded, `dit runs`, and what
`dit gc --dry-run` reads and decides. Nothing is asserted: a number is for reading.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dit_dagster.adapters import local_gcp
from dit_dagster.adapters.bigquery import BigQueryWarehouse
from dit_dagster.adapters.home import MachineHome
from dit_dagster.adapters.registry import WarehouseRegistry
from dit_dagster.evidence.history import recorded_runs
from dit_dagster.model.identity import DatasetName
from dit_dagster.model.state import PhaseRecord
from dit_dagster.ports import Event, Statement
from dit_dagster.running.cleaning import Premises, look_around
from dit_dagster.running.collection import collectable
from dit_dagster_tests.builders import a_plan, record_of_node

PHASES = 20
"""Of one run."""
_BATCH = 100_000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--gc-up-to", type=int, default=100_000, help="the largest registry that gc is tried on")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dit-bench-registry-") as temporary:
        home = Path(temporary)
        cloud = local_gcp.up(home / "local")
        try:
            warehouse = BigQueryWarehouse.local(rest=cloud.rest, project=cloud.project)
            for size in options.sizes:
                _measure(warehouse, home, size, gc=size <= options.gc_up_to)
        finally:
            local_gcp.down(home / "local")


def _measure(warehouse: BigQueryWarehouse, home: Path, size: int, *, gc: bool) -> None:
    records = DatasetName(warehouse.project, f"registry_{size}")
    scratch = DatasetName(warehouse.project, f"scratch_{size}")
    warehouse.ensure_dataset(scratch)
    registry = WarehouseRegistry(warehouse, records)
    filling = _seconds(lambda: _fill(registry, warehouse, size))
    print(f"{size:9,} records, filled in {filling:.1f} s", flush=True)
    wanted = [_fingerprint(size // 2 + number) for number in range(PHASES)]
    found = registry.of_fingerprints(["committed", "collected", "spared"], wanted)
    assert len(found) == PHASES, found
    decision = _seconds(lambda: registry.of_fingerprints(["committed", "collected", "spared"], wanted))
    claim = _seconds(lambda: registry.claim(_fingerprint(size + 1), run_id="run-000000", pipeline="trips"))
    runs = _seconds(lambda: recorded_runs(registry, None, 20))
    print(f"  evidence for {PHASES} phases {decision:.2f} s, a claim {claim:.2f} s, dit runs {runs:.2f} s", flush=True)
    if gc:
        premises = Premises(
            warehouse=warehouse, registry=registry, dataset=scratch, records=records, home=MachineHome(home)
        )
        print(f"  dit gc --dry-run {_seconds(lambda: collectable(look_around(premises))):.2f} s", flush=True)


def _fill(registry: WarehouseRegistry, warehouse: BigQueryWarehouse, size: int) -> None:
    """Phases in runs, each with its claim and its record; a run with its beginning and its end."""
    registry.append([Event(kind="bench", run_id="run-000000", pipeline="trips", payload={})])
    node = next(iter(a_plan("bf").nodes.values()))
    record: PhaseRecord = record_of_node(node)
    committed = {**record.to_json(), "epoch": 0, "generation": 1}
    end = {"outcome": "pass", "seconds": 1.0, "invocations": {"executed": PHASES, "reused": 0}}
    start = {"commit": record.commit, "experiment_id": "solo", "modes": ["bf"], "keep": "7d", "decisions": {}}
    kinds = (
        ("claimed", 1, {"generation": 1, "epoch": 0, "prefix": record.prefix}),
        ("committed", 1, committed),
        ("run_planned", PHASES, start),
        ("run_finished", PHASES, end),
    )
    for kind, every, payload in kinds:
        for first in range(0, size, _BATCH):
            last = min(first + _BATCH, size) - 1
            warehouse.query(_rows(registry, kind, payload, range(first, last + 1, every)))


def _rows(registry: WarehouseRegistry, kind: str, payload: Mapping[str, Any], numbers: range) -> Statement:
    run = f"CONCAT('run-', CAST(DIV(n, {PHASES}) AS STRING))"
    fingerprint = "LPAD(CAST(n AS STRING), 64, '0')" if numbers.step == 1 else "CAST(NULL AS STRING)"
    named = "REPLACE(@payload, @fingerprint, LPAD(CAST(n AS STRING), 64, '0'))"
    text = f"REPLACE({named}, @prefix, CONCAT(@prefix, CAST(n AS STRING)))"
    written = json.dumps(payload, sort_keys=True)
    return Statement(
        sql=f"INSERT INTO {registry.events.sql} "
        "(event_id, recorded_at, sequence, kind, run_id, pipeline, fingerprint, payload) "
        f"SELECT CONCAT(@kind, CAST(n AS STRING)), TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 30 DAY), n, @kind, "
        f"{run}, 'trips', {fingerprint}, {text} "
        f"FROM UNNEST(GENERATE_ARRAY({numbers.start}, {numbers.stop - 1}, {numbers.step})) AS n",
        parameters={
            "kind": kind,
            "payload": written,
            "fingerprint": str(payload.get("fingerprint", "no fingerprint")),
            "prefix": str(payload.get("prefix", "no prefix")),
        },
    )


def _fingerprint(number: int) -> str:
    return f"{number:064d}"


def _seconds(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


if __name__ == "__main__":
    main()
