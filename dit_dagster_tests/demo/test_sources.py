"""Loading the sample's input is done once, and a table that is not right is replaced."""

from __future__ import annotations

import subprocess
import sys

from dit_dagster.demo.sources import AIRCRAFT_SCHEMA, FLIGHTS_SCHEMA


def test_the_schemas_are_plain_scalars_that_every_engine_has() -> None:
    """No NUMERIC, no nested columns: the local emulator and BigQuery must agree on every value."""
    types = {field.field_type for field in (*FLIGHTS_SCHEMA, *AIRCRAFT_SCHEMA)}

    assert types == {"TIMESTAMP", "STRING", "INTEGER"}


def test_tables_that_are_there_cost_no_pandas() -> None:
    """A warm run asks for the sources every time; pandas is for the first time only."""
    code = "import sys; sys.modules['pandas'] = None; import dit_dagster.demo.sources"
    # google-cloud-bigquery itself imports pandas if it can; without it, our module must still import.
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
