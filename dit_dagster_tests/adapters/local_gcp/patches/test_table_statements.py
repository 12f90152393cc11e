from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from dit_dagster_tests.adapters.local_gcp.conftest import Emulator

EXPIRY = "OPTIONS (expiration_timestamp=TIMESTAMP '2099-01-01 00:00:00 UTC', labels=[('run', 'b')])"


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        pytest.param(f"CREATE TABLE d.t CLONE d.s {EXPIRY}", "TABLE", id="clone"),
        pytest.param(f"CREATE SNAPSHOT TABLE d.t CLONE d.s {EXPIRY}", "SNAPSHOT", id="snapshot"),
        pytest.param(f"CREATE TABLE d.t COPY d.s {EXPIRY}", "TABLE", id="copy"),
        pytest.param(f"SELECT 1; CREATE TABLE d.t CLONE d.s {EXPIRY}", "TABLE", id="in a script"),
    ],
)
def test_copies_with_options(emulator: Emulator, statement: str, kind: str) -> None:
    """A clone, snapshot or copy has its rows, its source's layout, and its own options."""
    emulator.run("CREATE TABLE d.s PARTITION BY day AS SELECT DATE '2024-01-01' AS day")

    def probe() -> Any:
        emulator.run(statement)
        t = emulator.table()
        return t.table_type, t.expires, t.labels, t.time_partitioning.field, t.num_rows

    emulator.shows(probe, (kind, datetime(2099, 1, 1, tzinfo=UTC), {"run": "b"}, "day", 1))


def test_replacing_and_keeping(emulator: Emulator) -> None:
    """OR REPLACE replaces, IF NOT EXISTS keeps, and neither is a conflict."""
    emulator.run("CREATE TABLE d.a AS SELECT 1 AS x")
    emulator.run("CREATE TABLE d.b AS SELECT 2 AS x")

    def probe() -> Any:
        emulator.run("CREATE TABLE d.t CLONE d.a")
        refused = str(emulator.outcome(lambda: emulator.run("CREATE TABLE d.t CLONE d.b"))).partition(":")[0]
        emulator.run("CREATE TABLE IF NOT EXISTS d.t CLONE d.b")
        kept = emulator.run("SELECT x FROM d.t")
        emulator.run("CREATE OR REPLACE TABLE d.t CLONE d.b")
        return refused, kept, emulator.run("SELECT x FROM d.t")

    emulator.shows(probe, ("Conflict", [(1,)], [(2,)]))


def test_a_clone_of_the_past(emulator: Emulator) -> None:
    """CLONE ... FOR SYSTEM_TIME AS OF takes the rows of that time."""
    emulator.run("CREATE TABLE d.s (x INT64)")
    emulator.run("INSERT INTO d.s (x) VALUES (1)")
    ((moment,),) = emulator.run("SELECT CURRENT_TIMESTAMP()")
    emulator.run("INSERT INTO d.s (x) VALUES (2)")

    def probe() -> Any:
        emulator.run(f"CREATE TABLE d.t CLONE d.s FOR SYSTEM_TIME AS OF TIMESTAMP '{moment.isoformat()}'")
        return emulator.run("SELECT x FROM d.t")

    emulator.shows(probe, [(1,)])


def test_alter_table_set_options(emulator: Emulator) -> None:
    """ALTER TABLE SET OPTIONS sets them."""
    emulator.run("CREATE TABLE d.t AS SELECT 1 AS x")

    def probe() -> Any:
        emulator.run("/* by hand */ ALTER TABLE d.t SET OPTIONS (labels=[('a', 'b')], description='now')")
        return emulator.table().labels, emulator.table().description

    emulator.shows(probe, ({"a": "b"}, "now"))


def test_alter_table_changes_the_schema_shown(emulator: Emulator) -> None:
    """Added columns are in the resource."""
    emulator.run("CREATE TABLE d.t AS SELECT 1 AS x")

    def probe() -> Any:
        emulator.run("ALTER TABLE d.t ADD COLUMN y STRING")
        return [(field.name, field.field_type) for field in emulator.table().schema]

    emulator.shows(probe, [("x", "INTEGER"), ("y", "STRING")])
