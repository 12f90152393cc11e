from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from dit_dagster_tests.adapters.local_gcp.conftest import Emulator


def test_options_of_create(emulator: Emulator) -> None:
    """Labels, expiry, description, friendly name and clustering of a CREATE TABLE are kept."""

    def probe() -> Any:
        emulator.run(
            "CREATE TABLE d.t CLUSTER BY x OPTIONS (labels=[('team', 'a'), ('run', 'b')],"
            " expiration_timestamp=TIMESTAMP '2099-01-01 00:00:00 UTC', description='what', friendly_name='who')"
            " AS SELECT 1 AS x"
        )
        t = emulator.table()
        return t.labels, t.expires, t.description, t.friendly_name, t.clustering_fields

    right = ({"team": "a", "run": "b"}, datetime(2099, 1, 1, tzinfo=UTC), "what", "who", ["x"])
    emulator.shows(probe, right)


def test_an_expiry_may_be_an_expression(emulator: Emulator) -> None:
    """OPTIONS takes expressions."""

    def probe() -> int:
        emulator.run(
            "CREATE TABLE d.t OPTIONS (expiration_timestamp=TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 2 HOUR))"
            " AS SELECT 1 AS x"
        )
        table = emulator.table()
        return int((table.expires - table.created).total_seconds() / 60 + 0.5)

    emulator.shows(probe, 120)


@pytest.mark.parametrize(
    ("clause", "kind", "field"),
    [
        pytest.param("day", "DAY", "day", id="column"),
        pytest.param("DATE(ts)", "DAY", "ts", id="date of"),
        pytest.param("DATE_TRUNC(day, MONTH)", "MONTH", "day", id="month"),
        pytest.param("TIMESTAMP_TRUNC(ts, HOUR)", "HOUR", "ts", id="hour"),
    ],
)
def test_every_form_of_time_partitioning(emulator: Emulator, clause: str, kind: str, field: str) -> None:
    """PARTITION BY in all its forms."""
    sql = f"CREATE TABLE d.t (day DATE, ts TIMESTAMP) PARTITION BY {clause}"

    def probe() -> Any:
        emulator.run(sql)
        partitioning = emulator.table().time_partitioning
        return partitioning.type_, partitioning.field

    if clause == "day":
        assert probe() == (kind, field)
    else:
        emulator.shows(probe, (kind, field))


def test_integer_ranges(emulator: Emulator) -> None:
    """PARTITION BY RANGE_BUCKET."""

    def probe() -> Any:
        emulator.run("CREATE TABLE d.t (x INT64) PARTITION BY RANGE_BUCKET(x, GENERATE_ARRAY(0, 100, 10))")
        span = emulator.table().range_partitioning
        return span.field, span.range_.start, span.range_.end, span.range_.interval

    emulator.shows(probe, ("x", 0, 100, 10))


def test_an_unknown_option_is_refused(emulator: Emulator) -> None:
    """A misspelt option is an error."""
    outcome = emulator.outcome(lambda: emulator.run("CREATE TABLE d.t (x INT64) OPTIONS (lables=[('a', 'b')])"))

    emulator.shows(lambda: "Unknown option: lables" in str(outcome), True)


def test_a_dataset_has_options_too(emulator: Emulator) -> None:
    """CREATE SCHEMA keeps labels."""
    name = f"{emulator.dataset}_b"

    def probe() -> Any:
        emulator.run(f"CREATE SCHEMA {name} OPTIONS (labels=[('a', 'b')])")
        return emulator.client.get_dataset(name).labels

    emulator.shows(probe, {"a": "b"})
