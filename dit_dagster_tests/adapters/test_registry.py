"""What only the registry in a warehouse can meet: marks whose makers died, and readers in SQL."""

from __future__ import annotations

import secrets
import time

import pytest

from dit_dagster.adapters.bigquery import BigQueryWarehouse
from dit_dagster.adapters.registry import WarehouseRegistry
from dit_dagster.model.identity import DatasetName
from dit_dagster.ports import Claim, Event, Field, Held, Statement

MARK = (Field(name="run_id", type="STRING"),)


@pytest.fixture
def registry(warehouse: BigQueryWarehouse, module_dataset: DatasetName) -> WarehouseRegistry:
    return WarehouseRegistry(warehouse, module_dataset, patience=0.5)


def test_reading_a_registry_that_was_never_written_finds_nothing(warehouse: BigQueryWarehouse) -> None:
    """And makes nothing: looking is no side effect."""
    nowhere = DatasetName(warehouse.project, f"test_{secrets.token_hex(6)}")

    found = WarehouseRegistry(warehouse, nowhere).of_run("run-000000")

    assert (found, warehouse.tables(nowhere, "")) == ((), ())


def test_a_lease_whose_maker_died_before_it_spoke_is_taken_over(
    registry: WarehouseRegistry, warehouse: BigQueryWarehouse, module_dataset: DatasetName
) -> None:
    """The mark stands without an event: it is held for as long as the patience lasts, and not for ever."""
    fingerprint = secrets.token_hex(32)
    registry.append([Event(kind="note", run_id="run-000000", pipeline="trips", payload={})])
    warehouse.create(module_dataset.table(f"dit_lease_{fingerprint}_1"), MARK)

    first = registry.claim(fingerprint, run_id="run-second", pipeline="trips")
    time.sleep(1.0)
    last = registry.claim(fingerprint, run_id="run-second", pipeline="trips")
    if isinstance(last, Held):  # the first one asked before the patience was over, and so this one has said so
        last = registry.claim(fingerprint, run_id="run-second", pipeline="trips")

    assert isinstance(first, Held)
    assert isinstance(last, Claim)


def test_a_commit_mark_whose_maker_died_is_an_epoch_of_its_own(
    registry: WarehouseRegistry, warehouse: BigQueryWarehouse, module_dataset: DatasetName
) -> None:
    """Nothing was recorded under it: the next who commits takes the epoch after, and says so in its record."""
    fingerprint = secrets.token_hex(32)
    claim = registry.claim(fingerprint, run_id="run-second", pipeline="trips")
    assert isinstance(claim, Claim)
    warehouse.create(module_dataset.table(f"dit_commit_{fingerprint}_{claim.epoch}"), MARK)
    record = Event(
        kind="committed", run_id="run-second", pipeline="trips", fingerprint=fingerprint, payload={"epoch": claim.epoch}
    )

    # With much patience: on a loaded machine a mark can be older than a little before anybody has looked at it.
    early = WarehouseRegistry(warehouse, module_dataset, patience=3600.0).commit(claim, record)
    time.sleep(1.0)
    late = registry.commit(claim, record)

    [found] = registry.of_fingerprints(["committed"], [fingerprint])
    assert (early, late, found.payload["epoch"]) == (False, True, claim.epoch + 1)


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param("{", id="half a document"),
        pytest.param("", id="nothing"),
        pytest.param("[]", id="a list"),
        pytest.param("null", id="null"),
        pytest.param("7", id="a number"),
        pytest.param("[" * 100_000, id="too deep"),
    ],
)
def test_a_payload_that_cannot_be_read_counts_as_no_record(
    registry: WarehouseRegistry, warehouse: BigQueryWarehouse, payload: str
) -> None:
    """One row that somebody else wrote stops no reader, and the fingerprint that it names can be claimed."""
    run_id, fingerprint = f"run-{secrets.token_hex(6)}", secrets.token_hex(32)
    note = Event(kind="committed", run_id=run_id, pipeline="trips", fingerprint=fingerprint, payload={"n": 1})
    registry.append([note])
    columns = "event_id, recorded_at, sequence, kind, run_id, pipeline, fingerprint, payload"
    values = f"'{secrets.token_hex(16)}', CURRENT_TIMESTAMP(), 1, 'committed', @run_id, 'trips', @fingerprint, @payload"
    sql = f"INSERT INTO {registry.events.sql} ({columns}) VALUES ({values})"
    parameters = {"run_id": run_id, "fingerprint": fingerprint, "payload": payload}
    warehouse.query(Statement(sql=sql, parameters=parameters))

    found = registry.of_run(run_id), registry.of_fingerprints(["committed"], [fingerprint])
    claim = registry.claim(fingerprint, run_id=run_id, pipeline="trips")

    assert [[event.payload for event in events] for events in found] == [[{"n": 1}], [{"n": 1}]]
    assert isinstance(claim, Claim)


def test_views_tell_runs_phases_and_verdicts(registry: WarehouseRegistry, warehouse: BigQueryWarehouse) -> None:
    """Whoever knows SQL reads the registry without this project."""
    run_id, fingerprint = f"run-{secrets.token_hex(6)}", secrets.token_hex(32)
    verdict = {"output": "daily", "left": "bf", "right": "bfd", "verdict": "IDENTICAL", "passed": True, "rows_left": 3}
    planned = Event(
        kind="run_planned", run_id=run_id, pipeline="trips", payload={"commit": "c", "experiment_id": "solo"}
    )
    registry.append([planned, Event(kind="verdict", run_id=run_id, pipeline="trips", payload=verdict)])
    claim = registry.claim(fingerprint, run_id=run_id, pipeline="trips", note={"mode": "bf", "index": 0})
    assert isinstance(claim, Claim)

    def told(view: str, columns: str) -> list[tuple[object, ...]]:
        table = registry.events.parent.table(view).sql
        statement = Statement(
            sql=f"SELECT {columns} FROM {table} WHERE run_id = @run_id", parameters={"run_id": run_id}
        )
        return [tuple(row.values()) for row in warehouse.query(statement).rows]

    assert told("dit_runs", "commit, experiment_id, outcome") == [("c", "solo", "running")]
    assert told("dit_phases", "mode, position, state") == [("bf", 0, "running")]
    assert told("dit_verdicts", "output, left_mode, right_mode, verdict, rows_left") == [
        ("daily", "bf", "bfd", "IDENTICAL", 3)
    ]


def test_the_table_of_events_is_partitioned_and_clustered(
    registry: WarehouseRegistry, warehouse: BigQueryWarehouse
) -> None:
    """So that a question about a plan reads the blocks of its fingerprints, however many runs there were."""
    registry.append([Event(kind="note", run_id="run-000000", pipeline="trips", payload={})])

    table = warehouse.client.get_table(str(registry.events))

    assert table.time_partitioning.field == "recorded_at"
    assert table.clustering_fields == ["kind", "fingerprint", "run_id", "pipeline"]
