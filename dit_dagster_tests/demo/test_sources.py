"""Loading the sample's input is done once, and a table that is not right is replaced."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from google.cloud import bigquery

from dit_dagster.adapters.local_gcp import LocalCloud
from dit_dagster.demo import sources
from dit_dagster.demo.sources import AIRCRAFT_SCHEMA, FLIGHTS_SCHEMA
from dit_dagster_tests.local_cloud import bigquery_client


@pytest.fixture(scope="module")
def client(local_cloud: LocalCloud) -> bigquery.Client:
    return bigquery_client(local_cloud)


@pytest.fixture
def dataset(client: bigquery.Client) -> Iterator[str]:
    yield "sample_sources"
    client.delete_dataset("sample_sources", delete_contents=True, not_found_ok=True)


def test_what_is_loaded_is_what_the_package_holds(client: bigquery.Client, dataset: str) -> None:
    """Every row arrives in its column, as UTC; a second call finds the tables and leaves them alone."""
    first = sources.load(client, dataset)
    created = client.get_table(first.flights).created
    second = sources.load(client, f"{client.project}.{dataset}")

    (found,) = client.query_and_wait(
        f"SELECT COUNT(*) AS flights, COUNT(departed_at) AS departed, SUM(distance) AS miles, "
        f"COUNT(DISTINCT tailnum) AS aircraft, MIN(departed_at) AS earliest FROM `{first.flights}`"
    )

    assert first.flights == f"{client.project}.{dataset}.flights"
    assert (first.loaded, second.loaded) == (True, False)
    assert client.get_table(second.flights).created == created
    assert (found["flights"], found["departed"], found["miles"]) == (336_776, 328_521, 350_217_607)
    assert (found["aircraft"], f"{found['earliest']:%Y-%m-%d %H:%M %Z}") == (4_043, "2013-01-01 10:17 UTC")


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param("DELETE FROM `{}` WHERE engines = 4", id="rows-are-missing"),
        pytest.param("CREATE OR REPLACE TABLE `{}` AS SELECT 'N14228' AS tailnum", id="another-schema"),
    ],
)
def test_a_table_that_is_not_right_is_replaced(client: bigquery.Client, dataset: str, damage: str) -> None:
    """Rows and columns are counted before a table is trusted."""
    table = sources.load(client, dataset).aircraft
    client.query_and_wait(damage.format(table))

    again = sources.load(client, dataset)

    assert again.loaded
    assert not sources.load(client, dataset).loaded


def test_the_schemas_are_plain_scalars_that_every_engine_has() -> None:
    """No NUMERIC, no nested columns: the local emulator and BigQuery must agree on every value."""
    types = {field.field_type for field in (*FLIGHTS_SCHEMA, *AIRCRAFT_SCHEMA)}

    assert types == {"TIMESTAMP", "STRING", "INTEGER"}


def test_tables_that_are_there_cost_no_pandas() -> None:
    """A warm run asks for the sources every time; pandas is for the first time only."""
    code = "import sys; sys.modules['pandas'] = None; import dit_dagster.demo.sources"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
