from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import pytest
from google.cloud import bigquery

from dit_dagster_tests.adapters.local_gcp.conftest import Emulator

PRECISE = "12345678901234567890123456789.123456789"


@pytest.mark.parametrize("kind", ["NUMERIC", "DECIMAL"])
def test_casts_are_exact(emulator: Emulator, kind: str) -> None:
    """29 digits before the point and 9 after it survive a CAST."""
    emulator.shows(lambda: emulator.run(f"SELECT CAST('{PRECISE}' AS {kind})"), [(Decimal(PRECISE),)])


def test_columns_are_exact(emulator: Emulator) -> None:
    """They survive a column declared in DDL, also in an array."""

    def probe() -> Any:
        emulator.run("CREATE TABLE d.t (n NUMERIC, l ARRAY<NUMERIC>)")
        emulator.run(f"INSERT INTO d.t (n, l) VALUES (NUMERIC '{PRECISE}', [NUMERIC '0.000000001'])")
        return emulator.run("SELECT n, l FROM d.t"), [f.field_type for f in emulator.table().schema]

    emulator.shows(probe, ([(Decimal(PRECISE), [Decimal("0.000000001")])], ["NUMERIC", "NUMERIC"]))


def test_text_is_left_alone(emulator: Emulator) -> None:
    """A literal that says DECIMAL is not a type."""
    assert emulator.run("SELECT 'a DECIMAL and a NUMERIC'") == [("a DECIMAL and a NUMERIC",)]


def test_declared_precision_is_kept(emulator: Emulator) -> None:
    """NUMERIC(5, 2) has two decimals."""
    assert emulator.run("SELECT CAST('1.234' AS NUMERIC(5, 2))") == [(Decimal("1.23"),)]


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param("SELECT CAST('0.12345678901234567890' AS BIGNUMERIC)", id="cast"),
        pytest.param("CREATE TABLE d.t (b BIGNUMERIC)", id="column"),
        pytest.param("SELECT BIGNUMERIC '123456789012345678901234567890123456789.5'", id="literal"),
    ],
)
def test_bignumeric_is_refused(emulator: Emulator, sql: str) -> None:
    """What cannot be held is refused, not rounded."""
    emulator.shows(lambda: str(emulator.outcome(lambda: emulator.run(sql))).partition(":")[0], "MethodNotImplemented")


def test_bignumeric_is_refused_in_a_schema(emulator: Emulator) -> None:
    """A load with such a column fails at once."""
    schema = [bigquery.SchemaField("b", "BIGNUMERIC")]
    config = bigquery.LoadJobConfig(source_format="CSV", schema=schema)

    def probe() -> bool:
        outcome = emulator.outcome(
            lambda: emulator.client.load_table_from_file(
                io.BytesIO(b"1\n"), emulator.reference(), job_config=config, size=2
            ).result()
        )
        return "BIGNUMERIC is not supported" in str(outcome)

    emulator.shows(probe, True)


def test_casts_are_exact_beside_a_concatenation(emulator: Emulator) -> None:
    """Some functions make the emulator read its own translation again."""
    sql = f"SELECT CAST('{PRECISE}' AS NUMERIC), CONCAT('a', 'b')"
    emulator.shows(lambda: emulator.run(sql), [(Decimal(PRECISE), "ab")])
