from __future__ import annotations

from typing import Any

import pytest
from google.cloud import bigquery

from dit_dagster_tests.adapters.local_gcp.conftest import Emulator


class Session:
    """A BigQuery session on an emulator."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        job = emulator.client.query("SELECT 1", job_config=bigquery.QueryJobConfig(create_session=True))
        job.result()
        assert job.session_info is not None
        assert job.session_info.session_id is not None
        self.id = job.session_info.session_id

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        properties = [bigquery.ConnectionProperty("session_id", self.id)]
        return self._emulator.run(sql, connection_properties=properties)


@pytest.mark.parametrize(
    ("create", "read"),
    [
        pytest.param("CREATE TEMP TABLE u AS SELECT 7 AS x", "SELECT x FROM _SESSION.u", id="by session"),
        pytest.param("CREATE TEMP TABLE _SESSION.u AS SELECT 7 AS x", "SELECT x FROM `_SESSION.u`", id="quoted"),
    ],
)
def test_temporary_tables_live_as_long_as_the_session(emulator: Emulator, create: str, read: str) -> None:
    """A later query of the session reads what an earlier one made."""
    session = Session(emulator)

    def probe() -> Any:
        session.run(create)
        return session.run(read)

    emulator.shows(probe, [(7,)])


def test_temporary_tables_have_bare_names(emulator: Emulator) -> None:
    """A temporary table needs no prefix; the emulator manages that much, though for everyone at once."""
    session = Session(emulator)
    session.run("CREATE OR REPLACE TEMPORARY TABLE u AS SELECT 7 AS x")

    assert session.run("SELECT u.x FROM u") == [(7,)]


def test_sessions_do_not_see_each_other(emulator: Emulator) -> None:
    """A temporary table belongs to one session."""
    one, other = Session(emulator), Session(emulator)

    def probe() -> Any:
        one.run("CREATE TEMP TABLE u AS SELECT 7 AS x")
        other.run("CREATE TEMP TABLE u AS SELECT 8 AS x")
        return one.run("SELECT x FROM _SESSION.u"), other.run("SELECT x FROM _SESSION.u")

    emulator.shows(probe, ([(7,)], [(8,)]))


@pytest.mark.parametrize("argument", ["", "'{id}'"])
def test_ending_a_session_drops_its_tables(emulator: Emulator, argument: str) -> None:
    """After ABORT_SESSION the session is unknown."""
    session = Session(emulator)

    def probe() -> Any:
        session.run("CREATE TEMP TABLE u AS SELECT 7 AS x")
        session.run(f"CALL BQ.ABORT_SESSION({argument.format(id=session.id)})")
        return str(emulator.outcome(lambda: session.run("SELECT 1"))).partition(":")[0]

    emulator.shows(probe, "BadRequest")


def test_a_query_that_opens_a_session_is_in_it(emulator: Emulator) -> None:
    """create_session and CREATE TEMP TABLE in one job."""

    def probe() -> Any:
        config = bigquery.QueryJobConfig(create_session=True)
        job = emulator.client.query("CREATE TEMP TABLE u AS SELECT 3 AS x", job_config=config, retry=None)
        job.result(retry=None)
        assert job.session_info is not None
        assert job.session_info.session_id is not None
        properties = [bigquery.ConnectionProperty("session_id", job.session_info.session_id)]
        return emulator.run("SELECT x FROM u", connection_properties=properties)

    emulator.shows(probe, [(3,)])
