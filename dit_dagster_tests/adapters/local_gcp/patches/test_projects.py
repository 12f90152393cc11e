from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from dit_dagster_tests.adapters.local_gcp.conftest import Emulator

OTHER = "another-project"


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(lambda client, _: client.query("SELECT 1", retry=None, job_retry=None), id="a query job"),
        pytest.param(lambda client, _: client.query_and_wait("SELECT 1", retry=None, job_retry=None), id="a query"),
        pytest.param(
            lambda client, table: client.load_table_from_json([{"x": 1}], table, num_retries=0), id="a load, uploaded"
        ),
        pytest.param(lambda client, table: client.copy_table(table, f"{table}_2", retry=None), id="a copy"),
    ],
)
def test_a_project_that_is_not_here_runs_no_job(emulator: Emulator, start: Callable[[Any, Any], Any]) -> None:
    """Though tables can be named with their own project from anywhere."""
    table = f"{emulator.client.project}.{emulator.dataset}.t"
    emulator.run("CREATE TABLE d.t AS SELECT 1 AS x")
    client = bigquery.Client(
        project=OTHER,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": emulator.rest},
    )

    def refused() -> bool:
        said = str(emulator.outcome(lambda: start(client, table)))
        return said.startswith("NotFound: 404") and f"Not found: Project {OTHER}" in said

    emulator.shows(refused, True)


def test_its_own_project_does(emulator: Emulator) -> None:
    """As before."""
    assert emulator.run("SELECT 1") == [(1,)]
